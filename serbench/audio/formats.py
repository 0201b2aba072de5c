"""Formats of audio files: the one list of suffixes, and what the first bytes of a file say."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["HEAD_BYTES", "SUFFIXES", "Container", "container_of"]

SUFFIXES: Final = (
    ".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".m4a", ".aac",
    ".wave", ".rf64", ".bwf", ".w64", ".aifc", ".au", ".snd", ".caf", ".sph", ".voc", ".oga", ".spx", ".mp2", ".mpga",
    ".wma", ".asf", ".amr", ".awb", ".3gp", ".3g2", ".m4b", ".mka", ".weba", ".webm", ".ac3", ".ape", ".wv", ".tta",
    ".mp4", ".mov", ".mkv", ".avi", ".flv",
)  # fmt: skip
"""Suffixes of audio files, and of videos, whose first sound track is read. In order of preference: if a clip has
several files, the one with the earliest suffix is used."""

HEAD_BYTES: Final = 64
"""Bytes that `container_of` looks at."""


class Container(NamedTuple):
    """A format as ffmpeg knows it.

    Attributes:
        demuxer: ffmpeg's name of the container.
        title: name in messages.
        foreign: whether libsndfile cannot read it at all. It reads at least some codecs of the others.
    """

    demuxer: str
    title: str
    foreign: bool = True


_MOV: Final = Container("mov", "MPEG-4 audio")
_MARKS: Final = (
    (4, b"ftyp", _MOV),
    (4, b"moov", _MOV),
    (0, b"\x1aE\xdf\xa3", Container("matroska", "Matroska or WebM audio")),
    (0, b"0&\xb2u\x8ef\xcf\x11", Container("asf", "Windows Media audio")),
    (0, b"#!AMR", Container("amr", "AMR audio")),
    (0, b"FLV\x01", Container("flv", "Flash video")),
    (8, b"AVI ", Container("avi", "AVI video")),
    (0, b"MAC ", Container("ape", "Monkey's Audio")),
    (0, b"wvpk", Container("wv", "WavPack audio")),
    (0, b"TTA1", Container("tta", "True Audio")),
    (0, b"\x0bw", Container("ac3", "AC-3 audio")),
    (8, b"WAVE", Container("wav", "WAV", foreign=False)),
    (0, b"FORM", Container("aiff", "AIFF", foreign=False)),
    (0, b"caff", Container("caf", "CAF", foreign=False)),
    (0, b".snd", Container("au", "AU", foreign=False)),
    (0, b"OggS", Container("ogg", "Ogg", foreign=False)),
    (0, b"NIST_1A", Container("nistsphere", "NIST SPHERE", foreign=False)),
)

_ADTS: Final = Container("aac", "AAC audio")
_BY_SUFFIX: Final = {
    ".aac": Container("aac", "aac"), ".amr": Container("amr", "amr"), ".awb": Container("amr", "awb"),
    ".wma": Container("asf", "wma"), ".asf": Container("asf", "asf"), ".flv": Container("flv", "flv"),
    ".avi": Container("avi", "avi"), ".ape": Container("ape", "ape"), ".wv": Container("wv", "wv"),
    ".tta": Container("tta", "tta"), ".ac3": Container("ac3", "ac3"),
    **{f".{name}": Container("mov", name) for name in ("m4a", "m4b", "mp4", "mov", "3gp", "3g2")},
    **{f".{name}": Container("matroska", name) for name in ("webm", "weba", "mka", "mkv")},
}  # fmt: skip


def container_of(head: bytes, suffix: str) -> Container | None:
    r"""Returns the container of a file that libsndfile may not be able to read.

    >>> container_of(b"\0\0\0\x20ftypM4A ", ".wav").title
    'MPEG-4 audio'
    >>> container_of(b"fLaC", ".m4a") is None
    True

    Args:
        head: the first `HEAD_BYTES` bytes. They decide wherever they are known.
        suffix: of the file's name, with the dot. It decides if the bytes say nothing.

    Returns:
        The container; None if only libsndfile can tell.
    """
    for place, mark, container in _MARKS:
        if head.startswith(mark, place):
            return container
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return _ADTS
    known_elsewhere = head.startswith((b"fLaC", b"ID3", b"RIFF", b"RF64", b"riff")) or head[:1] == b"\xff"
    by_suffix = _BY_SUFFIX.get(suffix.lower())
    if head.startswith(b"ID3") and by_suffix == _BY_SUFFIX[".aac"]:
        return _ADTS._replace(foreign=False)
    return None if known_elsewhere else by_suffix
