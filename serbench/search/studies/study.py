"""`Study`: one space on one corpus under one protocol: its folder, its record, its Optuna storage."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import filelock
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, Trial, TrialState

from serbench.errors import SerbenchError, UsageError
from serbench.protocols import SplitPlan
from serbench.records.files import write_bytes_atomic, writing
from serbench.records.results import ResultsFolder, StudyFolder
from serbench.records.schemas import LabelSource, StudyRecord, TrialRecord
from serbench.records.states import STATES, is_repeated
from serbench.search.studies import optuna_history as history
from serbench.search.studies.differences import differences
from serbench.search.studies.samplers import make_sampler
from serbench.search.studies.storage import StudyStorage
from serbench.spaces.space import Enqueued, SearchSpace
from serbench.training.seeds import SeedTree

__all__ = ["Asked", "Study", "derived_run", "study_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}")
_LOOK_S = 1.0  # whoever asks whether a study is being run holds its lock for an instant
_CLIP_COLUMNS = (
    "clip_id",
    "label",
    "speaker",
    "sex",
    "age",
    "sentence",
    "intensity",
    "votes",
    "split",
    "corpus",
    "digest",
    "duration_s",
    "sample_rate",
)


def derived_run(corpus: str, labels: LabelSource, protocol: str) -> str:
    """What a run is called that was given no name: what it is about.

    >>> derived_run("crema-d", "perceived", "speaker-cv:10")
    'crema-d-perceived-speaker-cv10'
    """
    whose = "" if labels == "intended" else f"-{labels}"
    return f"{corpus}{whose}-{protocol.replace(':', '')}"


def study_name(run: str, space: str) -> str:
    """Name of a study's folder.

    Raises:
        UsageError: a name that is no plain folder name.
    """
    name = f"{run}-{space}"
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"study name '{name}' may hold letters, digits, '.', '_', '+' and '-' only; choose another --study"
        )
    return name


@dataclass(frozen=True)
class Asked:
    """A configuration to be tried.

    Attributes:
        trial: Optuna's.
        job_id: stable name of the trial; a repeat has that of the first attempt.
        number: what its seeds come from.
        attempt: how often it was broken off before.
        config: not yet checked.
        origin: name of the known configuration it is, or None where the sampler proposed it.
    """

    trial: Trial
    job_id: str
    number: int
    attempt: int
    config: dict[str, Any]
    origin: str | None


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
    storage: StudyStorage = field(repr=False)
    _lock: filelock.BaseFileLock = field(repr=False)
    _probed: tuple[Enqueued, ...] = field(default=(), repr=False)

    @classmethod
    def open(
        cls,
        results: ResultsFolder,
        record: StudyRecord,
        space: SearchSpace,
        clips: pd.DataFrame,
        plan: SplitPlan,
        storage_url: str | None = None,
    ) -> Study:
        """Creates the study that `record` describes, or resumes it where it exists and is the same.

        Optuna's database is made to agree with the records, or anew from them where it is gone.

        Args:
            results: where it lies.
            record: what it is.
            space: what `record` says of it, ready to draw from.
            clips: with `path`.
            plan: their split.
            storage_url: a database that others use, too; None for a file in the study's folder.

        Raises:
            UsageError: it exists with another space, protocol, corpus or seed; the difference is shown.
            SerbenchError: another process is running it, or the folder cannot be written.
        """
        folder = results.study(record.name)
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(folder.lock_path, timeout=_LOOK_S)
            try:
                lock.acquire()
            except filelock.Timeout:
                raise SerbenchError(
                    f"study '{record.name}' is being run by another serbench process; wait for it, or name "
                    "another --study"
                ) from None
        try:
            folder.sweep()
            record = cls._settle(folder, record, clips)
            storage = StudyStorage.open(folder, record, storage_url)
            return cls(folder, record, space, clips, plan, storage, lock)
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
        self.storage.close()
        self._lock.release()

    @property
    def optuna(self) -> optuna.Study:
        """Optuna's side of the study."""
        return self.storage.study

    @property
    def known(self) -> tuple[Enqueued, ...]:
        """Configurations that are tried first: the space's own, those of an earlier study, what probes found best."""
        warm = self.record.warm_start
        earlier = [] if warm is None else [Enqueued(f"{warm.study}/{job}", c) for job, c in warm.configs.items()]
        return (*self.space.enqueued, *earlier, *self._probed)

    @property
    def seeds(self) -> SeedTree:
        """Where the study's random draws come from."""
        return SeedTree(self.record.seed)

    def records(self) -> list[TrialRecord]:
        """Complete trials by job id."""
        return list(self.folder.jobs("search"))

    def settle(self) -> list[str]:
        """Makes Optuna agree with the records after a stop or a kill; run once after opening.

        Returns:
            Job ids that will be repeated.
        """
        with self.storage.errors():
            return history.settle(self)

    def try_first(self, probed: tuple[Enqueued, ...]) -> None:
        """Has what probes found best tried after the other known configurations, as far as it was not yet."""
        self._probed = probed

    def ask(self) -> Asked:
        """Asks for the next configuration."""
        with self.storage.errors():
            return self._ask()

    def _ask(self) -> Asked:
        trials = self.optuna.get_trials(deepcopy=False)
        waiting = next((trial for trial in trials if trial.state == TrialState.WAITING), None)
        if waiting is None:
            self._queue_next_known(trials)
        known_id = waiting.user_attrs.get(history.JOB_ID) if waiting is not None else None
        taken = (int(job_id[1:]) for trial in trials if (job_id := trial.user_attrs.get(history.JOB_ID)))
        number = int(known_id[1:]) if known_id else max(taken, default=-1) + 1
        # Seeded by the trial's own number, so that a study that was broken off proposes what an unbroken one would.
        self.optuna.sampler = make_sampler(self.record.sampler, self.seeds.sampler(number))
        trial = self.optuna.ask()
        config = self.space.suggest(trial, trial.user_attrs.get(history.CONFIG))
        job_id = trial.user_attrs.get(history.JOB_ID)
        if job_id is None:
            job_id = f"t{number:04d}"
            # Last: what a kill leaves without a name is forgotten, and the same number proposes the same again.
            trial.set_user_attr(history.JOB_ID, job_id)
        attempt = len(self.folder.attempts(job_id))
        return Asked(trial, job_id, int(job_id[1:]), attempt, config, trial.user_attrs.get(history.ORIGIN))

    def _queue_next_known(self, trials: Sequence[FrozenTrial]) -> None:
        """Queues the first known configuration that was not tried yet.

        One at a time and only when nothing waits: a repeat goes before it, as its first attempt did.
        """
        tried = {
            t.user_attrs[history.ORIGIN] for t in trials if {history.ORIGIN, history.JOB_ID} <= t.user_attrs.keys()
        }
        for one in self.known:
            if one.name not in tried:
                attributes = {history.ORIGIN: one.name, history.CONFIG: one.config}
                self.optuna.enqueue_trial(self.space.proposals(one.config), user_attrs=attributes)
                return

    def report(self, trial: Trial, value: float, epoch: int) -> bool:
        """Reports a trial's score so far; whether the pruner would end it."""
        with self.storage.errors():
            trial.report(value, epoch)
            return trial.should_prune()

    def tell(self, number: int, record: TrialRecord) -> None:
        """Tells Optuna a recorded result, and queues the trial again where it is to be repeated."""
        with self.storage.errors():
            learned = STATES[record.state].sampler
            if learned == "score":
                self.optuna.tell(number, record.value)
            elif learned == "nothing":
                self.optuna.tell(number, state=TrialState.FAIL)
            else:
                if learned == "infeasible":
                    trial_id = self.optuna.get_trials(deepcopy=False)[number]._trial_id
                    Trial(self.optuna, trial_id).set_constraint(history.CONSTRAINT, history.violation(self, record))
                self.optuna.tell(number, state=TrialState.PRUNED)
            if is_repeated(record.state, record.attempt):
                history.queue_again(self, self.optuna.get_trials(deepcopy=False)[number])

    def config_of(self, trial: FrozenTrial) -> dict[str, Any]:
        """The configuration that a named trial was to try."""
        known = trial.user_attrs.get(history.CONFIG)
        return dict(known) if known else self.space.suggest(optuna.trial.FixedTrial(trial.params))
