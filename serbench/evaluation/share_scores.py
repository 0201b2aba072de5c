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
from serbench.records import are_shares

__all__ = ["SoftClass", "SoftEvaluation", "soft_interval"]


@dataclass(frozen=True)
class SoftClass:
    """One class. Fractions; `support` counts clips, `correct` shares of them. `recall` is None without clips."""

    label: str
    precision: float
    recall: float | None
    f1: float
    support: int
    correct: float


@dataclass(frozen=True, eq=False)
class SoftEvaluation:
    """Scores of a confusion matrix of shares.

    Attributes:
        labels: the C classes.
        confusion: (C, C) shares of clips; a row is a true class. What a row lacks of its support was given to labels
            that are none of these, and is wrong. Read-only.
        support: (C,) clips of each class. Read-only.

    Example:
        >>> tie = SoftEvaluation.of([0, 1], [[0.5, 0.5], [0.0, 1.0]], ["anger", "fear"])
        >>> tie.accuracy, tie.recalls
        (0.75, (0.5, 1.0))
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.float64]
    support: NDArray[np.int64]

    @classmethod
    def of(cls, y_true: ArrayLike, shares: ArrayLike, labels: Sequence[str]) -> SoftEvaluation:
        """Counts shares.

        Args:
            y_true: (n,) class indices into `labels`.
            shares: (n, C), each row sums to 1, or to less where other labels were given, too.
            labels: the C class names.

        Raises:
            ValueError: shapes do not fit, there is no clip, or a row holds no shares.
        """
        true, given = np.asarray(y_true, dtype=np.int64), np.asarray(shares, dtype=np.float64)
        if given.shape != (len(true), len(labels)) or not len(true):
            raise ValueError(f"shares of shape {given.shape} do not fit {len(true)} clips of {len(labels)} labels")
        if not are_shares(given):
            raise ValueError("each row of shares must hold numbers from 0 that sum to 1 at the most")
        confusion = np.zeros((len(labels), len(labels)))
        np.add.at(confusion, true, given)
        support = np.bincount(true, minlength=len(labels)).astype(np.int64)
        confusion.setflags(write=False)
        support.setflags(write=False)
        return cls(tuple(labels), confusion, support)

    @property
    def clips(self) -> int:
        """How many were answered."""
        return int(self.support.sum())

    @property
    def accuracy(self) -> float:
        """The expected fraction of clips answered correctly."""
        return float(np.trace(self.confusion)) / self.clips

    @property
    def recalls(self) -> tuple[float | None, ...]:
        """Of each class; None where it has no clip."""
        return tuple(row.recall for row in self.per_class)

    @property
    def uar(self) -> float | None:
        """The mean of the recalls; None where a class has no clip."""
        known = [recall for recall in self.recalls if recall is not None]
        return float(np.mean(known)) if len(known) == len(self.labels) else None

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that occur among the true or the given labels."""
        occurs = self.support + self.confusion.sum(axis=0) > 0
        return float(np.mean([row.f1 for row, use in zip(self.per_class, occurs, strict=True) if use]))

    @property
    def weighted_f1(self) -> float:
        """The mean F1 of the classes, each weighted with its support."""
        return sum(row.f1 * row.support for row in self.per_class) / self.clips

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond what the two sets of labels would have by chance. None where that is all."""
        by_chance = float(self.support @ self.confusion.sum(axis=0)) / self.clips**2
        return None if by_chance == 1.0 else (self.accuracy - by_chance) / (1 - by_chance)

    @property
    def per_class(self) -> tuple[SoftClass, ...]:
        """Precision, recall and F1 of each class, in the order of `labels`; 0 where nothing could be counted."""
        correct, given = np.diagonal(self.confusion).tolist(), self.confusion.sum(axis=0).tolist()
        return tuple(
            SoftClass(
                label=label,
                precision=right / shares if shares else 0.0,
                recall=right / clips if clips else None,
                f1=2 * right / (shares + clips) if shares + clips else 0.0,
                support=clips,
                correct=right,
            )
            for label, right, shares, clips in zip(self.labels, correct, given, self.support.tolist(), strict=True)
        )


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
