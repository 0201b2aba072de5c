"""Finds audio files below a folder: no hidden files, no links that lead out, a limited depth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench.audio.formats import SUFFIXES
from serbench.errors import SerbenchError

__all__ = ["DOCUMENTS", "MAX_DEPTH", "MAX_ENTRIES", "Scan", "is_utf8", "scan_audio"]

MAX_DEPTH = 12
"""Levels of folders that are searched below the first one."""

MAX_ENTRIES = 500_000
"""A folder with more entries is probably not a corpus but a whole disk."""

DOCUMENTS = frozenset(
    [
        ".txt",
        ".md",
        ".rst",
        ".csv",
        ".tsv",
        ".json",
        ".jsonl",
        ".xml",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".cfg",
        ".parquet",
        ".xlsx",
        ".xls",
        ".ods",
        ".pdf",
        ".doc",
        ".docx",
        ".htm",
        ".html",
        ".lab",
        ".textgrid",
        ".trs",
        ".eaf",
        ".srt",
        ".vtt",
        ".bib",
        ".py",
        ".ipynb",
        ".m",
        ".r",
        ".sh",
        ".log",
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".svg",
    ]
)
"""Suffixes of files that nobody takes for audio."""

_LISTS = frozenset({"readme", "license", "licence", "changelog", "authors", "sha256sums", "md5sums", "makefile"})


@dataclass(frozen=True)
class Scan:
    """What was found below a folder; all sorted.

    Attributes:
        files: the audio files.
        escaping: links to audio or folders that were not followed because they lead out of the folder.
        passed_over: files and folders that may hold audio but were not looked at, each with the reason. `DOCUMENTS` and
            hidden files are not among them.
        documents: files that are no audio by their suffix.
    """

    files: tuple[Path, ...]
    escaping: tuple[Path, ...]
    passed_over: tuple[tuple[str, Path], ...] = ()
    documents: tuple[Path, ...] = ()


def scan_audio(
    root: Path,
    suffixes: Sequence[str] = SUFFIXES,
    *,
    within: Path | None = None,
    max_entries: int = MAX_ENTRIES,
    any_name: bool = False,
) -> Scan:
    """Lists the audio files in `root` and up to `MAX_DEPTH` levels below it, by suffix (in any case).

    Hidden files and folders are skipped, e.g. the `._*` files of macOS. A link to a file inside `root` or `within`
    counts as that file; links to folders are not followed. Devices and pipes are listed like files, so that the
    inspection can report them. Nothing is opened. What may be audio and is not listed is named in `passed_over`.

    Args:
        root: the folder.
        suffixes: with the dot, e.g. `.wav`.
        within: the folder that the user named, if `root` is a folder inside it; None if `root` is the one.
        max_entries: most entries of all folders together.
        any_name: whether to list files whose names are not UTF-8, which no table can hold.

    Raises:
        SerbenchError: the folder cannot be read or has more than `max_entries` entries.
    """
    root = root.resolve()
    inside = (root,) if within is None else (root, within.resolve())
    wanted = tuple(suffix.lower() for suffix in suffixes)
    found: dict[str, list[Path]] = {"files": [], "escaping": [], "documents": []}
    passed_over: list[tuple[str, Path]] = []
    pending = [(root, 0)]
    seen = 0
    while pending:
        folder, depth = pending.pop()
        entries = _entries(folder, must_read=depth == 0)
        if entries is None:
            passed_over.append(("cannot be opened", folder))
        for entry in entries or ():
            seen += 1
            if seen > max_entries:
                raise SerbenchError(
                    f"{root} has more than {max_entries:,} entries; pass the folder that holds only the corpus"
                )
            path = folder / entry.name
            kind = _kind(entry, path, inside, wanted)
            if kind == "folder" and depth < MAX_DEPTH:
                pending.append((path, depth + 1))
            elif kind == "folder":
                passed_over.append((f"lies more than {MAX_DEPTH} folders deep", path))
            elif kind == "files" and not any_name and not is_utf8(str(path)):
                passed_over.append(("the name is not UTF-8; rename it", path))
            elif kind in found:
                found[kind].append(path)
            elif kind:
                passed_over.append((kind, path))
    return Scan(
        tuple(sorted(found["files"])),
        tuple(sorted(found["escaping"])),
        tuple(sorted(passed_over)),
        tuple(sorted(found["documents"])),
    )


def _kind(entry: os.DirEntry[str], path: Path, inside: Sequence[Path], wanted: tuple[str, ...]) -> str:
    """'folder', a field of `Scan`, the reason to pass an entry over, or '' to say nothing of it.

    Links to files may lead into any folder of `inside`. Only the first of these folders is searched.
    """
    suffix = path.suffix.lower()
    if entry.name.startswith("."):
        return ""
    if entry.is_symlink() and _is_folder(path):
        return "escaping" if _leads_out(path, inside[:1]) else ""
    if entry.is_symlink() and _leads_out(path, inside):
        return "escaping" if suffix in wanted else ""
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "files" if suffix in wanted else _other(path, suffix)


def _is_folder(path: Path) -> bool:
    """Whether a link leads to a folder; False where nobody may look."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _other(path: Path, suffix: str) -> str:
    if suffix in DOCUMENTS or path.stem.lower() in _LISTS:
        return "documents"
    return f"{suffix} is no suffix of audio" if suffix else "the name has no suffix"


def is_utf8(name: str) -> bool:
    """Whether a file name can be written as text. Names from old archives may not (Latin-1, CP437)."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _entries(folder: Path, *, must_read: bool) -> list[os.DirEntry[str]] | None:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        if must_read:
            raise SerbenchError(f"cannot read {folder}: {error.strerror}; check its permissions") from None
        return None


def _leads_out(link: Path, folders: Sequence[Path]) -> bool:
    try:
        target = link.resolve()
    except (OSError, RuntimeError):  # a loop of links leads nowhere
        return True
    return not any(target.is_relative_to(folder) for folder in folders)
