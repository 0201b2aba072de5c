"""Probes: short fits of random configurations. The best of them become the first trials of the study.

A probe is not a trial: it uses no budget, is never a finalist, and its score is compared only with other probes. It
only decides which configurations are tried first, with all epochs.
"""

from __future__ import annotations

from typing import Any

import optuna

from serbench.errors import UsageError
from serbench.records import JobId
from serbench.search.coordinator import Coordinator
from serbench.search.session import Session
from serbench.search.studies.study import Study
from serbench.spaces import Enqueued
from serbench.training import TrialJob

__all__ = ["EPOCH_SHARE", "KEPT_SHARE", "run_probes"]

EPOCH_SHARE = 0.25
"""Share of a trial's epochs that a probe trains."""

KEPT_SHARE = 1 / 3
"""Share of the probes, rounded up, that are then tried as full trials."""

_DRAWS_PER_PROBE = 20


def run_probes(session: Session, count: int) -> None:
    """Runs the probes that have no record yet, then queues the best ones as the study's next trials.

    Args:
        session: session of a settled study. Probes come first: a study with trials gets no more of them, and only
            goes on with those it has. Running probes stop at the end of the session.
        count: number of probes; 0 for none.
    """
    study = session.study
    if study.records() or count == 0:
        _try_best(session)
        return
    jobs = [job for number in range(count) if (job := _job(session, number)) is not None]
    todo = [job for job in jobs if not study.folder.has_job("probe", job.job_id)]
    if todo:
        epochs = todo[0].settings.epochs
        session.observer.message(f"running {len(todo)} probes of {epochs} epochs each to choose what to try first")
        Coordinator(session).run_jobs(todo, {job.job_id: "probe" for job in todo}, session.end)
    if not session.stop.is_set() and all(study.folder.has_job("probe", job.job_id) for job in jobs):
        _try_best(session)


def _try_best(session: Session) -> None:
    """Queues the best of the recorded probes as the study's next trials."""
    ended = [record for record in session.study.folder.jobs("probe") if record.value is not None]
    ended.sort(key=lambda record: (-(record.value or 0.0), record.job_id))
    kept = ended[: -int(-len(ended) * KEPT_SHARE // 1)]
    session.history.try_first(tuple(Enqueued(f"probe {record.job_id}", record.config) for record in kept))


def _job(session: Session, number: int) -> TrialJob | None:
    """Makes the probe of this number; None if many draws from the space give no valid configuration."""
    for draw in range(_DRAWS_PER_PROBE):
        config = _draw(session.study, number, draw)
        try:
            return session.maker.probe(str(JobId.of_probe(number)), number, config, EPOCH_SHARE)
        except UsageError:
            continue
    return None


def _draw(study: Study, number: int, draw: int) -> dict[str, Any]:
    sampler = optuna.samplers.RandomSampler(seed=study.seeds.probe(number, draw))
    return study.space.suggest(optuna.create_study(sampler=sampler).ask())
