"""Checks of `serbench doctor`: whether searches can run on this machine, and what is missing."""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import psutil

import serbench
from serbench.corpora import cache_root, corpus_names, get_corpus, installed_names
from serbench.doctor.child_check import run_child
from serbench.errors import SerbenchError, with_extra
from serbench.export import exporter_names, get_exporter
from serbench.families import built_in_names, family_names, get_family
from serbench.features import DEFAULT_LIMIT_BYTES
from serbench.features.frontends import front_end_names, get_front_end
from serbench.records import available_memory_mib, cpu_name, gpus, usable_cores
from serbench.search import WORKER_MIB, Resources
from serbench.spaces import broken_default_spaces
from serbench.trackers import get_tracker, tracker_names
from serbench.training import BACKENDS, bfloat16_unit, choose_backend, choose_precision

__all__ = ["HealthCheck", "diagnose"]

_PACKAGES = (
    "keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "optuna", "librosa", "soundfile", "soxr", "scikit-learn",
    "numpy", "scipy", "pandas", "pyarrow", "pydantic", "plotly",
)  # fmt: skip

_EXTRAS = {
    "jax": ("jax", "the JAX backend, the default on a GPU"),
    "cluster": ("distributed", "trials on a Dask cluster, --cluster"),
    "postgres": ("psycopg", "studies in a PostgreSQL database, --storage"),
    "gp": ("torch", "the Gaussian-process sampler, --sampler gp"),
}


@dataclass(frozen=True)
class HealthCheck:
    """Result of one check.

    Attributes:
        name: name of the check.
        state: `ok`; `note` if something is missing or slow; `failed` if no search can run until it is fixed.
        text: what was found, and how to fix it.
        values: the same as data, for JSON.
    """

    name: str
    state: Literal["ok", "note", "failed"]
    text: str
    values: dict[str, Any] = field(default_factory=dict)


def diagnose(results: Path, backend: str | None = None) -> list[HealthCheck]:
    """Checks everything that a search needs. No corpus is read, and no file is left behind.

    Args:
        results: results folder that a search would write to.
        backend: Keras backend to check; None for the default.

    Returns:
        One result per check. A check that raises an error counts as `failed`.
    """
    checks: dict[str, Callable[[], HealthCheck]] = {
        "serbench": _installation,
        "packages": _packages,
        "plug-ins": _plugins,
        "audio": _audio,
        "backend": lambda: _backend(backend),
        "GPUs": lambda: _gpus(backend),
        "processor": _processor,
        "precision": lambda: _precision(backend),
        "memory": lambda: _memory(backend),
        "cache": _cache,
        "results": lambda: _results(results),
        "process locks": _process_locks,
        "children": lambda: _children(backend),
        **{f"extra {name}": lambda name=name: _extra(name) for name in _EXTRAS},  # type: ignore[misc]
    }
    return [_guarded(name, check) for name, check in checks.items()]


def _guarded(name: str, check: Callable[[], HealthCheck]) -> HealthCheck:
    """Runs a check; any error on a broken machine becomes a failed check."""
    try:
        return check()
    except SerbenchError as error:
        return HealthCheck(name, "failed", str(error))
    except Exception as error:
        return HealthCheck(
            name, "failed", f"cannot be checked ({type(error).__name__}: {error}); install serbench again"
        )


def _installation() -> HealthCheck:
    text = f"{serbench.__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return HealthCheck("serbench", "ok", text, {"version": serbench.__version__, "python": platform.python_version()})


def _packages() -> HealthCheck:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return HealthCheck("packages", "ok", ", ".join(f"{name} {version}" for name, version in found.items()), found)


def _plugins() -> HealthCheck:
    families, front_ends, corpora = family_names(), front_end_names(), corpus_names()
    if not built_in_names() or not front_ends or "demo" not in corpora:
        return HealthCheck(
            "plug-ins", "failed", "serbench's own families, front ends and corpora are not registered; this happens if "
            "it was copied or is an older installation; run `pip install .` or `uv sync` in its folder",
        )  # fmt: skip
    formats, trackers = exporter_names(), tracker_names()
    broken = []
    plugins: list[tuple[Callable[[str], object], Sequence[str]]] = [
        (get_family, families), (get_front_end, front_ends), (get_corpus, installed_names()),
        (get_exporter, formats), (get_tracker, trackers),
    ]  # fmt: skip
    for get, name in ((get, name) for get, names in plugins for name in names):
        try:
            get(name)
        except SerbenchError as error:
            broken.append(str(error))
    broken += broken_default_spaces()
    values = {
        "families": families, "front_ends": front_ends, "corpora": list(corpora), "export_formats": formats,
        "trackers": trackers,
    }  # fmt: skip
    text = "; ".join(f"{kind.replace('_', ' ')} {', '.join(names)}" for kind, names in values.items())
    return HealthCheck("plug-ins", "note" if broken else "ok", "; ".join([text, *broken]), values)


def _audio() -> HealthCheck:
    soundfile = importlib.import_module("soundfile")
    known = [kind for kind in ("WAV", "FLAC", "OGG", "MP3") if kind in soundfile.available_formats()]
    values = {"libsndfile": soundfile.__libsndfile_version__, "formats": known}
    state: Literal["ok", "failed"] = "ok" if {"WAV", "FLAC"} <= set(known) else "failed"
    return HealthCheck("audio", state, f"libsndfile {values['libsndfile']} reads {', '.join(known)}", values)


def _backend(asked: str | None) -> HealthCheck:
    installed = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
    chosen = choose_backend(asked)
    if chosen not in installed:
        raise SerbenchError(
            f"backend '{chosen}' is not installed; run `uv sync` in the clone, or install serbench again"
        )
    why = "--backend" if asked else "KERAS_BACKEND" if os.environ.get("KERAS_BACKEND") else "by default"
    text = f"{chosen} ({why}); installed: {', '.join(installed)}"
    return HealthCheck("backend", "ok", text, {"chosen": chosen, "installed": installed})


