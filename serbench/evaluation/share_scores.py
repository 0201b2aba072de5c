"""Scores of soft predictions: tied listeners' votes, chance, or any prediction given as shares of the classes.

The confusion matrix sums shares: a tie of two labels counts one half for each. For one-hot shares all scores are equal
to those of `Evaluation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serbench.evaluation.jackknife import SpeakerRecalls
from serbench.records import are_shares

__all__ = ["SoftClass", "SoftEvaluation", "soft_recalls"]


@dataclass(frozen=True)
class SoftClass:
    """Scores of one class, as fractions.

    `support` is the number of clips, `correct` the sum of their correct shares. `recall` is None if there are no clips.
    """

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
        confusion: (C, C) sums of shares; rows are true classes. A row may sum to less than its support: the rest went
            to labels that are not among these, and counts as wrong. Read-only.
        support: (C,) number of clips of each class. Read-only.

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
        """Builds an evaluation from shares.

        Args:
            y_true: (n,) class indices into `labels`.
            shares: (n, C); each row sums to 1, or to less if a part went to other labels.
            labels: the C class names.

        Raises:
            ValueError: the shapes do not match, there is no clip, or a row is not a set of shares.
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
        """Number of clips."""
        return int(self.support.sum())

    @property
    def accuracy(self) -> float:
        """Expected fraction of clips predicted correctly."""
        return float(np.trace(self.confusion)) / self.clips

    @property
    def recalls(self) -> tuple[float | None, ...]:
        """Recall of each class; None for a class without clips."""
        return tuple(row.recall for row in self.per_class)

    @property
    def uar(self) -> float | None:
        """Mean of the recalls; None if a class has no clip."""
        known = [recall for recall in self.recalls if recall is not None]
        return float(np.mean(known)) if len(known) == len(self.labels) else None

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur among the true or the predicted labels."""
        occurs = self.support + self.confusion.sum(axis=0) > 0
        return float(np.mean([row.f1 for row, use in zip(self.per_class, occurs, strict=True) if use]))

    @property
    def weighted_f1(self) -> float:
        """Mean F1 of the classes, weighted by their support."""
        return sum(row.f1 * row.support for row in self.per_class) / self.clips

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond chance. None if agreement by chance is already complete."""
        by_chance = float(self.support @ self.confusion.sum(axis=0)) / self.clips**2
        return None if by_chance == 1.0 else (self.accuracy - by_chance) / (1 - by_chance)

    @property
    def per_class(self) -> tuple[SoftClass, ...]:
        """Precision, recall and F1 of each class, in the order of `labels`; precision and F1 are 0 where undefined."""
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


def soft_recalls(y_true: ArrayLike, shares: ArrayLike, speakers: ArrayLike, classes: int) -> SpeakerRecalls:
    """Counts correct shares by speaker and class, as of one refit.

    Args:
        y_true: (n,) class indices.
        shares: (n, C) shares of the classes.
        speakers: (n,) speaker of each clip.
        classes: number of classes C.
    """
    true, given = np.asarray(y_true, dtype=np.int64), np.asarray(shares, dtype=np.float64)
    names, who = np.unique(np.asarray(speakers), return_inverse=True)
    shape = (len(names), classes)
    correct, support = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    np.add.at(correct, (who, true), given[np.arange(len(true)), true])
    np.add.at(support, (who, true), 1)
    return SpeakerRecalls(correct[np.newaxis], support)
