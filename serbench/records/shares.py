"""Soft predictions: a method may divide a clip among several classes instead of choosing one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["are_shares"]

_ROUNDING = 1e-6


def are_shares(given: NDArray[np.float64]) -> bool:
    """Whether each row of an (n, C) array holds finite, non-negative numbers with a sum of at most 1."""
    return bool(np.isfinite(given).all() and (given >= 0).all() and (given.sum(axis=1) <= 1 + _ROUNDING).all())
