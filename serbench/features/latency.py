"""Measures how long the front end takes for one clip on one CPU core."""

from __future__ import annotations

import contextlib
import functools
import statistics
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from serbench.features.extraction import extract
from serbench.features.spec import FeatureSpec

__all__ = ["front_end_ms", "median_ms"]

_WARM, _RUNS = 3, 25


def median_ms(work: Callable[[], object]) -> float:
    """Returns the median milliseconds of repeated runs, after a few warm-up runs that load and compile."""
    for _ in range(_WARM):
        work()
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return round(1000 * statistics.median(times), 3)


@functools.lru_cache(maxsize=32)
def front_end_ms(spec: FeatureSpec) -> float | None:
    """Returns the milliseconds from one waveform of `spec.duration_s` to its features, in one thread, without decoding.

    Measured once per process and front end, on white noise. None if the front end fails for that.
    """
    waveform = np.random.default_rng(0).standard_normal((1, spec.n_samples)).astype(np.float32)
    with threadpool_limits(1), contextlib.suppress(Exception):
        return median_ms(lambda: extract(waveform, spec))
    return None
