"""An interval for the mean UAR of an entry's refits: delete-one-speaker jackknife with Student's t.

Clips of one speaker are alike, so speakers and not clips are what a score would vary with. A percentile
bootstrap over few speakers is too narrow (over 4 speakers it covers 81 % where it says 95: simulated), hence
the jackknife; under `MIN_SPEAKERS` speakers no interval is given at all.

With S speakers, R refits, U(r) the UAR of refit r, and M(-s) the mean over refits of UAR without the clips of
speaker s, the score is the mean of U(r) and its variance is estimated as

    V = V_speakers + V_seeds
    V_speakers = (S - 1) / S * sum over s of (M(-s) - mean of M(-s))^2          (Tukey's jackknife)
    V_seeds    = (sum over r of (U(r) - mean of U(r))^2 / (R - 1)) / R          (0 where R = 1)

The interval is score +- t(df) * sqrt(V), cut to [0, 1]. df is Welch and Satterthwaite's
V^2 / (V_speakers^2 / (S - 1) + V_seeds^2 / (R - 1)), at most S - 1: with df = S - 1 alone, two or three refits
that disagree more than the speakers do would count as if they were many (18 speakers, 3 refits, both spreads
equal per unit: 88 % covered instead of 92; simulated). One refit tells nothing of the spread over seeds; the
interval then holds for that one model.

Sources: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 11;
F. E. Satterthwaite, Biometrics Bulletin 2 (1946), 110-114.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from serbench.evaluation.metrics import confusion_matrix, predicted_classes

__all__ = ["MIN_SPEAKERS", "Interval", "speaker_interval"]

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
    """The interval of the mean UAR over refits, or None and the reason in one sentence.

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
    if len(predictions) == 0:
        raise ValueError("there is no refit to make an interval of")
    true = np.asarray(y_true)
    who = np.unique(np.asarray(speakers), return_inverse=True)[1]
    if who.shape != true.shape:
        raise ValueError(f"{who.shape} speakers do not fit {true.shape} labels")
    count = int(who.max()) + 1 if who.size else 0
    if count < MIN_SPEAKERS:
        return None, f"no interval: {count} test speakers, fewer than {MIN_SPEAKERS}"

    counts = np.stack([_by_speaker(true, guess, who, count, len(labels)) for guess in predictions])
    correct, support = counts[..., 0, :], counts[0, :, 1, :]
    rare = np.flatnonzero((support > 0).sum(axis=0) < 2)
    if rare.size:
        return None, f"no interval: fewer than two test speakers have clips of '{labels[rare[0]]}'"

    per_refit = (correct.sum(axis=1) / support.sum(axis=0)).mean(axis=-1)
    without = ((correct.sum(axis=1, keepdims=True) - correct) / (support.sum(axis=0) - support)).mean(axis=-1)
    half = _half_width(per_refit, without.mean(axis=0), level)
    if half == 0.0:
        return None, "no interval: the score is the same for every speaker and refit, so its spread is unknown"
    score = float(per_refit.mean())
    return Interval(max(0.0, score - half), min(1.0, score + half), level, count, len(predictions)), ""


def _by_speaker(
    true: NDArray[np.generic], guess: ArrayLike, who: NDArray[np.intp], speakers: int, classes: int
) -> NDArray[np.int64]:
    """(speakers, 2, classes): clips correct and clips at all, of each speaker and true class."""
    predicted = predicted_classes(guess, classes)
    if predicted.shape != true.shape:
        raise ValueError(f"{true.shape} true labels cannot be compared with {predicted.shape} predictions")
    tables = [confusion_matrix(true[who == s], predicted[who == s], classes) for s in range(speakers)]
    return np.stack([np.stack([np.diagonal(table), table.sum(axis=1)]) for table in tables])


def _half_width(per_refit: NDArray[np.float64], without: NDArray[np.float64], level: float) -> float:
    """t(df) * sqrt(V) of the module's formula, of U(r) (R,) and M(-s) (S,)."""
    speakers, seeds = len(without), len(per_refit)
    of_speakers = (speakers - 1) / speakers * float(((without - without.mean()) ** 2).sum())
    of_seeds = float(per_refit.var(ddof=1)) / seeds if seeds > 1 else 0.0
    total = of_speakers + of_seeds
    if total == 0.0:
        return 0.0
    spread = of_speakers**2 / (speakers - 1) + (of_seeds**2 / (seeds - 1) if seeds > 1 else 0.0)
    freedom = min(float(speakers - 1), total**2 / spread)
    return float(special.stdtrit(freedom, (1 + level) / 2)) * math.sqrt(total)
