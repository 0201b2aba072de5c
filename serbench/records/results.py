"""`ResultsFolder`: where each record lies. No name is ever taken apart again to learn what it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from serbench.errors import SerbenchError, unknown
from serbench.records.base import Record
from serbench.records.files import publish_folder, write_text_atomic, writing
from serbench.records.schemas import EntryRecord, JobKind, StudyRecord, TrialRecord
from serbench.records.states import is_repeated

__all__ = ["ResultsFolder", "StudyFolder"]

_FOLDERS: dict[JobKind, str] = {"search": "trials", "refit": "refits", "probe": "probes"}


class _FolderMark(Record):
    """`serbench.json`: says that a folder holds results, and in which layout."""

    layout: str = "studies"


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

    def remember_data(self, folder: Path) -> None:
        """Notes where the corpus lay on this machine; apart from the record, which names no machine's paths."""
        write_text_atomic(self.path / "local.json", json.dumps({"data": str(folder)}) + "\n")

    def remembered_data(self) -> Path | None:
        """Where the corpus lay, if that folder is still there."""
        try:
            folder = Path(json.loads((self.path / "local.json").read_text(encoding="utf-8"))["data"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return folder if folder.is_dir() else None

    def record(self) -> StudyRecord:
        """Reads the study's record."""
        return StudyRecord.load(self.record_path)

    def clips(self) -> pd.DataFrame:
        """Reads the table of clips that took part."""
        return _read_parquet(self.clips_path)

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

    def jobs(self, kind: JobKind) -> Iterator[TrialRecord]:
        """All complete fits, by job id."""
        for path in sorted(self._jobs(kind).glob("*/record.json")):
            if not path.parent.name.startswith("."):
                yield TrialRecord.load(path)

    def predictions(self, kind: JobKind, job_id: str) -> pd.DataFrame:
        """Reads a fit's predictions (columns: see `serbench.records.schemas`)."""
        return _read_parquet(self.job_path(kind, job_id) / "predictions.parquet")

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

    def attempts(self, job_id: str) -> list[Path]:
        """Folders of a fit's earlier attempts, which were broken off or had no room."""
        return sorted((self.path / "attempts").glob(f"{job_id}.*"))

    def _attempt_path(self, job_id: str) -> Path:
        return self.path / "attempts" / f"{job_id}.{len(self.attempts(job_id))}"

    def sweep(self) -> None:
        """Removes what a killed process left half-written. Only for the one process that holds the study's lock."""
        for left in self.path.rglob(".*.tmp"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def entries(self) -> Iterator[EntryRecord]:
        """All entries of this study, by id."""
        for path in sorted((self.path / "entries").glob("*.json")):
            yield EntryRecord.load(path)

    def save_entry(self, entry: EntryRecord) -> None:
        """Writes an entry."""
        entry.save(self.path / "entries" / f"{entry.entry_id}.json")


class ResultsFolder:
    """A `results/` folder.

    Raises:
        SerbenchError: on opening, where the folder was written by a newer serbench.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if self._mark.exists():
            _FolderMark.load(self._mark)
        elif root.exists() and not root.is_dir():
            raise SerbenchError(f"{root} is a file; name a folder with --results")

    @property
    def _mark(self) -> Path:
        return self.root / "serbench.json"

    def prepare(self) -> None:
        """Creates the folder and proves that it can be written, before hours are spent on what it will hold.

        Raises:
            SerbenchError: it cannot be written.
        """
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        _FolderMark().save(self._mark)

    def study(self, name: str) -> StudyFolder:
        """The folder of one study, which need not exist yet."""
        return StudyFolder(self.root / "studies" / name)

    def existing_study(self, name: str) -> StudyFolder:
        """The folder of a study that is there.

        Raises:
            UsageError: there is none of that name; the nearest is named.
        """
        known = [path.parent.name for path in self._study_paths()]
        if name not in known:  # never a path: '../x' must not be read, let alone removed
            hint = "" if known else f"There are no studies in {self.root} yet; run `serbench search` first."
            raise unknown("study", name, known, hint=hint)
        return self.study(name)

    def studies(self) -> Iterator[tuple[StudyFolder, StudyRecord]]:
        """All studies, by name."""
        for path in self._study_paths():
            folder = StudyFolder(path.parent)
            yield folder, folder.record()

    def _study_paths(self) -> list[Path]:
        return sorted((self.root / "studies").glob("*/study.json"))

    def entry(self, entry_id: str) -> tuple[StudyFolder, EntryRecord]:
        """Finds an entry by its id.

        Raises:
            UsageError: no such entry; the nearest is named.
        """
        known: dict[str, tuple[StudyFolder, EntryRecord]] = {}
        for folder, _ in self.studies():
            for entry in folder.entries():
                known[entry.entry_id] = (folder, entry)
        if entry_id not in known:
            hint = "" if known else f"There are no entries in {self.root} yet; run `serbench search` first."
            raise unknown("entry", entry_id, known, hint=hint)
        return known[entry_id]

    def remove_study(self, name: str) -> None:
        """Deletes a study and everything in it."""
        shutil.rmtree(self.existing_study(name).path)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise SerbenchError(f"{path} does not exist; the record beside it is incomplete") from None
    except Exception as error:
        raise SerbenchError(f"{path} is damaged ({error}); remove its folder and run the search again") from None
