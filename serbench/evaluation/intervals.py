"""An interval for the mean UAR of an entry's refits: delete-one-speaker jackknife with Student's t.

Clips of one speaker are alike, so speakers and not clips are what a score would vary with. A percentile
bootstrap over few speakers is too narrow (over 4 speakers it covers 81 % where it says 95: simulated), hence
the jackknife; under `MIN_SPEAKERS` speakers no interval is given at all. `serbench.evaluation.jackknife` has the
formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from serbench.evaluation.jackknife import SpeakerRecalls, Spread

__all__ = ["MIN_SPEAKERS", "Interval", "recalls_interval", "speaker_interval"]

MIN_SPEAKERS = 8
"""Under so many speakers a score gets neither an interval nor a rank."""


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval, in fractions, and what it was made of."""

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
    """The interval of the mean UAR over refits, cut to [0, 1], or None and the reason in one sentence.

    Args:
        y_true: (n,) class indices into `labels`.
        predictions: one element a refit, each (n, C) probabilities or (n,) class indices, of the same clips.
        speakers: (n,) the clips' speakers.
        labels: the C class names.
        level: the confidence level, e.g. 0.95.

    Returns:
        (interval, ""), or (None, why there is none): too few speakers; a class that fewer than two speakers
        have, so that UAR is undefined without one of them; or a score that varies with neither speaker nor
        refit (100 %, say), of which a jackknife would say that it is certain.

    Raises:
        ValueError: arrays do not fit one another, or there is no refit.
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not at {level}")
    return recalls_interval(SpeakerRecalls.count(y_true, predictions, speakers, len(labels)), labels, level=level)


def recalls_interval(
    recalls: SpeakerRecalls, labels: Sequence[str], *, level: float = 0.95
) -> tuple[Interval | None, str]:
    """As `speaker_interval`, of counts by speaker and class.

    Args:
        recalls: the counts.
        labels: names of the C classes that are counted.
        level: the confidence level.
    """
    if recalls.speakers < MIN_SPEAKERS:
        return None, f"no interval: {recalls.speakers} test speakers, fewer than {MIN_SPEAKERS}"
    if recalls.rare_classes:
        return None, f"no interval: fewer than two test speakers have clips of '{labels[recalls.rare_classes[0]]}'"
    half = Spread.of(recalls.without_each(), recalls).half_width(level)
    if half == 0.0:
        return None, "no interval: the score is the same for every speaker and refit, so its spread is unknown"
    score = float(recalls.per_refit().mean())
    return Interval(max(0.0, score - half), min(1.0, score + half), level, recalls.speakers, recalls.refits), ""
