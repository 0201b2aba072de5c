"""Confidence intervals for the mean UAR of an entry's refits: delete-one-speaker jackknife with Student's t.

Clips of one speaker resemble each other, so the interval is over speakers, not over clips. A percentile bootstrap over
few speakers is too narrow: in simulations with 4 speakers a 95 % interval covers only 81 %. Hence the jackknife. With
fewer than `MIN_SPEAKERS` speakers there is no interval. The formulas are in `serbench.evaluation.jackknife`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serbench.evaluation.jackknife import SpeakerRecalls, Spread

__all__ = ["ALPHA", "LEVEL", "MIN_SPEAKERS", "Interval", "recalls_interval"]

LEVEL = 0.95
"""Confidence level of every interval. Tables and pages print it as 95 %."""

ALPHA = 0.05
"""Significance level of every test. Tables and pages print it as 5 %."""

MIN_SPEAKERS = 8
"""With fewer test speakers, a score gets neither an interval nor a rank."""


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval.

    Attributes:
        low: lower end, a fraction.
        high: upper end, a fraction.
        level: confidence level, e.g. 0.95.
        speakers: number of test speakers.
        seeds: number of refits, one for each seed.
    """

    low: float
    high: float
    level: float
    speakers: int
    seeds: int


def recalls_interval(recalls: SpeakerRecalls, labels: Sequence[str]) -> tuple[Interval | None, str]:
    """Computes the 95 % interval of the mean UAR over refits, clipped to [0, 1].

    Args:
        recalls: counts by speaker and class.
        labels: names of the C counted classes.

    Returns:
        (interval, ""), or (None, the reason in one sentence). There is no interval with too few speakers, with a class
        that fewer than two speakers have (UAR would be undefined without one of them), or if the score is the same
        for every speaker and refit (e.g. 100 %), since a jackknife would then claim certainty.
    """
    if recalls.speakers < MIN_SPEAKERS:
        speakers = f"{recalls.speakers} test speaker{'' if recalls.speakers == 1 else 's'}"
        return None, f"no interval: {speakers}, fewer than {MIN_SPEAKERS}"
    if recalls.rare_classes:
        return None, f"no interval: fewer than two test speakers have clips of '{labels[recalls.rare_classes[0]]}'"
    half = Spread.of(recalls.without_each(), recalls).half_width(LEVEL)
    if half == 0.0:
        return None, "no interval: the score is the same for every speaker and refit, so its spread is unknown"
    score = float(recalls.per_refit().mean())
    return Interval(max(0.0, score - half), min(1.0, score + half), LEVEL, recalls.speakers, recalls.refits), ""
