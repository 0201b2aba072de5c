"""ONNX Runtime Web, which runs a network in a browser: fetched once from its npm package, checked and cached."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serbench.corpora import cache_root
from serbench.corpora.download import RemoteFile, fetch_file
from serbench.errors import SerbenchError, UsageError
from serbench.records import write_bytes_atomic, writing

__all__ = ["PACKAGE", "REGISTRY", "RUNTIME_FILES", "RuntimeFile", "runtime_files", "unpack_runtime"]

PACKAGE: Final = "onnxruntime-web"
_VERSION: Final = "1.30.0"
_INTEGRITY: Final = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the package's archive, as the registry states it (`npm view onnxruntime-web@1.30.0 dist.integrity`)."""

_ARCHIVE_BYTES: Final = 33_106_585

REGISTRY: Final = "SERBENCH_NPM_REGISTRY"
"""Environment variable with the address of another npm registry."""

_DEFAULT_REGISTRY: Final = "https://registry.npmjs.org"


@dataclass(frozen=True)
class RuntimeFile:
    """A file of the runtime.

    Attributes:
        name: file name; in the package's archive it lies in `package/dist`.
        size: bytes.
        sha256: its SHA-256.
    """

    name: str
    size: int
    sha256: str


RUNTIME_FILES: Final = (
    RuntimeFile("ort.wasm.min.mjs", 50_126, "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b"),
    RuntimeFile(
        "ort-wasm-simd-threaded.mjs", 24_381, "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b"
    ),
    RuntimeFile(
        "ort-wasm-simd-threaded.wasm", 14_239_897, "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
)
"""The build of the package that runs on the processor alone. It is the smallest."""

_BY_HAND: Final = (
    f"unpack the archive of `npm pack {PACKAGE}@{_VERSION}` on a machine with a network and name its folder with "
    "--runtime DIR"
)


def runtime_files(given: Path | None = None, say: Callable[[str], None] = lambda _: None) -> dict[str, bytes]:
    """Returns the files of the runtime by name, downloaded on first use.

    Args:
        given: a folder that holds the files, or the unpacked npm package. None for the cache and the npm registry.
        say: callback that receives a sentence before a download.

    Raises:
        UsageError: the named folder does not hold this version of the runtime.
        SerbenchError: the package cannot be downloaded.
    """
    if given is not None:
        for folder in (given, given / "dist", given / "package" / "dist"):
            if (found := _read(folder)) is not None:
                return found
        names = ", ".join(file.name for file in RUNTIME_FILES)
        raise UsageError(f"{given} does not hold {PACKAGE} {_VERSION} ({names}, unchanged); {_BY_HAND}")
    home = cache_root() / "web" / f"{PACKAGE}-{_VERSION}"
    if (found := _read(home)) is not None:
        return found
    say(f"downloading {PACKAGE} {_VERSION} ({_ARCHIVE_BYTES >> 20} MiB), once")
    archive = _remote()
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
    try:
        found = unpack_runtime(fetch_file(archive, home))
    except SerbenchError as error:
        raise SerbenchError(f"{error}; {REGISTRY} names another npm registry, or {_BY_HAND}") from error
    with writing(home):
        for name, data in found.items():
            write_bytes_atomic(home / name, data)
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            (home / archive.name).unlink()
    return found


def _remote() -> RemoteFile:
    registry = os.environ.get(REGISTRY, "").strip().rstrip("/") or _DEFAULT_REGISTRY
    if not registry.startswith(("https://", "http://")):
        raise UsageError(f"{REGISTRY} is '{registry}', which is no http address; the default is {_DEFAULT_REGISTRY}")
    name = f"{PACKAGE}-{_VERSION}.tgz"
    digest = base64.b64decode(_INTEGRITY.removeprefix("sha512-")).hex()
    return RemoteFile(name, (f"{registry}/{PACKAGE}/-/{name}",), _ARCHIVE_BYTES, f"sha512:{digest}")


def _read(folder: Path) -> dict[str, bytes] | None:
    """The files of a folder; None if one is missing or is not the pinned one."""
    found = {}
    for file in RUNTIME_FILES:
        path = folder / file.name
        try:
            if path.stat().st_size != file.size:
                return None
            found[file.name] = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(found[file.name]).hexdigest() != file.sha256:
            return None
    return found


def unpack_runtime(archive: Path) -> dict[str, bytes]:
    """Returns the files of the runtime from the archive of the npm package. Nothing is written.

    Only regular files with the expected name, size and SHA-256 are read; all other entries are passed over.

    Raises:
        SerbenchError: the archive is damaged, or a file is missing or another one.
    """
    wanted = {f"package/dist/{file.name}": file for file in RUNTIME_FILES}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for entry in packed:
                file = wanted.get(entry.name)
                if file is None or not entry.isreg() or entry.size != file.size:
                    continue
                source = packed.extractfile(entry)
                data = source.read(file.size) if source is not None else b""
                if hashlib.sha256(data).hexdigest() == file.sha256:
                    found[file.name] = data
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise SerbenchError(f"{archive.name} is damaged or no npm package ({str(error)[:100]})") from None
    if missing := [file.name for file in RUNTIME_FILES if file.name not in found]:
        raise SerbenchError(f"{archive.name} does not hold {missing[0]} as published")
    return {file.name: found[file.name] for file in RUNTIME_FILES}
