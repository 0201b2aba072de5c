"""`StudyFolder`: the paths of a study's files, and how they are read and written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import filelock
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from serbench.errors import SerbenchError, first_line
from serbench.records.base import Record
from serbench.records.files import publish_folder, write_bytes_atomic, write_text_atomic, writing
from serbench.records.predictions import answers_digest, prediction_digests, write_predictions
from serbench.records.schemas import EntryRecord, JobKind, ShortlistRecord, StudyRecord, TrialRecord
from serbench.records.states import STATES, is_repeated

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["Damaged", "StudyFolder", "fold_name", "holds_text", "read_arrow", "read_parquet", "run_name", "tolerating"]

_FOLDERS: dict[JobKind, str] = {"search": "trials", "refit": "refits", "probe": "probes", "fold": "folds"}

_Table = TypeVar("_Table")

_FOLD = re.compile(r"-fold\d+$")

_MOST_ROWS, _MOST_COLUMNS, _MOST_VALUES = 5_000_000, 2_000, 200_000_000
"""Size of the largest table that is read. Somebody else may have written it, and a small file may hold any number."""

_TEXTS = ("clip_id", "label", "speaker")  # of a clip whose speaker is not known, the text says so

Damaged = Callable[[SerbenchError], None]
"""Callback for an unreadable record. If given, reading skips the record and goes on; if None, the error is raised."""


class SharedClips(Record):
    """Names the clip table of a study that it shares with others: the content of `clips.json`."""

    sha256: str = Field(pattern=r"^[0-9a-f]{32}$", description="first 32 hex digits of the table's digest; its name")


class StudyFolder:
    """The folder of one study.

    It holds `study.json`, `clips.parquet` and `optuna.sqlite3`, and the folders `trials/`, `probes/`, `folds/`,
    `shortlist/` (what the folds say together), `refits/`, `attempts/` (interrupted fits, to be repeated), `entries/`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def record_path(self) -> Path:
        """Path of the study's record."""
        return self.path / "study.json"

    @property
    def storage_path(self) -> Path:
        """Path of the Optuna database."""
        return self.path / "optuna.sqlite3"

    @property
    def clips_path(self) -> Path:
        """Path of the table of used clips: `clip_id, label, speaker, sex, age, sentence, ...`, without file paths.

        It lies in the study's folder. Studies that were published share it in `clips/` of their results folder.

        Raises:
            SerbenchError: the file that names a shared table is damaged.
        """
        if not self.is_sharing_clips:
            return self.path / "clips.parquet"
        return self.shared_clips_folder / f"{SharedClips.load(self.path / 'clips.json').sha256}.parquet"

    @property
    def is_sharing_clips(self) -> bool:
        """Whether its table of clips is one that studies of the results folder share, called after its digest."""
        return (self.path / "clips.json").is_file() and not (self.path / "clips.parquet").is_file()

    @property
    def shared_clips_folder(self) -> Path:
        """Folder of the clip tables that several studies of a results folder share."""
        return self.path.parent.parent / "clips"

    def share_clips(self, data: bytes) -> None:
        """Makes a clip table that other studies may have, too, the one of this study.

        Args:
            data: the Parquet file. It is written once for all studies that have the same.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()[:32]
        if not (table := self.shared_clips_folder / f"{digest}.parquet").is_file():
            write_bytes_atomic(table, data)
        SharedClips(sha256=digest).save(self.path / "clips.json", compact=True)

    @property
    def lock_path(self) -> Path:
        """Path of the lock that the process running the study holds."""
        return self.path / ".lock"

    def is_running(self) -> bool:
        """Whether a process is running the study now."""
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
        """Saves where the corpus is on this machine. This is not part of the record, which holds no paths."""
        self._remember("data", folder)

    def remembered_data(self) -> Path | None:
        """Returns the saved place of the corpus (a folder or table); None if unknown or no longer there."""
        return self._remembered("data")

    def remember_places(self, places: Mapping[str, Path]) -> None:
        """Saves further places of the corpus on this machine, by what they are; see `corpora.corpus_places`."""
        for name, place in places.items():
            self._remember(f"corpus {name}", place)

    def remembered_places(self, data: Path | None = None) -> dict[str, Path]:
        """Returns the saved further places of the corpus that are still there.

        Args:
            data: folder of the corpus that somebody names now; places of corpora that it holds are left out. None or
                the saved folder leaves out none.
        """
        names = [name.removeprefix("corpus ") for name in self._places() if name.startswith("corpus ")]
        found = {name: self._remembered(f"corpus {name}") for name in names}
        named = None if data == self.remembered_data() else data
        return {
            name: place
            for name, place in found.items()
            if place is not None and not (named is not None and (named / name).is_dir())
        }

    def remember_init(self, bundle: Path) -> None:
        """Saves where the bundle is whose weights the fits of the study start from."""
        self._remember("init", bundle)

    def remembered_init(self) -> Path | None:
        """Returns the saved place of that bundle; None if unknown or no longer there."""
        return self._remembered("init")

    def _places(self) -> dict[str, str]:
        try:
            found = json.loads((self.path / "local.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        known = found.items() if isinstance(found, dict) else ()
        return {name: place for name, place in known if isinstance(place, str)}

    def _remember(self, name: str, place: Path) -> None:
        places = self._places()
        if places.get(name) != str(place):
            write_text_atomic(self.path / "local.json", json.dumps({**places, name: str(place)}) + "\n")

    def _remembered(self, name: str) -> Path | None:
        place = self._places().get(name)
        return Path(place) if place and Path(place).exists() else None

    def record(self) -> StudyRecord:
        """Reads the study's record."""
        return StudyRecord.load(self.record_path)

    def clips(self) -> pd.DataFrame:
        """Reads the table of used clips.

        Raises:
            SerbenchError: it is missing or damaged, or lacks a column or a value that every such table has.
        """
        table = read_parquet(self.clips_path)
        if lacking := [name for name in _TEXTS if name not in table]:
            raise SerbenchError(f"{self.clips_path} lacks the column '{lacking[0]}'; restore it from a copy")
        if odd := [name for name in _TEXTS if not holds_text(table[name])]:
            raise SerbenchError(
                f"{self.clips_path} has a clip whose {odd[0]} is missing or no text; restore it from a copy"
            )
        if nested := [name for name in table if _is_nested(table[name])]:
            raise SerbenchError(f"{self.clips_path} has lists in column '{nested[0]}'; restore it from a copy")
        return table

    def _jobs(self, kind: JobKind) -> Path:
        return self.path / _FOLDERS[kind]

    def job_path(self, kind: JobKind, job_id: str) -> Path:
        """Returns the folder of one fit: `record.json`, `predictions.parquet`; of refits and folds, `model.keras`.

        A fold's folder also holds `curve.npy`, its answers after each epoch.
        """
        return self._jobs(kind) / job_id

    def has_job(self, kind: JobKind, job_id: str) -> bool:
        """Whether a complete record of this fit exists."""
        return (self.job_path(kind, job_id) / "record.json").is_file()

    def job(self, kind: JobKind, job_id: str) -> TrialRecord:
        """Reads the record of one fit.

        Raises:
            SerbenchError: it is missing, damaged or that of another fit.
        """
        path = self.job_path(kind, job_id) / "record.json"
        record = TrialRecord.load(path)
        _check_name(path, job_id, record.job_id)
        if record.kind != kind:  # what is checked of a fit depends on its kind
            raise SerbenchError(f"{path} is damaged: it holds the record of a {record.kind}; restore it")
        return record

    def jobs(self, kind: JobKind, damaged: Damaged | None = None) -> Iterator[TrialRecord]:
        """Reads the records of all complete fits, in the order of their job ids.

        Args:
            kind: trials of the search, refits, probes or folds.
            damaged: callback for an unreadable record, which is then skipped; None raises the error.
        """
        for job_id in self.job_ids(kind):
            with tolerating(damaged):
                yield self.job(kind, job_id)

    def job_ids(self, kind: JobKind) -> list[str]:
        """Returns the job ids of all complete fits, sorted, without reading a record."""
        names = (path.parent.name for path in self._jobs(kind).glob("*/record.json"))
        return sorted(name for name in names if not name.startswith("."))

    def predictions(self, kind: JobKind, job_id: str) -> pd.DataFrame:
        """Reads a fit's predictions (columns: see `serbench.records.schemas`)."""
        return read_parquet(self.predictions_path(kind, job_id))

    def predictions_path(self, kind: JobKind, job_id: str) -> Path:
        """Returns the path of a fit's predictions, which need not exist: published trials and folds hold none."""
        return self.job_path(kind, job_id) / "predictions.parquet"

    def model_path(self, job_id: str, kind: JobKind = "refit") -> Path:
        """Path of the trained model of a refit or fold."""
        return self.job_path(kind, job_id) / "model.keras"

    def curve(self, job_id: str) -> NDArray[np.float32]:
        """Maps the answers of a fold's fit after each epoch: (epochs, clips, labels), clips as in its predictions.

        The array stays in the file, since all folds and epochs of a large corpus together take gigabytes.

        Raises:
            SerbenchError: the file is missing or damaged.
        """
        path = self.job_path("fold", job_id) / "curve.npy"
        try:
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise SerbenchError(f"{path} does not exist; remove its folder and run the search again") from None
        except (OSError, ValueError, EOFError) as error:
            reason = first_line(error)[:200]
            raise SerbenchError(f"{path} is damaged ({reason}); remove its folder and run the search again") from None
        if found.ndim != 3 or found.dtype.kind != "f" or not all(np.isfinite(epoch).all() for epoch in found):
            raise SerbenchError(f"{path} holds no probabilities; remove its folder and run the search again")
        return np.asarray(found, dtype=np.float32)

    def publish_job(
        self,
        record: TrialRecord,
        predictions: pd.DataFrame | None = None,
        model: bytes | None = None,
        error_text: str | None = None,
        curve: NDArray[np.float32] | None = None,
    ) -> None:
        """Writes a fit's folder atomically. The record gets the digests of the predictions.

        A fit that will be repeated (see `is_repeated`) goes to `attempts/`, so that its repeat can take its place. The
        record of the last repeat stays, however it ended.

        Args:
            record: of the fit.
            predictions: its predictions, if it made any.
            model: the trained model as a `.keras` file.
            error_text: the output of a crash.
            curve: its answers after each epoch, (epochs, clips, labels).

        Raises:
            ValueError: the fit already has a record. A record is never replaced.
            SerbenchError: the folder cannot be written.
        """
        target = self.job_path(record.kind, record.job_id)
        broken_off = is_repeated(record.state, record.attempt)
        if broken_off:
            target = self._attempt_path(record.job_id)
        elif self.has_job(record.kind, record.job_id):
            raise ValueError(f"{target} holds a record already")
        if predictions is not None:
            record = record.model_copy(update={"digests": prediction_digests(predictions)})
        # A folder without a record is no fit, but for example what an interrupted copy left: it makes room.
        with publish_folder(target, replace=not broken_off) as folder:
            if predictions is not None:
                predictions.to_parquet(folder / "predictions.parquet", index=False)
            if model is not None:
                (folder / "model.keras").write_bytes(model)
            if error_text is not None:
                (folder / "error.txt").write_text(error_text, encoding="utf-8")
            if curve is not None:
                np.save(folder / "curve.npy", curve, allow_pickle=False)
            record.save(folder / "record.json")

    def retire_job(self, kind: JobKind, job_id: str) -> None:
        """Moves a fit's folder to `attempts/`, so that the fit can run again."""
        target = self._attempt_path(job_id)
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            self.job_path(kind, job_id).rename(target)

    def retire_retryable(self, kind: JobKind, job_ids: Collection[str] | None = None) -> None:
        """Moves the fits that may be tried again (crashed, interrupted, out of time or memory) to `attempts/`.

        Args:
            kind: of the fits.
            job_ids: those to look at; None for all of this kind.
        """
        for fit in list(self.jobs(kind)):
            if STATES[fit.state].retryable and (job_ids is None or fit.job_id in job_ids):
                self.retire_job(kind, fit.job_id)

    def attempts(self, job_id: str = "*") -> list[Path]:
        """Returns the folders of earlier attempts (interrupted, or retried), of one fit or of all."""
        return sorted(path for path in (self.path / "attempts").glob(f"{job_id}.*") if not path.name.startswith("."))

    def broken_off(self, kind: JobKind, damaged: Damaged | None = None) -> Iterator[TrialRecord]:
        """Reads the records of earlier attempts.

        Args:
            kind: of the fits.
            damaged: callback for an unreadable record, which is then skipped; None raises the error.
        """
        for path in self.attempts():
            record = None
            with tolerating(damaged):
                record = TrialRecord.load(path / "record.json")
            if record is not None and record.kind == kind:
                yield record

    def _attempt_path(self, job_id: str) -> Path:
        return self.path / "attempts" / f"{job_id}.{len(self.attempts(job_id))}"

    def sweep(self) -> None:
        """Removes temporary files that a killed process left. Call it only while holding the study's lock."""
        for left in self.path.rglob(".*.tmp"):
            if (self.path / "audits") in left.parents:  # these are studies too, and may be running
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def shortlisted(self, job_id: str) -> ShortlistRecord:
        """Reads what cross-validation said of a trial's configuration.

        Raises:
            SerbenchError: it is missing or damaged.
        """
        path = self.path / "shortlist" / f"{job_id}.json"
        record = ShortlistRecord.load(path)
        _check_name(path, job_id, record.job_id)
        return record

    def shortlisted_ids(self) -> list[str]:
        """Job ids of the trials whose configurations were judged by cross-validation, sorted."""
        return sorted(path.stem for path in (self.path / "shortlist").glob("*.json"))

    def out_of_fold(self, job_id: str) -> pd.DataFrame:
        """Reads the out-of-fold answers of a trial's configuration (columns: see `ShortlistRecord`).

        Raises:
            SerbenchError: they are missing or damaged.
        """
        return read_parquet(self.path / "shortlist" / f"{job_id}.parquet")

    def save_shortlisted(self, record: ShortlistRecord, answers: pd.DataFrame | None, *, compact: bool = False) -> None:
        """Writes what cross-validation said of a configuration: the answers first, so that a record has its answers.

        Args:
            record: what it said. It gets the digest of the answers.
            answers: out-of-fold answers (columns: see `ShortlistRecord`). With None, the record says that they are not
                kept.
            compact: whether to write both files in little space, which is not atomic: for a study being published.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        folder = self.path / "shortlist"
        table = folder / f"{record.job_id}.parquet"
        if answers is None:
            record = record.model_copy(update={"answers_kept": False})
        else:
            record = record.model_copy(update={"digest": answers_digest(answers)})
            if compact:
                with writing(table):
                    folder.mkdir(parents=True, exist_ok=True)
                    write_predictions(answers, table)
            else:
                write_bytes_atomic(table, answers.to_parquet(index=False, compression="zstd"))
        record.save(folder / f"{record.job_id}.json", compact=compact)

    def entries(self, damaged: Damaged | None = None) -> Iterator[EntryRecord]:
        """Reads all entries of this study, in the order of their ids.

        Args:
            damaged: callback for an unreadable entry, which is then skipped; None raises the error.
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
        path = self.path / "entries" / f"{entry_id}.json"
        record = EntryRecord.load(path)
        _check_name(path, entry_id, record.entry_id)
        return record

    def save_entry(self, entry: EntryRecord, *, compact: bool = False) -> None:
        """Writes an entry."""
        entry.save(self.path / "entries" / f"{entry.entry_id}.json", compact=compact)


