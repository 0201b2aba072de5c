"""Keeps Optuna's history in step with the records, which are the truth.

What a record says and Optuna does not know is told; what Optuna believes running and no record confirms was
broken off. So a killed search, a lost database and a forked study all come back by the same way.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import optuna
from optuna.trial import FrozenTrial, TrialState

from serbench.records.base import now
from serbench.records.schemas import TrialRecord
from serbench.records.states import STATES, is_repeated

if TYPE_CHECKING:
    from serbench.search.study import Study

__all__ = ["CONFIG", "CONSTRAINT", "JOB_ID", "ORIGIN", "frozen_trial", "queue_again", "settle", "violation"]

JOB_ID = "job_id"
ORIGIN = "enqueued"
CONFIG = "config"
CONSTRAINT = "valid"


def settle(study: Study) -> list[str]:
    """Makes Optuna agree with the records after a stop or a kill.

    Returns:
        Job ids that will be repeated.
    """
    _adopt_records(study)
    repeated: list[str] = []
    trials = study.optuna.get_trials(deepcopy=False)
    waiting = {t.user_attrs.get(JOB_ID) for t in trials if t.state == TrialState.WAITING}
    for trial in trials:
        job_id = trial.user_attrs.get(JOB_ID)
        recorded = job_id is not None and study.folder.has_job("search", job_id)
        if trial.state == TrialState.RUNNING:
            if job_id is not None and recorded:
                study.tell(trial.number, study.folder.job("search", job_id))
                continue
            if job_id is not None:
                recorded = not _record_interrupted(study, trial, job_id)
            study.optuna.tell(trial.number, state=TrialState.FAIL)
        elif trial.state != TrialState.FAIL:
            continue
        if job_id is not None and job_id not in waiting and not recorded:
            queue_again(study.optuna, trial)
            waiting.add(job_id)
            repeated.append(job_id)
    return repeated


def _adopt_records(study: Study) -> None:
    """Adds trials that are recorded and that Optuna has never heard of."""
    heard = {trial.user_attrs.get(JOB_ID) for trial in study.optuna.get_trials(deepcopy=False)}
    for record in study.records():
        if record.job_id not in heard:
            study.optuna.add_trial(frozen_trial(study, record))


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
        user_attrs={JOB_ID: record.job_id, **({ORIGIN: record.origin} if record.origin else {})},
        intermediate_values=curve,
        constraints={CONSTRAINT: violation(study, record)} if learned == "infeasible" else None,
    )


def violation(study: Study, record: TrialRecord) -> float:
    """How far an invalid configuration lies outside: doublings over the parameter budget, else 1."""
    if record.parameters is None:
        return 1.0
    return math.log2(record.parameters / study.space.training.max_parameters)


def _record_interrupted(study: Study, trial: FrozenTrial, job_id: str) -> bool:
    """Records that a trial was broken off by a kill; whether it will be repeated."""
    started = trial.datetime_start.astimezone().isoformat(timespec="seconds") if trial.datetime_start else now()
    record = TrialRecord(
        study=study.record.name,
        job_id=job_id,
        kind="search",
        number=trial.number,
        attempt=len(study.folder.attempts(job_id)),
        origin=trial.user_attrs.get(ORIGIN),
        state="interrupted",
        config=study.config_of(trial.params, trial.user_attrs.get(CONFIG)),
        seed=study.seeds.trial(int(job_id[1:])),
        error="the search was killed while this trial ran",
        error_kind="kill",
        started=started,
        finished=now(),
    )
    study.folder.publish_job(record)
    return is_repeated(record.state, record.attempt)


def queue_again(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queues a trial with the same parameters under the same job id."""
    attributes = {key: trial.user_attrs[key] for key in (JOB_ID, ORIGIN, CONFIG) if key in trial.user_attrs}
    study.enqueue_trial(trial.params, user_attrs=attributes)
