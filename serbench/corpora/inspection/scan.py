"""Finds audio files below a folder: no hidden files, no links that lead out, a limited depth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench.errors import SerbenchError

__all__ = ["MAX_DEPTH", "MAX_ENTRIES", "Scan", "scan_audio"]

MAX_DEPTH = 3
"""Levels of folders that are searched below the first one."""

MAX_ENTRIES = 500_000
"""A folder with more entries is probably not a corpus but a whole disk."""


@dataclass(frozen=True)
class Scan:
    """The audio files found, and the links that were not followed because they lead out of the folder; both sorted."""

    files: tuple[Path, ...]
    escaping: tuple[Path, ...]


def scan_audio(root: Path, suffixes: Sequence[str], *, max_entries: int = MAX_ENTRIES) -> Scan:
    """Lists the audio files in `root` and up to `MAX_DEPTH` levels below it, by suffix (in any case).

    Hidden files and folders are skipped, e.g. the `._*` files of macOS. A link to a file inside `root` counts as that
    file; links to folders are not followed. Devices and pipes are listed like files, so that the inspection can report
    them. Nothing is opened.

    Args:
        root: the folder.
        suffixes: with the dot, e.g. `.wav`.
        max_entries: most entries of all folders together.

    Raises:
        SerbenchError: the folder cannot be read or has more than `max_entries` entries.
    """
    root = root.resolve()
    wanted = tuple(suffix.lower() for suffix in suffixes)
    files: list[Path] = []
    escaping: list[Path] = []
    pending = [(root, 0)]
    seen = 0
    while pending:
        folder, depth = pending.pop()
        for entry in _entries(folder, must_read=depth == 0):
            seen += 1
            if seen > max_entries:
                raise SerbenchError(
                    f"{root} has more than {max_entries:,} entries; pass the folder that holds only the corpus"
                )
            if entry.name.startswith("."):
                continue
            path = folder / entry.name
            if entry.is_symlink():
                if _leads_out(path, root):
                    if path.is_dir() or path.suffix.lower() in wanted:
                        escaping.append(path)
                    continue
                if path.is_dir():
                    continue
            elif entry.is_dir(follow_symlinks=False):
                if depth < MAX_DEPTH:
                    pending.append((path, depth + 1))
                continue
            if path.suffix.lower() in wanted:
                files.append(path)
    return Scan(tuple(sorted(files)), tuple(sorted(escaping)))


def _entries(folder: Path, *, must_read: bool) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        if must_read:
            raise SerbenchError(f"cannot read {folder}: {error.strerror}; check its permissions") from None
        return []


def _leads_out(link: Path, root: Path) -> bool:
    try:
        return not link.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a loop of links leads nowhere
        return True
