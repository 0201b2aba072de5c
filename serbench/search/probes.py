"""A cheap start: random configurations are trained on a part of the epochs, and the best of them open the study.

A probe is no trial: it uses up no budget, is never a finalist, and its score is compared with nothing but other
probes'. What it says is only which configurations are tried first, in full.
"""

from __future__ import annotations

from typing import Any

import optuna

from serbench.errors import UsageError
from serbench.search.coordinator import Coordinator
from serbench.search.session import Session
from serbench.search.studies.study import Study
from serbench.spaces import Enqueued
from serbench.training import TrialJob

__all__ = ["EPOCH_SHARE", "KEPT_SHARE", "run_probes"]

EPOCH_SHARE = 0.25
"""Of the epochs of a trial."""

KEPT_SHARE = 1 / 3
"""Of the probes, rounded up: those that are tried in full."""

_DRAWS_PER_PROBE = 20


def run_probes(session: Session, count: int) -> None:
    """Runs the probes that have no record yet, then has the best ones tried as the study's next trials.

    Args:
        session: of a settled study. Probes open a study: one that has trials already gets no more of them. Probes are
            broken off at the session's end.
        count: how many; 0 for none.
    """
    if count == 0:
        return
    study = session.study
    jobs = [job for number in range(count) if (job := _job(session, number)) is not None]
    todo = [job for job in jobs if not study.folder.has_job("probe", job.job_id)]
    if todo and study.records():
        return
    if todo:
        epochs = todo[0].settings.epochs
        session.observer.message(f"{len(todo)} probes on {epochs} epochs each say what is tried first")
        Coordinator(session).run_jobs(todo, {job.job_id: "probe" for job in todo}, session.end)
    ended = [record for record in study.folder.jobs("probe") if record.value is not None]
    if session.stop.is_set() or not all(study.folder.has_job("probe", job.job_id) for job in jobs):
        return
    ended.sort(key=lambda record: (-(record.value or 0.0), record.job_id))
    kept = ended[: -int(-len(ended) * KEPT_SHARE // 1)]
    session.history.try_first(tuple(Enqueued(f"probe {record.job_id}", record.config) for record in kept))


def _job(session: Session, number: int) -> TrialJob | None:
    """The probe of this number; None where the space gives no valid configuration in many draws."""
    for draw in range(_DRAWS_PER_PROBE):
        config = _draw(session.study, number, draw)
        try:
            return session.maker.probe(f"p{number:04d}", number, config, EPOCH_SHARE)
        except UsageError:
            continue
    return None


def _draw(study: Study, number: int, draw: int) -> dict[str, Any]:
    sampler = optuna.samplers.RandomSampler(seed=study.seeds.probe(number, draw))
    return study.space.suggest(optuna.create_study(sampler=sampler).ask())
