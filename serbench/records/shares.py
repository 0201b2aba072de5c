"""Soft predictions: a method may divide a clip among several classes instead of choosing one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["are_distributions", "are_shares"]

_ROUNDING = 1e-6
_LOW_PRECISION = 1e-3


def are_shares(given: NDArray[np.float64]) -> bool:
    """Whether each row of an (n, C) array holds finite, non-negative numbers with a sum of at most 1."""
    return bool(np.isfinite(given).all() and (given >= 0).all() and (given.sum(axis=1) <= 1 + _ROUNDING).all())


def are_distributions(given: NDArray[np.floating[Any]]) -> bool:
    """Whether each row of an (n, C) array holds finite, non-negative numbers with a sum of 1, as softmax returns.

    >>> are_distributions(np.array([[0.25, 0.75]])), are_distributions(np.array([[0.5, 0.75]]))
    (True, False)
    """
    sums = given.sum(axis=1, dtype=np.float64)
    return bool((given >= 0).all() and (np.abs(sums - 1) <= _LOW_PRECISION).all())
