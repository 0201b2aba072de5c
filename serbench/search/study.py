"""`Study`: one space on one corpus under one protocol: its folder, its record, its Optuna storage."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import filelock
import optuna
import pandas as pd
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from serbench.errors import SerbenchError, UsageError
from serbench.protocols import SplitPlan
from serbench.records.files import write_bytes_atomic, writing
from serbench.records.results import REPEATED_STATES, ResultsFolder, StudyFolder
from serbench.records.schemas import StudyRecord, TrialRecord
from serbench.search.differences import differences
from serbench.search.samplers import make_sampler
from serbench.search.space import SearchSpace
from serbench.search.storage import open_storage, storage_errors
from serbench.training.seeds import SeedTree

__all__ = ["Study", "now", "study_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}")
_JOB_ID = "job_id"
_KNOWN = "enqueued"
_CLIP_COLUMNS = (
    "clip_id",
    "label",
    "speaker",
    "sex",
    "age",
    "sentence",
    "intensity",
    "digest",
    "duration_s",
    "sample_rate",
)


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def study_name(run: str | None, space: str, corpus: str, protocol: str) -> str:
    """Name of a study's folder: the run's name if one was given, else what it is about.

    Raises:
        UsageError: a name that is no plain folder name.
    """
    name = f"{run}-{space}" if run else f"{corpus}-{protocol}-{space}"
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"study name '{name}' may hold letters, digits, '.', '_', '+' and '-' only; choose another --study"
        )
    return name


@dataclass
class Study:
    """An opened study. Only the process that opened it writes to it: a lock keeps others out.

    Attributes:
        clips: with `path`, in the order that rows refer to.
        plan: how they are split.
    """

    folder: StudyFolder
    record: StudyRecord
    space: SearchSpace
    clips: pd.DataFrame
    plan: SplitPlan
    optuna: optuna.Study = field(repr=False)
    _storage: RDBStorage = field(repr=False)
    _lock: filelock.BaseFileLock = field(repr=False)

    @classmethod
    def open(
        cls, results: ResultsFolder, record: StudyRecord, space: SearchSpace, clips: pd.DataFrame, plan: SplitPlan
    ) -> Study:
        """Creates the study that `record` describes, or resumes it where it exists and is the same.

        Raises:
            UsageError: it exists with another space, protocol, corpus or seed; the difference is shown.
            SerbenchError: another process is running it, or the folder cannot be written.
        """
        folder = results.study(record.name)
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(folder.path / ".lock", blocking=False)
            try:
                lock.acquire()
            except filelock.Timeout:
                raise SerbenchError(
                    f"study '{record.name}' is being run by another serbench process; wait for it, or name "
                    "another --study"
                ) from None
        try:
            record = cls._settle(folder, record, clips)
            study, storage = open_storage(folder.storage_path, record)
            opened = cls(folder, record, space, clips, plan, study, storage, lock)
            opened._queue_known()
            return opened
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def _settle(folder: StudyFolder, record: StudyRecord, clips: pd.DataFrame) -> StudyRecord:
        if folder.record_path.exists():
            known = folder.record()
            if changed := list(differences(known, record)):
                raise UsageError(
                    f"study '{record.name}' was begun with other settings: {'; '.join(changed)}. Go back to "
                    "them, or begin another study with --study NAME"
                )
            return known
        columns = [name for name in _CLIP_COLUMNS if name in clips]
        write_bytes_atomic(folder.clips_path, clips[columns].to_parquet(index=False))
        record.save(folder.record_path)
        return record

    def close(self) -> None:
        """Lets others open the study."""
        self._storage.remove_session()
        self._storage.engine.dispose()
        self._lock.release()

    @property
    def seeds(self) -> SeedTree:
        """Where the study's random draws come from."""
        return SeedTree(self.record.seed)

    def records(self) -> list[TrialRecord]:
        """Complete trials by job id."""
        return list(self.folder.jobs("search"))

    def settle_leftovers(self) -> list[str]:
        """Makes Optuna agree with the records after a stop or a kill; run once after opening.

        A trial that Optuna believes running is told its result where its record is complete; else it is
        failed as interrupted and queued again under its job id.

        Returns:
            Job ids that will be repeated.
        """
        with storage_errors(self.folder.storage_path):
            return self._settle_leftovers()

    def _settle_leftovers(self) -> list[str]:
        repeated: list[str] = []
        trials = self.optuna.get_trials(deepcopy=False)
        waiting = {t.user_attrs.get(_JOB_ID) for t in trials if t.state == TrialState.WAITING}
        for trial in trials:
            job_id = trial.user_attrs.get(_JOB_ID)
            if trial.state == TrialState.RUNNING:
                if job_id and self.folder.has_job("search", job_id):
                    self.tell(trial.number, self.folder.job("search", job_id))
                    continue
                self.optuna.tell(trial.number, state=TrialState.FAIL)
            elif trial.state != TrialState.FAIL:
                continue
            if job_id and job_id not in waiting and not self.folder.has_job("search", job_id):
                self._queue_again(trial)
                waiting.add(job_id)
                repeated.append(job_id)
        self._queue_known()
        return repeated

    def _queue_known(self) -> None:
        """Queues the space's known configurations, but for those that wait already or were given a job."""
        with storage_errors(self.folder.storage_path):
            trials = self.optuna.get_trials(deepcopy=False)
            taken = {
                trial.user_attrs.get(_KNOWN)
                for trial in trials
                if _JOB_ID in trial.user_attrs or trial.state == TrialState.WAITING
            }
            for known in self.space.enqueued:
                if known.name not in taken:
                    self.optuna.enqueue_trial(self.space.proposals(known.config), user_attrs={_KNOWN: known.name})

    def _queue_again(self, trial: FrozenTrial) -> None:
        attributes = {key: trial.user_attrs[key] for key in (_JOB_ID, _KNOWN) if key in trial.user_attrs}
        self.optuna.enqueue_trial(trial.params, user_attrs=attributes)

    def ask(self) -> tuple[Trial, str, int, dict[str, Any]]:
        """Asks for the next configuration.

        Returns:
            Optuna's trial, the job id, the number its seed comes from, and the (unchecked) configuration.
        """
        with storage_errors(self.folder.storage_path):
            return self._ask()

    def _ask(self) -> tuple[Trial, str, int, dict[str, Any]]:
        number = self._next_number()
        self.optuna.sampler = make_sampler(self.record.sampler, self.seeds.sampler(number))
        trial = self.optuna.ask()
        job_id = trial.user_attrs.get(_JOB_ID)
        if job_id is None:
            job_id = f"t{number:04d}"
            trial.set_user_attr(_JOB_ID, job_id)
        known = trial.user_attrs.get(_KNOWN)
        config = self.space.suggest(trial, self.space.enqueued_named(known).config if known else None)
        return trial, job_id, int(job_id[1:]), config

    def _next_number(self) -> int:
        taken = [
            int(job_id[1:])
            for trial in self.optuna.get_trials(deepcopy=False)
            if (job_id := trial.user_attrs.get(_JOB_ID))
        ]
        return max(taken, default=-1) + 1

    @staticmethod
    def known_name(trial: Trial) -> str | None:
        """Name of the enqueued configuration that a trial came from."""
        return trial.user_attrs.get(_KNOWN)

    def report(self, trial: Trial, value: float, epoch: int) -> bool:
        """Reports a trial's score so far; whether the pruner would end it."""
        with storage_errors(self.folder.storage_path):
            trial.report(value, epoch)
            return trial.should_prune()

    def tell(self, number: int, record: TrialRecord) -> None:
        """Tells Optuna a recorded result. A trial without a score is failed there, whatever the reason."""
        with storage_errors(self.folder.storage_path):
            self._tell(number, record)

    def _tell(self, number: int, record: TrialRecord) -> None:
        if record.state == "completed" and record.value is not None:
            self.optuna.tell(number, record.value)
        elif record.state == "pruned":
            self.optuna.tell(number, state=TrialState.PRUNED)
        else:
            self.optuna.tell(number, state=TrialState.FAIL)
        if record.state in REPEATED_STATES:
            self._queue_again(self.optuna.get_trials(deepcopy=False)[number])
