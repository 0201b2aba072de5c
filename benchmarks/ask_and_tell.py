"""What the coordinator spends on a trial when 2,000 lie behind it: asking, hearing epochs, telling.

The real space of the 1-D family, sampler `tpe`, the default pruner, Optuna's database on disk; only the fits are
simulated. The history is laid down as a lost database is rebuilt: from records.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import defaultdict

import numpy as np
import optuna

from benchmarks.simulated import SIMULATED, learning_curve, outcome_of, simulated_study
from benchmarks.table import Row, Settings
from serbench.records.base import now
from serbench.records.schemas import TrialRecord
from serbench.search.jobs import JobMaker, predictions_of, record_of
from serbench.search.studies.optuna_history import OptunaHistory, frozen_trial
from serbench.search.studies.study import Study
from serbench.spaces import load_space
from serbench.training import TrialJob

__all__ = ["lay_down_history", "measure"]

_PRUNED_SHARE = 0.4


def measure(settings: Settings) -> list[Row]:
    """Medians over trials that see the whole history."""
    behind, timed = (12, 2) if settings.quick else (2_000, 40)
    with simulated_study(settings.folder("ask"), load_space("cnn1d")) as study:
        maker = JobMaker(study, SIMULATED, "tensorflow")
        lay_down_history(study, maker, behind)
        history = OptunaHistory(study)
        seconds: dict[str, list[float]] = defaultdict(list)
        for _ in range(timed):
            _one_trial(study, history, maker, seconds)
    middle = {part: statistics.median(values) for part, values in seconds.items()}
    quickest = min(map(sum, zip(seconds["ask"], seconds["tell"], strict=True)))
    note = f"{behind:,} trials behind it, median of {timed}"
    return [
        Row("ask + tell", middle["ask"] + middle["tell"], "s", "drawing by TPE, then one commit a parameter", 0.3,
            note=f"{note}, the quickest {quickest:.3f} s"),
        Row("ask", middle["ask"], "s", "TPE sorts and weighs the whole history for each group of parameters",
            note=note),
        Row("epoch: report and verdict", middle["epoch"] * 1e3, "ms", "one row written through SQLAlchemy", note=note),
        Row("record on disk", middle["record"] * 1e3, "ms", "syncs of three files and a folder", note=note),
        Row("tell", middle["tell"] * 1e3, "ms", "one row written through SQLAlchemy", note=note),
    ]  # fmt: skip


def lay_down_history(study: Study, maker: JobMaker, count: int) -> None:
    """Gives Optuna `count` trials drawn at random, two fifths of them pruned."""
    rng = np.random.default_rng(0)
    drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for number in range(count):
        config = study.space.suggest(drawn.ask())
        job = maker.search(f"t{number:04d}", number, config)
        pruned = rng.random() < _PRUNED_SHARE
        epochs = job.settings.epochs // 4 + 1 if pruned else job.settings.epochs
        study.optuna.add_trial(frozen_trial(study, _record(study, job, epochs, pruned)))


def _record(study: Study, job: TrialJob, epochs: int, pruned: bool) -> TrialRecord:
    outcome = outcome_of(job, learning_curve(job)[:epochs], pruned=pruned)
    return record_of(job, outcome, study.clips, now())


def _one_trial(study: Study, history: OptunaHistory, maker: JobMaker, seconds: dict[str, list[float]]) -> None:
    """Asks, hears every epoch, records and tells, as the coordinator does."""
    start = time.perf_counter()
    proposal = history.ask()
    seconds["ask"].append(time.perf_counter() - start)
    job = maker.search(proposal.job_id, proposal.number, proposal.config)
    best, curve = -math.inf, learning_curve(job)
    for epoch, value in enumerate(curve):
        best = max(best, value)
        start = time.perf_counter()
        history.report(proposal.trial, best, epoch)
        seconds["epoch"].append(time.perf_counter() - start)
    outcome = outcome_of(job, curve)
    start = time.perf_counter()
    record = record_of(job, outcome, study.clips, now(), proposal.trial.number)
    study.folder.publish_job(record, predictions_of(job, outcome, study.clips))
    seconds["record"].append(time.perf_counter() - start)
    start = time.perf_counter()
    history.tell(proposal.trial.number, record)
    seconds["tell"].append(time.perf_counter() - start)
