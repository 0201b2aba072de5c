"""Fits that train nothing: what is left of a search is the harness itself.

`SimulatedEngine` is an engine like any other; its workers are timers of one event loop, so a thousand of them cost one
thread. `simulated_study` opens a real study (folder, records, Optuna's database) on clips that have no audio.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serbench.corpora import StudyClips, get_corpus
from serbench.corpora.table import clip_table
from serbench.protocols import SplitProtocol
from serbench.records import ResultsFolder
from serbench.records.base import now
from serbench.records.environment import current_environment
from serbench.records.schemas import EpochMetrics, StudyRecord
from serbench.search.engines.engine import OnEpoch
from serbench.search.resources import Resources
from serbench.search.studies.optuna_history import OptunaHistory
from serbench.search.studies.samplers import pruner_settings, sampler_settings
from serbench.search.studies.study import Study
from serbench.spaces.space import SearchSpace
from serbench.training import TrialJob, TrialOutcome, Verdict

__all__ = ["SIMULATED", "SimulatedEngine", "learning_curve", "outcome_of", "simulated_study"]

SIMULATED = Resources(workers=1, threads=1, memory_limit_mib=None)
"""What a simulated fit may use."""

_BEST_LEARNING_RATE = 1e-3


def learning_curve(job: TrialJob) -> list[float]:
    """Validation UAR by epoch: it rises to a level that falls with the distance from a good learning rate.

    Args:
        job: its seed draws the level, the pace and the noise; the same job gives the same curve.
    """
    rng = np.random.default_rng(job.seed)
    distance = abs(math.log10(job.config["learning_rate"] / _BEST_LEARNING_RATE))
    chance = 1 / len(job.labels)
    level = chance + (0.62 - chance) * math.exp(-0.5 * distance**2) * rng.uniform(0.7, 1.0)
    epochs = np.arange(1, job.settings.epochs + 1)
    rise = 1 - np.exp(-epochs / rng.uniform(3.0, 12.0))
    curve = chance + (level - chance) * rise + rng.normal(0, 0.01, len(epochs))
    return [float(value) for value in curve.clip(0.0, 1.0)]


def outcome_of(job: TrialJob, curve: Sequence[float], *, pruned: bool = False, epoch_s: float = 0.0) -> TrialOutcome:
    """What a fit comes to that got as far as `curve`.

    Args:
        job: the fit.
        curve: validation UAR by epoch, one at least.
        pruned: whether it was ended early.
        epoch_s: how long an epoch took.
    """
    shape = (len(job.predict["validation"]), len(job.labels))
    probabilities = np.random.default_rng(job.seed).dirichlet(np.ones(shape[1]), size=shape[0])
    return TrialOutcome(
        "pruned" if pruned else "completed",
        value=max(curve),
        epochs=tuple(_metrics(job, epoch, value, epoch_s) for epoch, value in enumerate(curve)),
        best_epoch=curve.index(max(curve)),
        parameters=100_000,
        predictions={"validation": probabilities.astype(np.float32)},
        seconds={"fit": round(epoch_s * len(curve), 3), "total": round(epoch_s * len(curve), 3)},
    )


def _metrics(job: TrialJob, epoch: int, value: float, epoch_s: float) -> EpochMetrics:
    return EpochMetrics(
        epoch=epoch,
        loss=2.0 * (1 - value),
        accuracy=value,
        val_loss=2.0 * (1 - value),
        val_accuracy=value,
        val_uar=value,
        learning_rate=job.config["learning_rate"],
        seconds=epoch_s,
    )


@dataclass
class _Fit:
    """A fit that is under way; `done` of its epochs are over."""

    job: TrialJob
    on_epoch: OnEpoch
    future: Future[TrialOutcome]
    curve: list[float]
    epoch_s: float
    done: int = 0
    asked: float = 0.0

    def outcome(self, verdict: Verdict) -> TrialOutcome:
        if verdict is Verdict.STOP or not self.done:
            return TrialOutcome("interrupted", error="told to stop", error_kind="stop")
        pruned = verdict is Verdict.PRUNE
        return outcome_of(self.job, self.curve[: self.done], pruned=pruned, epoch_s=self.epoch_s)


class SimulatedEngine:
    """Runs jobs that wait instead of training.

    Args:
        workers: jobs side by side.
        epoch_s: how long an epoch lasts; a fit's own pace differs from it by up to a third.

    Attributes:
        waits_s: how long each epoch waited for its verdict.
        trained_s: what all epochs lasted together.
    """

    def __init__(self, workers: int, epoch_s: float = 0.0) -> None:
        self._workers = workers
        self._epoch_s = epoch_s
        self._fits: dict[str, _Fit] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated-workers", daemon=True)
        self._thread.start()
        self.waits_s: list[float] = []
        self.trained_s = 0.0

    @property
    def workers(self) -> int:
        """Jobs that run at the same time."""
        return self._workers

    def submit(self, job: TrialJob, on_epoch: OnEpoch) -> Future[TrialOutcome]:
        """Starts a job."""
        pace = np.random.default_rng([job.seed, 1]).uniform(0.67, 1.33)
        fit = _Fit(job, on_epoch, Future(), learning_curve(job), self._epoch_s * pace)
        self._loop.call_soon_threadsafe(self._begin, fit)
        return fit.future

    def _begin(self, fit: _Fit) -> None:
        self._fits[fit.job.job_id] = fit
        self._loop.call_later(fit.epoch_s, self._end_epoch, fit)

    def _end_epoch(self, fit: _Fit) -> None:
        if fit.future.done():
            return
        metrics = _metrics(fit.job, fit.done, fit.curve[fit.done], fit.epoch_s)
        fit.done += 1
        self.trained_s += fit.epoch_s
        fit.asked = time.perf_counter()
        fit.on_epoch(metrics, lambda verdict: self._answer(fit, verdict))

    def _answer(self, fit: _Fit, verdict: Verdict) -> None:
        """Takes a verdict, from the coordinator's thread."""
        self.waits_s.append(time.perf_counter() - fit.asked)
        self._loop.call_soon_threadsafe(self._go_on, fit, verdict)

    def _go_on(self, fit: _Fit, verdict: Verdict) -> None:
        if verdict is Verdict.CONTINUE and fit.done < len(fit.curve):
            self._loop.call_later(fit.epoch_s, self._end_epoch, fit)
        else:
            self._end(fit, verdict)

    def _end(self, fit: _Fit, verdict: Verdict) -> None:
        if self._fits.pop(fit.job.job_id, None) is not None:
            fit.future.set_result(fit.outcome(verdict))

    def tend(self) -> None:
        """Nothing to say."""

    def cancel_all(self) -> None:
        """Tells every running job to stop."""
        self._loop.call_soon_threadsafe(self._stop_all)

    def _stop_all(self) -> None:
        for fit in list(self._fits.values()):
            self._end(fit, Verdict.STOP)

    def close(self) -> None:
        """Stops what runs and ends the loop."""
        if self._loop.is_closed():
            return
        self.cancel_all()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def simulated_study(
    folder: Path, space: SearchSpace, *, clips: int = 600, sampler: str = "tpe", pruner: str = "percentile"
) -> Iterator[Study]:
    """A study on clips without audio, opened and settled.

    Args:
        folder: results folder.
        space: what is searched.
        clips: how many; 7,442 is the size of CREMA-D.
        sampler: by name.
        pruner: by name.
    """
    table = _clips(clips)
    corpus = StudyClips(get_corpus("crema-d"), table, excluded=(), findings=(), digest="simulated")
    protocol = SplitProtocol("speaker", space.test_core, space.validation_core)
    (plan,) = protocol.plans(table)
    record = StudyRecord(
        name="simulated",
        run="simulated",
        family=space.family.name,
        space_name=space.name,
        space_hash=space.hash,
        space_text=space.text,
        space=space.describe(),
        corpus=corpus.facts(),
        protocol=protocol.facts(table, plan),
        features=space.features.model_dump(mode="json"),
        feature_shape=space.features.shape,
        seed=0,
        sampler=sampler_settings(sampler),
        pruner=pruner_settings(pruner, space.training.epochs),
        environment=current_environment("tensorflow"),
        created=now(),
    )
    results = ResultsFolder(folder)
    results.prepare()
    with contextlib.closing(Study.open(results, record, space, table, plan)) as study:
        OptunaHistory(study).settle()
        yield study


def _clips(count: int) -> pd.DataFrame:
    labels = get_corpus("crema-d").labels
    rows: list[dict[str, Any]] = [
        {
            "clip_id": f"c{index:05d}",
            "path": f"/nowhere/c{index:05d}.wav",
            "label": labels[index % len(labels)],
            "speaker": f"s{index * 91 // count:02d}",
            "sex": ("female", "male")[index * 91 // count % 2],
        }
        for index in range(count)
    ]
    table = clip_table(pd.DataFrame(rows))
    return table.assign(digest=table["clip_id"], duration_s=3.0, sample_rate=16_000, channels=1)
