"""How many bytes of sound a file's header states, and how many there are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from io import FileIO
from typing import BinaryIO, Final, Literal

__all__ = ["breaks_off", "counts_frames", "missing_bytes", "states_no_size"]

_MOST_CHUNKS: Final = 1_000

# Programs that write to a pipe do not know the size and leave 0 or a placeholder near one of these values.
_PLACEHOLDER: Final = 0x7FFF0000
_PLACEHOLDER_64: Final = 1 << 40

_TRAILER: Final = 4096
"""Bytes after empty sound that may be a list of titles."""

_FIRST_FRAME: Final = 2048

_File = BinaryIO | FileIO
_Order = Literal["little", "big"]
_HEAD: Final = 40
_NIST_HEAD: Final = 1 << 16
_NIST_FIELDS: Final = (b"sample_count", b"sample_n_bytes", b"channel_count")


def missing_bytes(file: _File) -> tuple[int, int] | None:
    """Compares the size of the samples that the header states with what the file holds.

    libsndfile reads what is there without a word. Formats: WAV (also RIFX, RF64 and Wave64), AIFF, AU, CAF, NIST SPHERE
    and VOC, with or without an ID3 tag in front. The position in the file is lost.

    Args:
        file: at any position.

    Returns:
        Bytes that are missing and bytes that are stated; None if nothing is missing or the header states no size.
    """
    found = _samples(file)
    if found is None or found[1] <= 0:
        return None
    begin, stated = found
    missing = begin + stated - os.fstat(file.fileno()).st_size
    return (missing, stated) if missing > 0 else None


def states_no_size(file: _File) -> bool:
    """Whether a header says that there are no samples, but they follow: the recorder was stopped before it knew.

    The position in the file is kept.
    """
    place = file.tell()
    found = _samples(file)
    file.seek(place)
    return found is not None and found[1] == 0 and found[0] + _TRAILER < os.fstat(file.fileno()).st_size


def counts_frames(file: _File) -> bool:
    """Whether an MP3 file counts its frames in a header. Otherwise libsndfile guesses the length from the first frame.

    The position in the file is lost.
    """
    file.seek(_after_tag(file))
    head = file.read(_FIRST_FRAME)
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def breaks_off(file: _File) -> bool:
    """Whether an Ogg file (Vorbis, Opus, Speex, FLAC) ends in the middle of a page before the end of its stream.

    Ogg states no size: what decodes a file passes over the page that is not whole. The position in the file is lost.
    """
    size, place, ended = os.fstat(file.fileno()).st_size, 0, False
    while True:
        file.seek(place)
        head = file.read(27)
        if head[:4] != b"OggS":  # no Ogg; or something follows the last page
            return place > 0 and not ended and b"OggS".startswith(head[:4]) and bool(head)
        segments = file.read(head[26]) if len(head) == 27 else b""
        if len(head) < 27 or len(segments) < head[26]:
            return not ended
        ended = bool(head[5] & 4)
        place += 27 + len(segments) + sum(segments)
        if place >= size:
            return place > size and not ended


def _samples(file: _File) -> tuple[int, int] | None:
    """Where the samples begin, and their stated size; -1 for a size that is a placeholder."""
    start = _after_tag(file)
    file.seek(start)
    head = file.read(_HEAD)
    for marks, find in _FORMATS:
        if all(head.startswith(mark, place) for place, mark in marks):
            return find(file, start)
    return None


def _after_tag(file: _File) -> int:
    """The length of an ID3v2 tag in front of the audio; 0 if there is none."""
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte & 0x7F
    return 10 + length


def _stated(size: int, placeholder: int = _PLACEHOLDER) -> int:
    return size if size < placeholder else -1


def _chunk(file: _File, place: int, wanted: bytes, order: _Order) -> tuple[int, int] | None:
    """Finds a chunk; returns where its content begins, and its stated size."""
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return None
        length = int.from_bytes(head[4:], order)
        if head[:4] == wanted:
            return place + 8, _stated(length)
        place += 8 + length + length % 2
    return None


def _riff(file: _File, start: int) -> tuple[int, int] | None:
    return _chunk(file, start + 12, b"data", "little")


def _rifx(file: _File, start: int) -> tuple[int, int] | None:
    return _chunk(file, start + 12, b"data", "big")


def _aiff(file: _File, start: int) -> tuple[int, int] | None:
    return _chunk(file, start + 12, b"SSND", "big")


def _au(file: _File, start: int) -> tuple[int, int]:
    file.seek(start + 4)
    place, size = int.from_bytes(file.read(4), "big"), int.from_bytes(file.read(4), "big")
    return start + place, _stated(size)


def _rf64(file: _File, start: int) -> tuple[int, int] | None:
    """RF64 states the size of its samples in a chunk of its own, before all others."""
    data, sizes = _chunk(file, start + 12, b"data", "little"), _chunk(file, start + 12, b"ds64", "little")
    if data is None or sizes is None:
        return data
    file.seek(sizes[0] + 8)
    return data[0], _stated(int.from_bytes(file.read(8), "little"), _PLACEHOLDER_64)


def _wave64(file: _File, start: int) -> tuple[int, int] | None:
    """Wave64 names chunks with 16 bytes, and counts these and the size into the size."""
    place = start + 40
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(24)
        length = int.from_bytes(head[16:], "little")
        if len(head) < 24 or length < 24:
            return None
        if head[:4] == b"data":
            return place + 24, _stated(length - 24, _PLACEHOLDER_64)
        place += length + -length % 8
        if place >= _PLACEHOLDER_64:
            return None
    return None


def _caf(file: _File, start: int) -> tuple[int, int] | None:
    place = start + 8
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(12)
        length = int.from_bytes(head[4:], "big", signed=True)
        if len(head) < 12:
            return None
        if head[:4] == b"data":  # -1: until the end of the file
            return place + 12, _stated(length, _PLACEHOLDER_64)
        place += 12 + length
        if not 0 <= length < _PLACEHOLDER_64:
            return None
    return None


def _nist(file: _File, start: int) -> tuple[int, int] | None:
    """SPHERE states counts in lines of text. What is compressed ('shorten') states those of before."""
    file.seek(start)
    head = file.read(_NIST_HEAD).split(b"end_head")[0]
    lines = head.split(b"\n", 2)
    found = [re.search(rb"\n" + name + rb" -(?:i|s\d+) (\d{1,12})\n", head) for name in _NIST_FIELDS]
    if len(lines) < 3 or not lines[1].strip().isdigit() or b"shorten" in head or not all(found):
        return None
    count, width, channels = (int(one[1]) for one in found if one is not None)
    return start + int(lines[1][:12]), _stated(count * width * channels, _PLACEHOLDER_64)


def _voc(file: _File, start: int) -> tuple[int, int] | None:
    """Size of the first block of sound; others may follow it."""
    file.seek(start + 20)
    place = start + int.from_bytes(file.read(2), "little")
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(4)
        if len(head) < 4 or not head[0]:
            return None
        if head[0] in {1, 9}:
            return place + 4, _stated(int.from_bytes(head[1:], "little"))
        place += 4 + int.from_bytes(head[1:], "little")
    return None


_FORMATS: Final[tuple[tuple[tuple[tuple[int, bytes], ...], Callable[[_File, int], tuple[int, int] | None]], ...]] = (
    (((0, b"RIFF"), (8, b"WAVE")), _riff),
    (((0, b"RIFX"), (8, b"WAVE")), _rifx),
    (((0, b"RF64"), (8, b"WAVE")), _rf64),
    (((0, b"FORM"), (8, b"AIFF")), _aiff),
    (((0, b"FORM"), (8, b"AIFC")), _aiff),
    (((0, b".snd"),), _au),
    (((0, b"riff"), (24, b"wave")), _wave64),
    (((0, b"caff"),), _caf),
    (((0, b"NIST_1A"),), _nist),
    (((0, b"Creative Voice File"),), _voc),
)
