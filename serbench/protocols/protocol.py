"""`SplitProtocol`: the name, cores and split seed of a split, and what a score under it means."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from serbench.corpora import UNKNOWN_SPEAKER
from serbench.errors import SerbenchError, UsageError
from serbench.protocols.complete import Completion, Lack
from serbench.protocols.inner import LEAST_SPEAKERS, InnerFold, inner_folds
from serbench.protocols.kinds import ProtocolKind, get_kind
from serbench.protocols.plans import TooFewError
from serbench.protocols.ratio import Ratio, parse_percent
from serbench.protocols.split import Split, SplitPlan
from serbench.protocols.subsets import subsets
from serbench.records import ProtocolFacts, digest_of

__all__ = ["MIN_CORE_SPEAKERS", "SplitProtocol"]

MIN_CORE_SPEAKERS = 8
"""With fewer speakers in a core there is no interval and no rank: a jackknife over so few is too narrow."""

# Part of every protocol hash. Raise it if the order for a given seed changes.
_ORDER_VERSION = 1
_SEED_STREAM = 0x5E7  # makes split draws independent of training draws with the same seed
_DRAW_STREAM = 2  # third number of the seeds of further orders; those of inner folds have the fold there, and then 1

_SETS = {"train": "training", "validation": "validation", "test": "test"}


@dataclass(frozen=True)
class SplitProtocol:
    """How clips are split into training, validation and test sets.

    Attributes:
        name: one of `protocol_names()`, e.g. `speaker` (no speaker in two sets) or `random` (clips at random); also
            `speaker-cv:10`.
        test_core: percent of the clips that are always in the test set, whatever ratio a trial uses.
        validation_core: percent of the clips that are always in the validation set.
        split_seed: draws the order of the clips. It is separate from the training seed, so that a new training seed
            never changes the test set.
        speaker_normalisation: whether each speaker's features are normalised by all clips of that speaker. For a test
            speaker this reads other test clips (transductive), so there is no rank and no export.
        least_validation: fewest validation speakers of a fold of a folded protocol, if there are enough. Not part of
            the hash, since the test sets are the same.
        every_class: whether every core must have every class. If the seed's first order does not see to that, another
            is taken (`serbench.protocols.complete`). Studies of earlier versions did without.
        counts_validation: whether a speaker of a validation part counts as trained on, since final runs do train on
            it, and an unknown one as anybody. Studies of earlier versions did without.

    Raises:
        UsageError: the name is unknown, or the cores leave nothing to train on.
    """

    name: str = "speaker"
    test_core: Decimal = Decimal(20)
    validation_core: Decimal = Decimal(10)
    split_seed: int = 0
    speaker_normalisation: bool = False
    least_validation: int = LEAST_SPEAKERS
    every_class: bool = True
    counts_validation: bool = True

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
        """Whether test speakers are also trained on, which inflates scores; None if it depends on the clips."""
        return self._kind.shares_speakers

    @property
    def summary(self) -> str:
        """What the protocol does, in a few words."""
        return self._kind.summary

    @property
    def folded(self) -> bool:
        """Whether every speaker is tested in one of several folds. Each fold is a study of its own."""
        return self._kind.folded

    @property
    def _kind(self) -> ProtocolKind:
        return get_kind(self.name)

    @property
    def cores(self) -> Ratio:
        """The cores, as the ratio training/validation/test."""
        return Ratio(100 - self.test_core - self.validation_core, self.validation_core, self.test_core)

    def describe(self) -> dict[str, str | int]:
        """Returns everything that goes into the hash."""
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
        """Identifies the split. Leaderboard rows are ranked against each other only if their hashes are equal."""
        return self.hash_of(reordered=False)

    def hash_of(self, *, reordered: bool) -> str:
        """Identifies the split of a plan, which may be another than that of the seed's first order."""
        return digest_of(self.describe() | ({"reordered": 1} if reordered else {}))

    def plans(self, clips: pd.DataFrame) -> tuple[SplitPlan, ...]:
        """Makes the split plans, one for each fold.

        They depend on the clips and the split seed, not on the order of the table's rows.

        Args:
            clips: a table with `clip_id, label, speaker, sex` and, if known, `digest`.

        >>> clips = pd.DataFrame({"clip_id": [f"c{i:02}" for i in range(60)], "label": ["joy", "fear"] * 30,
        ...                       "speaker": [f"s{i // 6}" for i in range(60)], "sex": "female"})
        >>> (plan,) = SplitProtocol("speaker").plans(clips)
        >>> split = plan.split(Ratio.parse("70/10/20"))
        >>> len(split.train), len(split.validation), len(split.test)
        (42, 6, 12)
        >>> set(clips.speaker[list(split.train)]) & set(clips.speaker[list(split.test)])
        set()

        Raises:
            SerbenchError: there are too few speakers, or speakers are unknown, or a class would have no training clip.
            UsageError: speaker normalisation under a protocol that shares speakers.
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
            if self.every_class and (parts := self._complete_parts(plans)):
                return self._complete(clips, plans, parts)
        except TooFewError as few:
            raise SerbenchError(
                f"protocol '{self.name}' needs at least {few.least} {kind.unit} (to train on, validate and test), "
                f"this corpus has {few.found}; {kind.way_out}"
            ) from None
        if kind.folded:
            plans = tuple(plan.with_validation_units(self.least_validation) for plan in plans)
        for plan in plans:
            self.check(clips, plan, self.cores)
        return plans

    def _complete_parts(self, plans: tuple[SplitPlan, ...]) -> tuple[str, ...]:
        """The sets that serbench chooses and that must therefore have every class. Test sets of folds are pooled."""
        if all(plan.exchangeable for plan in plans):
            return ("train", "validation") if self._kind.folded else ("train", "validation", "test")
        # The test set is fixed; a validation set is chosen where the corpus brings none.
        return ("train", "validation") if all(plan.validation_units is None for plan in plans) else ()

    def _complete(
        self, clips: pd.DataFrame, plans: tuple[SplitPlan, ...], parts: tuple[str, ...]
    ) -> tuple[SplitPlan, ...]:
        """Returns plans whose sets have every class.

        Raises:
            SerbenchError: no order was found that does.
        """

        def draw(number: int) -> tuple[SplitPlan, ...]:
            seed = np.random.SeedSequence([_SEED_STREAM, self.split_seed, _DRAW_STREAM, number])
            return self._kind.plans(clips, self.cores, seed)

        completion = Completion(clips["label"].tolist(), parts, self.least_validation if self.folded else 1)
        found = completion.find(plans, draw)
        if found is None:
            for plan in plans:
                plan.split(self.cores)  # says so where there is nothing to train on at all
            raise SerbenchError(_incomplete(self, clips, completion.lacks(completion.grown(plans))))
        return found

    def check(self, clips: pd.DataFrame, plan: SplitPlan, ratio: Ratio) -> None:
        """Checks that a ratio leaves training clips of every class.

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

    def inner_folds(self, clips: pd.DataFrame, plan: SplitPlan) -> tuple[InnerFold, ...]:
        """Cuts the clips outside a plan's test core into folds, by speakers where the protocol keeps speakers apart.

        Args:
            clips: the clip table.
            plan: one of `plans(clips)`.

        Returns:
            The folds; empty if the clips are too few, see `serbench.protocols.inner.inner_folds`.
        """
        shared = _shared(self, clips, plan.core_split)
        seed = np.random.SeedSequence([_SEED_STREAM, self.split_seed, plan.fold, 1])
        return inner_folds(clips, plan, seed, speakers_apart=not shared)

    def facts(self, clips: pd.DataFrame, plan: SplitPlan, folds: int = 1) -> ProtocolFacts:
        """Describes one fold on these clips for the record, with the warnings that a reader needs.

        Args:
            clips: the clip table.
            plan: of the fold.
            folds: how many folds the protocol has on this corpus.
        """
        split = plan.split(self.cores)
        speakers = {
            part: _usable_speakers(clips["speaker"].iloc[list(getattr(split, part))])
            for part in ("train", "validation", "test")
        }
        return ProtocolFacts(
            name=self.name,
            hash=self.hash_of(reordered=plan.reordered),
            split_seed=self.split_seed,
            test_core=f"{self.test_core:f}",
            validation_core=f"{self.validation_core:f}",
            shares_speakers=_shared(self, clips, split),
            speaker_normalisation=self.speaker_normalisation,
            least_validation=self.least_validation,
            every_class=self.every_class,
            counts_validation=self.counts_validation,
            reordered=plan.reordered,
            subsets=subsets(clips, split),
            fold=plan.fold,
            folds=folds,
            train_speakers=speakers["train"],
            validation_speakers=speakers["validation"],
            test_speakers=speakers["test"],
            validation_clips=len(split.validation),
            test_clips=len(split.test),
            warnings=tuple(_warnings(self, clips, split, speakers)),
        )


