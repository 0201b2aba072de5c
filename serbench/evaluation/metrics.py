"""`Evaluation`: all scores of one set of predictions, computed from the confusion matrix."""

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
    """Scores of one class, as fractions. `support` and `correct` are numbers of clips.

    `recall` is NaN if the class has no clip. Precision and F1 are 0 where the denominator is 0 (scikit-learn's
    `zero_division=0`).
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
        labels: the class names, in the corpus's order.
        confusion: (C, C) numbers of clips; rows are true classes, columns predicted classes. Read-only.

    Example:
        >>> scores = Evaluation.from_confusion([[3, 1], [0, 1]], ["anger", "fear"])
        >>> scores.accuracy, scores.uar
        (0.8, 0.875)
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]

    @classmethod
    def from_confusion(cls, matrix: ArrayLike, labels: Sequence[str]) -> Evaluation:
        """Builds an evaluation from a confusion matrix, for example a published one.

        Args:
            matrix: (C, C) counts; rows are true classes, columns predicted classes.
            labels: the C class names.

        Raises:
            ValueError: the shape is not (C, C), a count is negative or not whole, or there is no clip.
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
        """Number of clips."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Fraction of clips predicted correctly (also called WA, weighted accuracy)."""
        return int(np.trace(self.confusion)) / self.clips

    @property
    def uar(self) -> float | None:
        """Unweighted average recall (UAR): the mean of the class recalls. None if a class has no clip."""
        return None if (self._support == 0).any() else self.mean_recall_present

    @property
    def mean_recall_present(self) -> float:
        """Mean recall of the classes that have clips. Always defined; equal to UAR if all classes have clips."""
        present = self._support > 0
        return float((self._correct[present] / self._support[present]).mean())

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur among the true or the predicted labels."""
        occurs = (self._support + self.confusion.sum(axis=0)) > 0
        return float(np.mean([row.f1 for row, use in zip(self.per_class, occurs, strict=True) if use]))

    @property
    def weighted_f1(self) -> float:
        """Mean F1 of the classes, weighted by their support."""
        return math.fsum(row.f1 * row.support for row in self.per_class) / self.clips

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond chance. None if agreement by chance is already complete."""
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
        """The class with the highest recall, the first in case of a tie. Classes without clips are ignored."""
        return max(self._present, key=lambda row: row.recall).label

    @property
    def worst_class_by_recall(self) -> str:
        """The class with the lowest recall, the first in case of a tie. Classes without clips are ignored."""
        return min(self._present, key=lambda row: row.recall).label

    @property
    def best_class_by_count(self) -> str:
        """The class with the most correct clips, which favours large classes; as in the founding report."""
        return max(self._present, key=lambda row: row.correct).label

    @property
    def worst_class_by_count(self) -> str:
        """The class with the fewest correct clips, which disfavours small classes; as in the founding report."""
        return min(self._present, key=lambda row: row.correct).label

    def to_scores(self) -> Scores:
        """Returns the scores that are saved in a record."""
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
    """Evaluates predictions against the true labels.

    Args:
        y_true: (n,) class indices into `labels`.
        predictions: (n, C) class probabilities, or (n,) class indices. The largest probability wins; in a tie, the
            first one.
        labels: the C class names.

    Raises:
        ValueError: the shapes do not match, an index is out of range, a probability is NaN, or n is 0.

    Example:
        >>> evaluate([0, 1], [[0.9, 0.1], [0.6, 0.4]], ["anger", "fear"]).confusion.tolist()
        [[1, 0], [1, 0]]
    """
    guesses = predicted_classes(predictions, len(labels))
    return Evaluation.from_confusion(confusion_matrix(y_true, guesses, len(labels)), labels)


def predicted_classes(predictions: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Converts predictions to class indices of shape (n,).

    Args:
        predictions: (n,) class indices, or (n, `classes`) probabilities.
        classes: number of classes.

    Raises:
        ValueError: the shape is neither of these, or a probability is NaN.
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
    """Counts how often each true class (row) was predicted as each class (column).

    Args:
        y_true: (n,) class indices.
        y_pred: (n,) class indices.
        classes: number of classes C.

    Returns:
        (C, C) counts.

    Raises:
        ValueError: the arrays differ in length, or hold something that is not a class index.
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
