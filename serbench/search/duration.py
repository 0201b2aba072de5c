"""Durations as people write them."""

from __future__ import annotations

import re

from serbench.errors import UsageError

__all__ = ["seconds_of"]

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds_of(text: str) -> float:
    """Reads a duration: `90`, `90s`, `15m`, `1h30m`.

    >>> seconds_of("90"), seconds_of("15m"), seconds_of("1h30m")
    (90.0, 900.0, 5400.0)

    Raises:
        UsageError: it is none.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if not match or not any(match.groups()):
        raise UsageError(f"--time '{text}' is no duration; write for example 90, 15m or 1h30m")
    return sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True))