def _gpus(asked: str | None) -> HealthCheck:
    found = gpus()
    values = {"gpus": found}
    if not found:
        return HealthCheck("GPUs", "ok", "none; models are trained on the CPU", values)
    text = f"{len(found)} ({', '.join(found)})"
    if choose_backend(asked) == "tensorflow":
        way = "use --backend jax" if importlib.util.find_spec("jax") else with_extra("jax")
        return HealthCheck("GPUs", "note", f"{text}; TensorFlow's CPU package cannot use them; {way}", values)
    return HealthCheck("GPUs", "ok", f"{text}; one worker per GPU", values)


def _processor() -> HealthCheck:
    usable, all_cores = usable_cores(), os.cpu_count() or 1
    share = f" of {all_cores}" if usable < all_cores else ""
    text = f"{cpu_name()}: {usable}{share} core{'s' if usable != 1 else ''} usable"
    return HealthCheck("processor", "ok", text, {"cpu": cpu_name(), "cores": usable, "machine_cores": all_cores})


def _precision(asked: str | None) -> HealthCheck:
    backend = choose_backend(asked)
    unit, chosen = bfloat16_unit(backend), choose_precision("auto", backend)
    why = f"multiplied in hardware: {unit}" if unit else "no hardware for bfloat16 was found"
    text = f"--precision auto trains in {chosen} ({why}); trials, final runs and bags predict in float32"
    return HealthCheck("precision", "ok", text, {"auto": chosen, "bfloat16_unit": unit})


def _memory(asked: str | None) -> HealthCheck:
    free, total = available_memory_mib(), psutil.virtual_memory().total / 2**20
    chosen = Resources.choose(None, 10**6, choose_backend(asked))
    values = {"free_mib": round(free), "worker_mib": WORKER_MIB, "workers": chosen.workers, "threads": chosen.threads}
    text = (
        f"{free:,.0f} of {total:,.0f} MiB free, {WORKER_MIB:,} MiB per worker: by default {chosen.workers} "
        f"worker{'s' if chosen.workers > 1 else ''} with {chosen.threads} thread{'s' if chosen.threads > 1 else ''}"
    )
    if free < WORKER_MIB:
        return HealthCheck("memory", "note", f"{text}; too little for one worker, so trials may run out of it", values)
    return HealthCheck("memory", "ok", text, values)


def _cache() -> HealthCheck:
    root = cache_root()
    _check_writable(root, "set SERBENCH_CACHE to another folder")
    used, free = _used(root), _free(root)
    values = {"path": str(root), "bytes": used, "limit_bytes": DEFAULT_LIMIT_BYTES, "free_bytes": free}
    text = f"{root}: {_gib(used)} used, {_gib(free)} free on its disk; features take up to {_gib(DEFAULT_LIMIT_BYTES)}"
    if free < 2**30:
        return HealthCheck("cache", "note", f"{text}; free some space or set SERBENCH_CACHE to another folder", values)
    return HealthCheck("cache", "ok", text, values)


def _results(folder: Path) -> HealthCheck:
    _check_writable(folder, "name another folder with --results")
    free = _free(folder)
    made = "" if folder.is_dir() else " (created by the first search)"
    values = {"path": str(folder), "free_bytes": free}
    return HealthCheck("results", "ok", f"{folder.absolute()}{made}: writable, {_gib(free)} free on its disk", values)


def _check_writable(folder: Path, way_out: str) -> None:
    """Writes a temporary file, since permissions do not show whether a disk is read-only or full."""
    place = _nearest(folder)
    try:
        if not place.is_dir():
            raise NotADirectoryError(f"{place} is a file")
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"serbench")
    except OSError as error:
        raise SerbenchError(f"{folder} cannot be written ({error.strerror or error}); {way_out}") from error


def _nearest(folder: Path) -> Path:
    """Returns the folder itself, or the nearest parent that exists."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())


def _free(folder: Path) -> int:
    return psutil.disk_usage(str(_nearest(folder))).free


def _used(root: Path) -> int:
    size = 0
    for path in root.rglob("*"):
        try:
            size += path.stat().st_size if path.is_file() and not path.is_symlink() else 0
        except OSError:  # another process removed it
            continue
    return size


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"


def _process_locks() -> HealthCheck:
    try:
        with multiprocessing.get_context("spawn").Lock():
            return HealthCheck("process locks", "ok", "available")
    except (OSError, ImportError) as error:
        raise SerbenchError(
            f"locks between processes do not work ({error}), so audio cannot be read in parallel; mount /dev/shm "
            "(docker run --shm-size=1g)"
        ) from error


def _children(asked: str | None) -> HealthCheck:
    backend = choose_backend(asked)
    first, second = run_child(backend), run_child(backend)
    values = {"first_s": round(first.start_s, 3), "second_s": round(second.start_s, 3), "keras": first.keras}
    text = (
        f"a training process starts and computes on {backend} (Keras {first.keras}): the first starts within "
        f"{first.start_s:.1f} s, the second within {second.start_s:.2f} s"
    )
    return HealthCheck("children", "ok", text, values)


def _extra(name: str) -> HealthCheck:
    module, purpose = _EXTRAS[name]
    installed = importlib.util.find_spec(module) is not None
    if installed:
        return HealthCheck(f"extra {name}", "ok", f"installed: {purpose}", {"installed": True})
    text = f"not installed: {purpose}; {with_extra(name)}"
    return HealthCheck(f"extra {name}", "note", text, {"installed": False})
