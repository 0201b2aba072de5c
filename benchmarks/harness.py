"""The speed of the harness itself: one command, one table.

    uv run python benchmarks/harness.py [NAME ...] [--corpus NAME --data DIR] [--quick] [--format table|json]

Without a name, all of them run; on two cores that takes about an hour. Real trials are fitted on the demo corpus, or
on the corpus that is named.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    # Not the folder of this file: a benchmark may be named as a package is that others import.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.table import Row, Settings, as_json, as_table, machine

__all__ = ["BENCHMARKS", "run"]

BENCHMARKS = {
    "start": "benchmarks.trial_start",
    "share": "benchmarks.overhead_share",
    "frontends": "benchmarks.frontends",
    "ask": "benchmarks.ask_and_tell",
    "memory": "benchmarks.coordinator_memory",
    "crowd": "benchmarks.thousand_workers",
    "throughput": "benchmarks.throughput",
    "site": "benchmarks.site_build",
    "large": "benchmarks.large",
}
"""Each module has one function `measure(settings)`."""


def run(name: str, settings: Settings) -> list[Row]:
    """Runs one benchmark."""
    module = importlib.import_module(BENCHMARKS[name])
    rows: list[Row] = module.measure(settings)
    return rows


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--corpus", default="demo", help="what real trials are fitted on (default %(default)s)")
    parser.add_argument("--data", type=Path, help="where that corpus lies")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it works, the figures say little")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(BENCHMARKS)):
        parser.error(f"unknown benchmark '{unknown[0]}'; choose from {', '.join(BENCHMARKS)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows = []
    print(machine(), file=sys.stderr)
    for name in asked.names or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="serbench-benchmark-") as folder:
            rows += run(name, Settings(Path(folder), asked.corpus, asked.data, asked.quick))
    print(machine(), file=sys.stderr)
    print(as_json(rows) if asked.format == "json" else as_table(rows))


if __name__ == "__main__":
    main()
