"""A small Gaussian process: what few trials say about configurations that were not tried.

C. E. Rasmussen, C. Williams: Gaussian Processes for Machine Learning, 2006, chapters 2 and 5.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

__all__ = ["GaussianProcess"]

_LENGTHS = (1.0, 2.0, 4.0)
_NOISES = (0.1, 0.3, 1.0)
"""Variance of the noise, as a share of that of the function."""
_JITTER = 1e-9


class GaussianProcess:
    """A fitted process. Its covariance is a linear part (each hyperparameter acts on its own) and a Matern 5/2 part.

    The length scale and the noise are those of a small grid with the highest marginal likelihood. So fitting is fast,
    has no random part, and does not run away with ten trials.

    Args:
        x: vectors, float64 (n, features).
        y: scores, float64 (n,).
    """

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self._x = x
        self._mean, self._scale = float(y.mean()), float(y.std()) or 1.0
        z = (y - self._mean) / self._scale
        fits = [self._fit(z, length, noise) for length, noise in product(_LENGTHS, _NOISES)]
        _, self._length, self._lower, self._weights, self._variance = max(fits, key=lambda fit: fit[0])

    def _fit(self, z: np.ndarray, length: float, noise: float) -> tuple[float, float, np.ndarray, np.ndarray, float]:
        covariance = _covariance(self._x, self._x, length) + (noise + _JITTER) * np.eye(len(z))
        lower = np.linalg.cholesky(covariance)
        weights = np.linalg.solve(lower.T, np.linalg.solve(lower, z))
        variance = max(float(z @ weights) / len(z), 1e-12)
        likelihood = -0.5 * len(z) * math.log(variance) - float(np.log(np.diag(lower)).sum())
        return likelihood, length, lower, weights, variance

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and standard deviation of the scores, without noise, each float64 (n,).

        Args:
            x: vectors, float64 (n, features).
        """
        cross = _covariance(x, self._x, self._length)
        half = np.linalg.solve(self._lower, cross.T)
        own = 1.0 + _linear(x, x).diagonal()
        spread = np.sqrt(np.maximum(own - np.square(half).sum(axis=0), 0.0) * self._variance)
        return self._mean + self._scale * (cross @ self._weights), self._scale * spread


def _covariance(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2 * a @ b.T
    r = np.sqrt(np.maximum(squares, 0.0)) * (math.sqrt(5) / length)
    found: np.ndarray = (1 + r + r * r / 3) * np.exp(-r) + _linear(a, b)
    return found


def _linear(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found: np.ndarray = (a @ b.T) / a.shape[1]
    return found
