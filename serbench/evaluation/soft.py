"""Scores of answers that are not one class each: listeners who tie, a guess, anything given as shares of the classes.

A confusion matrix then counts shares: a tie of two labels counts one half under each. For one-hot shares every score is
what `Evaluation` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serbench.evaluation.intervals import Interval, recalls_interval
from serbench.evaluation.jackknife import SpeakerRecalls

__all__ = ["SoftEvaluation", "soft_interval"]


@dataclass(frozen=True, eq=False)
class SoftEvaluation:
    """Scores of a confusion matrix of shares.

    Attributes:
        labels: the C classes.
        confusion: (C, C); a row is a true class and sums to its clips.

    Example:
        >>> tie = SoftEvaluation.of([0, 1], [[0.5, 0.5], [0.0, 1.0]], ["anger", "fear"])
        >>> tie.accuracy, tie.recalls
        (0.75, (0.5, 1.0))
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.float64]

    @classmethod
    def of(cls, y_true: ArrayLike, shares: ArrayLike, labels: Sequence[str]) -> SoftEvaluation:
        """Counts shares.

        Args:
            y_true: (n,) class indices into `labels`.
            shares: (n, C), each row sums to 1.
            labels: the C class names.

        Raises:
            ValueError: shapes do not fit, there is no clip, or a row is no distribution.
        """
        true, given = np.asarray(y_true, dtype=np.int64), np.asarray(shares, dtype=np.float64)
        if given.shape != (len(true), len(labels)) or not len(true):
            raise ValueError(f"shares of shape {given.shape} do not fit {len(true)} clips of {len(labels)} labels")
        if not np.isfinite(given).all() or (given < 0).any() or not np.allclose(given.sum(axis=1), 1, atol=1e-6):
            raise ValueError("each row of shares must hold numbers from 0 that sum to 1")
        confusion = np.zeros((len(labels), len(labels)))
        np.add.at(confusion, true, given)
        confusion.setflags(write=False)
        return cls(tuple(labels), confusion)

    @property
    def accuracy(self) -> float:
        """The expected fraction of clips answered correctly."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def recalls(self) -> tuple[float | None, ...]:
        """Of each class; None where it has no clip."""
        support = self.confusion.sum(axis=1)
        return tuple(
            float(right / clips) if clips else None
            for right, clips in zip(np.diagonal(self.confusion), support, strict=True)
        )

    @property
    def uar(self) -> float | None:
        """The mean of the recalls; None where a class has no clip."""
        known = [recall for recall in self.recalls if recall is not None]
        return float(np.mean(known)) if len(known) == len(self.labels) else None

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that occur among the true or the given labels."""
        both = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        occurs = both > 0
        return float((2 * np.diagonal(self.confusion)[occurs] / both[occurs]).mean())


def soft_interval(
    y_true: ArrayLike, shares: ArrayLike, speakers: ArrayLike, labels: Sequence[str]
) -> tuple[Interval | None, str]:
    """The 95 % interval of the UAR over speakers, or None and why there is none (see `speaker_interval`).

    Args:
        y_true: (n,) class indices into `labels`.
        shares: (n, C).
        speakers: (n,) the clips' speakers.
        labels: the C class names.
    """
    true, given = np.asarray(y_true, dtype=np.int64), np.asarray(shares, dtype=np.float64)
    names, who = np.unique(np.asarray(speakers), return_inverse=True)
    shape = (len(names), len(labels))
    correct, support = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    np.add.at(correct, (who, true), given[np.arange(len(true)), true])
    np.add.at(support, (who, true), 1)
    return recalls_interval(SpeakerRecalls(correct[np.newaxis], support), labels)
