"""Delete-one-speaker jackknife of the mean UAR over refits. Intervals and comparisons are based on it.

Let S be the number of speakers, R the number of refits, U(r) the UAR of refit r, U(r, -s) the same without the clips of
speaker s, and M(-s) the mean of U(r, -s) over refits. The score is the mean of U(r). Its variance is estimated as

    V = V_speakers + max(0, V_seeds - V_both)
    V_speakers = (S - 1) / S * sum over s of (M(-s) - mean of M(-s))^2              (Tukey's jackknife)
    V_seeds    = sum over r of (U(r) - mean of U(r))^2 / ((R - 1) R)
    V_both     = sum over r, s of (P(r, s) centred on both means)^2 / ((S - 1) (R - 1) S R)

with Tukey's pseudo-values P(r, s) = S U(r) - (S - 1) U(r, -s). This is the variance of a mean in a crossed two-way
layout of random speakers and random seeds. The speaker-seed interaction V_both is contained in both other terms, so it
is subtracted once. With R = 1 only V_speakers is known: the result then holds for that one model.

The degrees of freedom are those of Welch and Satterthwaite, V^2 / sum of (part of V)^2 / (degrees of that part), at
most S - 1. With S - 1 alone, two or three refits that differ more than the speakers would count as if they were many.

Sources: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 11;
F. E. Satterthwaite, Biometrics Bulletin 2 (1946), 110-114; S. R. Searle, G. Casella and C. E. McCulloch, Variance
Components (1992), chapter 4.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from serbench.evaluation.metrics import confusion_matrix, predicted_classes

__all__ = ["SpeakerRecalls", "Spread", "spreads"]


_ROUNDING = 1e-24
"""A variance below this is that of equal scores: one clip in a million moves a score by more than 1e-7."""


@dataclass(frozen=True)
class Spread:
    """An estimated standard error.

    Attributes:
        error: the standard error, in the unit of the score.
        freedom: its degrees of freedom.
    """

    error: float
    freedom: float

    @classmethod
    def of(cls, without: NDArray[np.float64], *entries: SpeakerRecalls) -> Spread:
        """Estimates the standard error of a score, or of the difference of two scores on the same speakers.

        Args:
            without: (S,) the score (or difference) without each speaker in turn.
            entries: the entry, or both entries, whose seeds add variance.
        """
        of_seeds = [(entry.seed_variance, entry.refits - 1) for entry in entries if entry.refits > 1]
        errors, freedoms = spreads(without[np.newaxis], of_seeds)
        return cls(float(errors[0]), float(freedoms[0]))

    @classmethod
    def of_independent(cls, first: SpeakerRecalls, second: SpeakerRecalls) -> Spread:
        """Estimates the standard error of the difference of two scores on different speakers.

        The variances are added as if the scores were independent. If both scores come from the same models, seed
        effects are partly shared; if they come from the same speakers, speaker effects are. The error is then too
        large rather than too small.
        """
        parts = []
        for entry in (first, second):
            alone = cls.of(entry.without_each(), entry)
            parts.append((alone.error**2, alone.freedom))
        total = sum(variance for variance, _ in parts)
        if total == 0.0:
            return cls(0.0, sum(freedom for _, freedom in parts))
        return cls(math.sqrt(total), total**2 / sum(variance**2 / freedom for variance, freedom in parts))

    def half_width(self, level: float) -> float:
        """Returns half the width of a two-sided Student's t interval at this confidence level (0-1)."""
        return float(special.stdtrit(self.freedom, (1 + level) / 2)) * self.error

    def p_value(self, difference: float) -> float | None:
        """Returns the two-sided p-value of a difference from 0, by Student's t; None if the standard error is 0."""
        if self.error == 0.0:
            return None
        return 2 * float(special.stdtr(self.freedom, -abs(difference) / self.error))


