"""Keeps the feature cache within its size limit and removes what killed processes left behind."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

__all__ = ["KEY_LENGTH", "discard", "make_room", "sweep"]

KEY_LENGTH = 24
RECENT_S = 600.0
"""Seconds. Entries used this recently stay even above the limit: a child may have the path and not opened it yet."""

_KEY = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")
_LEFTOVER = re.compile(rf"\.(?P<key>[0-9a-f]{{{KEY_LENGTH}}})\..*\.tmp")
_TRASH_PREFIX = ".trash-"
_TRASH = re.compile(rf"{re.escape(_TRASH_PREFIX)}[0-9a-f]{{32}}")


class _Entry(NamedTuple):
    last_used: float
    size: int
    folder: Path


def make_room(root: Path, limit_bytes: int, keep: str, recent_s: float = RECENT_S) -> None:
    """Removes the least recently used entries until the rest fit into `limit_bytes`.

    Removes only folders that look like cache entries, whatever else is in `root`.

    Args:
        root: the cache folder.
        limit_bytes: largest total size of the remaining entries.
        keep: key of an entry that stays in any case.
        recent_s: entries used within this many seconds stay, too.
    """
    entries = sorted(filter(None, map(_entry, _listing(root))))
    held = sum(entry.size for entry in entries)
    newest_to_go = time.time() - recent_s
    for entry in entries:
        if held <= limit_bytes or entry.last_used > newest_to_go:
            return
        if entry.folder.name != keep and discard(entry.folder):
            held -= entry.size


def discard(folder: Path) -> bool:
    """Removes an entry so that no reader ever sees half of it. Returns False if that is not possible now.

    On POSIX systems a process that has the file mapped keeps its data. Windows refuses, and the entry stays.
    """
    trash = folder.with_name(f"{_TRASH_PREFIX}{uuid.uuid4().hex}")
    try:
        folder.rename(trash)
    except OSError:
        return False
    shutil.rmtree(trash, ignore_errors=True)
    return True


def sweep(root: Path, is_unused: Callable[[str], bool]) -> None:
    """Removes the temporary folders of writers that were killed.

    Args:
        root: the cache folder.
        is_unused: returns whether nobody is writing the entry of a key.
    """
    for path in _listing(root):
        leftover = _LEFTOVER.fullmatch(path.name)
        if _TRASH.fullmatch(path.name) or (leftover and is_unused(leftover["key"])):
            shutil.rmtree(path, ignore_errors=True)


def _listing(root: Path) -> list[Path]:
    try:
        return list(root.iterdir())
    except OSError:
        return []


def _entry(folder: Path) -> _Entry | None:
    if not _KEY.fullmatch(folder.name) or folder.is_symlink():
        return None
    # Another process may remove it between any two of these lines.
    with contextlib.suppress(OSError):
        files = [file.stat() for file in folder.iterdir()]
        if files:
            return _Entry(max(file.st_mtime for file in files), sum(file.st_size for file in files), folder)
    return None
