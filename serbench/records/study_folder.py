"""`StudyFolder`: where each record of one study lies."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import pandas as pd

from serbench.errors import SerbenchError
from serbench.records.files import publish_folder, write_text_atomic, writing
from serbench.records.schemas import EntryRecord, JobKind, StudyRecord, TrialRecord
from serbench.records.states import is_repeated

__all__ = ["Damaged", "StudyFolder", "read_parquet", "tolerating"]

_FOLDERS: dict[JobKind, str] = {"search": "trials", "refit": "refits", "probe": "probes"}

Damaged = Callable[[SerbenchError], None]
"""Callback for an unreadable record. If given, reading skips the record and goes on; if None, the error is raised."""


class StudyFolder:
    """One study's folder.

    It holds `study.json`, `clips.parquet`, `optuna.sqlite3`, and a folder each for `trials/`, `probes/`, `refits/`,
    `attempts/` (broken off, to be repeated) and `entries/`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def record_path(self) -> Path:
        """The study's own record."""
        return self.path / "study.json"

    @property
    def storage_path(self) -> Path:
        """The Optuna database."""
        return self.path / "optuna.sqlite3"

    @property
    def clips_path(self) -> Path:
        """The clips that took part: `clip_id, label, speaker, sex, age, sentence, ...`; no paths."""
        return self.path / "clips.parquet"

    @property
    def lock_path(self) -> Path:
        """Locked by the process that runs the study, for as long as it does."""
        return self.path / ".lock"

    def is_running(self) -> bool:
        """Whether a process runs the study now."""
        if not self.lock_path.is_file():  # looking at a study must not write to it
            return False
        try:
            with filelock.FileLock(self.lock_path, blocking=False):
                return False
        except filelock.Timeout:
            return True
        except OSError:  # somebody else's results, readable only
            return False

    def remember_data(self, folder: Path) -> None:
        """Notes where the corpus lay on this machine; apart from the record, which names no machine's paths."""
        write_text_atomic(self.path / "local.json", json.dumps({"data": str(folder)}) + "\n")

    def remembered_data(self) -> Path | None:
        """Where the corpus lay, if that folder or table is still there."""
        try:
            folder = Path(json.loads((self.path / "local.json").read_text(encoding="utf-8"))["data"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return folder if folder.exists() else None

    def record(self) -> StudyRecord:
        """Reads the study's record."""
        return StudyRecord.load(self.record_path)

    def clips(self) -> pd.DataFrame:
        """Reads the table of clips that took part."""
        return read_parquet(self.clips_path)

    def _jobs(self, kind: JobKind) -> Path:
        return self.path / _FOLDERS[kind]

    def job_path(self, kind: JobKind, job_id: str) -> Path:
        """Folder of one fit: `record.json`, `predictions.parquet` and, for a refit, `model.keras`."""
        return self._jobs(kind) / job_id

    def has_job(self, kind: JobKind, job_id: str) -> bool:
        """Whether a complete record of this fit exists."""
        return (self.job_path(kind, job_id) / "record.json").is_file()

    def job(self, kind: JobKind, job_id: str) -> TrialRecord:
        """Reads the record of one fit."""
        return TrialRecord.load(self.job_path(kind, job_id) / "record.json")

    def jobs(self, kind: JobKind, damaged: Damaged | None = None) -> Iterator[TrialRecord]:
        """All complete fits, by job id.

        Args:
            kind: of fit.
            damaged: told of each record that cannot be read, which is then left out; None raises.
        """
        for job_id in self.job_ids(kind):
            with tolerating(damaged):
                yield self.job(kind, job_id)

    def job_ids(self, kind: JobKind) -> list[str]:
        """Job ids of all complete fits, sorted; no record is read."""
        names = (path.parent.name for path in self._jobs(kind).glob("*/record.json"))
        return sorted(name for name in names if not name.startswith("."))

    def predictions(self, kind: JobKind, job_id: str) -> pd.DataFrame:
        """Reads a fit's predictions (columns: see `serbench.records.schemas`)."""
        return read_parquet(self.job_path(kind, job_id) / "predictions.parquet")

    def model_path(self, job_id: str) -> Path:
        """A refit's trained model."""
        return self.job_path("refit", job_id) / "model.keras"

    def publish_job(
        self,
        record: TrialRecord,
        predictions: pd.DataFrame | None = None,
        model: bytes | None = None,
        error_text: str | None = None,
    ) -> None:
        """Writes a fit's folder in one rename: whole, or not at all.

        A fit that was broken off goes to `attempts/`, so that its repeat can take its place; the last repeat's
        record stays, whatever it says.

        Raises:
            ValueError: the fit has a record already. A record is never replaced.
        """
        target = self.job_path(record.kind, record.job_id)
        if is_repeated(record.state, record.attempt):
            target = self._attempt_path(record.job_id)
        elif self.has_job(record.kind, record.job_id):
            raise ValueError(f"{target} holds a record already")
        with publish_folder(target) as folder:
            if predictions is not None:
                predictions.to_parquet(folder / "predictions.parquet", index=False)
            if model is not None:
                (folder / "model.keras").write_bytes(model)
            if error_text is not None:
                (folder / "error.txt").write_text(error_text, encoding="utf-8")
            record.save(folder / "record.json")

    def retire_job(self, kind: JobKind, job_id: str) -> None:
        """Moves a fit's folder to `attempts/`, so that it can be run again."""
        target = self._attempt_path(job_id)
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            self.job_path(kind, job_id).rename(target)

    def attempts(self, job_id: str = "*") -> list[Path]:
        """Folders of earlier attempts, which were broken off or had no room: of one fit, or of all."""
        return sorted(path for path in (self.path / "attempts").glob(f"{job_id}.*") if not path.name.startswith("."))

    def broken_off(self, kind: JobKind) -> Iterator[TrialRecord]:
        """The earlier attempts' records."""
        records = (TrialRecord.load(path / "record.json") for path in self.attempts())
        return (record for record in records if record.kind == kind)

    def _attempt_path(self, job_id: str) -> Path:
        return self.path / "attempts" / f"{job_id}.{len(self.attempts(job_id))}"

    def sweep(self) -> None:
        """Removes what a killed process left half-written. Only for the one process that holds the study's lock."""
        for left in self.path.rglob(".*.tmp"):
            if (self.path / "audits") in left.parents:  # studies of their own, which may be running
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def entries(self, damaged: Damaged | None = None) -> Iterator[EntryRecord]:
        """All entries of this study, by id.

        Args:
            damaged: told of each entry that cannot be read, which is then left out; None raises.
        """
        for entry_id in self.entry_ids():
            with tolerating(damaged):
                yield self.entry(entry_id)

    def entry_ids(self) -> list[str]:
        """Ids of all entries of this study, by file name; no record is read."""
        return [path.stem for path in sorted((self.path / "entries").glob("*.json"))]

    def entry(self, entry_id: str) -> EntryRecord:
        """Reads an entry.

        Raises:
            SerbenchError: it is missing or damaged.
        """
        return EntryRecord.load(self.path / "entries" / f"{entry_id}.json")

    def save_entry(self, entry: EntryRecord) -> None:
        """Writes an entry."""
        entry.save(self.path / "entries" / f"{entry.entry_id}.json")


@contextlib.contextmanager
def tolerating(damaged: Damaged | None) -> Iterator[None]:
    """Hands an error to `damaged`, if there is one."""
    try:
        yield
    except SerbenchError as error:
        if damaged is None:
            raise
        damaged(error)


def read_parquet(path: Path) -> pd.DataFrame:
    """Reads a table.

    Raises:
        SerbenchError: it is missing or damaged.
    """
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise SerbenchError(f"{path} does not exist; the record beside it is incomplete") from None
    except Exception as error:
        raise SerbenchError(f"{path} is damaged ({error}); remove its folder and run the search again") from None