def _check_name(path: Path, name: str, recorded: str) -> None:
    """Refuses a record that is not what its file is named after, since copies are named after the record."""
    if recorded != name:
        raise SerbenchError(f"{path} is damaged: it holds the record of '{recorded}'; restore it")


def run_name(study: str) -> str:
    """Name under which a study's entries are shown: the study's name without its fold.

    >>> run_name("emo-db-loso-cnn1d-fold3"), run_name("demo-speaker-cnn1d")
    ('emo-db-loso-cnn1d', 'demo-speaker-cnn1d')
    """
    return _FOLD.sub("", study)


def fold_name(run: str, fold: int) -> str:
    """Name of the study of one fold, of which `run_name` is `run`.

    >>> fold_name("emo-db-loso-cnn1d", 3), fold_name("demo-speaker-cnn1d", 0)
    ('emo-db-loso-cnn1d-fold3', 'demo-speaker-cnn1d')

    Args:
        run: the study's name without its fold.
        fold: number of the fold from 1; 0 for a protocol without folds.
    """
    return f"{run}-fold{fold}" if fold else run


@contextlib.contextmanager
def tolerating(damaged: Damaged | None) -> Iterator[None]:
    """Context manager that passes a `SerbenchError` to `damaged` instead of raising it; with None it raises."""
    try:
        yield
    except SerbenchError as error:
        if damaged is None:
            raise
        damaged(error)


