"""How long a model takes for one clip on one core."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from serbench.features import median_ms

__all__ = ["model_ms"]

_PROCESSOR = 36  # place of the core's number in /proc/self/stat, after the command's name


def model_ms(model: keras.Model) -> float:
    """Milliseconds of the forward pass of one clip, as `predict_on_batch` does it.

    On Linux all threads of this process are held on one core meanwhile; elsewhere it keeps the threads it has.
    """
    clip = np.random.default_rng(0).standard_normal((1, *model.input_shape[1:])).astype(np.float32)
    with _one_core():
        return median_ms(lambda: model.predict_on_batch(clip))


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Holds every thread on the core that this one runs on. Threads that begin meanwhile inherit that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    threads = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    before = {}
    for thread in threads:
        with contextlib.suppress(OSError):  # ended since
            before[thread] = os.sched_getaffinity(thread)
    core = int(Path("/proc/thread-self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[_PROCESSOR])
    try:
        for thread in before:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, {core})
        yield
    finally:
        for thread, cores in before.items():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, cores)
