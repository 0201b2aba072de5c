"""A thousand workers on trials of two minutes: whether one coordinator keeps up with them."""

from __future__ import annotations

import statistics
import threading
import time

from benchmarks.simulated import SIMULATED, SimulatedEngine, simulated_study
from benchmarks.table import Row, Settings
from serbench.search import Observer, load_space
from serbench.search.coordinator import Coordinator
from serbench.search.jobs import JobMaker
from serbench.search.runner import DoneMessage, EpochMessage, JobRunner

__all__ = ["measure"]

_CREMA_D_CLIPS = 7_442


class _Idle(JobRunner):
    """Adds up how long the coordinator waited for anything to do."""

    waited_s = 0.0

    def next(self, deadline: float | None = None, *, wait: bool = True) -> EpochMessage | DoneMessage | None:
        start = time.perf_counter()
        message = super().next(deadline, wait=wait)
        self.waited_s += time.perf_counter() - start
        return message


def measure(settings: Settings) -> list[Row]:
    """Runs two trials a worker; the first thousand are asked for at once."""
    workers, trials, epoch_s = (6, 9, 0.002) if settings.quick else (1_000, 2_000, 3.0)
    rows = []
    for sampler in ("tpe", "random"):
        rows += _crowd(settings, sampler, workers, trials, epoch_s)
    return rows


def _crowd(settings: Settings, sampler: str, workers: int, trials: int, epoch_s: float) -> list[Row]:
    stop = threading.Event()
    space = load_space("cnn1d")
    with simulated_study(
        settings.folder(f"crowd-{sampler}"), space, clips=_CREMA_D_CLIPS, sampler=sampler, pruner="none"
    ) as study:
        engine = SimulatedEngine(workers, epoch_s)
        runner = _Idle(engine, stop)
        start = time.perf_counter()
        try:
            maker = JobMaker(study, SIMULATED, "tensorflow")
            Coordinator(study, maker, runner, Observer(), stop).run(trials)
        finally:
            engine.close()
    wall = time.perf_counter() - start
    note = f"{workers:,} workers, {sampler}, {trials:,} trials of {space.training.epochs * epoch_s:.0f} s"
    waits = sorted(engine.waits_s)
    return [
        Row("workers' time spent training", 100 * engine.trained_s / (wall * workers), "%",
            "one coordinator asks for one trial after the other", at_least=True, note=note),
        Row("an epoch waits for its verdict", statistics.median(waits), "s", "epochs and asks stand in one line",
            note=f"{note}; 99 % under {waits[int(0.99 * len(waits))]:.1f} s"),
        Row("epochs handled", len(waits) / wall, "a second", "SQLAlchemy", note=note),
        Row("coordinator idle", 100 * runner.waited_s / wall, "%", "", note=note),
    ]  # fmt: skip
