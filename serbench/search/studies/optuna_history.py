"""Keeps Optuna's history in step with the records, which are the truth.

What a record says and Optuna does not know is told; what Optuna believes running and no record confirms was
broken off. So a killed search, a lost database and a forked study all come back by the same way.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from serbench.records.base import now
from serbench.records.schemas import TrialRecord
from serbench.records.states import STATES

if TYPE_CHECKING:
    from serbench.search.studies.study import Study

__all__ = ["CONFIG", "CONSTRAINT", "JOB_ID", "ORIGIN", "frozen_trial", "queue_again", "settle", "violation"]

JOB_ID = "job_id"
ORIGIN = "enqueued"
CONFIG = "config"
CONSTRAINT = "valid"
_ATTEMPT = "attempt"


def settle(study: Study) -> list[str]:
    """Makes Optuna agree with the records after a stop or a kill.

    Returns:
        Job ids that will be repeated.
    """
    _adopt_records(study)
    for trial in study.optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        _end(study, trial)
    # Only now: whether a trial is repeated is decided by its last attempt, and Optuna knows all of them.
    waiting = study.optuna.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    settled = {trial.user_attrs.get(JOB_ID) for trial in waiting} | {*study.folder.job_ids("search")}
    repeated: list[str] = []
    for trial in study.optuna.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
        job_id = trial.user_attrs.get(JOB_ID)
        if job_id is not None and job_id not in settled:
            queue_again(study, trial)
            settled.add(job_id)
            repeated.append(job_id)
    return repeated


def _end(study: Study, trial: FrozenTrial) -> None:
    """Tells Optuna how a trial ended that it believes running."""
    job_id = trial.user_attrs.get(JOB_ID)
    if job_id is not None and study.folder.has_job("search", job_id):
        study.tell(trial.number, study.folder.job("search", job_id))
        return
    if job_id is not None:
        _record_interrupted(study, trial, job_id)
    study.optuna.tell(trial.number, state=TrialState.FAIL)


def _adopt_records(study: Study) -> None:
    """Adds trials that are recorded and that Optuna has never heard of; what was broken off waits for its repeat."""
    known_to_optuna = {trial.user_attrs.get(JOB_ID) for trial in study.optuna.get_trials(deepcopy=False)}
    for record in study.records():
        if record.job_id not in known_to_optuna:
            study.optuna.add_trial(frozen_trial(study, record))
            known_to_optuna.add(record.job_id)
    for record in study.folder.broken_off("search"):
        if record.job_id not in known_to_optuna:
            _queue(study, record.config, _attributes(record))
            known_to_optuna.add(record.job_id)


def frozen_trial(study: Study, record: TrialRecord) -> FrozenTrial:
    """What Optuna would hold of a trial had it been told the record."""
    learned = STATES[record.state].sampler
    states = {"score": TrialState.COMPLETE, "nothing": TrialState.FAIL}
    params = study.space.proposals(record.config)
    best, curve = -math.inf, {}
    for metrics in record.epochs:
        best = max(best, metrics.val_uar)
        curve[metrics.epoch] = best
    return optuna.trial.create_trial(
        state=states.get(learned, TrialState.PRUNED),
        value=record.value if learned == "score" else None,
        params=params,
        distributions=study.space.distributions(params),
        user_attrs={**_attributes(record), CONFIG: record.config},
        intermediate_values=curve,
        constraints={CONSTRAINT: violation(study, record)} if learned == "infeasible" else None,
    )


def _attributes(record: TrialRecord) -> dict[str, Any]:
    return {JOB_ID: record.job_id, **({ORIGIN: record.origin} if record.origin else {})}


def violation(study: Study, record: TrialRecord) -> float:
    """How far an invalid configuration lies outside: doublings over the parameter budget, else 1."""
    if record.parameters is None:
        return 1.0
    return math.log2(record.parameters / study.space.training.max_parameters)


def _record_interrupted(study: Study, trial: FrozenTrial, job_id: str) -> None:
    """Records that a trial was broken off by a kill."""
    attempt = len(study.folder.attempts(job_id))
    if attempt > trial.user_attrs.get(_ATTEMPT, 0):
        return  # another kill came between this attempt's record and its `tell`
    started = trial.datetime_start.astimezone().isoformat(timespec="seconds") if trial.datetime_start else now()
    record = TrialRecord(
        study=study.record.name,
        job_id=job_id,
        kind="search",
        number=trial.number,
        attempt=attempt,
        origin=trial.user_attrs.get(ORIGIN),
        state="interrupted",
        config=study.config_of(trial),
        seed=study.seeds.trial(int(job_id[1:])),
        error="the search was killed while this trial ran",
        error_kind="kill",
        started=started,
        finished=now(),
    )
    study.folder.publish_job(record)


def queue_again(study: Study, trial: FrozenTrial) -> None:
    """Queues a trial with the same configuration under the same job id."""
    attributes = {key: trial.user_attrs[key] for key in (JOB_ID, ORIGIN) if key in trial.user_attrs}
    _queue(study, study.config_of(trial), attributes)


def _queue(study: Study, config: dict[str, Any], attributes: dict[str, Any]) -> None:
    """Queues a repeat. Its configuration goes along, since a kill may come before Optuna has all of its parameters."""
    attributes |= {CONFIG: config, _ATTEMPT: len(study.folder.attempts(attributes[JOB_ID]))}
    study.optuna.enqueue_trial(study.space.proposals(config), user_attrs=attributes)
