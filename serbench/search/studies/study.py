"""`Study`: an opened study, that is, one space on one corpus under one protocol."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import filelock
import optuna
import pandas as pd

from serbench.errors import SerbenchError, UsageError
from serbench.protocols import SplitPlan
from serbench.records import (
    Environment,
    LabelSource,
    Ledger,
    ResultsFolder,
    StudyFolder,
    StudyRecord,
    TrialRecord,
    run_name,
    write_bytes_atomic,
    writing,
)
from serbench.search.studies.differences import check_unchanged
from serbench.search.studies.storage import StudyStorage
from serbench.spaces import SearchSpace
from serbench.training import SeedTree

__all__ = ["Study", "default_run", "derived_run", "study_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}")
_LOCK_WAIT_S = 1.0  # a process that checks whether a study is running holds its lock for a moment
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
    """Returns the default name of a run, made of its corpus, labels and protocol.

    >>> derived_run("crema-d", "perceived", "speaker-cv:10")
    'crema-d-perceived-speaker-cv10'
    """
    whose = "" if labels == "intended" else f"-{labels}"
    return f"{corpus}{whose}-{protocol.replace(':', '')}"


def default_run(record: StudyRecord) -> str:
    """Returns the name that the next search gives the run of such a study by default."""
    return derived_run(record.corpus.name, record.corpus.label_source, record.protocol.name)


def study_name(run: str, space: str) -> str:
    """Returns the name of a study's folder.

    Raises:
        UsageError: the name is not a plain folder name.
    """
    name = f"{run}-{space}"
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"study name '{name}' may hold letters, digits, '.', '_', '+' and '-' only; choose another --study"
        )
    if run_name(name) != name:
        raise UsageError(f"study name '{name}' ends like a fold of another study; rename the space '{space}'")
    return name


@dataclass
class Study:
    """An opened study. Only the process that opened it writes to it; a lock keeps others out.

    Attributes:
        clips: clip table with `path`. Row numbers refer to its order.
        plan: how the clips are split.
        ledger: counts the evaluations of test sets.
    """

    folder: StudyFolder
    record: StudyRecord
    space: SearchSpace
    clips: pd.DataFrame
    plan: SplitPlan
    storage: StudyStorage = field(repr=False)
    ledger: Ledger = field(repr=False)
    _lock: filelock.BaseFileLock = field(repr=False)
    _now: Environment = field(repr=False)

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
        """Creates the study that `record` describes, or resumes it if it exists with the same settings.

        Optuna's database is made consistent with the records, and rebuilt from them if it is gone.

        Args:
            results: results folder of the study.
            record: description of the study.
            space: space of the record, ready to draw from.
            clips: clip table with `path`.
            plan: how the clips are split.
            storage_url: address of a shared database; None for a file in the study's folder.

        Raises:
            UsageError: the study exists with another space, protocol, corpus or seed. The message shows the difference.
            SerbenchError: another process is running it, or the folder cannot be written.
        """
        folder = results.study(record.name)
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(folder.lock_path, timeout=_LOCK_WAIT_S)
            try:
                lock.acquire()
            except filelock.Timeout:
                raise SerbenchError(
                    f"study '{record.name}' is being run by another serbench process; wait for it, or name "
                    "another --study"
                ) from None
        try:
            folder.sweep()
            now = record.environment
            record = cls._settle(folder, record, clips)
            storage = StudyStorage.open(folder, record, storage_url)
            return cls(folder, record, space, clips, plan, storage, results.ledger, lock, now)
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def _settle(folder: StudyFolder, record: StudyRecord, clips: pd.DataFrame) -> StudyRecord:
        if folder.record_path.exists():
            known = folder.record()
            check_unchanged(known, record)
            chosen_on = {  # of earlier sessions, too: their trials are tested now
                name: tuple(sorted({*known.chosen_on.get(name, ()), *record.chosen_on.get(name, ())}))
                for name in known.chosen_on | record.chosen_on
            }
            later = {"asked": record.asked or known.asked, "chosen_on": chosen_on}
            if (resumed := known.model_copy(update=later)) != known:
                resumed.save(folder.record_path)
            return resumed
        columns = [name for name in _CLIP_COLUMNS if name in clips]
        write_bytes_atomic(folder.clips_path, clips[columns].to_parquet(index=False))
        record.save(folder.record_path)
        return record

    def goes_on(self) -> None:
        """Records in which environment fits are made from now on, if it differs from that of the fits before."""
        later = self.record.later_environments or ()
        if not (self.record.environment, *later)[-1].computes_like(self._now):
            self.record = self.record.model_copy(update={"later_environments": (*later, self._now)})
            self.record.save(self.folder.record_path)

    def close(self) -> None:
        """Releases the study, so that other processes can open it."""
        self.storage.close()
        self._lock.release()

    @property
    def optuna(self) -> optuna.Study:
        """Optuna's study in the database. `OptunaHistory` keeps it consistent with the records."""
        return self.storage.study

    @property
    def seeds(self) -> SeedTree:
        """Source of all random seeds of the study."""
        return SeedTree.of(self.record)

    def records(self) -> list[TrialRecord]:
        """Returns the recorded trials, by job id."""
        return list(self.folder.jobs("search"))