def _usable_speakers(speakers: pd.Series) -> int:
    """Number of speakers usable for a variance estimate; 1 if any speaker is unknown."""
    return 1 if (speakers == UNKNOWN_SPEAKER).any() else speakers.nunique()


def _incomplete(protocol: SplitProtocol, clips: pd.DataFrame, missing: list[Lack]) -> str:
    """Says why no order gives every class to every core, and what can be done."""
    kind = get_kind(protocol.name)
    where = sorted({(one.part, one.label) for one in missing})
    classes = sorted({label for _, label in where})
    sets = "; ".join(
        f"{_SETS[part]} has no {', '.join(label for other, label in where if other == part)}"
        for part in _SETS
        if any(other == part for other, _ in where)
    )
    speakers = clips.groupby("label")["speaker"].nunique()
    few = ", ".join(f"{label} by {speakers[label]}" for label in classes)
    who = "" if (clips["speaker"] == UNKNOWN_SPEAKER).any() else f" (speakers of each such class: {few})"
    remedies = [f"leave the class out (--drop {','.join(classes)}) or join it with another (--map {classes[0]}=OTHER)"]
    remedies.append("give more clips of it, or larger cores in the space's [protocol]")
    if not kind.folded and kind.shares_speakers is False:
        remedies.append("use --protocol speaker-cv or loso, which test every speaker once")
    if kind.shares_speakers is not True:
        remedies.append("use --protocol random, whose scores share speakers")
    return (
        f"under protocol '{protocol.name}' no order of the {kind.unit} was found that gives every class to training, "
        f"validation and test; in the order of split seed {protocol.split_seed}, {sets}{who}. Ways out: "
        f"{'; '.join(remedies)}"
    )


