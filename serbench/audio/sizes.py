"""How many bytes of sound a file's header states, and how many there are."""

from __future__ import annotations

import os
from io import FileIO
from typing import BinaryIO, Final, Literal

__all__ = ["missing_bytes", "states_no_size"]

_MOST_CHUNKS: Final = 1_000

# Programs that write to a pipe do not know the size and leave 0 or a placeholder near one of these values.
_PLACEHOLDER: Final = 0x7FFF0000

_TRAILER: Final = 4096
"""Bytes after empty sound that may be a list of titles."""


def missing_bytes(file: BinaryIO | FileIO) -> tuple[int, int] | None:
    """Compares the size of the samples that the header states with what the file holds.

    libsndfile reads what is there without a word. Formats: WAV, AIFF, AU. The position in the file is lost.

    Args:
        file: at any position.

    Returns:
        Bytes that are missing and bytes that are stated; None if nothing is missing or the header states no size.
    """
    found = _samples(file)
    if found is None or not 0 < found[1] < _PLACEHOLDER:
        return None
    begin, stated = found
    missing = begin + stated - os.fstat(file.fileno()).st_size
    return (missing, stated) if missing > 0 else None


def states_no_size(file: BinaryIO | FileIO) -> bool:
    """Whether a header says that there are no samples, but they follow: the recorder was stopped before it knew.

    The position in the file is kept.
    """
    place = file.tell()
    found = _samples(file)
    file.seek(place)
    return found is not None and found[1] == 0 and found[0] + _TRAILER < os.fstat(file.fileno()).st_size


def _samples(file: BinaryIO | FileIO) -> tuple[int, int] | None:
    """Where the samples begin, and their stated size."""
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _chunk(file, b"data", "little")
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return _chunk(file, b"SSND", "big")
    if head[:4] == b".snd":
        return int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    return None


def _chunk(file: BinaryIO | FileIO, wanted: bytes, order: Literal["little", "big"]) -> tuple[int, int] | None:
    """Finds a chunk; returns where its content begins, and its stated size."""
    place = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return None
        length = int.from_bytes(head[4:], order)
        if head[:4] == wanted:
            return place + 8, length
        place += 8 + length + length % 2
    return None
