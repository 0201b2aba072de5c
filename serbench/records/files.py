"""Atomic writes and hashes: nothing under `results/` or the cache is ever half-written."""

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

from serbench.errors import SerbenchError

__all__ = ["digest_of", "publish_folder", "read_text", "write_bytes_atomic", "write_text_atomic", "writing"]

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file is larger than this system allows; raise the limit (ulimit -f)",
    errno.EROFS: "the file system is read-only; name another folder",
    errno.EACCES: "permission denied; name a folder you may write to",
    errno.EPERM: "permission denied; name a folder you may write to",
    errno.ENOTDIR: "a part of the path is a file, not a folder; name another folder",
    errno.ENAMETOOLONG: "the name is too long; name a shorter one",
    errno.ELOOP: "the path runs in a circle of links; name another folder",
    errno.EEXIST: "a file of that name is in the way; name another folder",
}


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns the operating system's refusal to write `path` into one sentence.

    Raises:
        SerbenchError: the disk is full or read-only, or the folder may not be written.
    """
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0)
        if reason is None:
            raise
        raise SerbenchError(f"cannot write {path}: {reason} and run the same command again") from error


def read_text(path: Path) -> str:
    """Reads a UTF-8 text file.

    Raises:
        SerbenchError: it is missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SerbenchError(f"{path} does not exist") from None
    except UnicodeDecodeError:
        raise SerbenchError(f"{path} is no text in UTF-8; restore it, or save it as UTF-8") from None
    except OSError as error:
        raise SerbenchError(f"cannot read {path}: {error.strerror}") from None


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Writes `data` under a temporary name in the same folder, syncs it, and renames it to `path`.

    Raises:
        SerbenchError: the folder cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
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
        _sync_folder(path.parent)


def write_text_atomic(path: Path, text: str) -> None:
    """Like `write_bytes_atomic`, in UTF-8."""
    write_bytes_atomic(path, text.encode("utf-8"))


@contextlib.contextmanager
def publish_folder(target: Path) -> Iterator[Path]:
    """Yields a temporary sibling folder that becomes `target` in one rename when the block ends well.

    A `target` that is already there wins: it was published whole by somebody else.

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
            try:
                temporary.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _sync_folder(target.parent)


def digest_of(value: Any, *, length: int = 16) -> str:
    """SHA-256 of the canonical JSON of `value` (sorted keys, no spaces), as `length` hex digits.

    >>> digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable. Not every file system can; one that cannot is no reason to fail."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
