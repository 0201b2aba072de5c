"""The kinds of parameters in a space: a fixed value, a choice, or a range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import optuna
from pydantic import ConfigDict, Field, model_validator

from serbench.records import FrozenModel

__all__ = ["Choice", "Dimension", "Fixed", "FloatRange", "IntRange"]

Scalar = bool | int | float | str

_LARGEST = 1e300
_ALL_PROBED = 32
_BETWEEN = 0.381966  # an odd fraction, so that a field that accepts only grid values does not accept it by chance


def _same(one: Any, other: Any) -> bool:
    """Equality in which 20 equals 20.0, but True does not equal 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _equal(one: Any, other: Any) -> bool:
    """Equality in which the third step of 0.1, which Optuna returns as 0.30000000000000004, equals 0.3."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return bool(one == other)


def _whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-8


class _Conditional(FrozenModel):
    """A parameter whose `when` names other parameters and the values they need for this one to be active."""

    model_config = ConfigDict(strict=True)

    when: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)

    def active(self, config: Mapping[str, Any]) -> bool:
        """Whether the conditions hold in a configuration."""
        return all(any(_equal(config.get(name), one) for one in values) for name, values in self.when.items())


class Fixed(_Conditional):
    """A value that is not searched."""

    value: Scalar

    def probes(self) -> tuple[Scalar, ...]:
        """Returns values that must all be valid for the family."""
        return (self.value,)

    def contains(self, value: Any) -> bool:
        """Whether the space can propose the value."""
        return _same(value, self.value)

    def suggest(self, trial: optuna.trial.BaseTrial, name: str) -> Any:  # noqa: ARG002
        """Returns the fixed value."""
        return self.value

    def __str__(self) -> str:
        return f"{self.value}"


class Choice(_Conditional):
    """One of several values."""

    choices: tuple[Scalar, ...]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if not self.choices:
            raise ValueError("the list of choices is empty; give at least one value")
        for place, choice in enumerate(self.choices):
            if any(_same(choice, other) for other in self.choices[:place]):
                raise ValueError(f"{choice!r} is among the choices twice; remove one")
        return self

    def probes(self) -> tuple[Scalar, ...]:
        """Returns values that must all be valid for the family."""
        return self.choices

    def contains(self, value: Any) -> bool:
        """Whether the space can propose the value."""
        return any(_same(value, choice) for choice in self.choices)

    def suggest(self, trial: optuna.trial.BaseTrial, name: str) -> Any:
        """Draws one of the choices."""
        return trial.suggest_categorical(name, self.choices)

    @property
    def distribution(self) -> optuna.distributions.BaseDistribution:
        """The corresponding Optuna distribution."""
        return optuna.distributions.CategoricalDistribution(self.choices)

    def __str__(self) -> str:
        return " | ".join(str(choice) for choice in self.choices)


class _Range(_Conditional):
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.low, self.high  # type: ignore[attr-defined]
        if not all(abs(number) <= _LARGEST for number in (low, high, self.step or 0)):  # type: ignore[attr-defined]
            raise ValueError(f"bounds and steps are numbers of at most {_LARGEST:g}")
        if low >= high:
            raise ValueError(f"bounds are reversed or equal: low = {low}, high = {high}; swap or widen them")
        if self.log and low <= 0:
            raise ValueError(f"a log range must start above 0, got low = {low}; raise low or remove log")
        step = self.step  # type: ignore[attr-defined]
        if self.log and step is not None:
            raise ValueError("a log range takes no step; remove one of the two")
        if step is not None and not (step > 0 and (high - low) / step < _LARGEST and _whole((high - low) / step)):
            raise ValueError(f"no number of steps of {step} leads from {low} to {high}; change step, low or high")
        return self

    def __str__(self) -> str:
        low, high, step = self.low, self.high, self.step  # type: ignore[attr-defined]
        return f"{low} ... {high}{' (log)' if self.log else ''}{f' (step {step})' if step else ''}"


class IntRange(_Range):
    """An integer between two bounds, both included."""

    low: int
    high: int
    step: int | None = Field(default=None, ge=1)

    def probes(self) -> tuple[Scalar, ...]:
        """Returns values that must all be valid for the family: all of a short range, such as odd kernel sizes."""
        step = self.step or 1
        if (self.high - self.low) // step >= _ALL_PROBED:
            return (self.low, self.low + step, self.high)
        return tuple(range(self.low, self.high + 1, step))

    def contains(self, value: Any) -> bool:
        """Whether the space can propose the value."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and self.low <= value <= self.high and (value - self.low) % (self.step or 1) == 0

    def suggest(self, trial: optuna.trial.BaseTrial, name: str) -> Any:
        """Draws a value from the range."""
        return trial.suggest_int(name, self.low, self.high, step=self.step or 1, log=self.log)

    @property
    def distribution(self) -> optuna.distributions.BaseDistribution:
        """The corresponding Optuna distribution."""
        return optuna.distributions.IntDistribution(self.low, self.high, log=self.log, step=self.step or 1)


class FloatRange(_Range):
    """A number between two bounds."""

    low: float
    high: float
    step: float | None = Field(default=None, gt=0)

    def probes(self) -> tuple[Scalar, ...]:
        """Returns values that must all be valid for the family, one of them between the bounds and off any grid."""
        between = self.step if self.step is not None else _BETWEEN * (self.high - self.low)
        return (self.low, min(self.low + between, self.high), self.high)

    def contains(self, value: Any) -> bool:
        """Whether the space can propose the value."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high:
            return False
        return self.step is None or _whole((value - self.low) / self.step)

    def suggest(self, trial: optuna.trial.BaseTrial, name: str) -> Any:
        """Draws a value from the range."""
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    @property
    def distribution(self) -> optuna.distributions.BaseDistribution:
        """The corresponding Optuna distribution."""
        return optuna.distributions.FloatDistribution(self.low, self.high, log=self.log, step=self.step)


Dimension = Fixed | Choice | IntRange | FloatRange
