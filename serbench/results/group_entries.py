"""`GroupEntries`: the scored entries of one comparison group, with folds pooled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from serbench.errors import SerbenchError
from serbench.records import EntryRecord, run_name
from serbench.results.choice import Candidate, choose
from serbench.results.damaged import DamagedRecord
from serbench.results.ensemble import make_ensemble, make_family_ensemble
from serbench.results.loaded_study import LoadedStudy
from serbench.results.pooled import pool, pooled_id
from serbench.results.scored_entry import ScoredEntry

__all__ = ["FoldedRun", "GroupEntries", "folded_runs", "load_group", "sharing_speakers"]


@dataclass(frozen=True)
class GroupEntries:
    """Entries that were tested on the same clips.

    Attributes:
        scored: the entries, study by study in the order of their names, then those of folded runs.
        incomplete: key and message of each run with missing folds.
        damaged: records that could not be read.
        chosen: id of the entry with the best validation score of the group, among those that pass their checks; None if
            there is none, or if a damaged record hides which one that is.
        shares_speakers: whether a sound entry's record says that test speakers were also trained on. Then all entries
            say so: older records did not count the speakers of validation.
    """

    scored: tuple[ScoredEntry, ...]
    incomplete: tuple[tuple[tuple[str, str, str], str], ...]
    damaged: tuple[DamagedRecord, ...]
    chosen: str | None = None
    shares_speakers: bool = False


@dataclass(frozen=True)
class FoldedRun:
    """The folds of one run that have a tested entry.

    Attributes:
        key: name of the run, hash of its space, hash of its protocol.
        folds: study and id of its selected entry, or of its bag, in the order of the folds.
        damaged: folds whose selected entry is unknown, because a record is damaged.
    """

    key: tuple[str, str, str]
    folds: tuple[tuple[LoadedStudy, str], ...]
    damaged: tuple[DamagedRecord, ...]

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.key[0]

    @property
    def is_complete(self) -> bool:
        """Whether every fold has a tested entry."""
        return bool(self.folds) and len(self.folds) == self.folds[0][0].record.protocol.folds

    @property
    def entry_id(self) -> str:
        """Id of the pooled entry. Reads no predictions."""
        return pooled_id([study.entry(entry_id) for study, entry_id in self.folds])

    @property
    def bags(self) -> FoldedRun | None:
        """The bags of the selected configurations; None if a fold has none. Reads no predictions."""
        found = []
        for study, entry_id in self.folds:
            judged = study.entry(entry_id).shortlisted
            found += [(study, one.entry_id) for one in study.entries if _is_bag_of(one, judged)]
        return FoldedRun(self.key, tuple(found), ()) if found and len(found) == len(self.folds) else None

    def together(self) -> ScoredEntry | None:
        """Makes the entry that pools the ensembles of each fold's finalists; None if a fold has fewer than two.

        Raises:
            SerbenchError: a fold's record or predictions are damaged.
        """
        if any(len(study.entries) < 2 for study, _ in self.folds):
            return None
        found = [make_ensemble(list(study.readable())) for study, _ in self.folds]
        if any(one.kind == "entry" for study, _ in self.folds for one in study.damaged):
            return None
        ensembles = [one for one in found if one is not None]
        return pool(self.name, ensembles) if len(ensembles) == len(found) else None

    def pooled(self) -> ScoredEntry:
        """Makes the pooled entry.

        Raises:
            SerbenchError: a fold's record or predictions are damaged.
        """
        return pool(self.name, [study.scored(entry_id) for study, entry_id in self.folds])


def _is_bag_of(entry: EntryRecord, shortlisted: str | None) -> bool:
    return bool(entry.bag and entry.refits) and entry.shortlisted == shortlisted


def folded_runs(studies: Iterable[LoadedStudy]) -> list[FoldedRun]:
    """The runs of folded protocols, sorted by key. Reads no predictions."""
    runs: dict[tuple[str, str, str], dict[int, tuple[LoadedStudy, str]]] = {}
    damaged: dict[tuple[str, str, str], list[DamagedRecord]] = {}
    for study in studies:
        protocol = study.record.protocol
        if protocol.folds == 1:
            continue
        key = run_name(study.record.name), study.record.space_hash, protocol.hash
        try:
            chosen = study.chosen()
        except SerbenchError as error:
            damaged.setdefault(key, []).append(study.damage(error, ""))
            continue
        if chosen is not None:
            runs.setdefault(key, {})[protocol.fold] = (study, chosen)
    return [
        FoldedRun(key, tuple(pair for _, pair in sorted(runs.get(key, {}).items())), tuple(damaged.get(key, ())))
        for key in sorted(runs.keys() | damaged.keys())
    ]


def load_group(studies: Sequence[LoadedStudy], *, ensembles: bool) -> GroupEntries:
    """Reads and scores the entries of one comparison group.

    Args:
        studies: all studies of the group.
        ensembles: whether to add an ensemble of each study's finalists, of a folded protocol those of all folds
            pooled, and one of the best entries of all families.
    """
    damaged: list[DamagedRecord] = []
    incomplete = []
    found, unknown = list(_whole(studies, damaged, ensembles=ensembles)), False
    for run in folded_runs(studies):
        damaged += run.damaged
        if run.damaged:
            unknown = True
            continue
        if not run.is_complete:
            wanted = run.folds[0][0].record.protocol.folds
            message = f"{run.name}: {len(run.folds)} of {wanted} folds are tested; repeat the search command to go on"
            incomplete.append((run.key, message))
            continue
        pooled = []
        for one in filter(None, (run, run.bags)):
            lost = list(_unreadable(one))
            unknown |= bool(lost) and one is run
            damaged += lost
            pooled += [] if lost else [one.pooled()]
        if ensembles and pooled and (together := run.together()) is not None:
            pooled.append(together)
        found += pooled
    if ensembles and not damaged:
        together = make_family_ensemble(found)
        found += [] if together is None else [together]
    damaged += [one for study in studies if study.entry_ids for one in study.unread_trials]
    shared = any(one.study.protocol.shares_speakers and not one.problems for one in found)
    if shared:
        found = list(map(sharing_speakers, found))
    chosen = None if unknown else _chosen(studies, found)  # a run with a damaged fold may be the best
    return GroupEntries(tuple(found), tuple(incomplete), tuple(damaged), chosen, shared)


def _whole(studies: Sequence[LoadedStudy], damaged: list[DamagedRecord], *, ensembles: bool) -> Iterator[ScoredEntry]:
    """Entries of protocols without folds, study by study."""
    for study in studies:
        if study.record.protocol.folds > 1:
            continue
        entries = tuple(study.readable())
        yield from entries
        lost = [one for one in study.damaged if one.kind == "entry"]
        damaged += lost
        if ensembles and not lost and (together := make_ensemble(entries)) is not None:
            yield together


def _chosen(studies: Sequence[LoadedStudy], found: Sequence[ScoredEntry]) -> str | None:
    """Chooses by records, so that damaged predictions do not change the choice."""
    scored = {one.entry.entry_id: one for one in found}
    candidates: list[Candidate] = [one for one in scored.values() if one.study.protocol.folds > 1]
    try:
        candidates += [one for study in studies if study.record.protocol.folds == 1 for one in study.candidates()]
    except SerbenchError:  # the entry is already listed as damaged
        return None
    failed = {name for name, one in scored.items() if one.problems}
    return choose(one for one in candidates if one.entry.entry_id not in failed)


def sharing_speakers(tested: ScoredEntry) -> ScoredEntry:
    """The same entry, whose study's record says that test speakers were also trained on."""
    if tested.study.protocol.shares_speakers:
        return tested
    protocol = tested.study.protocol.model_copy(update={"shares_speakers": True})
    return replace(tested, study=tested.study.model_copy(update={"protocol": protocol}))


def _unreadable(run: FoldedRun) -> Iterator[DamagedRecord]:
    for study, entry_id in run.folds:
        try:
            study.scored(entry_id)
        except SerbenchError as error:
            yield study.damage(error, entry_id)
