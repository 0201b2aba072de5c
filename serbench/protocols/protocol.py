"""`SplitProtocol`: a named way of splitting, its cores and its split seed; what a score under it means."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from serbench.corpora import UNKNOWN_SPEAKER
from serbench.errors import SerbenchError, UsageError
from serbench.protocols.kinds import ProtocolKind, get_kind
from serbench.protocols.plans import TooFewError
from serbench.protocols.ratio import Ratio, parse_percent
from serbench.protocols.split import Split, SplitPlan
from serbench.records import ProtocolFacts, digest_of

__all__ = ["MIN_CORE_SPEAKERS", "SplitProtocol"]

MIN_CORE_SPEAKERS = 8
"""Fewer speakers than this in a core give no interval and no rank (a jackknife over them does not cover)."""

# Part of every protocol hash: raise it when an order changes for the same seed.
_ORDER_VERSION = 1
_SEED_STREAM = 0x5E7  # keeps split draws apart from every training draw of the same number


@dataclass(frozen=True)
class SplitProtocol:
    """How clips are split.

    Attributes:
        name: of a kind: `speaker` (speaker-disjoint), `random` (clip-level; shares speakers between the sets), ...
        test_core: percent of the clips that every trial leaves for the test.
        validation_core: percent that every trial leaves for validation.
        split_seed: draws the order; apart from the training seed, so that changing that one never moves
            the test set.
        speaker_normalisation: whether each speaker's features are normalised by all of the speaker's own clips. That
            reads clips of test speakers beside the one in question (transductive): no rank, no export.

    Raises:
        UsageError: unknown name, or cores that leave nothing to train on.
    """

    name: str = "speaker"
    test_core: Decimal = Decimal(20)
    validation_core: Decimal = Decimal(10)
    split_seed: int = 0
    speaker_normalisation: bool = False

    def __post_init__(self) -> None:
        get_kind(self.name)
        for core in ("test_core", "validation_core"):  # 20.0 and 20 are one protocol and need one hash
            object.__setattr__(self, core, parse_percent(getattr(self, core), f"{core} of the protocol:"))
        if self.test_core + self.validation_core >= 100:
            raise UsageError(
                f"cores of {self.test_core:f} % test and {self.validation_core:f} % validation leave nothing "
                "to train on; lower them in the space's [protocol]"
            )
        if self.split_seed < 0:
            raise UsageError(f"--split-seed must not be negative, got {self.split_seed}")

    @property
    def shares_speakers(self) -> bool | None:
        """Whether test speakers are also trained on, which inflates every score; None: the clips tell."""
        return self._kind.shares_speakers

    @property
    def summary(self) -> str:
        """What the protocol does, in a few words."""
        return self._kind.summary

    @property
    def folded(self) -> bool:
        """Whether every speaker is tested in one of several folds, each a study of its own."""
        return self._kind.folded

    @property
    def _kind(self) -> ProtocolKind:
        return get_kind(self.name)

    @property
    def cores(self) -> Ratio:
        """The cores as the shares of a ratio."""
        return Ratio(100 - self.test_core - self.validation_core, self.validation_core, self.test_core)

    def describe(self) -> dict[str, str | int]:
        """Everything the hash is made of."""
        transductive: dict[str, str | int] = {"speaker_normalisation": 1} if self.speaker_normalisation else {}
        return {
            "name": self.name,
            "test_core": f"{self.test_core:f}",
            "validation_core": f"{self.validation_core:f}",
            "split_seed": self.split_seed,
            "order_version": _ORDER_VERSION,
            **transductive,
        }

    @property
    def hash(self) -> str:
        """Rows of a leaderboard are ranked against each other only where this is equal."""
        return digest_of(self.describe())

    def plans(self, clips: pd.DataFrame) -> tuple[SplitPlan, ...]:
        """One plan a fold, for a table with `clip_id, label, speaker, sex` and, where known, `digest`.

        The order depends on the clips and the split seed, never on the order of the table's rows.

        >>> clips = pd.DataFrame({"clip_id": [f"c{i:02}" for i in range(60)], "label": ["joy", "fear"] * 30,
        ...                       "speaker": [f"s{i // 6}" for i in range(60)], "sex": "female"})
        >>> (plan,) = SplitProtocol("speaker").plans(clips)
        >>> split = plan.split(Ratio.parse("70/10/20"))
        >>> len(split.train), len(split.validation), len(split.test)
        (42, 6, 12)
        >>> set(clips.speaker[list(split.train)]) & set(clips.speaker[list(split.test)])
        set()

        Raises:
            SerbenchError: too few speakers, or a class that would have no training clip.
            UsageError: normalisation by speaker where speakers are not kept apart.
        """
        kind = self._kind
        if self.speaker_normalisation and kind.shares_speakers is not False:
            raise UsageError(
                f"speaker_normalisation under protocol '{self.name}' would normalise training clips by test clips of "
                "the same speakers; use a protocol that keeps speakers apart, such as speaker"
            )
        seed = np.random.SeedSequence([_SEED_STREAM, self.split_seed])
        unknown = int((clips["speaker"] == UNKNOWN_SPEAKER).sum()) if kind.shares_speakers is False else 0
        if unknown:
            who = "none" if unknown == len(clips) else f"those of {len(clips) - unknown:,} of {len(clips):,} clips only"
            raise SerbenchError(
                f"protocol '{self.name}' keeps speakers apart, and this corpus names {who}; give its table a column "
                "'speaker', read speakers from file names with --names '{speaker}_*', or use --protocol random, "
                "whose scores may share speakers"
            )
        try:
            plans = kind.plans(clips, self.cores, seed)
        except TooFewError as few:
            raise SerbenchError(
                f"protocol '{self.name}' needs at least {few.least} {kind.unit} (to train on, validate and test), "
                f"this corpus has {few.found}; {kind.way_out}"
            ) from None
        for plan in plans:
            self.check(clips, plan, self.cores)
        return plans

    def check(self, clips: pd.DataFrame, plan: SplitPlan, ratio: Ratio) -> None:
        """Makes sure that a ratio leaves clips of every class to train on.

        Raises:
            UsageError: the ratio leaves nothing to train on, or does not contain the cores.
            SerbenchError: a class would have no training clip.
        """
        trained = set(clips["label"].iloc[list(plan.split(ratio).train)])
        if missing := sorted(set(clips["label"]) - trained):
            raise SerbenchError(
                f"under protocol '{self.name}' and split ratio {ratio} no clip of class {', '.join(missing)} is left "
                "to train on; give more clips of it, drop the class or the ratio, or change --split-seed"
            )

    def facts(self, clips: pd.DataFrame, plan: SplitPlan, folds: int = 1) -> ProtocolFacts:
        """What a record says of one of a protocol's `folds` on these clips, with warnings a reader needs."""
        split = plan.split(self.cores)
        speakers = {
            part: _known(clips["speaker"].iloc[list(getattr(split, part))]) for part in ("train", "validation", "test")
        }
        return ProtocolFacts(
            name=self.name,
            hash=self.hash,
            split_seed=self.split_seed,
            test_core=f"{self.test_core:f}",
            validation_core=f"{self.validation_core:f}",
            shares_speakers=_shared(self, clips, split),
            speaker_normalisation=self.speaker_normalisation,
            fold=plan.fold,
            folds=folds,
            train_speakers=speakers["train"],
            validation_speakers=speakers["validation"],
            test_speakers=speakers["test"],
            validation_clips=len(split.validation),
            test_clips=len(split.test),
            warnings=tuple(_warnings(self, clips, split, speakers)),
        )


