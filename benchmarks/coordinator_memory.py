"""Resident memory of the coordinator over many tiny trials: it should be flat.

    uv run python benchmarks/coordinator_memory.py --trials 100

Makes a small corpus of tones, runs trials of one epoch with a one-block 1-D CNN, and prints the coordinator's own
(anonymous) memory after every tenth trial.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

SPACE = """
[space]
family = "cnn1d"
[features]
sample_rate = 8000
duration_s = 0.6
window_length = 256
hop_length = 128
n_mels = 24
n_mfcc = 8
deltas = false
[training]
epochs = 1
[parameters]
depth = 1
width = [8, 16]
dense_width = 0
learning_rate = { low = 1e-4, high = 1e-2, log = true }
"""


def main() -> None:
    """Runs the trials and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["SERBENCH_CACHE"] = str(folder / "cache")
        from conftest import write_tone_corpus

        from serbench.corpora import get_corpus
        from serbench.records.schemas import TrialRecord
        from serbench.search import Observer, SearchPlan, load_space, run_search
        from serbench.training.supervisor import anonymous_memory_mib

        class Watch(Observer):
            """Prints the memory after every tenth trial."""

            count = 0

            def trial_finished(self, record: TrialRecord) -> None:
                self.count += 1
                if self.count == 1 or self.count % 10 == 0:
                    memory = anonymous_memory_mib(os.getpid()) or 0.0
                    print(f"{self.count:6} trials  {memory:8.1f} MiB  {record.state}", flush=True)

        (folder / "tiny.toml").write_text(SPACE, encoding="utf-8")
        plan = SearchPlan(
            spaces=(load_space(folder / "tiny.toml"),),
            corpus=get_corpus("crema-d"),
            data=write_tone_corpus(folder / "AudioWAV"),
            results=folder / "results",
            trials=trials,
            finalists=0,
        )
        run_search(plan, Watch())


if __name__ == "__main__":
    main()
