"""`LoadedStudy`: one study of a results folder. Each file is read once, when it is first needed.

Only the records of trials that were counted for a leaderboard are read again by what shows them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd

from serbench.corpora import people_of, recorded_names
from serbench.errors import SerbenchError
from serbench.evaluation import Evaluation
from serbench.records import (
    EntryRecord,
    JobKind,
    Ledger,
    LedgerLine,
    ShortlistRecord,
    StudyFolder,
    StudyRecord,
    TrialRecord,
    recorded_evaluations,
)
from serbench.results.answers import Answers
from serbench.results.checks import check_answers, check_entry, check_fit, check_judgement
from serbench.results.choice import Candidate, choose
from serbench.results.damaged import DamagedRecord
from serbench.results.grouping import Group, group_of
from serbench.results.scored_entry import (
    EntryChecks,
    ScoredEntry,
    load_entry,
    speakers_of,
    validation_score,
)
from serbench.results.split_again import FolderFacts, SplitAgain

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

    @property
    def all(self) -> tuple[TrialRecord, ...]:
        """Trials, probes, folds and refits, in this order."""
        return (*self.trials, *self.probes, *self.folds, *self.refits)


@dataclass(frozen=True)
class _Candidate:
    """The part of an entry that `choose` needs. Its predictions are not read."""

    entry: EntryRecord
    validation_score: float | None
    study: StudyRecord


class LoadedStudy:
    """A study and everything that was read of it so far.

    If a file cannot be read, only the entry or fit that it belongs to is lost. The file is not read a second time:
    asking again raises the same error. `damaged` lists what was lost.

    Args:
        folder: the study's folder.
        facts: what the checks of all studies share; None for a study by itself.

    Raises:
        SerbenchError: the study's own record is damaged, or that of another study.
    """

    def __init__(self, folder: StudyFolder, facts: FolderFacts | None = None) -> None:
        self.folder = folder
        self._facts = facts or FolderFacts(Ledger(folder.path.parents[1] / "ledger"))
        self.record: StudyRecord = folder.record()
        if self.record.name != folder.path.name:  # a copy would count as a second study with the same runs
            raise SerbenchError(
                f"{folder.path} holds the study '{self.record.name}'; rename the folder to that, "
                "or, if it is a copy, move it out of studies/"
            )
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
        known = self._trial_states
        found = (self._read.get(("search", job_id)) for job_id in self.folder.job_ids("search") if job_id not in known)
        return tuple(self._unread(error) for error in found if isinstance(error, SerbenchError))

    @property
    def clips(self) -> pd.DataFrame:
        """Table of the study's clips, one row a clip.

        Raises:
            SerbenchError: the table is missing or damaged.
        """
        return self._once("clips", self.folder.clips)

    @property
    def split(self) -> SplitAgain:
        """The split made again from clips and protocol, with what contradicts the study's record.

        Raises:
            SerbenchError: the table of clips is missing or damaged.
        """
        return self._once("split", lambda: self._facts.split(self.folder, self.record, self.clips))

    @functools.cached_property
    def evaluations(self) -> tuple[LedgerLine, ...]:
        """The evaluations of test sets that the study's records tell. Unreadable records are left out."""
        return tuple(recorded_evaluations(self.folder, self.record, _ignore, self.fit))

    def scored(self, entry_id: str) -> ScoredEntry:
        """Reads, scores and checks an entry. Its `looks` include the evaluations of the test set by audits.

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
        return choose(self.candidates())

    def candidates(self) -> list[Candidate]:
        """The entries with their validation scores, to choose among. Reads no predictions.

        Raises:
            SerbenchError: the record of an entry or of a refit is damaged.
        """
        return self._once("candidates", self._candidates)

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
        speakers = self._once("speakers", lambda: self._facts.one_copy(speakers_of(self.clips))) if fits else {}
        problems: list[str] = []

        def check(record: TrialRecord, answers: Answers, evaluations: Mapping[str, Evaluation]) -> None:
            problems.extend(check_fit(record, answers, evaluations, self.split))

        def check_judged(record: ShortlistRecord, answers: Answers, evaluation: Evaluation) -> None:
            problems.extend(check_judgement(entry, record, self.record))
            problems.extend(check_answers(record, answers, evaluation, self.split))

        tested = load_entry(
            self.folder,
            self.record,
            entry.model_copy(update={"looks": self._looks(entry)}),
            speakers,
            fits,
            EntryChecks(check, check_judged),
        )
        found = [*(self.split.problems if fits else ()), *self._of_entry(entry, fits), *problems]
        return replace(
            tested,
            trials=sum(state in _SPENT_STATES for state in self._trial_states.values()),
            problems=tuple(dict.fromkeys(found)),
            unchecked=self.split.unchecked if fits else (),
            chosen_on=self._chosen_on(tested),
        )

    @functools.cached_property
    def _trial_states(self) -> dict[str, str]:
        """State of each readable trial by its id.

        The records, which hold all epochs, are not kept: a leaderboard counts the trials of all studies and shows none.
        """
        if self._facts.keeps_trials or "trials" in self.__dict__:
            return {trial.job_id: trial.state for trial in self.trials}
        ids = self.folder.job_ids("search")
        read = self._readable(ids, lambda one: (one, self._trial_state(one)), lambda error, _: self._unread(error))
        return dict(read)

    def _trial_state(self, job_id: str) -> str:
        if ("search", job_id) not in self._read:
            try:
                return self.folder.job("search", job_id).state
            except SerbenchError as error:
                self._read["search", job_id] = error
        return self.fit("search", job_id).state

    def _chosen_on(self, tested: ScoredEntry) -> tuple[str, ...]:
        """Test speakers on whom a configuration that the study began with was chosen."""
        chosen = recorded_names(name for speakers in self.record.chosen_on.values() for name in speakers)
        if not chosen or not tested.refits:
            return ()
        clips = self.clips[self.clips["clip_id"].isin(tested.refits[0].test_clips)]
        return tuple(sorted(chosen & {f"{part}/{who}" for part, who in set(people_of(clips, self.record.corpus))}))

    def _of_entry(self, entry: EntryRecord, fits: Sequence[TrialRecord]) -> Iterator[str]:
        running, jobs, tried = self._once("runs", self._runs)
        runs = [] if running else [line for line in self._facts.lines(self.record) if line.kind == "run"]
        return check_entry(entry, self.record, fits, jobs, runs, tried, self._recorded)

    def _runs(self) -> tuple[bool, list[str], set[str]]:
        """Whether a search is running, and the ids of the final runs that are there, and that were broken off.

        A running search adds runs before it adds them to the list of their entry.
        """
        running = self.folder.is_running()
        tried = {one.job_id for one in self._broken_off} - self._laid_aside.keys()
        return running, [] if running else [*self.folder.job_ids("refit"), *self._laid_aside], tried

    @functools.cached_property
    def _broken_off(self) -> tuple[TrialRecord, ...]:
        return tuple(self.folder.broken_off("refit", lambda _: None))

    @property
    def _laid_aside(self) -> dict[str, TrialRecord]:
        """Final runs among the broken-off attempts that have a test score: a fit that was broken off has none."""
        return {one.job_id: one for one in self._broken_off if "test" in one.scores}

    def _recorded(self, kind: JobKind, job_id: str) -> TrialRecord | None:
        try:
            if self.folder.has_job(kind, job_id):
                return self.fit(kind, job_id)
            return self._laid_aside.get(job_id) if kind == "refit" else None
        except SerbenchError:
            return None

    def _looks(self, entry: EntryRecord) -> int:
        """Evaluations of the test set by this entry: by its runs, each made again included, and by audits and replays.

        An audit's run is in its record and in the ledger, where it has another id.
        """
        lines = self._facts.lines(self.record)
        runs = {line.id: line.job_id for line in lines if line.kind == "run" and line.job_id in entry.refits}
        repeated = len(runs) - len(set(runs.values()))
        again = [line for line in lines if self._is_again(line, entry)]
        counted = {line.run for line in again}
        recorded = {one.run for one in self.evaluations if self._is_again(one, entry)} - counted
        return entry.looks + repeated + len({line.id for line in again}) + len(recorded)

    def _is_again(self, line: LedgerLine, entry: EntryRecord) -> bool:
        """Whether an evaluation was one of this entry's test set, by an audit of the entry or a replay of a run.

        A replay is in the ledger only.
        """
        audited = line.kind == "audit" and line.study.startswith(f"{entry.entry_id}-")
        replayed = line.kind == "replay" and line.job_id in entry.refits
        return (audited or replayed) and line.protocol_hash == self.record.protocol.hash

    def _candidates(self) -> list[Candidate]:
        entries = [self.entry(entry_id) for entry_id in self.entry_ids]
        fits = {one.entry_id: [self.fit("refit", job_id) for job_id in one.refits] for one in entries}
        return [_Candidate(one, validation_score(one, fits[one.entry_id]), self.record) for one in entries]

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
