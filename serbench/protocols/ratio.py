"""`Ratio`: exact percentages of a split, so that 66.5/3.5/30 is rounded the same way everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Self

from serbench.errors import UsageError

__all__ = ["Ratio", "clip_count", "parse_percent"]


def parse_percent(text: str | float | Decimal, what: str = "percentage") -> Decimal:
    """Reads a percentage strictly between 0 and 100.

    Args:
        text: the percentage.
        what: what it is, for the error message.

    Raises:
        UsageError: the text is not a number, or is out of range.
    """
    try:
        value = Decimal(str(text).strip())
    except InvalidOperation:
        raise UsageError(f"{what} '{text}' is not a number; write for example 20 or 3.5") from None
    if not value.is_finite() or not 0 < value < 100:
        raise UsageError(f"{what} {text} must lie between 0 and 100")
    return value.normalize()


def clip_count(percent: Decimal, n_clips: int) -> int:
    """Returns the number of clips that a percentage stands for, rounded up as scikit-learn rounds a test size.

    >>> clip_count(Decimal("30"), 7442), clip_count(Decimal("3.5"), 7442)
    (2233, 261)
    """
    return int((percent * n_clips / 100).to_integral_value(rounding=ROUND_CEILING))


@dataclass(frozen=True)
class Ratio:
    """Percentages of training, validation and test clips, which add up to 100.

    >>> Ratio.parse("66.5/3.5/30")
    Ratio('66.5/3.5/30')
    """

    train: Decimal
    validation: Decimal
    test: Decimal

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `train/validation/test`.

        Raises:
            UsageError: the text is not three percentages that add up to 100.
        """
        parts = text.split("/")
        if len(parts) != 3:
            raise UsageError(f"split ratio '{text}' must read train/validation/test, for example 70/10/20")
        train, validation, test = (parse_percent(part, f"share in split ratio '{text}':") for part in parts)
        if train + validation + test != 100:
            raise UsageError(f"split ratio '{text}' adds up to {train + validation + test:f}, not to 100")
        return cls(train, validation, test)

    def __str__(self) -> str:
        return f"{self.train:f}/{self.validation:f}/{self.test:f}"

    def __repr__(self) -> str:
        return f"Ratio('{self}')"