def _known(speakers: pd.Series) -> int:
    """Speakers that a spread can be taken over: but one where some are unknown, since they may be any number."""
    return 1 if (speakers == UNKNOWN_SPEAKER).any() else speakers.nunique()


def _shared(protocol: SplitProtocol, clips: pd.DataFrame, split: Split) -> bool:
    """Whether a test speaker is also trained on; where no speaker is known, it must be taken for granted."""
    if protocol.shares_speakers is not None:
        return protocol.shares_speakers
    if get_kind(protocol.name).other_corpus:  # two corpora have different speakers, even where they are not named
        return False
    speakers = clips["speaker"]
    trained, tested = (set(speakers.iloc[list(rows)]) for rows in (split.train, split.test))
    return bool(trained & tested)


def _warnings(protocol: SplitProtocol, clips: pd.DataFrame, split: Split, speakers: dict[str, int]) -> list[str]:
    found = []
    # A fold is not judged by itself: its test speakers are pooled with those of all others.
    judged = ("validation",) if protocol.folded else ("validation", "test")
    shared, unknown = _shared(protocol, clips, split), clips["speaker"] == UNKNOWN_SPEAKER
    if unknown.any():
        who = "no speaker is known" if unknown.all() else f"the speakers of {int(unknown.sum()):,} clips are unknown"
        may = "test speakers may be trained on, and " if shared else ""
        found.append(f"{who}: {may}no interval can be given")
    elif shared:
        found.append("test speakers are also trained on: scores are higher than on unknown speakers")
    if protocol.speaker_normalisation:
        found.append(
            "transductive: features are normalised by each speaker's own clips, which for a test speaker are all "
            "test clips; scores are higher than on a single clip, so there is no rank and no export"
        )
    elif not shared and not unknown.any():
        small = [f"{speakers[part]} {part}" for part in judged if speakers[part] < MIN_CORE_SPEAKERS]
        if small and not protocol.folded:
            found.append(
                f"only {' and '.join(small)} speakers (under {MIN_CORE_SPEAKERS}): the score is shown without "
                "interval and rank; --protocol speaker-cv or loso tests every speaker once"
            )
    if split.left_out:
        found.append(
            f"{len(split.left_out):,} of {len(clips):,} clips are left out: their speaker belongs to one set and their "
            "sentence to another"
        )
    if protocol.shares_speakers is None and "digest" in clips:
        # Units of a split that others made are kept together within its parts only.
        audio = [set(clips["digest"].iloc[list(rows)].dropna()) for rows in (split.train, split.validation, split.test)]
        if twins := audio[2] & (audio[0] | audio[1]):
            found.append(f"{len(twins):,} recordings of the test part are byte for byte in training or validation, too")
    labels = set(clips["label"])
    for part in judged:
        if absent := sorted(labels - set(clips["label"].iloc[list(getattr(split, part))])):
            found.append(f"no {part} clip of class {', '.join(absent)}: its recall cannot be measured there")
    return found