def _shared(protocol: SplitProtocol, clips: pd.DataFrame, split: Split) -> bool:
    """Whether a test speaker is also outside the test set, since final runs may train on all clips there.

    With unknown speakers this must be assumed.
    """
    if protocol.shares_speakers is not None:
        return protocol.shares_speakers
    if get_kind(protocol.name).other_corpus:  # two corpora have different speakers, even where they are not named
        return False
    speakers = clips["speaker"]
    heard = split.outside_test if protocol.counts_validation else split.train
    outside, tested = (set(speakers.iloc[list(rows)]) for rows in (heard, split.test))
    return bool(outside & tested) or (protocol.counts_validation and UNKNOWN_SPEAKER in outside | tested)


def _warnings(protocol: SplitProtocol, clips: pd.DataFrame, split: Split, speakers: dict[str, int]) -> list[str]:
    found = []
    # A fold has no score of its own: its test speakers are pooled with those of all other folds.
    judged = ("validation",) if protocol.folded else ("validation", "test")
    shared, unknown = _shared(protocol, clips, split), clips["speaker"] == UNKNOWN_SPEAKER
    # An interval needs the speakers of the test part; of the validation part, too, where these are other people.
    needed = ("test",) if shared else ("validation", "test")
    blind = any(unknown.iloc[list(getattr(split, part))].any() for part in needed)
    if unknown.any():
        who = "no speaker is known" if unknown.all() else f"the speakers of {int(unknown.sum()):,} clips are unknown"
        then = ["test speakers may be trained on"] if shared else []
        then += ["no interval can be given"] if blind else []
        found.append(": ".join(filter(None, (who, ", and ".join(then)))))
    elif shared:
        found.append("test speakers are also trained on: scores are higher than for new people")
    if protocol.speaker_normalisation:
        found.append(
            "transductive: features are normalised by each speaker's own clips, which for a test speaker are all "
            "test clips; scores are higher than on a single clip, so there is no rank and no export"
        )
    elif not shared and not blind:
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
        # serbench keeps identical clips together; a given split may not.
        audio = [set(clips["digest"].iloc[list(rows)].dropna()) for rows in (split.train, split.validation, split.test)]
        if twins := audio[2] & (audio[0] | audio[1]):
            found.append(f"{len(twins):,} recordings of the test part are byte for byte in training or validation, too")
    labels = set(clips["label"])
    for part in judged:
        if absent := sorted(labels - set(clips["label"].iloc[list(getattr(split, part))])):
            found.append(f"no {part} clip of class {', '.join(absent)}: its recall cannot be measured there")
    return found
