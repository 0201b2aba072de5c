"""`ResultsFolder`: all studies of a `results/` folder. No name is ever taken apart again to learn what it says."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

from serbench.errors import SerbenchError, UsageError, unknown
from serbench.records.base import Record
from serbench.records.files import publish_folder, writing
from serbench.records.schemas import EntryRecord, StudyRecord
from serbench.records.study_folder import Damaged, StudyFolder, tolerating

__all__ = ["ResultsFolder", "StudyFolder"]


class _FolderMark(Record):
    """`serbench.json`: says that a folder holds results, and in which layout."""

    layout: str = "studies"


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
            with filelock.FileLock(self.root / ".lock"):
                for left in self.root.glob(".*.tmp"):  # of one who was killed right here
                    left.unlink(missing_ok=True)
                _FolderMark().save(self._mark)

    def study(self, name: str) -> StudyFolder:
        """The folder of one study, which need not exist yet."""
        return StudyFolder(self.root / "studies" / name)

    def existing_study(self, name: str) -> StudyFolder:
        """The folder of a study that is there.

        Raises:
            UsageError: there is none of that name; the nearest is named.
        """
        known = self.study_names()
        if name not in known:  # never a path: '../x' must not be read, let alone removed
            hint = "" if known else f"There are no studies in {self.root} yet; run `serbench search` first."
            raise unknown("study", name, known, hint=hint)
        return self.study(name)

    def studies(self, damaged: Damaged | None = None) -> Iterator[tuple[StudyFolder, StudyRecord]]:
        """All studies, by name.

        Args:
            damaged: told of each study whose record cannot be read, which is then left out. None raises: what ranks
                or selects (the leaderboard, export) must not do so among the rest as if they were all.
        """
        for name in self.study_names():
            folder = self.study(name)
            with tolerating(damaged):
                yield folder, folder.record()

    def study_names(self) -> list[str]:
        """Names of all studies, sorted; no record is read."""
        names = (path.parent.name for path in (self.root / "studies").glob("*/study.json"))
        return sorted(name for name in names if not name.startswith("."))  # a dot: half-made or half-removed

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

    @contextlib.contextmanager
    def publish_study(self, name: str) -> Iterator[Path]:
        """Yields a temporary folder that becomes a new study's in one rename when the block ends well.

        Raises:
            UsageError: there is a study or another thing of that name.
            SerbenchError: it cannot be written.
        """
        target = self.study(name).path
        with self._tidied():
            if target.exists() or target.is_symlink():
                raise UsageError(f"{target} exists already; name another study with --study NAME")
            with publish_folder(target) as temporary:
                yield temporary

    def remove_study(self, name: str) -> None:
        """Deletes a study and everything in it; a kill on the way leaves it whole or gone.

        Raises:
            UsageError: there is none of that name, or it is a link to another place.
            SerbenchError: a process runs it, or it cannot be removed.
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
                    trash = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".tmp", dir=folder.path.parent))
                    folder.path.rename(trash / name)
            except filelock.Timeout:
                raise SerbenchError(
                    f"study '{name}' is being run by a serbench process, so it was not removed; stop that one first"
                ) from None
            shutil.rmtree(trash, ignore_errors=True)

    @contextlib.contextmanager
    def _tidied(self) -> Iterator[None]:
        """Keeps out others who add or remove studies, and clears away what a killed one of them left."""
        studies = self.root / "studies"
        with writing(studies):
            studies.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(studies / ".lock"):
                for left in studies.glob(".*.tmp"):
                    shutil.rmtree(left, ignore_errors=True)
                yield
