"""A thousand workers on trials of two minutes: whether one coordinator keeps up with them."""

from __future__ import annotations

import statistics
import threading
import time

from benchmarks.simulated import SIMULATED, SimulatedEngine, simulated_study
from benchmarks.table import Row, Settings
from serbench.search import Observer
from serbench.search.coordinator import Coordinator
from serbench.search.jobs import JobMaker
from serbench.search.mailbox import DoneMessage, EpochMessage, Mailbox
from serbench.search.session import Session
from serbench.spaces import load_space

__all__ = ["measure"]

_CREMA_D_CLIPS = 7_442


class _Begun(Observer):
    """Notes when each trial was handed out."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def trial_started(self, job_id: str, config: dict[str, object], epochs: int) -> None:  # noqa: ARG002
        self.at.append(time.perf_counter())


class _Idle(Mailbox):
    """Adds up how long the coordinator waited for anything to do."""

    waited_s = 0.0

    def next(self, deadline: float | None = None, *, wait: bool = True) -> EpochMessage | DoneMessage | None:
        start = time.perf_counter()
        message = super().next(deadline, wait=wait)
        self.waited_s += time.perf_counter() - start
        return message


def measure(settings: Settings) -> list[Row]:
    """The first thousand are asked for at once, half as many again when others have ended."""
    workers, trials, epoch_s = (6, 9, 0.002) if settings.quick else (1_000, 1_500, 3.0)
    stop = threading.Event()
    space = load_space("cnn1d")
    with simulated_study(settings.folder("crowd"), space, clips=_CREMA_D_CLIPS, pruner="none") as study:
        engine = SimulatedEngine(workers, epoch_s)
        mailbox, begun = _Idle(engine, stop), _Begun()
        start = time.perf_counter()
        try:
            maker = JobMaker(study, SIMULATED, "tensorflow")
            Coordinator(Session(study, maker, mailbox, begun, stop)).run_trials(trials)
        finally:
            engine.close()
    wall = time.perf_counter() - start
    note = f"{workers:,} workers, {trials:,} trials of {space.training.epochs * epoch_s:.0f} s"
    waits = sorted(engine.waits_s)
    busy_s = (wall - mailbox.waited_s) / trials
    return [
        Row("until a crowd is at work", begun.at[workers - 1] - start, "s", "asks one after the other", note=note),
        Row("coordinator's work", busy_s, "s a trial", "asking by TPE; a row written for each epoch and parameter",
            note=f"{note}; so trials of {busy_s * workers / 60:.0f} minutes and more keep them all busy"),
        Row("an epoch waits for its verdict", statistics.median(waits), "s", "epochs and asks stand in one line",
            note=f"{note}; 99 % under {waits[int(0.99 * len(waits))]:.1f} s, {len(waits) / wall:.0f} epochs a second"),
    ]  # fmt: skip
