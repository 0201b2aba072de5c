"""How long a bundle takes for one clip, in a process of its own: `python -m serbench.export.light.timing`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from serbench.errors import SerbenchError
from serbench.export.fresh_process import run_fresh, why_it_failed

__all__ = ["median_milliseconds", "milliseconds"]

_WARM_UP: Final = 5


def milliseconds(bundle: Path, runtimes: Sequence[str], rounds: int = 50) -> list[float]:
    """Measures runtimes in a fresh process on one core.

    Args:
        bundle: folder of the bundle.
        runtimes: names of light formats that it holds.
        rounds: waveforms that are timed.

    Returns:
        The median CPU time for a waveform of noise by runtime, from the waveform to the probabilities.

    Raises:
        SerbenchError: the process failed.
    """
    done = run_fresh("-m", "serbench.export.light.timing", str(bundle), str(rounds), *runtimes)
    if done.returncode != 0:
        raise SerbenchError(f"the time for a clip could not be measured: {why_it_failed(done)}; export again")
    return [float(line) for line in done.stdout.split()]


def median_milliseconds(path: Path, runtime: str, rounds: int) -> float:
    """Returns the median milliseconds of CPU time for one waveform, in this process.

    Args:
        path: folder of a bundle.
        runtime: `keras`, or a light format that the bundle holds.
        rounds: waveforms that are timed, after a few that are not.
    """
    from serbench.export.bundle import Bundle

    bundle = Bundle.load(path, runtime)
    waveform = np.random.default_rng(0).standard_normal((1, bundle.record.features.n_samples)).astype(np.float32)
    times = []
    for _ in range(_WARM_UP + rounds):
        started = time.process_time()
        bundle.predict_waveforms(waveform)
        times.append(1000 * (time.process_time() - started))
    return float(np.median(times[_WARM_UP:]))


def _main(bundle: str, rounds: str, *runtimes: str) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for runtime in runtimes:
        print(median_milliseconds(Path(bundle), runtime, int(rounds)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
