"""Atomic writes, readable errors for file problems, and hashes. No file of `results/` or the cache is half-written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from serbench.errors import SerbenchError
from serbench.records.progress import Progress

__all__ = [
    "digest_of",
    "file_sha256",
    "held",
    "locked",
    "publish_folder",
    "read_text",
    "sync_folder",
    "write_bytes_atomic",
    "write_text_atomic",
    "writing",
]

_LOCK_WAIT_S = 1.0

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file is larger than this system allows; raise the limit (ulimit -f)",
    errno.EROFS: "the file system is read-only; name another folder",
    errno.EACCES: "permission denied; name a folder you may write to",
    errno.EPERM: "permission denied; name a folder you may write to",
    errno.ENOTDIR: "a part of the path is a file, not a folder; name another folder",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENAMETOOLONG: "the name is too long; name a shorter one",
    errno.ELOOP: "the path runs in a circle of links; name another folder",
    errno.EBUSY: "it is a mount point or in use; name another folder",
    errno.EEXIST: "a file of that name is in the way; name another folder",
}


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Context manager that turns an `OSError` while writing `path` into a readable error.

    Raises:
        SerbenchError: the disk is full or read-only, permission is denied, or the path cannot exist. Other kinds of
            `OSError` pass through unchanged.
    """
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0)
        if reason is None:
            raise
        raise SerbenchError(f"cannot write {path}: {reason} and run the same command again") from error


@contextlib.contextmanager
def held(lock: filelock.BaseFileLock, progress: Progress | None = None) -> Iterator[None]:
    """Holds a lock while the block runs, and waits for it as long as it takes.

    Args:
        lock: the lock, which this thread does not hold yet.
        progress: called with (0, 1) each second while somebody else holds the lock, and then once with (1, 1). An error
            that it raises ends the wait.
    """
    waited = False
    while not lock.is_locked:
        try:
            lock.acquire(timeout=_LOCK_WAIT_S)
        except filelock.Timeout:
            waited = True
            if progress is not None:
                progress(0, 1)
    try:
        if waited and progress is not None:
            progress(1, 1)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps other processes from a file while it is read, changed and written. Its folder is made if need be.

    Args:
        path: the file, which need not exist; the lock is a hidden file beside it.

    Raises:
        SerbenchError: the folder cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def read_text(path: Path) -> str:
    """Reads a UTF-8 text file.

    Raises:
        SerbenchError: the file is missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SerbenchError(f"{path} does not exist") from None
    except UnicodeDecodeError:
        raise SerbenchError(f"{path} is not UTF-8 text; restore it, or save it as UTF-8") from None
    except OSError as error:
        raise SerbenchError(f"cannot read {path}: {error.strerror}") from None


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Writes a file atomically: to a temporary file in the same folder, synced and then renamed to `path`.

    Missing parent folders are created.

    Raises:
        SerbenchError: the folder cannot be written, or the path is a folder.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_text_atomic(path: Path, text: str) -> None:
    """Writes text as UTF-8, atomically; see `write_bytes_atomic`."""
    write_bytes_atomic(path, text.encode("utf-8"))


@contextlib.contextmanager
def publish_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yields a temporary folder beside `target` that is renamed to `target` when the block ends without an error.

    If `target` exists by then, it stays and the temporary folder is discarded: another process has published it whole.

    Args:
        target: path of the folder.
        replace: whether a folder that is there already makes room, once the new one is whole.

    Raises:
        SerbenchError: the folder cannot be written.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
        try:
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    with file.open("rb") as handle:
                        os.fsync(handle.fileno())
            temporary.chmod(0o755)
            with _room(target) if replace else contextlib.nullcontext():
                try:
                    temporary.rename(target)
                except OSError:
                    if not target.is_dir():
                        raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync_folder(target.parent)


@contextlib.contextmanager
def _room(target: Path) -> Iterator[None]:
    """Moves a folder away. It is deleted when the block ends, and comes back where that ends with an error."""
    if not target.is_dir():
        yield
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        target.rename(aside / target.name)
        try:
            yield
        except BaseException:
            (aside / target.name).rename(target)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's content as 64 hex digits. The file may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any, *, length: int = 16) -> str:
    """Returns the SHA-256 of the canonical JSON of `value` (sorted keys, no spaces), cut to `length` hex digits.

    >>> digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def sync_folder(folder: Path) -> None:
    """Makes a rename durable. Errors are ignored, because not every file system supports it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
