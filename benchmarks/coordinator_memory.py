"""How much the coordinator grows by a trial: 10,000 that train nothing, and some real ones in children.

The simulated ones draw from the real space at random (what is proposed does not matter here, and TPE on 10,000
trials is slow), report up to 40 epochs each and write real records.
"""

from __future__ import annotations

import os
import threading

from benchmarks.real_trials import Ended, fit_trials, small_space
from benchmarks.simulated import SIMULATED, SimulatedEngine, simulated_study
from benchmarks.table import Row, Settings
from serbench.records.schemas import TrialRecord
from serbench.search import Observer
from serbench.search.coordinator import Coordinator
from serbench.search.jobs import JobMaker
from serbench.search.session import Session
from serbench.spaces import load_space
from serbench.training.supervisor import anonymous_memory_mib

__all__ = ["Growth", "measure"]


class Growth(Observer):
    """Notes this process's own memory after every trial."""

    def __init__(self) -> None:
        self.mib: list[float] = []

    def trial_finished(self, record: TrialRecord) -> None:  # noqa: ARG002
        """Looks."""
        self.mib.append(anonymous_memory_mib(os.getpid()) or 0.0)

    def kib_a_trial(self) -> float:
        """Growth between the first tenth, in which caches fill, and the end."""
        first = len(self.mib) // 10
        return 1024 * (self.mib[-1] - self.mib[first]) / (len(self.mib) - 1 - first)


def measure(settings: Settings) -> list[Row]:
    """Growth by trial."""
    trials, fits = (40, 3) if settings.quick else (10_000, 60)
    simulated = _simulated(settings, trials)
    real = Ended()
    memory = Growth()
    fit_trials(settings, small_space("cnn1d", epochs=1), fits, workers=1, observers=(real, memory))
    return [
        Row("coordinator memory", simulated.kib_a_trial(), "KiB a trial", "Optuna's history, kept for the sampler", 20,
            note=f"{trials:,} simulated trials, from {simulated.mib[0]:.0f} to {simulated.mib[-1]:.0f} MiB"),
        Row("coordinator memory", memory.kib_a_trial(), "KiB a trial", "noise of the allocator, at this number",
            note=f"{fits} real trials in children, from {memory.mib[0]:.0f} to {memory.mib[-1]:.0f} MiB"),
    ]  # fmt: skip


def _simulated(settings: Settings, trials: int) -> Growth:
    growth, stop = Growth(), threading.Event()
    with simulated_study(settings.folder("memory"), load_space("cnn1d"), sampler="random") as study:
        engine = SimulatedEngine(workers=1)
        try:
            maker = JobMaker(study, SIMULATED, "tensorflow")
            Coordinator(Session.on(engine, study, maker, growth, stop)).run_trials(trials)
        finally:
            engine.close()
    return growth
