"""Trains the configuration again on other random splits, to see how much the score depends on the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field

from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.audit.rerun import Rerun, Reruns
from serbench.errors import SerbenchError
from serbench.evaluation import MIN_SPEAKERS
from serbench.protocols import SplitProtocol
from serbench.records import FrozenModel
from serbench.render import percent
from serbench.results import load_entry

__all__ = ["PAIR", "Draw", "Draws", "fit_draws", "over_draws"]

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


def fit_draws(
    reruns: Reruns, protocol: SplitProtocol, seeds: Sequence[int], repeats: int, workers: int | None
) -> Draws:
    """Trains the configuration under `speaker` and `random` for each split seed, on equally many training clips.

    An error or a stop ends it early; the result says why.

    Args:
        reruns: trains the entry's configuration.
        protocol: protocol of the entry. The size of its validation and test cores is kept.
        seeds: split seeds.
        repeats: training runs per split.
        workers: training runs at the same time; None for as many as the machine has room for.
    """
    draws: list[Draw] = []
    for seed in seeds:
        pair = [replace(protocol, name=name, split_seed=seed) for name in PAIR]
        try:
            size = min(reruns.train_size(one) for one in pair)
            for one in pair:
                draws += _fit(reruns, Rerun(one, size), repeats, workers)
        except SerbenchError as error:
            return Draws(tuple(draws), len(seeds), str(error))
        if reruns.stop.is_set():
            return Draws(tuple(draws), len(seeds), "the audit was stopped; run the same command to continue")
    return Draws(tuple(draws), len(seeds))


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
    verdict = (
        f"mean UAR over {len(scores)} splits with other test speakers is {percent(mean)} %, from "
        f"{percent(min(scores))} % to {percent(max(scores))} % (standard deviation "
        f"{100 * spread:.1f} points, variation between seeds included{own}); the "
        "configuration was selected using most of these speakers, so the mean is slightly optimistic"
        f"{splits.caveat(len(scores), draws)}"
    )
    numbers: dict[str, Cell] = {
        "draws": len(scores), "draws_asked": splits.asked, "uar": mean, "sd": spread, "lowest": min(scores),
        "highest": max(scores),
    }  # fmt: skip
    return AuditFinding(check=check, level="note", verdict=verdict, numbers=numbers)


def _fit(reruns: Reruns, rerun: Rerun, repeats: int, workers: int | None) -> list[Draw]:
    folder, entry = reruns.fit(rerun, repeats, workers)
    if entry is None:
        return []
    tested = load_entry(folder, folder.record(), entry)
    facts = tested.study.protocol
    draw = Draw(
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
    return [draw]
