"""`Axis`: places values along an axis, with ticks that people would choose."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Axis", "amount", "linear", "log", "of_values", "words"]

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_STEPS = (1, 2, 2.5, 5, 10)
_WIDE = 20
_HAIR = 1e-9
_MOST_DECADES = 6
_SMALL, _LARGE, _THOUSAND, _MILLION = 0.01, 100_000, 1_000, 1_000_000
_MOST = 1e300
"""Numbers from here on are words, and so is NaN: no axis can place them. Somebody else may have written the record."""


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        kind: `linear`, `log`, or `words` for values without a scale.
        low: value at the beginning; of words, the place of the first one.
        high: value at the end.
        ticks: values with their texts; of words, places with their texts.
        names: words in their order; empty otherwise.
    """

    kind: Literal["linear", "log", "words"]
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    names: tuple[str, ...] = ()

    def at(self, value: Any) -> float:
        """Place of a value: 0 at the beginning of the axis, 1 at its end. Values outside are put at the nearest end."""
        number = self.names.index(_word(value)) if self.kind == "words" else float(value)
        low, high = self.low, self.high
        if self.kind == "log":
            number, low, high = math.log10(max(number, self.low)), math.log10(low), math.log10(high)
        return 0.5 if high == low else min(1.0, max(0.0, (number - low) / (high - low)))

    @property
    def marks(self) -> list[tuple[float, str]]:
        """Ticks as pairs of place and text."""
        return [
            (self.at(self.names[int(value)]) if self.kind == "words" else self.at(value), text)
            for value, text in self.ticks
        ]


def linear(
    values: Iterable[float], *, whole: bool = False, count: int = 5, snug: bool = False, least: float = 0.0
) -> Axis:
    """A linear axis that begins and ends at round numbers.

    Args:
        values: what has to fit. Needs at least one number.
        whole: whether only whole numbers make sense as ticks.
        count: about how many ticks there are.
        snug: whether the axis ends at the values instead of at round numbers.
        least: the axis spans at least that much, so that small differences look small.

    >>> [text for _, text in linear([3, 18], whole=True).ticks]
    ['0', '5', '10', '15', '20']
    """
    listed = [float(value) for value in values]
    low, high = min(listed), max(listed)
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    hair = max(_HAIR, _HAIR * abs(low), _HAIR * abs(high))  # less than rounding keeps apart
    step = _step(max(hair, (high - low) / max(1, count - 1) or abs(high) or 1.0))
    step = max(1.0, round(step)) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = [place * step for place in range(first, last + 1)]
    if snug:
        return Axis("linear", low, high, tuple((tick, _number(tick)) for tick in ticks if low <= tick <= high))
    return Axis("linear", ticks[0], ticks[-1], tuple((tick, _number(tick)) for tick in ticks))


def log(values: Iterable[float]) -> Axis:
    """A logarithmic axis with ticks at powers of ten; within one decade also at 2 and 5.

    >>> [text for _, text in log([2e-4, 5e-2]).ticks]
    ['10⁻³', '10⁻²']
    """
    listed = [float(value) for value in values]
    low, high = min(listed), max(listed)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    powers = [10.0**decade for decade in decades]
    inside = [tick for tick in powers if low <= tick <= high]
    if len(inside) < 2:
        inside = [part * power for power in powers for part in (1, 2, 5) if low <= part * power <= high]
    every = math.ceil(len(inside) / _MOST_DECADES) or 1
    shown = inside[::every] if len(inside) > 1 else list(dict.fromkeys(float(f"{end:.2g}") for end in (low, high)))
    return Axis("log", low, high, tuple(zip(shown, _alike(shown), strict=True)))


def words(values: Iterable[Any]) -> Axis:
    """An axis of values without a scale. Numbers are in their order, and after them words by the alphabet.

    >>> words([16, "none", 8, 128]).names
    ('8', '16', '128', 'none')
    """
    unlike = {_word(value): value for value in values}
    names = tuple(sorted(unlike, key=lambda name: _order(unlike[name])))
    return Axis("words", 0, max(1, len(names) - 1), tuple((place, name) for place, name in enumerate(names)), names)


def of_values(values: Sequence[Any], *, choice: bool, logarithmic: bool) -> Axis:
    """The axis that suits the values of a hyperparameter.

    Args:
        values: its values. Needs at least one.
        choice: whether it is categorical.
        logarithmic: whether it is sampled on a logarithmic scale.
    """
    if choice or not all(map(_is_number, values)):
        return words(values)
    if logarithmic and min(values) > 0 and max(values) > min(values):
        return log(values)
    return linear(values, whole=all(isinstance(value, int) for value in values))


def amount(values: Iterable[float]) -> Axis:
    """An axis of positive amounts: logarithmic if they span more than a factor of twenty, else linear from zero."""
    listed = [float(value) for value in values]
    if min(listed) > 0 and max(listed) / min(listed) > _WIDE:
        return log([min(listed) / 1.3, max(listed) * 1.3])
    return linear([0.0, *listed])


def power_text(value: float) -> str:
    """A number of a logarithmic axis: powers of ten as such where zeros would have to be counted.

    >>> power_text(0.0001), power_text(0.0005), power_text(0.1), power_text(1e6)
    ('10⁻⁴', '5·10⁻⁴', '0.1', '10⁶')
    """
    if value <= 0 or _SMALL < value < _LARGE:
        return _number(value)
    decade = math.floor(math.log10(value) + 1e-9)
    part = round(value / 10.0**decade, 6)
    return f"{'' if part == 1 else f'{part:g}·'}10{str(decade).translate(_SUPERSCRIPT)}"


def _alike(ticks: Sequence[float]) -> list[str]:
    """Texts of the ticks of one axis, all in the same notation.

    >>> _alike([0.01, 0.1]), _alike([0.005, 0.01, 0.02]), _alike([1e-4, 2e-4])
    (['10⁻²', '10⁻¹'], ['0.005', '0.01', '0.02'], ['10⁻⁴', '2·10⁻⁴'])
    """
    powers = all(abs(math.log10(tick) - round(math.log10(tick))) < _HAIR for tick in ticks)
    if powers and any(not _SMALL < tick < _LARGE for tick in ticks):
        return [f"10{str(round(math.log10(tick))).translate(_SUPERSCRIPT)}" for tick in ticks]
    plain = all(_SMALL / 10 <= tick < _LARGE for tick in ticks)
    return [_number(tick) if plain else power_text(tick) for tick in ticks]


def _step(about: float) -> float:
    decade = 10.0 ** math.floor(math.log10(about))
    return next(part * decade for part in _STEPS if part * decade >= about * (1 - 1e-9))


def _number(value: float) -> str:
    if abs(value) >= _MILLION:
        return f"{value / _MILLION:g} M"
    return f"{value / _THOUSAND:g} k" if abs(value) >= 10 * _THOUSAND else f"{value:.6g}"


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _order(value: Any) -> tuple[int, float, str]:
    return (0, float(value), "") if _is_number(value) else (1, 0.0, _word(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _MOST
