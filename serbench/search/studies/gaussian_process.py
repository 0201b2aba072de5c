"""A Gaussian process of few settings: what some trials say about configurations that were not tried."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern

__all__ = ["GaussianProcess"]

_LENGTHS = (1.0, 2.0, 4.0)
_NOISES = (0.1, 0.3, 1.0)
"""Variance of the noise, as a share of that of the function."""
_ZERO = 1e-6


class GaussianProcess:
    """A fitted process. Its covariance is a linear part (each hyperparameter acts on its own) and a Matern 5/2 part.

    The length scale and the noise are those of a small grid with the highest marginal likelihood, and the variance is
    the one that maximises it (C. E. Rasmussen, C. Williams: Gaussian Processes for Machine Learning, 2006, chapter 5).
    So fitting is fast, has no random part, and does not run away with ten trials.

    Args:
        x: vectors, float64 (n, features).
        y: scores, float64 (n,).
    """

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        linear = ConstantKernel(1 / x.shape[1]) * DotProduct(_ZERO)
        models = [
            GaussianProcessRegressor(Matern(length, nu=2.5) + linear, alpha=noise, optimizer=None, normalize_y=True)
            for length, noise in product(_LENGTHS, _NOISES)
        ]
        fits = [(_variance(model.fit(x, y)), model) for model in models]
        self._variance, self._model = max(fits, key=lambda fit: _likelihood(*fit))

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and standard deviation of the scores, without noise, each float64 (n,).

        Args:
            x: vectors, float64 (n, features).
        """
        mean, spread = self._model.predict(x, return_std=True)
        return mean, math.sqrt(self._variance) * spread


def _variance(model: GaussianProcessRegressor) -> float:
    """The variance of the function that makes the scores most likely, in units of that of the scores."""
    return max(float(model.y_train_ @ model.alpha_) / len(model.y_train_), 1e-12)


def _likelihood(variance: float, model: GaussianProcessRegressor) -> float:
    logs: float = np.log(np.diag(model.L_)).sum()
    return -0.5 * len(model.y_train_) * math.log(variance) - logs
