"""Confidence intervals for the mean UAR of an entry's refits: delete-one-speaker jackknife with Student's t.

Clips of one speaker resemble each other, so the interval is over speakers, not over clips. A percentile bootstrap over
few speakers is too narrow: in simulations with 4 speakers a 95 % interval covers only 81 %. Hence the jackknife. With
fewer than `MIN_SPEAKERS` speakers there is no interval. The formulas are in `serbench.evaluation.jackknife`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from serbench.evaluation.jackknife import SpeakerRecalls, Spread

__all__ = ["MIN_SPEAKERS", "Interval", "recalls_interval", "speaker_interval"]

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


def speaker_interval(
    y_true: ArrayLike,
    predictions: Sequence[ArrayLike],
    speakers: ArrayLike,
    labels: Sequence[str],
    *,
    level: float = 0.95,
) -> tuple[Interval | None, str]:
    """Computes the interval of the mean UAR over refits, clipped to [0, 1].

    Args:
        y_true: (n,) class indices into `labels`.
        predictions: one element for each refit, all of the same clips: (n, C) probabilities or (n,) class indices.
        speakers: (n,) speaker of each clip.
        labels: the C class names.
        level: the confidence level, e.g. 0.95.

    Returns:
        (interval, ""), or (None, the reason in one sentence). There is no interval with too few speakers, with a class
        that fewer than two speakers have (UAR would be undefined without one of them), or if the score is the same
        for every speaker and refit (e.g. 100 %), since a jackknife would then claim certainty.

    Raises:
        ValueError: the arrays have different lengths, or there is no refit.
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not at {level}")
    return recalls_interval(SpeakerRecalls.count(y_true, predictions, speakers, len(labels)), labels, level=level)


def recalls_interval(
    recalls: SpeakerRecalls, labels: Sequence[str], *, level: float = 0.95
) -> tuple[Interval | None, str]:
    """Computes the same interval as `speaker_interval` from counts by speaker and class.

    Args:
        recalls: the counts.
        labels: names of the C counted classes.
        level: the confidence level.

    Returns:
        As `speaker_interval`.
    """
    if recalls.speakers < MIN_SPEAKERS:
        speakers = f"{recalls.speakers} test speaker{'' if recalls.speakers == 1 else 's'}"
        return None, f"no interval: {speakers}, fewer than {MIN_SPEAKERS}"
    if recalls.rare_classes:
        return None, f"no interval: fewer than two test speakers have clips of '{labels[recalls.rare_classes[0]]}'"
    half = Spread.of(recalls.without_each(), recalls).half_width(level)
    if half == 0.0:
        return None, "no interval: the score is the same for every speaker and refit, so its spread is unknown"
    score = float(recalls.per_refit().mean())
    return Interval(max(0.0, score - half), min(1.0, score + half), level, recalls.speakers, recalls.refits), ""
