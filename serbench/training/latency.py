"""Measures how long a model takes for one clip on one CPU core."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from serbench.features import median_ms

__all__ = ["model_ms"]

_PROCESSOR = 36  # index of the CPU number in /proc/self/stat, counted after the command's name


def model_ms(model: keras.Model) -> float:
    """Returns the milliseconds of one clip's forward pass through `predict_on_batch`.

    On Linux, all threads of this process are pinned to one CPU meanwhile. Other systems keep their threads.
    """
    clip = np.random.default_rng(0).standard_normal((1, *model.input_shape[1:])).astype(np.float32)
    with _one_core():
        return median_ms(lambda: model.predict_on_batch(clip))


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Pins every thread to the CPU that this one runs on. Threads that start meanwhile inherit that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    threads = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    before = {}
    for thread in threads:
        with contextlib.suppress(OSError):  # the thread has ended
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
