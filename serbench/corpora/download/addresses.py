"""Where corpora are published: addresses, sizes and checksums, each with its source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from serbench.corpora.named.manifest import manifest
from serbench.errors import UsageError, unknown

__all__ = ["RemoteFile", "Source", "source_names", "source_of"]


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch."""

    name: str
    """Where it goes, relative to the corpus's folder."""
    urls: tuple[str, ...]
    """Mirrors, in the order in which they are tried."""
    size: int | None = None
    """Bytes; None where nobody says."""
    checksum: str | None = None
    """`sha256:...` or `md5:...`; None where nobody says, and then the size alone is compared."""
    most: int = 8 << 30
    """Bytes that are taken at the most where no size is known."""


@dataclass(frozen=True)
class Source:
    """How a corpus is got.

    Attributes:
        files: to be fetched.
        archive: whether they are archives, to be unpacked and then removed.
        unpacked: bytes on the disk after unpacking, about; for single files their sum.
    """

    files: tuple[RemoteFile, ...]
    archive: bool = False
    unpacked: int = 0

    @property
    def size(self) -> int:
        """Bytes to fetch, as far as they are known."""
        return sum(file.size or 0 for file in self.files)


# The repository keeps audio in Git LFS: raw.githubusercontent.com has pointers, media.githubusercontent.com the files.
# The mirror is the one that the repository's README names.
_CREMA_D_MEDIA: Final = "https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/master/"
_CREMA_D_TEXT: Final = "https://raw.githubusercontent.com/CheyneyComputerScience/CREMA-D/master/"
_CREMA_D_MIRROR: Final = "https://gitlab.com/cs-cooper-lab/crema-d-mirror/-/raw/main/"
_CREMA_D_TABLES: Final = ("VideoDemographics.csv", "processedResults/summaryTable.csv")

_ARCHIVES: Final = {
    # Size and MD5 as on the record's page.
    "ravdess": Source(
        (
            RemoteFile(
                "Audio_Speech_Actors_01-24.zip",
                (
                    "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
                    "https://zenodo.org/api/records/1188976/files/Audio_Speech_Actors_01-24.zip/content",
                ),
                208_468_073,
                "md5:bc696df654c87fed845eb13823edef8a",
            ),
        ),
        archive=True,
        unpacked=600_000_000,
    ),
    # The site states neither size nor checksum.
    "emo-db": Source(
        (RemoteFile("download.zip", ("http://emodb.bilderbar.info/download/download.zip",)),),
        archive=True,
        unpacked=60_000_000,
    ),
    # A mirror of PaddleSpeech, with the MD5 that it states; the publisher's own page hands out files one by one.
    "tess": Source(
        (
            RemoteFile(
                "TESS_Toronto_emotional_speech_set.zip",
                ("https://bj.bcebos.com/paddleaudio/datasets/TESS_Toronto_emotional_speech_set.zip",),
                None,
                "md5:1465311b24d1de704c4c63e4ccc470c7",
            ),
        ),
        archive=True,
        unpacked=300_000_000,
    ),
}

_ON_REQUEST: Final = {
    "savee": "SAVEE is handed out after a registration at http://kahlan.eps.surrey.ac.uk/savee/Download.html, and "
    "--data takes its unpacked folder",
    "demo": "the demo corpus makes itself when it is first used",
}


def source_names() -> tuple[str, ...]:
    """The corpora that can be fetched."""
    return tuple(sorted(("crema-d", *_ARCHIVES)))


def source_of(corpus: str, base_url: str | None = None, limit: int | None = None) -> Source:
    """How a corpus is got.

    Args:
        corpus: its name.
        base_url: a mirror of one's own, below which the files have the same names; None for the published ones.
        limit: so many clips, spread over speakers and emotions; None for all.

    Raises:
        UsageError: it cannot be fetched, or not in part; an address that is none.
    """
    if corpus in _ON_REQUEST:
        raise UsageError(f"{_ON_REQUEST[corpus]}; there is nothing to download")
    if corpus not in source_names():
        raise unknown("corpus to download", corpus, source_names())
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be at least 1, got {limit}")
    if limit is not None and corpus != "crema-d":
        raise UsageError(f"{corpus} comes as one archive, whole; leave --limit out")
    source = _crema_d(limit) if corpus == "crema-d" else _ARCHIVES[corpus]
    if base_url is None:
        return source
    if not base_url.startswith(("http://", "https://")):
        raise UsageError(f"--base-url '{base_url}' must begin with http:// or https://")
    base = base_url.rstrip("/")
    return replace(source, files=tuple(replace(file, urls=(f"{base}/{file.name}",)) for file in source.files))


def _crema_d(limit: int | None) -> Source:
    # Sorted by a hash, any first part of them is spread over speakers, sentences and emotions.
    published = sorted(manifest("crema-d"), key=lambda file: hashlib.sha256(file.name.encode()).digest())
    clips = [
        RemoteFile(
            f"AudioWAV/{file.name}",
            (f"{_CREMA_D_MEDIA}AudioWAV/{file.name}", f"{_CREMA_D_MIRROR}AudioWAV/{file.name}"),
            file.size,
            f"sha256:{file.sha256}",
        )
        for file in published[:limit]
    ]
    tables = [
        RemoteFile(name, (f"{_CREMA_D_TEXT}{name}", f"{_CREMA_D_MIRROR}{name}"), most=16 << 20)
        for name in _CREMA_D_TABLES
    ]
    return Source((*tables, *clips), unpacked=sum(clip.size or 0 for clip in clips))
