"""Unpacks an untrusted zip archive: nothing outside the folder, no existing file overwritten, no zip bombs."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from serbench.audio import SUFFIXES
from serbench.errors import SerbenchError
from serbench.printable import printable

__all__ = ["MAX_BYTES", "MAX_FILES", "clear_leftovers", "unpack"]

MAX_FILES: Final = 200_000
"""Most entries of an archive."""

MAX_BYTES: Final = 32 << 30
"""Most bytes that an archive may unpack to."""

_MAX_RATIO: Final = 200
"""Highest compression ratio. Audio is never compressed to a hundredth; a higher ratio means a zip bomb."""

_FREE_OF_RATIO: Final = 16 << 20
_KEPT: Final = (*SUFFIXES, ".csv", ".tsv", ".txt", ".md", ".lab", ".yaml", ".parquet")
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of the others, `zipfile` unpacks any number of bytes at a time, so no bound would hold."""

_CHUNK: Final = 1 << 20
_PREFIX: Final = ".serbench-unpack-"
_UNIX, _FILE_KINDS = 3, {0, 4, 8}
"""`create_system` of Unix, and the allowed file types: not stated, folder, regular file (no links or devices)."""


def clear_leftovers(folder: Path) -> None:
    """Removes temporary files of an earlier unpacking that was killed."""
    for path in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)


def unpack(archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES) -> int:
    """Unpacks a zip archive into a folder that may hold files already. Either everything is unpacked or nothing.

    Only audio and tables are unpacked. An existing file with the same content stays.

    Args:
        archive: the zip file.
        folder: where to unpack; created if missing.
        max_bytes: most bytes to unpack.

    Returns:
        The number of audio files that were unpacked.

    Raises:
        SerbenchError: the file is not a zip archive or is damaged; it holds names that lead out of the folder, links,
            devices, or more than the bounds allow; it packs audio otherwise than by deflate; or it would overwrite a
            different file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=folder, ignore_cleanup_errors=True) as temporary:
        place = Path(temporary)
        try:
            with zipfile.ZipFile(archive) as packed:
                kept = _extract(archive, packed, place, max_bytes)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise SerbenchError(f"{archive.name} is damaged or no zip archive ({_shown(str(error))})") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or _shown(str(error))
            raise SerbenchError(f"{archive.name} cannot be unpacked ({reason}); nothing was kept") from None
        if not kept:
            raise SerbenchError(f"{archive.name} holds no audio; it is not the archive that was asked for")
        _move(archive, place, folder)
    return kept


def _extract(archive: Path, packed: zipfile.ZipFile, place: Path, max_bytes: int) -> int:
    bound = min(max_bytes, max(_FREE_OF_RATIO, archive.stat().st_size * _MAX_RATIO))
    entries = packed.infolist()
    if len(entries) > MAX_FILES:
        raise SerbenchError(f"{archive.name} has more than {MAX_FILES:,} entries; no corpus has")
    written = kept = 0
    for entry in entries:
        path = _safe(archive, entry)
        hidden = any(part.startswith((".", "__")) for part in path.parts)
        if entry.is_dir() or hidden or path.suffix.lower() not in _KEPT:
            continue
        if entry.compress_type not in _METHODS:
            raise SerbenchError(
                f"{archive.name} packs '{_shown(entry.filename)}' in an unusual way, as no corpus does; "
                "nothing was kept"
            )
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with packed.open(entry) as source, target.open("xb") as out:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > bound:
                    raise SerbenchError(
                        f"{archive.name} unpacks to more than {bound >> 20:,} MiB, which no corpus of its size does; "
                        "nothing was kept"
                    )
                out.write(chunk)
        kept += path.suffix.lower() in SUFFIXES
    return kept


def _safe(archive: Path, entry: zipfile.ZipInfo) -> Path:
    """Returns the relative path of an entry.

    Raises:
        SerbenchError: the path leads out of the folder, or the entry is neither file nor folder.
    """
    if entry.create_system == _UNIX and entry.external_attr >> 28 not in _FILE_KINDS:
        raise SerbenchError(
            f"{archive.name} holds a link or device, '{_shown(entry.filename)}', as no corpus does; nothing was kept"
        )
    forward = entry.filename.replace("\\", "/")
    parts = PurePosixPath(forward).parts
    if forward.startswith("/") or ".." in parts or any(":" in part or "\x00" in part for part in parts):
        raise SerbenchError(
            f"{archive.name} holds '{_shown(entry.filename)}', which leads out of its folder; nothing was kept"
        )
    return Path(*(printable(part) for part in parts))


def _move(archive: Path, place: Path, folder: Path) -> None:
    """Moves all files to the folder. All targets are checked before the first file is moved."""
    files = [path for path in sorted(place.rglob("*")) if path.is_file()]
    root = folder.resolve()
    for path in files:
        target = folder / path.relative_to(place)
        same = target.is_file() and filecmp.cmp(path, target, shallow=False)
        blocked = any(parent.exists() and not parent.is_dir() for parent in target.parents if parent != folder)
        if blocked or (target.exists() and not same) or not target.resolve().is_relative_to(root):
            raise SerbenchError(
                f"{target} is there already and is not what {archive.name} holds; nothing was changed: move it away, "
                "or name another folder with --to"
            )
    for path in files:
        target = folder / path.relative_to(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)


def _shown(name: str) -> str:
    return printable(name)[:100]
