"""How long a bundle takes for one clip in every runtime that it has a file for, from the waveform to the label.

    uv run python benchmarks/runtimes.py BUNDLE [--rounds 50]

Everything runs on one core. Times are CPU time, so that other work on the machine matters little; the median over
rounds is printed. One clip is one waveform of the front end's length, of noise.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # Not the folder of this file: a benchmark may be named as a package is that others import.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from serbench.export import BundleRecord, median_milliseconds


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
        print(f"| {runtime} | {size / 2**20:.2f} | {median_milliseconds(given.bundle, runtime, given.rounds):.1f} |")


if __name__ == "__main__":
    main()
