"""`Evaluation`: every score of one set of predictions, all of them functions of the confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serbench.records import Scores

__all__ = ["ClassScores", "Evaluation", "confusion_matrix", "evaluate", "predicted_classes"]


@dataclass(frozen=True)
class ClassScores:
    """One class of an evaluation. Fractions; `support` and `correct` count clips.

    `recall` is NaN where the class has no clip; precision and F1 are 0 where nothing could be counted
    (scikit-learn's `zero_division=0`).
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    correct: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of one set of predictions.

    Attributes:
        labels: the classes, in the corpus's order.
        confusion: (C, C) clip counts; a row is a true class, a column a predicted one. Read-only.

    Example:
        >>> scores = Evaluation.from_confusion([[3, 1], [0, 1]], ["anger", "fear"])
        >>> scores.accuracy, scores.uar
        (0.8, 0.875)
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]

    @classmethod
    def from_confusion(cls, matrix: ArrayLike, labels: Sequence[str]) -> Evaluation:
        """Takes a confusion matrix as published: (C, C) counts, rows true, columns predicted.

        Raises:
            ValueError: it is not square, not of `len(labels)` classes, not of whole counts, or empty.
        """
        given = np.asarray(matrix)
        if given.shape != (len(labels), len(labels)):
            raise ValueError(f"a confusion matrix of {len(labels)} labels cannot have shape {given.shape}")
        counts = given.astype(np.int64)
        if not np.array_equal(counts, given) or (counts < 0).any():
            raise ValueError("a confusion matrix holds whole, non-negative counts")
        if counts.sum() == 0:
            raise ValueError("there is no clip to evaluate")
        counts.setflags(write=False)
        return cls(tuple(labels), counts)

    @property
    def clips(self) -> int:
        """How many clips were predicted."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The fraction of clips predicted correctly (in the field also WA, weighted accuracy)."""
        return int(np.trace(self.confusion)) / self.clips

    @property
    def uar(self) -> float | None:
        """Unweighted average recall: the mean of the classes' recalls. None where a class has no clip."""
        return None if (self._support == 0).any() else self.mean_recall_present

    @property
    def mean_recall_present(self) -> float:
        """The mean recall of the classes that have clips: equal to UAR where all have. Always defined."""
        present = self._support > 0
        return float((self._correct[present] / self._support[present]).mean())

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that occur among the true or the predicted labels."""
        occurs = (self._support + self.confusion.sum(axis=0)) > 0
        return float(np.mean([row.f1 for row, use in zip(self.per_class, occurs, strict=True) if use]))

    @property
    def weighted_f1(self) -> float:
        """The mean F1 of the classes, each weighted with its support."""
        return math.fsum(row.f1 * row.support for row in self.per_class) / self.clips

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond what the two sets of labels would have by chance. None where that is all."""
        by_chance = float(self._support @ self.confusion.sum(axis=0)) / self.clips**2
        return None if by_chance == 1.0 else (self.accuracy - by_chance) / (1 - by_chance)

    @property
    def per_class(self) -> tuple[ClassScores, ...]:
        """Precision, recall, F1 and support of each class, in the order of `labels`."""
        predicted = self.confusion.sum(axis=0)
        return tuple(
            ClassScores(
                label=label,
                precision=correct / guesses if guesses else 0.0,
                recall=correct / support if support else math.nan,
                f1=2 * correct / (guesses + support) if guesses + support else 0.0,
                support=support,
                correct=correct,
            )
            for label, correct, guesses, support in zip(
                self.labels, self._correct.tolist(), predicted.tolist(), self._support.tolist(), strict=True
            )
        )

    @property
    def best_class_by_recall(self) -> str:
        """The class recognised most reliably; the first of equals. Classes without clips do not compete."""
        return max(self._present, key=lambda row: row.recall).label

    @property
    def worst_class_by_recall(self) -> str:
        """The class recognised least reliably; the first of equals."""
        return min(self._present, key=lambda row: row.recall).label

    @property
    def best_class_by_count(self) -> str:
        """The class with most clips correct, as the founding report chose it. Favours large classes."""
        return max(self._present, key=lambda row: row.correct).label

    @property
    def worst_class_by_count(self) -> str:
        """The class with fewest clips correct, as the founding report chose it. Disfavours small classes."""
        return min(self._present, key=lambda row: row.correct).label

    def to_scores(self) -> Scores:
        """The scores that a record keeps."""
        return Scores(clips=self.clips, accuracy=self.accuracy, uar=self.uar, macro_f1=self.macro_f1)

    @property
    def _support(self) -> NDArray[np.int64]:
        return np.asarray(self.confusion.sum(axis=1), dtype=np.int64)

    @property
    def _correct(self) -> NDArray[np.int64]:
        return np.diagonal(self.confusion)

    @property
    def _present(self) -> list[ClassScores]:
        return [row for row in self.per_class if row.support]


def evaluate(y_true: ArrayLike, predictions: ArrayLike, labels: Sequence[str]) -> Evaluation:
    """Scores predictions against the truth.

    Args:
        y_true: (n,) class indices into `labels`.
        predictions: (n, C) class probabilities (the largest wins, the first of equals), or (n,) class indices.
        labels: the C class names.

    Raises:
        ValueError: shapes do not fit, an index is out of range, a probability is NaN, or n is 0.

    Example:
        >>> evaluate([0, 1], [[0.9, 0.1], [0.6, 0.4]], ["anger", "fear"]).confusion.tolist()
        [[1, 0], [1, 0]]
    """
    guesses = predicted_classes(predictions, len(labels))
    return Evaluation.from_confusion(confusion_matrix(y_true, guesses, len(labels)), labels)


def predicted_classes(predictions: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Class indices (n,) of predictions that are class indices (n,) or probabilities (n, `classes`).

    Raises:
        ValueError: the shape fits neither, or a probability is NaN.
    """
    given = np.asarray(predictions)
    if given.ndim == 1:
        return _indices(given, classes)
    if given.ndim != 2 or given.shape[1] != classes:
        raise ValueError(f"predictions of {classes} classes cannot have shape {given.shape}")
    if np.isnan(given).any():
        raise ValueError("predictions hold NaN")
    return np.asarray(given.argmax(axis=1), dtype=np.int64)


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Counts (`classes`, `classes`) of each true class (row) predicted as each class (column).

    Raises:
        ValueError: the two differ in length, or hold something that is not a class index.
    """
    true, predicted = _indices(np.asarray(y_true), classes), _indices(np.asarray(y_pred), classes)
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} true labels cannot be compared with {len(predicted)} predictions")
    counts = np.bincount(true * classes + predicted, minlength=classes * classes)
    return np.asarray(counts, dtype=np.int64).reshape(classes, classes)


def _indices(values: NDArray[np.generic], classes: int) -> NDArray[np.int64]:
    if values.size == 0:
        return np.zeros(0, dtype=np.int64)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"class indices are a 1-D integer array, not {values.dtype} of shape {values.shape}")
    indices = values.astype(np.int64)
    if indices.min() < 0 or indices.max() >= classes:
        raise ValueError(f"class indices of {classes} classes run from 0 to {classes - 1}")
    return indices
