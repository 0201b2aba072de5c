"""Unpacks an archive that nobody vouches for: nothing outside the folder, no links, no bombs."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from serbench.corpora.own.own_corpus import AUDIO_SUFFIXES, clean
from serbench.errors import SerbenchError

__all__ = ["MAX_BYTES", "MAX_FILES", "unpack"]

MAX_FILES: Final = 200_000
"""Entries of an archive at the most."""

MAX_BYTES: Final = 32 << 30
"""Bytes that an archive may unpack to."""

_MAX_RATIO: Final = 200
"""Audio does not shrink to a hundredth; what claims to is a bomb."""

_KEPT: Final = (*AUDIO_SUFFIXES, ".csv", ".tsv", ".txt", ".md", ".lab", ".yaml", ".parquet")
_CHUNK: Final = 1 << 20
_FREE_OF_RATIO: Final = 16 << 20


def unpack(archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES) -> int:
    """Unpacks a zip or tar archive into a folder that may hold files already; all of it or nothing.

    Audio and tables are kept, everything else is passed over.

    Returns:
        How many files were kept.

    Raises:
        SerbenchError: it is no archive, is damaged, or holds what no corpus would: names that lead out of the folder,
            links, devices, or more than the bounds allow.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder) as temporary:
        place = Path(temporary)
        try:
            kept = _extract(archive, place, max_bytes)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise SerbenchError(
                f"{archive.name} is damaged or no archive ({_shown(str(error))}); fetch it again"
            ) from None
        if not kept:
            raise SerbenchError(f"{archive.name} holds no audio; it is not the archive that was asked for")
        for child in sorted(place.iterdir()):
            _merge(child, folder / child.name)
    return kept


def _extract(archive: Path, place: Path, max_bytes: int) -> int:
    bound = min(max_bytes, max(_FREE_OF_RATIO, archive.stat().st_size * _MAX_RATIO))
    written = kept = 0
    for number, (name, source) in enumerate(_entries(archive), start=1):
        if number > MAX_FILES:
            raise SerbenchError(f"{archive.name} has more than {MAX_FILES:,} entries; no corpus has")
        path = _safe(archive, name)
        hidden = any(part.startswith((".", "__")) for part in path.parts)
        if source is None or hidden or path.suffix.lower() not in _KEPT:
            continue
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("xb") as out:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > bound:
                    raise SerbenchError(
                        f"{archive.name} unpacks to more than {bound >> 20:,} MiB, which no corpus of its size does; "
                        "nothing was kept"
                    )
                out.write(chunk)
        kept += path.suffix.lower() in AUDIO_SUFFIXES
    return kept


def _entries(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Names with what is to be read of each; None for folders. Anything that is neither file nor folder ends it."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                kind = entry.external_attr >> 28
                if entry.create_system == 3 and kind not in {0, 4, 8}:
                    raise _odd(archive, entry.filename)
                yield entry.filename, None if entry.is_dir() else packed.open(entry)
        return
    with tarfile.open(archive, "r:*") as packed_tar:
        for member in packed_tar:
            if not (member.isfile() or member.isdir()):
                raise _odd(archive, member.name)
            yield member.name, packed_tar.extractfile(member) if member.isfile() else None


def _odd(archive: Path, name: str) -> SerbenchError:
    return SerbenchError(
        f"{archive.name} holds a link or device, '{_shown(name)}', as no corpus does; nothing was kept"
    )


def _safe(archive: Path, name: str) -> Path:
    """The relative path of an entry.

    Raises:
        SerbenchError: it leads out of the folder.
    """
    plain = name.replace("\\", "/")
    parts = PurePosixPath(plain).parts
    if plain.startswith("/") or ".." in parts or any(":" in part or "\x00" in part for part in parts):
        raise SerbenchError(f"{archive.name} holds '{_shown(name)}', which leads out of its folder; nothing was kept")
    return Path(*(clean(part) for part in parts))


def _shown(name: str) -> str:
    return clean(name)[:100]


def _merge(source: Path, target: Path) -> None:
    """Moves a file or folder to where another of its name may be; files are replaced, folders filled."""
    if source.is_dir() and target.is_dir() and not target.is_symlink():
        for child in sorted(source.iterdir()):
            _merge(child, target / child.name)
        return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    source.replace(target)
