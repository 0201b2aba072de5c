"""How loud clips are: a network whose features hold levels is at a loss with clips far from those that it learned from.

A level is that of the loudest tenth of a second, in dB of full scale, so that pauses do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from serbench.export.predictions import Prediction
from serbench.printable import printable

__all__ = ["level_note", "loudest_db", "usual_levels"]

_FLOOR_DB = -120.0
_BLOCK = 1000
"""Tenths of a second that are measured at a time."""
_USUAL = (2.5, 97.5)
_BEYOND_DB = 6.0
"""A clip is told of if it is softer or louder than 95 of 100 tested clips by more than this."""


def loudest_db(waveform: NDArray[np.floating], sample_rate: int) -> float:
    """Returns the level of the loudest tenth of a second.

    >>> round(loudest_db(np.full(8_000, 0.1), 8_000)), loudest_db(np.zeros(8_000), 8_000)
    (-20, -120.0)

    Args:
        waveform: (samples,), full scale at 1.0.
        sample_rate: Hz.

    Returns:
        dB of full scale, -120 for silence.
    """
    size = max(1, min(sample_rate // 10, len(waveform)))
    parts = waveform[: len(waveform) // size * size].reshape(-1, size)
    power = 0.0
    for start in range(0, len(parts), _BLOCK):  # all in float64 would take four times a long recording
        block = parts[start : start + _BLOCK].astype(np.float64)
        power = float(np.maximum(power, np.square(block).mean(axis=1).max()))
    return max(_FLOOR_DB, 10 * float(np.log10(power))) if power > 0 else _FLOOR_DB


def usual_levels(levels: Iterable[float]) -> tuple[float, float] | None:
    """Returns the levels between which 95 of 100 clips lie, in dB of full scale; None without clips."""
    known = list(levels)
    if not known:
        return None
    low, high = np.percentile(known, _USUAL)
    return round(float(low), 1), round(float(high), 1)


def level_note(rows: Sequence[Prediction], usual: tuple[float, float] | None) -> str:
    """Returns a sentence about files that are much softer or louder than tested clips; '' if there is none.

    Args:
        rows: predictions.
        usual: levels of the clips that the network was tested on; None in a bundle of before they were measured.
    """
    heard = {row.path: row.level_db for row in rows if row.level_db is not None and not row.silent}
    if usual is None:
        return ""
    away = {path: max(usual[0] - level, level - usual[1]) for path, level in heard.items()}
    odd = [path for path, far in away.items() if far > _BEYOND_DB]
    if not odd:
        return ""
    farthest = max(odd, key=lambda path: away[path])
    softer = any(heard[path] < usual[0] for path in odd)
    louder = any(heard[path] > usual[1] for path in odd)
    how = " or ".join(word for word, found in (("softer", softer), ("louder", louder)) if found)
    subject = "the file is" if len(heard) == 1 else f"{len(odd):,} of {len(heard):,} files are"
    return (
        f"{subject} much {how} than the clips that the network was tested on, so its "
        f"scores may not hold for them: the loudest tenth of a second of {printable(farthest)} has "
        f"{heard[farthest]:.0f} dB of full scale, that of tested clips {usual[0]:.0f} to {usual[1]:.0f} dB; change the "
        "level of the files"
    )
