"""Calibration of predicted probabilities: expected calibration error, Brier score and reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ReliabilityBin", "brier_score", "expected_calibration_error", "reliability"]

BINS = 15
"""Default number of bins, as in Guo et al. (2017)."""


def _checked(y_true: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    true, given = np.asarray(y_true, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    if given.ndim != 2 or true.shape != given.shape[:1] or true.size == 0:
        raise ValueError(f"probabilities of shape {given.shape} do not fit labels of shape {true.shape}")
    if not np.isfinite(given).all() or (given < 0).any() or not np.allclose(given.sum(axis=1), 1, atol=1e-3):
        raise ValueError("each row of probabilities must hold numbers from 0 that sum to 1")
    return true, given


def expected_calibration_error(y_true: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float:
    """Computes the expected calibration error (ECE): mean |confidence - accuracy| over bins, weighted by their clips.

    Args:
        y_true: (n,) class indices.
        probabilities: (n, C).
        bins: of the largest probability, (0, 1/bins], ..., (1 - 1/bins, 1].

    Raises:
        ValueError: shapes do not fit, or a row is no distribution.

    Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI 2015; C. Guo et al., ICML 2017 (15 bins).
    """
    found = reliability(y_true, probabilities, bins)
    clips = sum(one.clips for one in found)
    return sum(one.clips * abs(one.accuracy - one.confidence) for one in found) / clips


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of a reliability diagram: clips with about the same confidence.

    Attributes:
        clips: number of clips in the bin.
        confidence: mean of their largest probabilities.
        accuracy: fraction of them predicted correctly.
    """

    clips: int
    confidence: float
    accuracy: float


def reliability(y_true: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Computes the non-empty bins of a reliability diagram, from low to high confidence.

    >>> [(one.clips, one.confidence, one.accuracy) for one in reliability([0, 1], [[0.5, 0.5], [0.5, 0.5]])]
    [(2, 0.5, 0.5)]

    Args:
        y_true: (n,) class indices.
        probabilities: (n, C).
        bins: of the largest probability, (0, 1/bins], ..., (1 - 1/bins, 1].

    Raises:
        ValueError: shapes do not fit, or a row is no distribution.
    """
    true, given = _checked(y_true, probabilities)
    confidence, right = given.max(axis=1), given.argmax(axis=1) == true
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    clips = np.bincount(place, minlength=bins)
    sure, correct = (np.bincount(place, weights, minlength=bins) for weights in (confidence, right))
    return tuple(
        ReliabilityBin(int(clips[at]), float(sure[at] / clips[at]), float(correct[at] / clips[at]))
        for at in np.flatnonzero(clips)
    )


def brier_score(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """Computes the Brier score: squared error summed over classes, averaged over clips. 0 is best, 2 worst.

    Args:
        y_true: (n,) class indices.
        probabilities: (n, C).

    Raises:
        ValueError: shapes do not fit, or a row is no distribution.

    Source: G. W. Brier, Monthly Weather Review 78 (1950), 1-3.
    """
    true, given = _checked(y_true, probabilities)
    return float(((given - np.eye(given.shape[1])[true]) ** 2).sum(axis=1).mean())
