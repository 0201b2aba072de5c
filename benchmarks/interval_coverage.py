"""Simulates test cores: how often intervals cover the truth, and what differences so many speakers can show.

uv run python benchmarks/interval_coverage.py [--runs 2000] [--seed 0]
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.simulated_test_set import SimulatedCore


def main() -> None:
    """Prints one Markdown row a number of speakers and of refits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print("| speakers | refits | 95 % interval covers | half width | equal models called different | shown in 80 % |")
    print("|---:|---:|---:|---:|---:|---:|")
    for speakers in (8, 18, 50):
        for refits in (1, 2, 3, 5):
            core = SimulatedCore(speakers, refits)
            covers, half = core.coverage(rng, options.runs)
            wrong = core.rejection_rate(rng, options.runs)
            shown = f"{100 * core.detectable(rng, options.runs // 4):.0f} points" if refits > 1 else "not compared"
            cells = (speakers, refits, f"{covers:.1%}", f"{100 * half:.1f} points", f"{wrong:.1%}", shown)
            print(f"| {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
