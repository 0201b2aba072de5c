"""`OptunaHistory`: asks Optuna for configurations, reports results to it, and keeps it consistent with the records.

The records are authoritative. Results that Optuna lacks are added to it. A trial that is running in Optuna and has no
record was interrupted. So a killed search, a lost database and a forked study are all restored in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from serbench.records import STATES, JobId, TrialRecord, is_repeated, now
from serbench.search.studies.prior import JOB_ID
from serbench.search.studies.samplers import make_sampler
from serbench.search.studies.study import Study
from serbench.spaces import Enqueued

__all__ = ["OptunaHistory", "Proposal", "frozen_trial"]

_ORIGIN = "enqueued"
_CONFIG = "config"
_CONSTRAINT = "valid"
_ATTEMPT = "attempt"


@dataclass(frozen=True)
class Proposal:
    """A configuration to be tried.

    Attributes:
        trial: Optuna's trial.
        job_id: stable id of the trial; a repeat keeps the id of its first attempt.
        number: number that its seeds are derived from.
        attempt: number of earlier attempts that were interrupted.
        config: the hyperparameters, not yet checked.
        origin: name of the known configuration; None if the sampler proposed it.
    """

    trial: Trial
    job_id: str
    number: int
    attempt: int
    config: dict[str, Any]
    origin: str | None


class OptunaHistory:
    """Optuna's side of one study.

    If the database cannot be read or written, every method raises a `SerbenchError` of one sentence.

    Args:
        study: an opened study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._probed: tuple[Enqueued, ...] = ()

    @property
    def known(self) -> tuple[Enqueued, ...]:
        """Configurations to try first: those of the space, of the warm start, and the best probes."""
        warm = self._study.record.warm_start
        earlier = [] if warm is None else [Enqueued(f"{warm.study}/{job}", c) for job, c in warm.configs.items()]
        return (*self._study.space.enqueued, *earlier, *self._probed)

    def try_first(self, probed: tuple[Enqueued, ...]) -> None:
        """Queues the best probes after the other known configurations. Those already tried are skipped."""
        self._probed = probed

    def settle(self) -> None:
        """Makes Optuna consistent with the records after a stop or a kill. Run it once after opening."""
        study = self._study
        with study.storage.errors():
            self._adopt_records()
            for trial in study.optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                self._end(trial)
            # Not earlier: the last attempt decides whether a trial is repeated, and only now Optuna has all attempts.
            waiting = study.optuna.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            settled = {trial.user_attrs.get(JOB_ID) for trial in waiting} | {*study.folder.job_ids("search")}
            for trial in study.optuna.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
                job_id = trial.user_attrs.get(JOB_ID)
                if job_id is not None and job_id not in settled:
                    self.queue_again(trial)
                    settled.add(job_id)

    def ask(self) -> Proposal:
        """Returns the next configuration: a repeat, else a known configuration, else one that the sampler draws."""
        with self._study.storage.errors():
            return self._ask()

    def _ask(self) -> Proposal:
        study = self._study
        trials = study.optuna.get_trials(deepcopy=False)
        waiting = next((trial for trial in trials if trial.state == TrialState.WAITING), None)
        if waiting is None:
            self._queue_next_known(trials)
        known_id = waiting.user_attrs.get(JOB_ID) if waiting is not None else None
        taken = (JobId(job_id).number for trial in trials if (job_id := trial.user_attrs.get(JOB_ID)))
        number = JobId(known_id).number if known_id else max(taken, default=-1) + 1
        # The seed depends on the trial's own number, so that a resumed study proposes what an unbroken one would.
        study.optuna.sampler = make_sampler(
            study.record.sampler, study.seeds.sampler(number), study.space, [one.config for one in self.known]
        )
        trial = study.optuna.ask()
        config = study.space.suggest(trial, trial.user_attrs.get(_CONFIG))
        job_id = trial.user_attrs.get(JOB_ID)
        if job_id is None:
            job_id = str(JobId.of_trial(number))
            # Last: a trial that a kill leaves without an id is forgotten, and its number proposes the same again.
            trial.set_user_attr(JOB_ID, job_id)
        elif study.folder.has_job("search", job_id):  # recorded while another database kept the study
            self.tell(trial.number, study.folder.job("search", job_id))
            return self._ask()
        attempt = len(study.folder.attempts(job_id))
        return Proposal(trial, job_id, JobId(job_id).number, attempt, config, trial.user_attrs.get(_ORIGIN))

    def report(self, trial: Trial, value: float, epoch: int) -> bool:
        """Reports a trial's score so far. Returns whether the pruner would end the trial."""
        with self._study.storage.errors():
            trial.report(value, epoch)
            return trial.should_prune()

    def tell(self, number: int, record: TrialRecord) -> None:
        """Reports a recorded result to Optuna, and queues the trial again if it is to be repeated."""
        study = self._study
        with study.storage.errors():
            learned = STATES[record.state].sampler
            if learned == "score":
                study.optuna.tell(number, record.value)
            elif learned == "nothing":
                study.optuna.tell(number, state=TrialState.FAIL)
            else:
                if learned == "infeasible":
                    trial_id = study.optuna.get_trials(deepcopy=False)[number]._trial_id
                    Trial(study.optuna, trial_id).set_constraint(_CONSTRAINT, _violation(study, record))
                study.optuna.tell(number, state=TrialState.PRUNED)
            if is_repeated(record.state, record.attempt):
                self.queue_again(study.optuna.get_trials(deepcopy=False)[number])

    def queue_again(self, trial: FrozenTrial) -> None:
        """Queues a trial with the same configuration under the same job id."""
        attributes = {key: trial.user_attrs[key] for key in (JOB_ID, _ORIGIN) if key in trial.user_attrs}
        self._queue(self._config_of(trial), attributes)

    def _queue(self, config: dict[str, Any], attributes: dict[str, Any]) -> None:
        """Queues a repeat together with its configuration, since a kill may come before Optuna has all parameters."""
        attributes |= {_CONFIG: config, _ATTEMPT: len(self._study.folder.attempts(attributes[JOB_ID]))}
        self._study.optuna.enqueue_trial(self._study.space.proposals(config), user_attrs=attributes)

    def _queue_next_known(self, trials: Sequence[FrozenTrial]) -> None:
        """Queues the first known configuration that was not tried yet.

        One at a time, and only when nothing is waiting, so that a repeat keeps its place before the next configuration.
        """
        tried = {t.user_attrs[_ORIGIN] for t in trials if {_ORIGIN, JOB_ID} <= t.user_attrs.keys()}
        for one in self.known:
            if one.name not in tried:
                attributes = {_ORIGIN: one.name, _CONFIG: one.config}
                self._study.optuna.enqueue_trial(self._study.space.proposals(one.config), user_attrs=attributes)
                return

    def _adopt_records(self) -> None:
        """Adds recorded trials that Optuna lacks, and queues interrupted ones for their repeat."""
        study = self._study
        known_to_optuna = {trial.user_attrs.get(JOB_ID) for trial in study.optuna.get_trials(deepcopy=False)}
        for record in study.records():
            if record.job_id not in known_to_optuna:
                study.optuna.add_trial(frozen_trial(study, record))
                known_to_optuna.add(record.job_id)
        for record in study.folder.broken_off("search"):
            if record.job_id not in known_to_optuna:
                self._queue(record.config, _attributes(record))
                known_to_optuna.add(record.job_id)

    def _end(self, trial: FrozenTrial) -> None:
        """Ends a trial that is still running in Optuna, with its recorded result if there is one."""
        study, job_id = self._study, trial.user_attrs.get(JOB_ID)
        if job_id is not None and study.folder.has_job("search", job_id):
            self.tell(trial.number, study.folder.job("search", job_id))
            return
        if job_id is not None:
            self._record_interrupted(trial, job_id)
        study.optuna.tell(trial.number, state=TrialState.FAIL)

    def _record_interrupted(self, trial: FrozenTrial, job_id: str) -> None:
        """Records that a kill interrupted a trial."""
        study = self._study
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
            origin=trial.user_attrs.get(_ORIGIN),
            state="interrupted",
            config=self._config_of(trial),
            seed=study.seeds.trial(JobId(job_id).number),
            error="the search was killed while this trial ran",
            error_kind="kill",
            started=started,
            finished=now(),
        )
        study.folder.publish_job(record)

    def _config_of(self, trial: FrozenTrial) -> dict[str, Any]:
        """Returns the configuration of a trial that has an id."""
        known = trial.user_attrs.get(_CONFIG)
        return dict(known) if known else self._study.space.suggest(optuna.trial.FixedTrial(trial.params))


