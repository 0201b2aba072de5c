"""Finds audio files below a folder: no hidden files, no links that lead out, no endless descent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench.errors import SerbenchError

__all__ = ["MAX_DEPTH", "MAX_ENTRIES", "Scan", "scan_audio"]

MAX_DEPTH = 3
"""Folders are entered this many levels below the first one."""

MAX_ENTRIES = 500_000
"""A folder with more entries than this is no corpus but somebody's whole disk."""


@dataclass(frozen=True)
class Scan:
    """Audio files found, and links that were not followed since they lead out of the folder; both sorted."""

    files: tuple[Path, ...]
    escaping: tuple[Path, ...]


def scan_audio(root: Path, suffixes: Sequence[str], *, max_entries: int = MAX_ENTRIES) -> Scan:
    """Lists the audio files in `root` and up to `MAX_DEPTH` folders below it, by suffix (any case).

    Hidden files and folders are passed over, macOS' `._*` companions among them. A link to a file inside
    `root` counts as that file; links to folders are never entered. Devices and pipes are listed by name like
    files, for the health inspection to name; nothing is opened.

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
