"""Real trials for benchmarks: small, all alike, in children as in any search."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.table import Settings
from serbench.corpora import get_corpus
from serbench.records.schemas import EpochMetrics, TrialRecord
from serbench.search import Observer, SearchPlan, run_search
from serbench.spaces import load_space
from serbench.spaces.space import SearchSpace

__all__ = ["Ended", "fit_trials", "small_space"]

_SPACE = """
[space]
family = "{family}"
[protocol]
test_core = 20
validation_core = 20
[features]
sample_rate = 16000
duration_s = 2.5
n_mels = 40
[training]
epochs = {epochs}
patience = {epochs}
[parameters]
split_ratio = "60/20/20"
depth = 2
width = 16
batch_size = 32
learning_rate = {{ low = 0.99e-3, high = 1.01e-3 }}
"""


class Ended(Observer):
    """Keeps the records of trials and when the first began and the last ended."""

    def __init__(self) -> None:
        self.records: list[TrialRecord] = []
        self.began: list[float] = []
        self.ended: list[float] = []

    def trial_started(self, job_id: str, config: dict[str, object], epochs: int) -> None:  # noqa: ARG002
        """Notes when."""
        self.began.append(time.monotonic())

    def trial_finished(self, record: TrialRecord) -> None:
        """Keeps it."""
        self.ended.append(time.monotonic())
        self.records.append(record)


class _Both(Observer):
    """Passes on to several."""

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers

    def trial_started(self, job_id: str, config: dict[str, object], epochs: int) -> None:
        for observer in self._observers:
            observer.trial_started(job_id, config, epochs)

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        for observer in self._observers:
            observer.epoch(job_id, metrics)

    def trial_finished(self, record: TrialRecord) -> None:
        for observer in self._observers:
            observer.trial_finished(record)


def small_space(family: str, epochs: int) -> SearchSpace:
    """A space whose trials cost the same: only the learning rate varies, and hardly."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"small_{family}.toml"
        path.write_text(_SPACE.format(family=family, epochs=epochs), encoding="utf-8")
        return load_space(path)


def fit_trials(
    settings: Settings,
    space: SearchSpace,
    trials: int,
    *,
    workers: int,
    observers: tuple[Observer, ...],
) -> None:
    """Runs a search without pruning, shortlist and finalists.

    Raises:
        RuntimeError: a trial did not complete, or there were other fits; the figures would mean nothing.
    """
    ended = Ended()
    plan = SearchPlan(
        spaces=(space,),
        corpus=get_corpus(settings.corpus),
        data=settings.data,
        results=Path(tempfile.mkdtemp(prefix="results-", dir=settings.scratch)),
        trials=trials,
        workers=workers,
        shortlist=0,
        finalists=0,
        sampler="random",
        pruner="none",
    )
    run_search(plan, _Both((*observers, ended)))
    if len(ended.records) != trials:
        raise RuntimeError(f"{len(ended.records)} fits for {trials} trials")
    if failed := [record for record in ended.records if record.state != "completed"]:
        raise RuntimeError(f"trial {failed[0].job_id} ended as {failed[0].state}: {failed[0].error}")
