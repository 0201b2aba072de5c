"""`ResultsFolder`: all studies of a `results/` folder. Facts come from records, never from parsing folder names."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from serbench.errors import SerbenchError, UsageError, unknown
from serbench.records.base import Record
from serbench.records.files import publish_folder, writing
from serbench.records.ledger import EvaluationKind, Ledger, LedgerLine
from serbench.records.schemas import JobKind, StudyRecord, TrialRecord
from serbench.records.study_folder import Damaged, StudyFolder, run_name, tolerating

__all__ = ["ResultsFolder", "StudyFolder", "none_in", "recorded_evaluations"]


def none_in(root: Path, what: str, *, sentence: bool = False) -> str:
    """Says that a results folder holds none of something, and what to do; or that there is no such folder.

    >>> none_in(Path("nowhere"), "entries")
    'there is no folder nowhere yet; run `serbench search`, or name a folder with --results'

    Args:
        root: the results folder.
        what: what is missing, in the plural.
        sentence: whether it stands alone, with a capital letter and a full stop.
    """
    missing = f"no {what} in {root}" if root.is_dir() else f"there is no folder {root}"
    text = f"{missing} yet; run `serbench search`, or name a folder with --results"
    return f"{text[0].upper()}{text[1:]}." if sentence else text


def recorded_evaluations(
    folder: StudyFolder,
    record: StudyRecord,
    damaged: Damaged | None = None,
    read: Callable[[JobKind, str], TrialRecord] | None = None,
) -> list[LedgerLine]:
    """Returns the evaluations of test sets that the records of a study and of its audits tell.

    Args:
        folder: folder of the study.
        record: its record.
        damaged: callback for an unreadable record, which is then skipped; None raises the error.
        read: reads the record of a fit, for a caller that keeps what it has read.
    """
    found = []
    for job_id in folder.job_ids("refit"):
        with tolerating(damaged):
            fit = (read or folder.job)("refit", job_id)
            found += [_line(record, fit, "run")] if fit.state == "completed" else []
    audits = folder.path / "audits"
    with tolerating(damaged):
        for again, study in ResultsFolder(audits).studies(damaged) if audits.is_dir() else ():
            found += [_line(study, fit, "audit") for fit in again.jobs("refit", damaged) if fit.state == "completed"]
    return found


def _line(study: StudyRecord, fit: TrialRecord, kind: EvaluationKind) -> LedgerLine:
    return LedgerLine.of(study, fit.job_id, kind, predictions=(fit.digests or {}).get("test"), recorded=fit)


class _FolderMark(Record):
    """`serbench.json`: marks a results folder and its layout."""

    layout: str = "studies"


class ResultsFolder:
    """A `results/` folder, which need not exist yet.

    Args:
        root: the folder.
        ledger: where its studies count their evaluations of test sets; None for its own ledger. Audits have a folder of
            this kind in that of their study, and count in the ledger of the results that they belong to.

    Raises:
        SerbenchError: the path is a file, or the folder was written by a newer serbench.
    """

    def __init__(self, root: Path, ledger: Ledger | None = None) -> None:
        self.root = root
        self.ledger = ledger or Ledger(root / "ledger")
        if self._mark.exists():
            _FolderMark.load(self._mark)
        elif root.exists() and not root.is_dir():
            raise SerbenchError(f"{root} is a file; name a folder with --results")

    @property
    def _mark(self) -> Path:
        return self.root / "serbench.json"

    def check_writable(self) -> None:
        """Checks that the folder can be written, before a search spends minutes. Leaves nothing behind.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        made = [place for place in (self.root, *self.root.parents) if not place.exists()]
        try:
            with writing(self.root):
                self.root.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=self.root) as file:  # permissions do not show a read-only or full disk
                    file.write(b"serbench")
                    file.flush()
        finally:
            with contextlib.suppress(OSError):  # another search has begun there
                for place in made:
                    place.rmdir()

    def prepare(self) -> None:
        """Creates the folder.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.root / ".lock"):
                for left in self.root.glob(f".{self._mark.name}.*.tmp"):  # left by a process that was killed here
                    left.unlink(missing_ok=True)
                _FolderMark().save(self._mark)

    def study(self, name: str) -> StudyFolder:
        """Returns the folder of a study, which need not exist yet."""
        return StudyFolder(self.root / "studies" / name)

    def existing_study(self, name: str) -> StudyFolder:
        """Returns the folder of an existing study.

        Raises:
            UsageError: no study has that name; the message suggests the closest one.
        """
        known = self.study_names()
        if name not in known:  # never a path: '../x' must not be read, let alone removed
            hint = "" if known else none_in(self.root, "studies", sentence=True)
            raise unknown("study", name, known, hint=hint)
        return self.study(name)

    def studies(self, damaged: Damaged | None = None) -> Iterator[tuple[StudyFolder, StudyRecord]]:
        """Reads all studies, in the order of their names.

        Args:
            damaged: callback for an unreadable study, which is then skipped; None raises the error.
        """
        for name in self.study_names():
            folder = self.study(name)
            with tolerating(damaged):
                yield folder, folder.record()

    def study_names(self) -> list[str]:
        """Lists the names of all studies, sorted. Reads no record."""
        names = (path.parent.name for path in (self.root / "studies").glob("*/study.json"))
        return sorted(name for name in names if not name.startswith("."))  # a dot: being created or removed

    def folds(self, run: str) -> list[str]:
        """Lists the names of the studies of a run's folds, sorted as texts. Reads no record.

        Args:
            run: a study's name without its fold, see `run_name`.

        Returns:
            The folds that have begun; empty for a run without folds.
        """
        return [study for study in self.study_names() if study != run and run_name(study) == run]

    @contextlib.contextmanager
    def publish_study(self, name: str) -> Iterator[Path]:
        """Yields a temporary folder that becomes a new study in one rename when the block ends without an error.

        Raises:
            UsageError: a study or another file of that name exists.
            SerbenchError: the folder cannot be written.
        """
        target = self.study(name).path
        with self._tidied():
            if target.exists() or target.is_symlink():
                raise UsageError(f"{target} exists already; name another study with --study NAME")
            with publish_folder(target) as temporary:
                yield temporary

    @contextlib.contextmanager
    def replace_study(self, name: str) -> Iterator[Path]:
        """Yields a temporary folder that becomes a study when the block ends without an error.

        A study of that name is replaced in one step. No other process adds or removes a study meanwhile.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        target = self.study(name).path
        with self._tidied(), publish_folder(target, replace=True) as temporary:
            yield temporary

    def remove_study(self, name: str) -> None:
        """Deletes a study and everything in it. If the process is killed meanwhile, the study is either whole or gone.

        Its evaluations of the test set stay counted: those that only its records tell go to the ledger first.

        Raises:
            UsageError: no study has that name, or it is a link to another place.
            SerbenchError: a process runs the study, or it cannot be removed.
        """
        folder = self.existing_study(name)
        if folder.path.resolve() != self.root.resolve() / "studies" / name:
            raise UsageError(
                f"study '{name}' is a link that leads out of {self.root}, to {folder.path.resolve()}; nothing was "
                "removed: remove the link by hand"
            )
        with self._tidied(), writing(folder.path):
            try:
                with filelock.FileLock(folder.lock_path, blocking=False):
                    if any(StudyFolder(path).is_running() for path in (folder.path / "audits" / "studies").glob("*")):
                        raise SerbenchError(f"study '{name}' is being audited, so it was not removed; stop that first")
                    self._keep_count(folder)
                    trash = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".tmp", dir=folder.path.parent))
                    folder.path.rename(trash / name)
            except filelock.Timeout:
                raise SerbenchError(
                    f"study '{name}' is being run by a serbench process, so it was not removed; stop that one first"
                ) from None
            shutil.rmtree(trash, ignore_errors=True)
            self._remove_unused_clips(folder.shared_clips_folder)

    def _remove_unused_clips(self, shared: Path) -> None:
        """Removes the clip tables that no study shares any more. If a study cannot be read, all of them stay."""
        with contextlib.suppress(SerbenchError):
            used = {self.study(name).clips_path for name in self.study_names()}
            for table in shared.glob("*.parquet"):
                if table not in used:
                    table.unlink(missing_ok=True)

    def _keep_count(self, folder: StudyFolder) -> None:
        """Adds to the ledger what only the records of a study tell."""
        try:
            record = folder.record()
        except SerbenchError:  # a damaged study tells nothing, and can be removed
            return
        self.ledger.append(self.ledger.missing(recorded_evaluations(folder, record, lambda _: None)))

    @contextlib.contextmanager
    def _tidied(self) -> Iterator[None]:
        """Locks `studies/` against processes that add or remove studies, and removes what a killed one left."""
        studies = self.root / "studies"
        with writing(studies):
            studies.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(studies / ".lock"):
                for left in studies.glob(".*.tmp"):
                    shutil.rmtree(left, ignore_errors=True)
                yield
