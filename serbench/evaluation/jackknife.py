"""Delete-one-speaker jackknife of mean UAR over refits: what intervals and comparisons are made of.

With S speakers, R refits, U(r) the UAR of refit r, U(r, -s) the same without the clips of speaker s, and M(-s) the
mean over refits of that, the score is the mean of U(r) and its variance is estimated as

    V = V_speakers + max(0, V_seeds - V_both)
    V_speakers = (S - 1) / S * sum over s of (M(-s) - mean of M(-s))^2              (Tukey's jackknife)
    V_seeds    = sum over r of (U(r) - mean of U(r))^2 / ((R - 1) R)
    V_both     = sum over r, s of (P(r, s) centred on both means)^2 / ((S - 1) (R - 1) S R)

with Tukey's pseudo-values P(r, s) = S U(r) - (S - 1) U(r, -s). This is the variance of a mean in a crossed two-way
layout of random speakers and random seeds: what a seed does to single speakers (V_both) is in both of the first
two terms and would be counted twice. Where R = 1 only V_speakers is known: what follows then holds for that one model.

Degrees of freedom are Welch and Satterthwaite's V^2 / sum of (part of V)^2 / (its own), at most S - 1: with S - 1
alone, two or three refits that disagree more than the speakers do would count as if they were many.

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


@dataclass(frozen=True)
class Spread:
    """An estimated standard error, in the unit of the score, and its degrees of freedom."""

    error: float
    freedom: float

    @classmethod
    def of(cls, without: NDArray[np.float64], *entries: SpeakerRecalls) -> Spread:
        """The spread of a score, or of a difference of two.

        Args:
            without: (S,) the score without each speaker.
            entries: the entry whose score it is, or both of them.
        """
        of_seeds = [(entry.seed_variance, entry.refits - 1) for entry in entries if entry.refits > 1]
        errors, freedoms = spreads(without[np.newaxis], of_seeds)
        return cls(float(errors[0]), float(freedoms[0]))

    @classmethod
    def of_independent(cls, first: SpeakerRecalls, second: SpeakerRecalls) -> Spread:
        """The spread of the difference of two scores on different speakers: their variances add up.

        Where the refits are the same models, their luck with the seed is partly common to both scores, and where
        the speakers are the same, their ease is: the spread is then too large rather than too small.
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
        """Half of a two-sided interval of this level (0-1), by Student's t."""
        return float(special.stdtrit(self.freedom, (1 + level) / 2)) * self.error

    def p_value(self, difference: float) -> float | None:
        """Two-sided, of a difference from 0, by Student's t. None where there is no spread to compare it with."""
        if self.error == 0.0:
            return None
        return 2 * float(special.stdtr(self.freedom, -abs(difference) / self.error))


def spreads(
    without: NDArray[np.float64], of_seeds: Sequence[tuple[ArrayLike, ArrayLike]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard errors and degrees of freedom of many scores or differences at once.

    Args:
        without: (P, S) each score without each speaker.
        of_seeds: variance and degrees of freedom of each part that seeds add; numbers or (P,).

    Returns:
        (P,) errors and (P,) degrees of freedom.
    """
    speakers = without.shape[1]
    centred = without - without.mean(axis=1, keepdims=True)
    of_speakers = (speakers - 1) / speakers * (centred**2).sum(axis=1)
    total, welch = of_speakers.copy(), of_speakers**2 / (speakers - 1)
    for variance, degrees in of_seeds:
        total += np.asarray(variance)
        welch += np.asarray(variance) ** 2 / np.asarray(degrees)
    freedom = np.divide(total**2, welch, out=np.full(len(total), np.inf), where=welch > 0)
    return np.sqrt(total), np.minimum(speakers - 1.0, freedom)


@dataclass(frozen=True)
class SpeakerRecalls:
    """How many clips of each speaker and class some refits had right.

    Attributes:
        correct: (R, S, C) clips; of soft answers, shares of clips.
        support: (S, C) clips there are.
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
            predictions: one element a refit, each (n, C) probabilities or (n,) class indices, of the same clips.
            speakers: (n,) the clips' speakers.
            classes: C.

        Raises:
            ValueError: arrays do not fit one another, or there is no refit.
        """
        if len(predictions) == 0:
            raise ValueError("there is no refit to judge")
        true = np.asarray(y_true)
        names, who = np.unique(np.asarray(speakers), return_inverse=True)
        if who.shape != true.shape:
            raise ValueError(f"{who.shape} speakers do not fit {true.shape} labels")
        tables = np.stack([_tables(true, guess, who, len(names), classes) for guess in predictions])
        return cls(np.diagonal(tables, axis1=2, axis2=3), tables[0].sum(axis=-1))

    @property
    def speakers(self) -> int:
        """S."""
        return len(self.support)

    @property
    def refits(self) -> int:
        """R."""
        return len(self.correct)

    @functools.cached_property
    def rare_classes(self) -> list[int]:
        """Classes that fewer than two speakers have: without one of them UAR would be undefined."""
        return [int(place) for place in np.flatnonzero((self.support > 0).sum(axis=0) < 2)]

    @functools.cached_property
    def _uar(self) -> NDArray[np.float64]:
        return np.asarray((self.correct.sum(axis=1) / self.support.sum(axis=0)).mean(axis=-1))

    def per_refit(self) -> NDArray[np.float64]:
        """(R,) UAR of each refit."""
        return self._uar

    def without_each(self) -> NDArray[np.float64]:
        """(S,) mean over refits of UAR without the clips of each speaker."""
        return np.asarray(self._without.mean(axis=0))

    @functools.cached_property
    def seed_variance(self) -> float:
        """max(0, V_seeds - V_both) of the module's formula: of the mean over refits, for want of more of them."""
        scores = self.per_refit()
        pseudo = self.speakers * scores[:, np.newaxis] - (self.speakers - 1) * self._without
        both = pseudo - pseudo.mean(axis=0) - pseudo.mean(axis=1, keepdims=True) + pseudo.mean()
        freedom = (self.speakers - 1) * (self.refits - 1)
        of_both = float((both**2).sum()) / (freedom * self.speakers * self.refits)
        return max(0.0, float(scores.var(ddof=1)) / self.refits - of_both)

    @functools.cached_property
    def _without(self) -> NDArray[np.float64]:
        """(R, S) UAR of each refit without the clips of each speaker."""
        correct = self.correct.sum(axis=1, keepdims=True) - self.correct
        left = self.support.sum(axis=0) - self.support
        return np.asarray((correct / left).mean(axis=-1))


def _tables(
    true: NDArray[np.generic], guess: ArrayLike, who: NDArray[np.intp], speakers: int, classes: int
) -> NDArray[np.int64]:
    """(S, C, C): the confusion matrix of each speaker."""
    predicted = predicted_classes(guess, classes)
    if predicted.shape != true.shape:
        raise ValueError(f"{true.shape} true labels cannot be compared with {predicted.shape} predictions")
    confusion_matrix(true, predicted, classes)  # refuses what is no class
    cells = (who * classes + true.astype(np.int64)) * classes + predicted
    counts = np.bincount(cells, minlength=speakers * classes * classes)
    return counts.reshape(speakers, classes, classes).astype(np.int64)
