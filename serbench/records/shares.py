"""Shares of a clip among classes: what a method that does not commit itself answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["are_shares"]

_ROUNDING = 1e-6


def are_shares(given: NDArray[np.float64]) -> bool:
    """Whether each row (n, C) holds numbers from 0 that sum to 1 at the most."""
    return bool(np.isfinite(given).all() and (given >= 0).all() and (given.sum(axis=1) <= 1 + _ROUNDING).all())
