"""Large sizes: a board of 2,000 entries, a table of 200,000 clips, a study of 5,000 trials.

Board and table are measured in processes of their own, so that the largest memory is theirs.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.ask_and_tell import lay_down_history
from benchmarks.simulated import SIMULATED, simulated_study
from benchmarks.simulated_results import Size, write_results
from benchmarks.table import Row, Settings
from serbench.search.jobs import JobMaker
from serbench.search.studies.optuna_history import OptunaHistory
from serbench.spaces import load_space

__all__ = ["measure"]

_RATE = 8_000


def measure(settings: Settings) -> list[Row]:
    """Seconds and memory of each."""
    return [*_board(settings), *_table(settings), *_study(settings)]


def _board(settings: Settings) -> list[Row]:
    size = Size(4, 2, 90, 9, 2, 5, sound=False) if settings.quick else Size(2_000, 10, 1_500, 18, 3, 5, sound=False)
    results = write_results(settings.folder("large-board") / "results", size)
    seconds, mib = _command("leaderboard", "--results", str(results.root), "--format", "csv")
    files = sum(1 for _ in results.root.rglob("predictions.parquet"))
    note = f"{size.entries:,} entries of {size.refits} runs on {size.clips:,} clips, {files:,} tables of predictions"
    return [
        Row("board", seconds, "s", "reading and scoring every table of predictions", note=note),
        Row("board: memory", mib, "MiB", "predictions of all entries, kept for the pairs", note=note),
    ]


def _table(settings: Settings) -> list[Row]:
    """Hard links to few sounds: the file system is part of what is measured, decoding next to nothing."""
    clips = 120 if settings.quick else 200_000
    folder = settings.folder("large-table")
    rng = np.random.default_rng(0)
    sounds = []
    for number in range(8):
        sounds.append(folder / f"sound{number}.wav")
        soundfile.write(sounds[-1], 0.1 * rng.standard_normal(_RATE // 4), _RATE)
    lines = ["path,label,speaker"]
    for number in range(clips):
        place = folder / f"{number % 500:03}"
        place.mkdir(exist_ok=True)
        os.link(sounds[number % 8], place / f"{number}.wav")
        lines.append(f"{place.name}/{number}.wav,{('joy', 'fear', 'anger', 'calm')[number % 4]},s{number % 300}")
    (folder / "clips.csv").write_text("\n".join(lines), encoding="utf-8")
    seconds, mib = _command("corpus", "check", str(folder / "clips.csv"), "--format", "json", cache=folder / "cache")
    again, _ = _command("corpus", "check", str(folder / "clips.csv"), "--format", "json", cache=folder / "cache")
    note = f"{clips:,} rows, clips of 0.25 s"
    return [
        Row("table: corpus check", seconds, "s", "opening and decoding every file", note=note),
        Row("table: the same again", again, "s", "looking at every file's size and time", note=note),
        Row("table: memory", mib, "MiB", "the clip table", note=note),
    ]


def _study(settings: Settings) -> list[Row]:
    trials, asked = (20, 2) if settings.quick else (5_000, 10)
    with simulated_study(settings.folder("large-study"), load_space("cnn1d")) as study:
        maker = JobMaker(study, SIMULATED, "tensorflow")
        lay_down_history(study, maker, trials)
        history = OptunaHistory(study)
        seconds = []
        for _ in range(asked):
            began = time.perf_counter()
            history.ask()
            seconds.append(time.perf_counter() - began)
        mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    note = f"{trials:,} trials behind it, median of {asked}"
    return [
        Row("study: ask", statistics.median(seconds), "s", "the sampler weighs the whole history", note=note),
        Row("study: memory", mib, "MiB", "Optuna's history, and this process's libraries", note=note),
    ]


_RUN = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - began
mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps([seconds, mib, done.returncode, done.stderr]))
"""


def _command(*arguments: str, cache: Path | None = None) -> tuple[float, float]:
    """Runs the program; returns seconds, and the memory (MiB) of the largest of its processes."""
    environment = dict(os.environ) | ({} if cache is None else {"SERBENCH_CACHE": str(cache)})
    command = [sys.executable, "-c", _RUN, sys.executable, "-m", "serbench.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    seconds, mib, code, said = json.loads(done.stdout)
    if code:
        raise RuntimeError(f"{' '.join(arguments)} ended with {code}: {said[-500:]}")
    return float(seconds), float(mib)