def frozen_trial(study: Study, record: TrialRecord) -> FrozenTrial:
    """Builds the Optuna trial that corresponds to a record."""
    learned = STATES[record.state].sampler
    states = {"score": TrialState.COMPLETE, "nothing": TrialState.FAIL}
    params = study.space.proposals(record.config)
    best, curve = -math.inf, {}
    for metrics in record.epochs:
        best = max(best, metrics.val_uar or 0.0)
        curve[metrics.epoch] = best
    return optuna.trial.create_trial(
        state=states.get(learned, TrialState.PRUNED),
        value=record.value if learned == "score" else None,
        params=params,
        distributions=study.space.distributions(params),
        user_attrs={**_attributes(record), _CONFIG: record.config},
        intermediate_values=curve,
        constraints={_CONSTRAINT: _violation(study, record)} if learned == "infeasible" else None,
    )


def _attributes(record: TrialRecord) -> dict[str, Any]:
    return {JOB_ID: record.job_id, **({_ORIGIN: record.origin} if record.origin else {})}


def _violation(study: Study, record: TrialRecord) -> float:
    """How far an invalid configuration is outside the limits: log2 of its size over the limit, else 1."""
    if record.parameters is None:
        return 1.0
    return math.log2(record.parameters / study.space.training.max_parameters)
