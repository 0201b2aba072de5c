"""Draws of single hyperparameters: anywhere in a distribution, or near a known value. Vectors of configurations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

__all__ = ["Distribution", "Encoding", "anywhere", "near"]

_Range = IntDistribution | FloatDistribution
Distribution = CategoricalDistribution | _Range
"""The distributions that Optuna has."""

_TRIES = 20
_IDLE = -0.25
"""Place of a hyperparameter that a configuration does not use, on a scale on which its range is 0 to 1."""
_WORDS = math.sqrt(0.5)
"""Value of a choice in a vector: two choices of words are as far apart as the two ends of a range."""


def anywhere(distribution: Distribution, rng: np.random.Generator) -> Any:
    """Draws a value uniformly, on a log scale where the distribution has one."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[rng.integers(len(distribution.choices))]
    return _at(distribution, float(rng.uniform()))


def near(distribution: Distribution, value: Any, rng: np.random.Generator, spread: float) -> Any:
    """Draws another value near a known one.

    Args:
        distribution: of the hyperparameter.
        value: the known value; if the distribution does not contain it, any value is drawn.
        rng: source of the draws.
        spread: standard deviation of a move, as a share of the range. Of choices, another one is drawn.
    """
    if isinstance(distribution, CategoricalDistribution):
        others = [choice for choice in distribution.choices if not _same(choice, value)]
        return others[rng.integers(len(others))] if others else value
    if not _contains(distribution, value):
        return anywhere(distribution, rng)
    begin, found = _place(distribution, value), value
    for _ in range(_TRIES):
        place = begin + float(rng.normal(0, spread))
        place = -place if place < 0 else 2 - place if place > 1 else place  # mirrored at the bounds
        found = _at(distribution, min(max(place, 0.0), 1.0))
        if found != value:
            break
    return found


class Encoding:
    """Turns the searched, active values of a configuration into a vector.

    A range, or a choice among numbers, is one feature from 0 to 1; a choice among words has a feature for each word.

    Args:
        distributions: of all hyperparameters that may vary.
    """

    def __init__(self, distributions: Mapping[str, Distribution]) -> None:
        self._distributions = dict(sorted(distributions.items()))
        self._numbers: dict[str, list[Any]] = {}
        for name, distribution in distributions.items():
            if isinstance(distribution, CategoricalDistribution) and _numeric(distribution.choices):
                ranked: list[Any] = list(distribution.choices)
                self._numbers[name] = sorted(ranked)

    def __call__(self, values: Mapping[str, Any]) -> np.ndarray:
        """Returns the vector of a configuration, float64 (features,). Missing hyperparameters are not in use."""
        found: list[float] = []
        for name, distribution in self._distributions.items():
            value = values.get(name)
            if name in self._numbers:
                ranked = self._numbers[name]
                found.append(ranked.index(value) / max(len(ranked) - 1, 1) if value in ranked else _IDLE)
            elif isinstance(distribution, CategoricalDistribution):
                found += [_WORDS if _same(choice, value) else 0.0 for choice in distribution.choices]
            else:
                found.append(_IDLE if value is None else _place(distribution, value))
        return np.array(found)


def _numeric(choices: tuple[Any, ...]) -> bool:
    return all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _contains(distribution: _Range, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and bool(distribution._contains(float(value)))


def _bends(distribution: _Range) -> tuple[float, float]:
    low, high = float(distribution.low), float(distribution.high)
    return (math.log(low), math.log(high)) if distribution.log else (low, high)


def _place(distribution: _Range, value: float) -> float:
    """Where a value lies in its range, from 0 to 1."""
    low, high = _bends(distribution)
    return ((math.log(value) if distribution.log else value) - low) / (high - low)


def _at(distribution: _Range, place: float) -> int | float:
    """The value at a place from 0 to 1, on the distribution's grid."""
    low, high = _bends(distribution)
    value = low + place * (high - low)
    value = math.exp(value) if distribution.log else value
    if distribution.step is not None and not distribution.log:
        value = distribution.low + round((value - distribution.low) / distribution.step) * distribution.step
    if isinstance(distribution, IntDistribution):
        return min(max(round(value), distribution.low), distribution.high)
    return min(max(float(value), distribution.low), distribution.high)
