"""How long one clip takes: the front end and the model, one clip at a time on one core."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

from serbench.features.frontends import extract
from serbench.features.spec import FeatureSpec

__all__ = ["clip_latency_ms"]

_WARM, _RUNS = 3, 25
_PROCESSOR = 36  # place of the core's number in /proc/self/stat, after the command's name


def clip_latency_ms(model: keras.Model, spec: FeatureSpec) -> tuple[float, float]:
    """Milliseconds of the front end and of the model for one clip of `spec.duration_s`: medians of repeated runs.

    Decoding the file is left out. On Linux all threads of this process are held on one core meanwhile; elsewhere the
    process keeps the threads it has.
    """
    waveform = np.random.default_rng(0).standard_normal((1, spec.n_samples)).astype(np.float32)
    with _one_core():
        features = extract(waveform, spec)
        return _median_ms(lambda: extract(waveform, spec)), _median_ms(lambda: model.predict_on_batch(features))


def _median_ms(work: Callable[[], object]) -> float:
    for _ in range(_WARM):
        work()
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return round(1000 * statistics.median(times), 3)


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Holds every thread on the core that this one runs on. Threads that begin meanwhile inherit that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    threads = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    before = {thread: os.sched_getaffinity(thread) for thread in threads}
    core = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[_PROCESSOR])
    try:
        for thread in threads:
            with contextlib.suppress(OSError):  # ended since
                os.sched_setaffinity(thread, {core})
        yield
    finally:
        for thread, cores in before.items():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, cores)