def spreads(
    without: NDArray[np.float64], of_seeds: Sequence[tuple[ArrayLike, ArrayLike]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimates standard errors and degrees of freedom of many scores or differences at once.

    Args:
        without: (P, S) each score without each speaker in turn.
        of_seeds: variance and degrees of freedom of each seed component; numbers or arrays (P,).

    Returns:
        (P,) standard errors and (P,) degrees of freedom.
    """
    speakers = without.shape[1]
    centred = without - without.mean(axis=1, keepdims=True)
    of_speakers = (speakers - 1) / speakers * (centred**2).sum(axis=1)
    total, welch = of_speakers.copy(), of_speakers**2 / (speakers - 1)
    for variance, degrees in of_seeds:
        total += np.asarray(variance)
        welch += np.asarray(variance) ** 2 / np.asarray(degrees)
    same = total < _ROUNDING
    total[same] = welch[same] = 0.0
    freedom = np.divide(total**2, welch, out=np.full(len(total), np.inf), where=welch > 0)
    return np.sqrt(total), np.minimum(speakers - 1.0, freedom)


@dataclass(frozen=True)
class SpeakerRecalls:
    """Correctly predicted clips by refit, speaker and class.

    Attributes:
        correct: (R, S, C) number of correct clips; of soft predictions, shares of clips.
        support: (S, C) number of clips.
    """

    correct: NDArray[np.int64] | NDArray[np.float64]
    support: NDArray[np.int64]

    @classmethod
    def count(
        cls, y_true: ArrayLike, predictions: Sequence[ArrayLike], speakers: ArrayLike, classes: int
    ) -> SpeakerRecalls:
        """Counts predictions.

        Args:
            y_true: (n,) class indices.
            predictions: one element for each refit, all of the same clips: (n, C) probabilities or (n,) class indices.
            speakers: (n,) speaker of each clip.
            classes: number of classes C.

        Raises:
            ValueError: the arrays have different lengths, or there is no refit.
        """
        if len(predictions) == 0:
            raise ValueError("there is no refit to judge")
        true = np.asarray(y_true)
        names, who = np.unique(np.asarray(speakers), return_inverse=True)
        if who.shape != true.shape:
            raise ValueError(f"{who.shape} speakers do not fit {true.shape} labels")
        tables = np.stack([_tables(true, guess, who, len(names), classes) for guess in predictions])
        # A copy, since a view would keep the confusion matrix of every speaker in memory.
        return cls(np.diagonal(tables, axis1=2, axis2=3).copy(), tables[0].sum(axis=-1))

    @property
    def speakers(self) -> int:
        """Number of speakers S."""
        return len(self.support)

    @property
    def refits(self) -> int:
        """Number of refits R."""
        return len(self.correct)

    @functools.cached_property
    def rare_classes(self) -> list[int]:
        """Classes with fewer than two speakers: without one of these, UAR would be undefined."""
        return [int(place) for place in np.flatnonzero((self.support > 0).sum(axis=0) < 2)]

    @functools.cached_property
    def _uar(self) -> NDArray[np.float64]:
        return np.asarray((self.correct.sum(axis=1) / self.support.sum(axis=0)).mean(axis=-1))

    def per_refit(self) -> NDArray[np.float64]:
        """Returns the UAR of each refit, shape (R,)."""
        return self._uar

    def without_each(self) -> NDArray[np.float64]:
        """Returns the mean UAR over refits without the clips of each speaker in turn, shape (S,)."""
        return np.asarray(self._without.mean(axis=0))

    @functools.cached_property
    def seed_variance(self) -> float:
        """Variance that the seeds add to the mean over refits: max(0, V_seeds - V_both) of the module's formula."""
        scores = self.per_refit()
        pseudo = self.speakers * scores[:, np.newaxis] - (self.speakers - 1) * self._without
        both = pseudo - pseudo.mean(axis=0) - pseudo.mean(axis=1, keepdims=True) + pseudo.mean()
        freedom = (self.speakers - 1) * (self.refits - 1)
        of_both = float((both**2).sum()) / (freedom * self.speakers * self.refits)
        return max(0.0, float(scores.var(ddof=1)) / self.refits - of_both)

    @functools.cached_property
    def _without(self) -> NDArray[np.float64]:
        """UAR of each refit without the clips of each speaker in turn, shape (R, S)."""
        correct = self.correct.sum(axis=1, keepdims=True) - self.correct
        left = self.support.sum(axis=0) - self.support
        return np.asarray((correct / left).mean(axis=-1))


def _tables(
    true: NDArray[np.generic], guess: ArrayLike, who: NDArray[np.intp], speakers: int, classes: int
) -> NDArray[np.int64]:
    """The confusion matrix of each speaker, shape (S, C, C)."""
    predicted = predicted_classes(guess, classes)
    if predicted.shape != true.shape:
        raise ValueError(f"{true.shape} true labels cannot be compared with {predicted.shape} predictions")
    confusion_matrix(true, predicted, classes)  # raises if an index is not a class
    cells = (who * classes + true.astype(np.int64)) * classes + predicted
    counts = np.bincount(cells, minlength=speakers * classes * classes)
    return counts.reshape(speakers, classes, classes).astype(np.int64)
