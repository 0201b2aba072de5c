"""`FeatureStore`: computes every set of features once and shares it among all processes."""

from __future__ import annotations

import contextlib
import datetime
import errno
import functools
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np

from serbench.audio import machine_lacks
from serbench.corpora import cache_root
from serbench.errors import SerbenchError
from serbench.features import eviction
from serbench.features.extraction import ClipFile, extract_files
from serbench.features.spec import FeatureSpec, WaveformAugmentation
from serbench.records import digest_of, file_sha256, held, publish_folder, usable_cores, write_text_atomic

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DEFAULT_LIMIT_BYTES", "FEATURE_VERSION", "FeatureStore"]

FEATURE_VERSION = 2
"""Part of every key. Raise it when a front end, decoding or augmentation returns other values than before."""

DEFAULT_LIMIT_BYTES = 20 * 2**30

_REFUSALS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EEXIST,
        errno.EFBIG,
        errno.EIO,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
_ARRAY = "features.npy"
_CHECKSUM = "features.sha256"
_META = "meta.json"
_DTYPE = np.dtype("<f4")


class FeatureStore:
    """Content-addressed feature cache: one folder per entry, with a `.npy` file that all readers map.

    The key is a hash of the clips (ids and audio digests, in their order), the spec and the augmentation. An entry
    appears in one rename, complete and synced to disk. Two processes (or threads) that want the same entry compute it
    once. A process that is killed while it computes leaves no valid entry and blocks nobody.

    An entry has a checksum. Each store reads the whole entry once, when it is first asked for it, and computes an entry
    again whose bytes have changed since.
    """

    def __init__(
        self,
        root: Path,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        workers: int | None = None,
        note: Callable[[str], None] | None = None,
    ) -> None:
        """Opens the cache in `root`. Nothing is written before features are requested.

        Args:
            root: the cache folder, created when needed.
            limit_bytes: size above which the least recently used entries are removed, except those used within the
                last ten minutes.
            workers: number of computing threads; None uses one per available core.
            note: called with a sentence if an entry is damaged and therefore computed again.
        """
        self.root = Path(root)
        self.limit_bytes = limit_bytes
        self.workers = usable_cores() if workers is None else workers
        self._note = note
        self._sound: set[Path] = set()

    @classmethod
    def in_cache(cls, *, workers: int | None = None, note: Callable[[str], None] | None = None) -> FeatureStore:
        """Opens the store in the cache folder of this machine, see `serbench.corpora.cache_root`.

        Args:
            workers: number of computing threads; None uses one per available core.
            note: called with a sentence if an entry is damaged and therefore computed again.
        """
        return cls(cache_root() / "features", workers=workers, note=note)

    def path(self, clips: pd.DataFrame, spec: FeatureSpec, augmentation: WaveformAugmentation | None = None) -> Path:
        """Returns the path of the features, whether or not they exist: a `.npy` file, float32 (n, *shape)."""
        return self.root / _key(clips, spec, augmentation) / _ARRAY

    def has(self, clips: pd.DataFrame, spec: FeatureSpec, augmentation: WaveformAugmentation | None = None) -> bool:
        """Whether the features exist and are complete."""
        return _open(self.path(clips, spec, augmentation), (len(clips), *spec.shape)) is not None

    def get(
        self,
        clips: pd.DataFrame,
        spec: FeatureSpec,
        augmentation: WaveformAugmentation | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> np.memmap[Any, np.dtype[np.float32]]:
        """Returns the features of `clips`, and computes them if they are not cached.

        Args:
            clips: a clip table with the columns `clip_id`, `path` and `digest`.
            spec: settings of the front end.
            augmentation: applied to every clip; None uses the clips as they are.
            progress: called with (clips done, clips in all) during the computation, and each second while another
                process computes; never called for cached features. An error that it raises ends both.

        Returns:
            A read-only memory map, float32 (len(clips), *spec.shape); row `i` belongs to row `i` of `clips`.
            It stays valid even if the entry is removed. A process that opens `path()` on its own should do
            so within ten minutes of this call.

        Raises:
            SerbenchError: a clip cannot be read, or the cache cannot be written.
            ClipsWithoutFeaturesError: the front end fails for some clips. Nothing is kept.
            ValueError: there are no clips.
        """
        if clips.empty:
            raise ValueError("no clips to compute features of")
        path, shape = self.path(clips, spec, augmentation), (len(clips), *spec.shape)
        if (features := self._open(path, shape)) is not None:
            return features
        waiting = None if progress is None else functools.partial(_tell_wait, progress, len(clips))
        with self._explained_errors(_n_bytes(shape)):
            self.root.mkdir(parents=True, exist_ok=True)
            with held(self._lock(path.parent.name), waiting):
                # Another process may have computed it while this one waited.
                if (features := self._open(path, shape)) is None:
                    self._tell_damage(path, shape)
                    self._compute(clips, spec, augmentation, path.parent, progress)
                    features = self._open(path, shape)
        if features is None:
            raise SerbenchError(f"{path} was damaged while it was written; check the disk")
        return features

    def _open(self, path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.float32]] | None:
        """Maps an entry; None if it is not there, or if its bytes are not those of its checksum."""
        features = _open(path, shape)
        if features is None or path in self._sound:
            return features
        if not _is_sound(path):
            return None
        self._sound.add(path)
        return features

    def _tell_damage(self, path: Path, shape: tuple[int, ...]) -> None:
        if self._note is not None and path.is_file():
            without = _open(path, shape) is not None and not path.with_name(_CHECKSUM).is_file()
            why = "have no checksum, since an earlier serbench made them" if without else "have changed since"
            self._note(f"cached features in {path.parent} {why}; they are computed again")

    def _compute(
        self,
        clips: pd.DataFrame,
        spec: FeatureSpec,
        augmentation: WaveformAugmentation | None,
        entry: Path,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Writes an entry. The caller holds its lock."""
        shape = (len(clips), *spec.shape)
        eviction.discard(entry)
        eviction.sweep(self.root, lambda key: key == entry.name or self._is_unlocked(key))
        eviction.make_room(self.root, self.limit_bytes - _n_bytes(shape), keep=entry.name)
        if shutil.disk_usage(self.root).free < _n_bytes(shape):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        files = [ClipFile(*row) for row in zip(clips["clip_id"], clips["path"], clips["digest"], strict=True)]
        with publish_folder(entry) as temporary:
            # Written in sequence and not through a memory map, where a full disk would be a fatal signal.
            with (temporary / _ARRAY).open("wb") as file:
                checksum = hashlib.sha256()

                def write(part: bytes | memoryview) -> None:
                    checksum.update(part)
                    file.write(part)

                write(_header(shape))
                extract_files(
                    files,
                    spec,
                    augmentation,
                    workers=self.workers,
                    write=lambda part: write(np.ascontiguousarray(part, dtype=_DTYPE).data),
                    progress=progress,
                )
            (temporary / _CHECKSUM).write_text(checksum.hexdigest(), encoding="ascii")
            write_text_atomic(temporary / _META, _meta(len(clips), spec, augmentation))
        eviction.make_room(self.root, self.limit_bytes, keep=entry.name)

    def _lock(self, key: str) -> filelock.BaseFileLock:
        """Returns a lock of the operating system, which ends with its process; 256 files serve all keys."""
        folder = self.root / ".locks"
        folder.mkdir(exist_ok=True)
        return filelock.FileLock(folder / f"{key[:2]}.lock")

    def _is_unlocked(self, key: str) -> bool:
        try:
            with self._lock(key).acquire(blocking=False):
                return True
        except filelock.Timeout:
            return False

    @contextlib.contextmanager
    def _explained_errors(self, n_bytes: int) -> Iterator[None]:
        """Turns errors of the file system into one sentence that names the cache and says how to move it."""
        try:
            yield
        except (OSError, SerbenchError) as error:
            refusal = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(refusal, OSError) or refusal.errno not in _REFUSALS:
                raise
            if self._is_elsewhere(refusal):
                raise (refusal if machine_lacks(refusal) else error) from None
            raise SerbenchError(
                f"cannot keep {n_bytes / 2**20:,.0f} MiB of features in {self.root}: {refusal.strerror}; "
                "fix that, or set SERBENCH_CACHE to another folder"
            ) from error

    def _is_elsewhere(self, refusal: OSError) -> bool:
        """Whether the operating system refused another file than one of the cache, such as a copy in `/tmp`."""
        if not isinstance(refusal.filename, str):
            return False
        place, root = Path(refusal.filename).absolute(), self.root.absolute()
        return not (place.is_relative_to(root) or root.is_relative_to(place))


def _tell_wait(progress: Callable[[int, int], None], clips: int, done: int, total: int) -> None:
    """Reports a wait for another process as progress of the clips that it computes."""
    progress(clips * done // total, clips)


def _key(clips: pd.DataFrame, spec: FeatureSpec, augmentation: WaveformAugmentation | None) -> str:
    if "digest" not in clips:
        raise ValueError("the clip table has no column 'digest'; inspect its audio first")
    what = {
        "version": FEATURE_VERSION,
        "clips": list(zip(clips["clip_id"], clips["digest"], strict=True)),
        "spec": spec.digest(),
        "augmentation": augmentation.digest() if augmentation else None,
    }
    return digest_of(what, length=eviction.KEY_LENGTH)


def _meta(n_clips: int, spec: FeatureSpec, augmentation: WaveformAugmentation | None) -> str:
    """Describes an entry for people who look into the cache. No code reads it."""
    meta = {
        "feature_version": FEATURE_VERSION,
        "clips": n_clips,
        "spec": spec.model_dump(mode="json"),
        "augmentation": augmentation.model_dump(mode="json") if augmentation else None,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(meta, indent=2) + "\n"


def _n_bytes(shape: tuple[int, ...]) -> int:
    n_values = 1
    for length in shape:
        n_values *= length
    return n_values * _DTYPE.itemsize


def _header(shape: tuple[int, ...]) -> bytes:
    """The header of a `.npy` file of this shape."""
    buffer = io.BytesIO()
    described = {"descr": _DTYPE.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, described)
    return buffer.getvalue()


def _is_sound(path: Path) -> bool:
    """Whether an array has its checksum. Reads the whole file."""
    try:
        wanted = path.with_name(_CHECKSUM).read_text(encoding="ascii")
        return file_sha256(path) == wanted
    except (OSError, ValueError):
        return False


def _open(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.float32]] | None:
    """Maps the file if it is exactly as it would be written. Its header is compared and never interpreted."""
    header = _header(shape)
    try:
        with path.open("rb") as file:
            if file.read(len(header)) != header:
                return None
            if os.fstat(file.fileno()).st_size != len(header) + _n_bytes(shape):
                return None
            features = np.memmap(file, dtype=_DTYPE, mode="r", offset=len(header), shape=shape)
    except OSError:
        return None
    with contextlib.suppress(OSError):  # a shared, read-only cache
        os.utime(path)
    return features
