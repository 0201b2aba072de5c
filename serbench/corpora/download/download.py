"""`Download`: fetches a corpus into a folder that serbench can read."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import filelock

from serbench.corpora.download.addresses import Source, source_of
from serbench.corpora.download.fetch import is_there
from serbench.corpora.download.settings import FetchSettings
from serbench.corpora.download.transfer import Transfer, transfer
from serbench.corpora.download.unpack import clear_leftovers, unpack
from serbench.corpora.folders import cache_root
from serbench.corpora.registry import get_corpus
from serbench.errors import SerbenchError, UsageError
from serbench.records import digest_of, writing

__all__ = ["Download"]

_SPARE_BYTES: Final = 256 << 20
_MOST_CONNECTIONS: Final = 32
_ARCHIVES: Final = ".serbench-download"


@dataclass(frozen=True)
class Download:
    """A planned download of a corpus.

    Attributes:
        corpus: name of the corpus.
        folder: where it will be.
        source: the files to download.
        connections: most connections at once.
    """

    corpus: str
    folder: Path
    source: Source
    connections: int = 8

    @classmethod
    def of(
        cls,
        corpus: str,
        to: Path | None = None,
        base_url: str | None = None,
        limit: int | None = None,
        connections: int = 8,
    ) -> Download:
        """Plans a download. No connection is opened.

        Args:
            corpus: name of the corpus.
            to: folder to download to; None for the corpus's default folder.
            base_url: address of your own mirror; None for the published addresses.
            limit: number of clips; None for all.
            connections: most connections at once.

        Raises:
            UsageError: the corpus cannot be downloaded, or a number is out of range.
        """
        if not 1 <= connections <= _MOST_CONNECTIONS:
            raise UsageError(f"--connections must lie between 1 and {_MOST_CONNECTIONS}, got {connections}")
        source = source_of(corpus, base_url, limit)
        folder = to or get_corpus(corpus).default_folder()
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; name a folder with --to")
        return cls(corpus, folder.absolute(), source, connections)

    @property
    def _place(self) -> Path:
        """Where files are received. Archives have a folder of their own: other files of their names are a person's."""
        return self.folder / _ARCHIVES if self.source.archive else self.folder

    def complete(self) -> bool:
        """Whether all files (or, for archives, all clips) of the corpus are already there."""
        if not self.source.archive:
            return self.folder.is_dir() and all(is_there(file, self.folder) for file in self.source.files)
        try:
            return self.folder.is_dir() and get_corpus(self.corpus).read(self.folder).missing == 0
        except SerbenchError:
            return False

    def check_room(self) -> None:
        """Checks that the disk has enough free space.

        Raises:
            SerbenchError: it has not.
        """
        place = next(one for one in (self.folder, *self.folder.parents) if one.exists())
        free = shutil.disk_usage(place).free
        parts = [self._place / f"{file.name}{end}" for file in self.source.files for end in ("", ".part")]
        done = sum(path.stat().st_size for path in parts if path.is_file())
        packed = (self.source.size or self.source.unpacked) if self.source.archive else 0
        needed = max(0, packed + self.source.unpacked - done) + _SPARE_BYTES
        if free < needed:
            raise SerbenchError(
                f"{self.corpus} needs about {needed >> 20:,} MiB at {self.folder}, where {free >> 20:,} MiB are free; "
                "make room, or name another folder with --to"
            )

    def run(self, settings: FetchSettings, received: Callable[[int], None] = lambda _: None) -> Transfer:
        """Downloads the missing files and unpacks archives.

        Args:
            settings: retries and time limits.
            received: called with the number of bytes received, from any thread.

        Returns:
            The result. Files that were downloaded stay, even if others failed.

        Raises:
            SerbenchError: the disk is full, the folder cannot be written, or another download into it is running.
        """
        self.check_room()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SerbenchError(f"{self.folder} cannot be made: {error.strerror}; name another with --to") from None
        # The lock is in the cache, so that a user's folder gets nothing but the corpus.
        lock = cache_root() / "locks" / f"download-{digest_of(str(self.folder.resolve()))}.lock"
        with writing(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(lock, blocking=False):
                return self._run(settings, received)
        except filelock.Timeout:
            raise SerbenchError(
                f"another download into {self.folder} is running; wait for it, or name another folder with --to"
            ) from None

    def _run(self, settings: FetchSettings, received: Callable[[int], None]) -> Transfer:
        """Downloads and unpacks while holding the lock."""
        clear_leftovers(self.folder)
        if self.source.archive and self.complete():  # an earlier run may have been killed between unpacking and here
            shutil.rmtree(self._place, ignore_errors=True)
            return Transfer((), tuple(file.name for file in self.source.files), {}, stopped=False)
        self._take_over()
        done = transfer(self.source.files, self._place, settings, self.connections, received)
        if not self.source.archive or done.stopped:
            return done
        for file in self.source.files:
            if file.name in done.failed:
                continue
            archive = self._place / file.name
            try:
                unpack(archive, self.folder)
            except SerbenchError as error:
                done = replace(done, failed={**done.failed, file.name: str(error)})
                if (file.size or file.checksum) and is_there(file, self._place):
                    continue  # as published, so something else is in the way: it need not be sent again
            archive.unlink()
        with contextlib.suppress(OSError):  # it holds an archive that waits
            self._place.rmdir()
        return done

    def _take_over(self) -> None:
        """Goes on with parts of archives that an earlier version received in the corpus's folder."""
        names = (f"{file.name}{end}" for file in self.source.files for end in (".part", ".part.tag"))
        for name in names if self.source.archive else ():
            if (self.folder / name).is_file() and not (self._place / name).exists():
                self._place.mkdir(exist_ok=True)
                (self.folder / name).replace(self._place / name)
