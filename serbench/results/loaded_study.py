"""`LoadedStudy`: one study of a results folder. Each file is read once, when it is first needed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd

from serbench.errors import SerbenchError
from serbench.records import (
    EntryRecord,
    JobKind,
    ResultsFolder,
    ShortlistRecord,
    StudyFolder,
    StudyRecord,
    TrialRecord,
)
from serbench.results.damaged import DamagedRecord
from serbench.results.grouping import Group, choose, group_of
from serbench.results.scored_entry import ScoredEntry, load_entry, speakers_of, validation_score

__all__ = ["LoadedStudy", "StudyFits"]

_SPENT_STATES = ("completed", "pruned")

_T = TypeVar("_T")


@dataclass(frozen=True)
class StudyFits:
    """The readable fits of a study."""

    trials: tuple[TrialRecord, ...]
    probes: tuple[TrialRecord, ...]
    folds: tuple[TrialRecord, ...]
    refits: tuple[TrialRecord, ...]


@dataclass(frozen=True)
class _Candidate:
    """The part of an entry that `choose` needs. Its predictions are not read."""

    entry: EntryRecord
    validation_score: float | None


class LoadedStudy:
    """A study and everything that was read of it so far.

    If a file cannot be read, only the entry or fit that it belongs to is lost. The file is not read a second time:
    asking again raises the same error. `damaged` lists what was lost.

    Args:
        folder: the study's folder.

    Raises:
        SerbenchError: the study's own record is damaged.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.record: StudyRecord = folder.record()
        self._read: dict[Hashable, object] = {}
        self._damaged: dict[tuple[str, str], DamagedRecord] = {}

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.path.name

    @functools.cached_property
    def group(self) -> Group:
        """Comparison group of the study's entries."""
        return group_of(self.record)

    @property
    def damaged(self) -> tuple[DamagedRecord, ...]:
        """Records that could not be read so far."""
        return tuple(self._damaged.values())

    @property
    def entry_ids(self) -> tuple[str, ...]:
        """Ids of all entries. A damaged record is listed by the name of its file."""
        return tuple(self._entry_files)

    def entry(self, entry_id: str) -> EntryRecord:
        """An entry's record.

        Raises:
            SerbenchError: it is damaged.
        """
        return self._entry_at(self._entry_files[entry_id])

    @functools.cached_property
    def entries(self) -> tuple[EntryRecord, ...]:
        """The readable records of all entries."""
        return tuple(self._readable(self.entry_ids, self.entry, self.damage))

    def fit(self, kind: JobKind, job_id: str) -> TrialRecord:
        """The record of one fit.

        Raises:
            SerbenchError: it is damaged.
        """
        return self._once((kind, job_id), lambda: self.folder.job(kind, job_id))

    @functools.cached_property
    def trials(self) -> tuple[TrialRecord, ...]:
        """The readable trials."""
        return self._fits("search")

    @functools.cached_property
    def fits(self) -> StudyFits:
        """The readable trials, probes, fits of folds and refits."""
        return StudyFits(self.trials, self._fits("probe"), self._fits("fold"), self._fits("refit"))

    @functools.cached_property
    def shortlist(self) -> tuple[ShortlistRecord, ...]:
        """The readable records of the configurations that cross-validation compared, best first."""
        ids = self.folder.shortlisted_ids()
        found = self._readable(ids, self.folder.shortlisted, lambda error, _: self._unread(error))
        return tuple(sorted(found, key=lambda one: (-one.value, one.job_id)))

    @functools.cached_property
    def unread_trials(self) -> tuple[DamagedRecord, ...]:
        """Trials whose records are damaged."""
        known = {trial.job_id for trial in self.trials}
        found = (self._read.get(("search", job_id)) for job_id in self.folder.job_ids("search") if job_id not in known)
        return tuple(self._unread(error) for error in found if isinstance(error, SerbenchError))

    @property
    def clips(self) -> pd.DataFrame:
        """Table of the study's clips, one row a clip.

        Raises:
            SerbenchError: the table is missing or damaged.
        """
        return self._once("clips", self.folder.clips)

    def scored(self, entry_id: str) -> ScoredEntry:
        """Reads and scores an entry. Its `looks` include the evaluations of the test set by audits.

        Raises:
            SerbenchError: a record or predictions are missing or damaged.
        """
        return self._once(("scored", entry_id), lambda: self._scored(self.entry(entry_id)))

    def readable(self) -> Iterator[ScoredEntry]:
        """Reads and scores all entries. Damaged ones are left out and listed in `damaged`."""
        return self._readable(self.entry_ids, self.scored, self.damage)

    def chosen(self) -> str | None:
        """Id of the entry with the best validation score; None if no entry has one. Reads no predictions.

        Raises:
            SerbenchError: the record of an entry or of a refit is damaged, so the best entry is unknown.
        """
        return self._once("chosen", self._choose)

    def damage(self, error: SerbenchError, entry_id: str) -> DamagedRecord:
        """Records in `damaged` that an entry cannot be read."""
        return self._note(DamagedRecord("entry", self.name, entry_id, str(error), self.group))

    @functools.cached_property
    def _entry_files(self) -> dict[str, str]:
        """File of each entry by id. The id is in the record; the file may have another name."""
        files = {}
        for file in self.folder.entry_ids():
            try:
                files[self._entry_at(file).entry_id] = file
            except SerbenchError:
                files[file] = file
        return files

    def _entry_at(self, file: str) -> EntryRecord:
        return self._once(("entry", file), lambda: self.folder.entry(file))

    def _scored(self, entry: EntryRecord) -> ScoredEntry:
        fits = [self.fit("refit", job_id) for job_id in entry.refits]
        speakers = self._once("speakers", lambda: speakers_of(self.clips)) if fits else {}
        tested = load_entry(self.folder, self.record, self._with_all_looks(entry), speakers, fits)
        return replace(tested, trials=sum(fit.state in _SPENT_STATES for fit in self.trials))

    def _choose(self) -> str | None:
        entries = [self.entry(entry_id) for entry_id in self.entry_ids]
        fits = {one.entry_id: [self.fit("refit", job_id) for job_id in one.refits] for one in entries}
        return choose(_Candidate(one, validation_score(one, fits[one.entry_id])) for one in entries)

    def _with_all_looks(self, entry: EntryRecord) -> EntryRecord:
        """Adds the evaluations of the same test set by audits to the entry's count."""
        audits = self.folder.path / "audits"
        if not audits.is_dir():
            return entry
        looks = sum(
            refit.state == "completed"
            for again, record in ResultsFolder(audits).studies(_ignore)
            if record.name.startswith(f"{entry.entry_id}-") and record.protocol.hash == self.record.protocol.hash
            for refit in again.jobs("refit", _ignore)
        )
        return entry.model_copy(update={"looks": entry.looks + looks})

    def _fits(self, kind: JobKind) -> tuple[TrialRecord, ...]:
        ids = self.folder.job_ids(kind)
        return tuple(self._readable(ids, lambda job_id: self.fit(kind, job_id), lambda error, _: self._unread(error)))

    def _readable(
        self, ids: Iterable[str], read: Callable[[str], _T], note: Callable[[SerbenchError, str], object]
    ) -> Iterator[_T]:
        for one in ids:
            try:
                found = read(one)
            except SerbenchError as error:
                note(error, one)
            else:
                yield found

    def _unread(self, error: SerbenchError) -> DamagedRecord:
        return self._note(DamagedRecord("fit", self.name, "", str(error), self.group))

    def _note(self, damaged: DamagedRecord) -> DamagedRecord:
        return self._damaged.setdefault((damaged.entry, damaged.sentence), damaged)

    def _once(self, key: Hashable, read: Callable[[], _T]) -> _T:
        """Returns what was read under this key. An error is stored, too, and raised again."""
        if key not in self._read:
            try:
                self._read[key] = read()
            except SerbenchError as error:
                self._read[key] = error
        found = self._read[key]
        if isinstance(found, SerbenchError):
            raise found
        return found  # type: ignore[return-value]


def _ignore(_: SerbenchError) -> None:
    """Ignores a damaged audit: only its evaluations go uncounted."""
