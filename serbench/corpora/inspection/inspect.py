"""Inspects all clips of a table in parallel, and caches the results for unchanged files."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, get_args

import pandas as pd

from serbench.audio import AudioHealth, ClipState, examine_files
from serbench.corpora.inspection.processes import map_in_processes
from serbench.errors import SerbenchError
from serbench.records import Progress, digest_of, usable_cores, write_bytes_atomic

__all__ = ["INSPECTION_COLUMNS", "inspect_clips"]

_DTYPES: Final = {
    "state": "str",
    "detail": "str",
    "digest": "str",
    "duration_s": "float64",
    "sample_rate": "Int64",
    "channels": "Int64",
    "peak": "float64",
    "rms": "float64",
}

INSPECTION_COLUMNS: Final = ("clip_id", *_DTYPES)
"""Columns of an inspection. All but `clip_id`, `state` and `detail` are missing if a file was not decoded."""

_STATES: Final = frozenset(get_args(ClipState))

_CHUNK: Final = 64
_SAVED_CLIPS: Final = 256
_RULES: Final = 5
"""Version of the rules in `serbench.audio.sound`. Raise it when they change, so that old results are not reused."""

_Key = tuple[str, int, int, int]


def inspect_clips(
    table: pd.DataFrame,
    progress: Progress | None = None,
    workers: int | None = None,
    cache: Path | None = None,
) -> pd.DataFrame:
    """Decodes every clip and reports its state.

    Args:
        table: a clip table.
        progress: called with (done, total) clips.
        workers: number of processes; None for one on each core. Fewer than 64 clips are inspected in this process.
        cache: folder that caches results by path, size and times of change; None for no cache. If it is damaged or
            cannot be written, the inspection only takes longer.

    Returns:
        One row for each clip, with the table's index: `clip_id`, `state` (`ok`, `lfs_pointer`, `empty`,
        `undecodable`, `cut_off`, `silent`, `too_short`), `detail` (text), `digest` (of the decoded samples),
        `duration_s`, `sample_rate` (Hz), `channels`, `peak` and `rms` (fractions of full scale).
    """
    keys = [_key(str(path)) for path in table["path"]]
    store = None if cache is None else _store(cache, keys)
    known = {} if store is None else _load(store)
    todo = [key for key in keys if key not in known]
    cached = len(keys) - len(todo)

    def step(done: int, _: int) -> None:
        if progress is not None:
            progress(cached + done, len(keys))

    if not todo:
        step(0, 0)
    unsaved = 0

    def keep(start: int, found: Sequence[AudioHealth]) -> None:
        nonlocal unsaved
        known.update(zip(todo[start : start + len(found)], found, strict=True))
        unsaved += len(found)
        # Each time a tenth more: a kill costs at most that, and writing costs little.
        if store is not None and unsaved >= max(_SAVED_CLIPS, len(known) // 10):
            _save(store, known)
            unsaved = 0

    _examine([path for path, *_ in todo], step, workers, keep)
    if store is not None and unsaved:
        _save(store, known)
    frame = _frame([known[key] for key in keys])
    frame.insert(0, "clip_id", table["clip_id"].to_numpy())
    return frame.set_index(table.index)


def _examine(
    paths: Sequence[str], step: Progress, workers: int | None, keep: Callable[[int, list[AudioHealth]], None]
) -> None:
    wanted = usable_cores() if workers is None else workers
    map_in_processes(
        examine_files,
        paths,
        on_crash=AudioHealth("undecodable", "crashes the audio decoder"),
        workers=wanted if len(paths) >= _CHUNK else 1,
        chunk=_CHUNK,
        progress=step,
        finished=keep,
    )


def _key(path: str) -> _Key:
    """Identifies an unchanged file: path, size in bytes, times of modification and of change in ns.

    They are -1 if it does not exist. Programs that unpack or copy may keep the time of modification of other audio; the
    time of change is always that of this file.
    """
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return path, -1, -1, -1
    return path, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _store(cache: Path, keys: Sequence[_Key]) -> Path:
    """The cache file. Each set of folders has its own, so that corpora do not overwrite each other's results.

    Each version of libsndfile has its own, too: the last bits of what it decodes may differ.
    """
    import soundfile

    folders = sorted({str(Path(path).parent) for path, *_ in keys})
    return cache / f"clips-v{_RULES}-{digest_of([soundfile.__libsndfile_version__, *folders])}.parquet"


def _frame(healths: Sequence[AudioHealth]) -> pd.DataFrame:
    columns = {name: [getattr(health, name) for health in healths] for name in _DTYPES}
    return pd.DataFrame({name: pd.Series(columns[name], dtype=dtype) for name, dtype in _DTYPES.items()})


def _load(store: Path) -> dict[_Key, AudioHealth]:
    """Reads a cache file; a damaged one counts as empty."""
    try:
        frame = pd.read_parquet(store)
        keys = zip(frame["path"], frame["size"], frame["mtime_ns"], frame["ctime_ns"], strict=True)
        found = frame[list(_DTYPES)].astype(object).where(frame.notna(), None)
        healths = [AudioHealth(*row) for row in found.itertuples(index=False, name=None)]
        known = {
            (str(path), int(size), int(modified), int(changed)): health
            for (path, size, modified, changed), health in zip(keys, healths, strict=True)
        }
        return known if all(health.state in _STATES for health in healths) else {}
    except Exception:
        return {}


def _save(store: Path, known: dict[_Key, AudioHealth]) -> None:
    # Undecodable files are not cached: a fix of permissions or a mount changes neither size nor time.
    kept = {key: health for key, health in known.items() if health.state != "undecodable"}
    frame = _frame(list(kept.values()))
    for position, name in enumerate(("path", "size", "mtime_ns", "ctime_ns")):
        frame[name] = [key[position] for key in kept]
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    with contextlib.suppress(SerbenchError, OSError):
        write_bytes_atomic(store, buffer.getvalue())
