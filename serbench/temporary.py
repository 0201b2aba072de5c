"""Temporary folders that a later run removes if the process that made them was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["sweep_temporary", "temporary_folder"]

_PREFIX: Final = "serbench-tmp-"
_YOUNG_S: Final = 60.0
"""A folder is locked a moment after it is made; younger ones are left alone."""

_swept = False


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Context manager that yields a new, empty folder in TMPDIR and removes it at the end.

    The first one of a process also removes what killed processes have left.
    """
    global _swept  # noqa: PLW0603 - once in a process is enough
    if not _swept:
        _swept = True
        sweep_temporary()
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder, _locked(Path(folder)):
        yield Path(folder)


def sweep_temporary() -> int:
    """Removes temporary folders that no process holds any more.

    Returns:
        Their number.
    """
    removed = 0
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Another user's folder, or one that is just being removed.
        with contextlib.suppress(OSError):
            if not path.is_symlink() and time.time() - path.stat().st_mtime > _YOUNG_S:
                with _locked(path):
                    shutil.rmtree(path)
                removed += 1
    return removed


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder. The operating system gives it up when the process ends, however it ends."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
