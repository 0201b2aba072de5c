"""Trains the configuration again on other random splits, to see how much the score depends on the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field

from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.audit.rerun import Fitted, Rerun, Reruns
from serbench.errors import SerbenchError
from serbench.evaluation import MIN_SPEAKERS
from serbench.protocols import SplitProtocol
from serbench.records import EntryRecord, FrozenModel, StudyFolder
from serbench.render import percent
from serbench.results import load_entry

__all__ = ["PAIR", "Draw", "Draws", "draws_of", "over_draws", "paired_reruns"]

PAIR = ("speaker", "random")
"""The two protocols that every split seed is used with: speakers kept apart, and speakers shared."""


class Draw(FrozenModel):
    """Scores of one configuration on one random split. Scores are fractions, means over the training runs."""

    protocol: str
    protocol_hash: str
    split_seed: int
    train_clips: int
    test_clips: int
    test_speakers: int
    seeds: int = Field(description="completed training runs, each evaluated once on the test set of this split")
    uar: float | None
    accuracy: float | None
    validation_uar: float | None


@dataclass(frozen=True)
class Draws:
    """All random splits of an audit.

    Attributes:
        draws: the scores on each split.
        asked: number of split seeds requested.
        why_not: why not all of them were trained; '' if all were.
    """

    draws: tuple[Draw, ...]
    asked: int = 0
    why_not: str = ""

    def of(self, protocol: str) -> list[Draw]:
        """Returns the splits of one protocol that have a UAR, in order of the split seed."""
        return [draw for draw in self.draws if draw.protocol == protocol and draw.uar is not None]

    def reason(self) -> str:
        """Explains why a score is missing."""
        if self.why_not:
            return self.why_not
        undefined = any(draw.uar is None for draw in self.draws)
        return "a class has no clip in the test set, so UAR is undefined" if undefined else "no training run completed"

    def caveat(self, usable: int, draws: Sequence[Draw]) -> str:
        """Returns what limits the conclusions from these splits; '' if nothing does.

        Args:
            usable: number of splits that have a score.
            draws: these splits.
        """
        missing = ""
        if usable < self.asked:
            missing = f"; {self.asked - usable} of {self.asked} splits have no score ({self.reason()})"
        fewest = min(draw.test_speakers for draw in draws)
        if fewest >= MIN_SPEAKERS:
            return missing
        return f"{missing}; {fewest} test speakers per split are too few for a firm conclusion"


def paired_reruns(reruns: Reruns, protocol: SplitProtocol, seeds: Sequence[int]) -> tuple[list[Rerun], str]:
    """Plans a run under `speaker` and one under `random` for each split seed, on equally many training clips.

    Args:
        reruns: trains the entry's configuration.
        protocol: protocol of the entry. The size of its validation and test cores is kept.
        seeds: split seeds.

    Returns:
        The reruns, and why those of some seeds are missing; '' if none is.
    """
    planned: list[Rerun] = []
    why_not = ""
    for seed in seeds:
        pair = [replace(protocol, name=name, split_seed=seed) for name in PAIR]
        try:
            size = min(reruns.train_size(one) for one in pair)
        except SerbenchError as error:
            why_not = why_not or str(error)
            continue
        planned += [Rerun(one, size) for one in pair]
    return planned, why_not


def draws_of(fitted: Sequence[Fitted], asked: int, why_not: str = "") -> Draws:
    """Collects the scores of paired reruns.

    Args:
        fitted: what became of them, in their order.
        asked: number of split seeds requested.
        why_not: why some were not trained; '' if all were.
    """
    draws = tuple(_drawn(one.folder, one.entry) for one in fitted if one.folder is not None and one.entry is not None)
    errors = [one.error for one in fitted if one.error]
    return Draws(draws, asked, (errors or [why_not])[0])


def over_draws(splits: Draws, own_uar: float | None) -> AuditFinding:
    """Reports how much the score depends on which speakers are in the test set.

    Args:
        splits: scores on all random splits.
        own_uar: test UAR of the entry, a fraction; None if its protocol is not `speaker`.
    """
    check = "draws of test speakers"
    draws = splits.of("speaker")
    if not draws:
        return skipped(check, splits.reason())
    if len(draws) < 2:
        why = "one split of the speakers says little; use --split-seeds 3 or more to see how much the split matters"
        return skipped(check, why if splits.asked < 2 else splits.reason())
    scores = [draw.uar or 0.0 for draw in draws]
    mean, spread = float(np.mean(scores)), float(np.std(scores, ddof=1))
    own = "" if own_uar is None else f"; the entry itself: {percent(own_uar)} %, trained on all its clips"
    among = "" if own_uar is None else " (the entry's own among them)"
    verdict = (
        f"mean UAR over {len(scores)} splits of the speakers{among} is {percent(mean)} %, from "
        f"{percent(min(scores))} % to {percent(max(scores))} % (standard deviation "
        f"{100 * spread:.1f} points, variation between training runs included{own}); the "
        "configuration was selected using most of these speakers, so the mean is slightly optimistic"
        f"{splits.caveat(len(scores), draws)}"
    )
    numbers: dict[str, Cell] = {
        "draws": len(scores), "draws_asked": splits.asked, "uar": mean, "sd": spread, "lowest": min(scores),
        "highest": max(scores),
    }  # fmt: skip
    return AuditFinding(check=check, level="note", verdict=verdict, numbers=numbers)


def _drawn(folder: StudyFolder, entry: EntryRecord) -> Draw:
    tested = load_entry(folder, folder.record(), entry)
    facts = tested.study.protocol
    return Draw(
        protocol=facts.name,
        protocol_hash=facts.hash,
        split_seed=facts.split_seed,
        train_clips=tested.refits[0].record.train_clips,
        test_clips=facts.test_clips,
        test_speakers=facts.test_speakers,
        seeds=len(tested.refits),
        uar=tested.mean_score("test", "uar"),
        accuracy=tested.mean_score("test", "accuracy"),
        validation_uar=tested.mean_score("validation", "uar"),
    )
