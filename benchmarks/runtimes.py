"""How long a bundle takes for one clip in every runtime that it has a file for, from the waveform to the label.

    uv run python benchmarks/runtimes.py BUNDLE [--rounds 50]

Everything runs on one core. Times are CPU time, so that other work on the machine matters little; the median over
rounds is printed. One clip is one waveform of the front end's length, of noise.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    # Not the folder of this file: a benchmark may be named as a package is that others import.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from serbench.export import Bundle, BundleRecord

__all__ = ["measure"]

_WARM_UP = 5


def measure(path: Path, runtime: str, rounds: int) -> float:
    """Returns the median milliseconds of CPU time for one waveform.

    Args:
        path: folder of a bundle.
        runtime: `keras`, or a light format that the bundle holds.
        rounds: waveforms that are timed.
    """
    bundle = Bundle.load(path, runtime)
    waveform = np.random.default_rng(0).standard_normal((1, bundle.record.features.n_samples)).astype(np.float32)
    times = []
    for _ in range(_WARM_UP + rounds):
        started = time.process_time()
        bundle.predict_waveforms(waveform)
        times.append(1000 * (time.process_time() - started))
    return float(np.median(times[_WARM_UP:]))


def main() -> None:
    """Measures every runtime of a bundle and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=50)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    record = BundleRecord.load(given.bundle / "bundle.json")
    files = {"keras": (given.bundle / "model.keras").stat().st_size} | {
        one.format: one.bytes for one in record.light if one.format != "saved-model"
    }
    print("| runtime | MiB | ms a clip |\n|---|---:|---:|")
    for runtime, size in files.items():
        print(f"| {runtime} | {size / 2**20:.2f} | {measure(given.bundle, runtime, given.rounds):.1f} |")


if __name__ == "__main__":
    main()