def holds_text(column: pd.Series) -> bool:
    """Whether every value of a column is a text; somebody else may have written the table.

    >>> holds_text(pd.Series(["a", "b"])), holds_text(pd.Series(["a", None])), holds_text(pd.Series(["a", 1]))
    (True, False, False)
    """
    return bool(column.notna().all()) and pd.api.types.is_string_dtype(column)


def _is_nested(column: pd.Series) -> bool:
    return column.dtype == object and any(isinstance(value, list | dict | np.ndarray) for value in column)


def read_parquet(path: Path) -> pd.DataFrame:
    """Reads a Parquet table.

    Raises:
        SerbenchError: the file is missing, damaged or far too large.
    """
    return _table(path, _frame)


def read_arrow(path: Path) -> pa.Table:
    """Reads a Parquet table as pyarrow has it, in a third of the time.

    Raises:
        SerbenchError: the file is missing, damaged or far too large.
    """
    return _table(path, _arrow)


def _frame(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        _check_size(file)
    return pd.read_parquet(path)


def _arrow(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:  # a table of predictions is small: threads cost more than they save
        _check_size(file)
        return file.read(use_threads=False)


def _check_size(file: pq.ParquetFile) -> None:
    rows, columns = file.metadata.num_rows, file.metadata.num_columns
    if rows > _MOST_ROWS or columns > _MOST_COLUMNS or rows * columns > _MOST_VALUES:
        raise ValueError(f"{rows:,} rows of {columns:,} columns are more than serbench writes")


def _table(path: Path, read: Callable[[Path], _Table]) -> _Table:
    try:
        return read(path)
    except FileNotFoundError:
        raise SerbenchError(f"{path} does not exist; the record beside it is incomplete") from None
    except Exception as error:
        reason = first_line(error)[:200]
        raise SerbenchError(f"{path} is damaged ({reason}); remove its folder and run the search again") from None
