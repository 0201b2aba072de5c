"""`Results`: a results folder, read on demand."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from serbench.errors import SerbenchError, UsageError, unknown
from serbench.records import Counted, EntryRecord, LedgerLine, ResultsFolder, count_evaluations, none_in, run_name
from serbench.results.choice import choose
from serbench.results.damaged import DamagedRecord
from serbench.results.ensemble import ENSEMBLE, ensemble_id, make_ensemble
from serbench.results.entry import EntryReport
from serbench.results.group_entries import FoldedRun, GroupEntries, folded_runs, load_group, sharing_speakers
from serbench.results.grouping import Group, group_of
from serbench.results.leaderboard import Leaderboard, LoadedGroup, make_group, make_leaderboard
from serbench.results.leaderboard_row import GroupRows, Row
from serbench.results.loaded_study import LoadedStudy
from serbench.results.pairwise import EntryComparison
from serbench.results.reference_report import ReferenceReport
from serbench.results.reference_rows import GroupReferences
from serbench.results.scored_entry import ScoredEntry
from serbench.results.selection import best_selected, select_entry
from serbench.results.split_again import FolderFacts
from serbench.results.study import StudyReport
from serbench.results.study_rows import StudyRow, study_row
from serbench.results.votes import VoteRow, entry_votes

__all__ = ["Results"]


class Results:
    """A results folder as it was when its files were first read.

    Records of studies and entries are read first. Predictions, trials and references are read when a method needs them,
    group by group (the same clips, labels and protocol), and each file once; only validation predictions, and trials
    that a leaderboard has counted, are read again where they are asked for, since no leaderboard shows them. Make a new
    object to see what a search has written since.

    A damaged file only costs the entry that it belongs to. Tables show the other entries and name the damaged one in
    their notes. A method that is asked for the damaged entry raises a `SerbenchError` that names the file.

    Args:
        root: path of the folder; it need not exist.

    Raises:
        SerbenchError: the folder is a file, or was written by a newer serbench.
    """

    def __init__(self, root: str | Path) -> None:
        self.folder = ResultsFolder(Path(root))
        self._facts = FolderFacts(self.folder.ledger)
        self._opened: dict[str, LoadedStudy | SerbenchError] = {}
        self._groups: dict[tuple[Group, bool], LoadedGroup] = {}
        self._references: dict[Group, GroupReferences] = {}
        self._boards: dict[tuple[str | None, str | None, bool], Leaderboard] = {}

    def __repr__(self) -> str:
        return f"Results({str(self.root)!r})"

    @property
    def root(self) -> Path:
        """The folder's path."""
        return self.folder.root

    def keep_trials(self) -> None:
        """Keeps the trials that a leaderboard counts, for one who will show all of them and would read each twice."""
        self._facts.keeps_trials = True

    @property
    def damaged(self) -> tuple[DamagedRecord, ...]:
        """Records that could not be read so far. Files are only read when a method needs them."""
        unread = [
            DamagedRecord("study", name, "", str(error))
            for name, error in self._opened.items()
            if isinstance(error, SerbenchError)
        ]
        return (*unread, *(lost for study in self._loaded() for lost in study.damaged))

    @functools.cached_property
    def studies(self) -> tuple[LoadedStudy, ...]:
        """All studies with a readable record, sorted by name; fold 10 comes after fold 9."""
        for name in self.folder.study_names():
            self._open(name)
        return tuple(sorted(self._loaded(), key=lambda study: _counting(study.name)))

    def study(self, name: str) -> LoadedStudy:
        """One study. No other study is read.

        Raises:
            UsageError: there is none of that name; the nearest is named.
            SerbenchError: its record is damaged.
        """
        if name not in self._opened:
            self.folder.existing_study(name)
        found = self._open(name)
        if isinstance(found, SerbenchError):
            raise found
        return found

    def study_rows(self) -> list[StudyRow]:
        """One row a study, sorted by name. Reads no predictions."""
        return [study_row(study) for study in self.studies]

    def study_report(self, name: str) -> StudyReport:
        """The report of one study. No other study is read.

        Raises:
            UsageError: there is none of that name; the nearest is named.
            SerbenchError: its record is damaged.
        """
        return StudyReport.of(self.study(name))

    def board(self, corpus: str | None = None, protocol: str | None = None, *, ensembles: bool = False) -> Leaderboard:
        """The leaderboard, computed from records and predictions. Nothing is trained.

        Args:
            corpus: only entries of the corpus of this name.
            protocol: only entries under the protocol of this name.
            ensembles: whether to add a row for the ensemble of each study's finalists, and of the best entries of all
                families.

        Raises:
            UsageError: there are entries, but none of that corpus or protocol.
        """
        key = corpus, protocol, ensembles
        if key not in self._boards:
            tested = [study for study in self.studies if study.entry_ids]
            _check_filter("corpus", corpus, {study.record.corpus.name for study in tested})
            _check_filter("protocol", protocol, {study.record.protocol.name for study in tested})
            kept = [group for group in self._by_group if corpus in (None, group.corpus)]
            kept = [group for group in kept if protocol in (None, group.protocol)]
            self._boards[key] = make_leaderboard(
                [self._group(group, ensembles=ensembles) for group in kept],
                [lost for lost in self.damaged if lost.kind == "study"],
                self.root,
            )
        return self._boards[key]

    def report(self, entry_id: str) -> EntryReport:
        """The report of an entry. Reads its whole group, because the rank depends on the other rows.

        Raises:
            UsageError: no such entry; the nearest is named.
            SerbenchError: its record or predictions are damaged.
        """
        tested = self.scored_entry(entry_id)
        return EntryReport.of(tested, self.row(entry_id), self.votes(tested))

    def votes(self, tested: ScoredEntry) -> VoteRow | None:
        """How close an entry's probabilities are to the listeners' votes; None if the corpus has none."""
        group = group_of(tested.study)  # all its studies have the same clips, and an ensemble is of several
        alike = [one for one in self.studies if one.group == group]
        for study in sorted(alike, key=lambda one: run_name(one.name) != run_name(tested.study.name)):
            with contextlib.suppress(SerbenchError):  # its own report tells of a damaged table
                return entry_votes(tested, study.clips)
        return None

    def reference_report(self, study: str, name: str) -> ReferenceReport:
        """The report of a reference, or of brought predictions, on a study's test set.

        Args:
            study: a study with entries; of a folded run its name without the fold, too.
            name: the name under which the reference is kept, such as 'functionals' or 'brought-my-model'.

        Raises:
            UsageError: there is no such study or reference, or the study has no entry yet.
            SerbenchError: a record is damaged.
        """
        found = next((one for one in self.studies if run_name(one.name) == study), None) or self.study(study)
        if not found.entry_ids:
            raise UsageError(f"study '{study}' has no tested entry yet; let its search end first")
        group = self._group(found.group, ensembles=False)
        scored = group.entries.scored
        first = min(scored, key=lambda one: bool(one.problems), default=None)
        if first is None:
            raise SerbenchError(f"no entry of study '{study}' can be read; `serbench leaderboard` says why")
        selected = next((one for one in scored if one.entry.entry_id == group.entries.chosen), None)
        return ReferenceReport.of(self.references(first), name, found.folder.clips(), found.record.seed, selected)

    def row(self, entry_id: str) -> Row:
        """An entry's row of the leaderboard.

        Raises:
            UsageError: no such entry; the nearest is named.
            SerbenchError: its record or predictions are damaged.
        """
        return next(row for row in self.group_rows(entry_id).rows if row.entry == entry_id)

    def group_rows(self, entry_id: str) -> GroupRows:
        """All rows of an entry's comparison group, with notes and references.

        Raises:
            UsageError: no such entry; the nearest is named.
            SerbenchError: its record or predictions are damaged.
        """
        return self._group_of(entry_id).rows

    def scored_entry(self, entry_id: str) -> ScoredEntry:
        """An entry with scored predictions; of a folded protocol the entry that pools all folds.

        Only this entry's predictions are read, for an ensemble of finalists those of its members, and for one of
        families those of all entries. Where only some studies of its group record shared speakers, the whole group is
        read, because the entry then shares them, too, if one of these is sound.

        Raises:
            UsageError: no such entry; the nearest is named.
            SerbenchError: its record or predictions are damaged.
        """
        return self._as_in_group(self._recorded_entry(entry_id))

    def _recorded_entry(self, entry_id: str) -> ScoredEntry:
        """An entry with the protocol facts of its own record."""
        for study in self.studies:
            if study.record.protocol.folds == 1 and entry_id in study.entry_ids:
                return study.scored(entry_id)
        for run in self._runs:
            if run.is_complete and run.entry_id == entry_id:
                return run.pooled()
        if entry_id.startswith(ENSEMBLE) and (made := self._ensemble(entry_id)) is not None:
            return made
        raise self._unknown(entry_id)

    def _as_in_group(self, tested: ScoredEntry) -> ScoredEntry:
        """The entry with the protocol facts of its group, which may know of shared speakers that its record lacks."""
        group = group_of(tested.study)
        recorded = any(study.record.protocol.shares_speakers for study in self._by_group[group])
        if not recorded or tested.study.protocol.shares_speakers:
            return tested
        return sharing_speakers(tested) if self._group(group, ensembles=False).entries.shares_speakers else tested

    def _ensemble(self, entry_id: str) -> ScoredEntry | None:
        """An ensemble of a study's finalists, or, once all groups were read, one of families."""
        for study in self.studies:
            if study.record.protocol.folds == 1 and ensemble_id(study.entries) == entry_id:
                return make_ensemble([study.scored(one) for one in study.entry_ids])
        everything = (one for group in self._by_group for one in self._group(group, ensembles=True).entries.scored)
        return next((one for one in everything if one.entry.entry_id == entry_id), None)

    def members(self, entry_id: str) -> tuple[tuple[LoadedStudy, EntryRecord], ...]:
        """The studies and records that an entry consists of: one, or of a pooled entry one for each fold.

        The entry of a single fold is found, too. Reads no predictions.

        Raises:
            UsageError: no such entry, or it is an ensemble; the nearest is named.
            SerbenchError: the record is damaged.
        """
        for study in self.studies:
            if entry_id in study.entry_ids:
                return ((study, study.entry(entry_id)),)
        for run in self._runs:
            if run.is_complete and run.entry_id == entry_id:
                return tuple((study, study.entry(one)) for study, one in run.folds)
        raise self._unknown(entry_id)

    def comparison(self, entry_ids: Sequence[str]) -> EntryComparison:
        """Compares entries with the same test set, pair by pair. Only their predictions are read.

        Raises:
            UsageError: fewer than two ids, an id given twice, an unknown id, or entries that were not tested on the
                same clips.
            SerbenchError: the record or predictions of an entry are damaged.
        """
        if len(set(entry_ids)) < 2 or len(set(entry_ids)) < len(entry_ids):
            raise UsageError("a comparison takes two or more different entries")
        return EntryComparison.of([self.scored_entry(entry_id) for entry_id in entry_ids])

    def best(
        self, studies: Collection[str] | None = None, corpus: str | None = None, protocol: str | None = None
    ) -> Row | None:
        """The entry with the best validation score; None if there is none.

        Unreadable entries are skipped. Use `select` to get an error instead, as `serbench export` does.

        Args:
            studies: choose among the entries of these studies; None for the selected entries of all groups.
            corpus: only entries of the corpus of this name.
            protocol: only entries under the protocol of this name.

        Raises:
            UsageError: there are entries, but none of that corpus or protocol.
        """
        return best_selected(self.board(corpus, protocol), studies)

    def select(self, corpus: str | None = None, protocol: str | None = None) -> Row:
        """The entry to use when none is named: the selected one, of the group if there is only one.

        Raises:
            SerbenchError: there are no entries, or one that is unreadable or fails its checks may be the selected one.
            UsageError: the entries belong to groups that cannot be compared; the message lists them.
        """
        return select_entry(self.board(corpus, protocol), self.root)

    def references(self, entry: ScoredEntry) -> GroupReferences:
        """The references on the entry's test set."""
        group = group_of(entry.study)
        if group not in self._references:
            truth = _truth(entry) or self._listed(group)
            self._references[group] = GroupReferences(self.root, entry.study, truth)
        return self._references[group]

    def _listed(self, group: Group) -> dict[str, tuple[str, str]] | None:
        """Label and speaker of each clip in the tables of a group's studies; None where none passes its checks."""
        listed: dict[str, tuple[str, str]] = {}
        for study in self._by_group.get(group, ()):
            with contextlib.suppress(SerbenchError):  # the board's notes tell of a damaged table
                if not study.split.problems:
                    texts = (study.clips[name].astype(str) for name in ("clip_id", "label", "speaker"))
                    listed |= {clip: (label, who) for clip, label, who in zip(*texts, strict=True)}
        return listed or None

    def _open(self, name: str) -> LoadedStudy | SerbenchError:
        if name not in self._opened:
            try:
                self._opened[name] = LoadedStudy(self.folder.study(name), self._facts)
            except SerbenchError as error:
                self._opened[name] = error
        return self._opened[name]

    def _loaded(self) -> Iterable[LoadedStudy]:
        return (study for study in self._opened.values() if isinstance(study, LoadedStudy))

    @functools.cached_property
    def _by_group(self) -> dict[Group, list[LoadedStudy]]:
        groups: dict[Group, list[LoadedStudy]] = {}
        for study in self.studies:
            if study.entry_ids:
                groups.setdefault(study.group, []).append(study)
        return groups

    @functools.cached_property
    def _runs(self) -> list[FoldedRun]:
        return [one for run in folded_runs(self.studies) for one in (run, run.bags) if one is not None]

    def _group_of(self, entry_id: str) -> LoadedGroup:
        group = group_of(self._recorded_entry(entry_id).study)
        return self._group(group, ensembles=entry_id.startswith(ENSEMBLE))

    def _group(self, group: Group, *, ensembles: bool) -> LoadedGroup:
        key = group, ensembles
        if key not in self._groups:
            entries = load_group(self._by_group[group], ensembles=ensembles)
            first = min(entries.scored, key=lambda one: bool(one.problems), default=None)
            references = None if first is None else self.references(first)
            self._groups[key] = LoadedGroup(
                make_group(group, entries, references, self.root, self._counted(group, entries)), entries
            )
        return self._groups[key]

    @functools.cached_property
    def evaluations(self) -> tuple[LedgerLine, ...]:
        """Every known evaluation of a test set: the ledger's lines, and what only the records of studies tell."""
        recorded = [line for study in self.studies for line in study.evaluations]
        return (*self.folder.ledger.read()[0], *self.folder.ledger.missing(recorded))

    def chosen(self, study: str) -> ScoredEntry | None:
        """The entry that validation chooses among those of one study or folded run; None if there is none.

        One that fails its checks is chosen only where all others fail theirs, too.

        Args:
            study: name of the study; of a folded run its name without the fold.

        Raises:
            SerbenchError: a record is damaged, so the best entry is unknown.
        """
        found = self._chosen(study)
        return None if found is None else self._as_in_group(found)

    def _chosen(self, study: str) -> ScoredEntry | None:
        for one in self.studies:
            if one.name == study and one.record.protocol.folds == 1:
                found = one.chosen()
                if found is None or not one.scored(found).problems:
                    return None if found is None else one.scored(found)
                sound = choose(other for other in one.candidates() if not one.scored(other.entry.entry_id).problems)
                return one.scored(sound or found)
        pooled = [run.pooled() for run in self._runs if run.name == run_name(study) and run.is_complete]
        chosen = choose(one for one in pooled if not one.problems) or choose(pooled)
        return next((one for one in pooled if one.entry.entry_id == chosen), None)

    def _counted(self, group: Group, entries: GroupEntries) -> Counted:
        """The evaluations of a group's test set. An ensemble that is shown is one more entry."""
        found = count_evaluations(self.evaluations, group.corpus_digest, group.protocol_hash)
        ensembles = sum(bool(one.entry.members) for one in entries.scored)
        return dataclasses.replace(found, entries=found.entries + ensembles)

    def _unknown(self, entry_id: str) -> SerbenchError:
        for study in self.studies:
            if entry_id in study.entry_ids:
                pooled = [one.entry_id for one in self._runs if one.is_complete and one.name == run_name(study.name)]
                pools = f"{' and '.join(pooled)} pool{'s' if len(pooled) == 1 else ''} them"
                return UsageError(
                    f"entry '{entry_id}' is one of {study.record.protocol.folds} folds; "
                    + (pools if pooled else "once all folds are tested, `serbench leaderboard` names what pools them")
                )
        known = [one for study in self.studies if study.record.protocol.folds == 1 for one in study.entry_ids]
        known += [run.entry_id for run in self._runs if run.is_complete]
        if entry_id.startswith(ENSEMBLE):
            whole = [study for study in self.studies if study.record.protocol.folds == 1]
            known += [ensemble_id(study.entries) for study in whole if len(study.entries) > 1]
        hint = "" if known else none_in(self.root, "entries", sentence=True)
        lost = [one.sentence for one in self.damaged if one.kind == "study"]
        error = unknown("entry", entry_id, known, hint=hint)
        return SerbenchError(f"{error} It may be in a study that cannot be read: {lost[0]}") if lost else error


def _counting(name: str) -> list[str | int]:
    """Key that sorts names with the numbers in them by value.

    >>> sorted(["s-fold10", "s-fold2", "r"], key=_counting)
    ['r', 's-fold2', 's-fold10']
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _truth(entry: ScoredEntry) -> dict[str, tuple[str, str]] | None:
    """Label and speaker of each test clip; None if the entry cannot tell."""
    if entry.problems or not entry.refits:
        return None
    first, labels = entry.refits[0], entry.study.corpus.labels
    facts = ((labels[place], who) for place, who in zip(first.test_true.tolist(), entry.speakers, strict=True))
    return dict(zip(first.test_clips, facts, strict=True))


def _check_filter(kind: str, wanted: str | None, known: Collection[str]) -> None:
    if wanted is not None and known and wanted not in known:
        raise unknown(kind, wanted, known, hint="Only names with entries in these results are listed.")
