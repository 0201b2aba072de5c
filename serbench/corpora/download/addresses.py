"""The addresses, sizes and checksums of published corpora, with their sources."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from serbench.corpora.named.manifest import manifest
from serbench.errors import UsageError, unknown

__all__ = ["RemoteFile", "Source", "source_names", "source_of"]


@dataclass(frozen=True)
class RemoteFile:
    """A file to download."""

    name: str
    """Path of the file, relative to the corpus's folder."""
    urls: tuple[str, ...]
    """Addresses of the file, in the order in which they are tried."""
    size: int | None = None
    """Size in bytes; None if it is not published."""
    checksum: str | None = None
    """`sha256:...` or `md5:...`; None if it is not published. Then only the size is checked."""
    most: int = 8 << 30
    """Most bytes to accept if the size is unknown."""


@dataclass(frozen=True)
class Source:
    """The files of a corpus to download.

    Attributes:
        files: the files.
        archive: whether the files are archives, which are removed after unpacking.
        unpacked: approximate size in bytes after unpacking; for single files their sum.
    """

    files: tuple[RemoteFile, ...]
    archive: bool = False
    unpacked: int = 0

    @property
    def size(self) -> int:
        """Bytes to download, as far as sizes are known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def unprotected(self) -> tuple[RemoteFile, ...]:
        """Files that neither https nor a checksum protects on their way."""
        return tuple(
            file for file in self.files if file.checksum is None and any(url.startswith("http://") for url in file.urls)
        )


# The repository keeps audio in Git LFS: raw.githubusercontent.com has pointers, media.githubusercontent.com the files.
# The repository's README names the mirror.
_CREMA_D_MEDIA: Final = "https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/master/"
_CREMA_D_TEXT: Final = "https://raw.githubusercontent.com/CheyneyComputerScience/CREMA-D/master/"
_CREMA_D_MIRROR: Final = "https://gitlab.com/cs-cooper-lab/crema-d-mirror/-/raw/main/"
_CREMA_D_TABLES: Final = ("VideoDemographics.csv", "processedResults/summaryTable.csv")

_ARCHIVES: Final = {
    # Size and MD5 are those on the Zenodo page.
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
    # A mirror of PaddleSpeech with its MD5. The publisher's own page offers the files only one by one.
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

_NOT_DOWNLOADED: Final = {
    "savee": "register at http://kahlan.eps.surrey.ac.uk/savee/Download.html, and pass the unpacked folder with --data",
    "demo": "the demo corpus is made when it is first used",
}


def source_names() -> tuple[str, ...]:
    """Returns the names of the corpora that can be downloaded."""
    return tuple(sorted(("crema-d", *_ARCHIVES)))


def source_of(corpus: str, base_url: str | None = None, limit: int | None = None) -> Source:
    """Returns the files of a corpus to download.

    Args:
        corpus: name of the corpus.
        base_url: address of your own mirror, with the same file names; None for the published addresses.
        limit: number of clips, spread over speakers and emotions; None for all.

    Raises:
        UsageError: the corpus cannot be downloaded, or not in part, or the address is not valid.
    """
    if corpus in _NOT_DOWNLOADED:
        raise UsageError(f"{corpus} cannot be downloaded: {_NOT_DOWNLOADED[corpus]}")
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
    if not _host(base_url):
        raise UsageError(f"--base-url '{base_url}' names no host; write it as in https://mirror.example/corpora")
    base = base_url.rstrip("/")
    return replace(source, files=tuple(replace(file, urls=(f"{base}/{file.name}",)) for file in source.files))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # a bracket that is not closed
        return ""


def _crema_d(limit: int | None) -> Source:
    # In the order of a hash, the first clips are spread over speakers, sentences and emotions.
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
