"""`GroupEntries`: the scored entries of one comparison group, folds pooled; and where an entry is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from serbench.errors import SerbenchError
from serbench.results.damaged import DamagedRecord
from serbench.results.ensemble import make_ensemble
from serbench.results.grouping import choose
from serbench.results.loaded_study import LoadedStudy
from serbench.results.pooled import pool, pooled_id, run_name
from serbench.results.scored_entry import ScoredEntry

__all__ = ["FoldedRun", "GroupEntries", "StudyEntries", "folded_runs", "load_group"]


@dataclass(frozen=True)
class StudyEntries:
    """Scored entries of one study, or the pooled entry of one folded run.

    Attributes:
        entries: at least one.
        chosen: id of the one that validation chooses; None where that cannot be told.
    """

    entries: tuple[ScoredEntry, ...]
    chosen: str | None


@dataclass(frozen=True)
class GroupEntries:
    """What was tested on the same clips.

    Attributes:
        studies: by name, then the folded runs.
        incomplete: for each run with missing folds its key and a sentence.
        damaged: what could not be read.
    """

    studies: tuple[StudyEntries, ...]
    incomplete: tuple[tuple[tuple[str, str, str], str], ...]
    damaged: tuple[DamagedRecord, ...]


@dataclass(frozen=True)
class FoldedRun:
    """The folds of one run that have a tested entry.

    Attributes:
        key: name of the run, hash of its space, hash of its protocol.
        folds: study and id of its selected entry, in the order of the folds.
        damaged: folds of which it cannot be told which entry is selected.
    """

    key: tuple[str, str, str]
    folds: tuple[tuple[LoadedStudy, str], ...]
    damaged: tuple[DamagedRecord, ...]

    @property
    def name(self) -> str:
        """Of the run."""
        return self.key[0]

    @property
    def is_complete(self) -> bool:
        """Whether every fold has a tested entry."""
        return bool(self.folds) and len(self.folds) == self.folds[0][0].record.protocol.folds

    @property
    def entry_id(self) -> str:
        """Id of the pooled entry; no prediction is read."""
        return pooled_id([study.entry(entry_id) for study, entry_id in self.folds])

    def pooled(self) -> ScoredEntry:
        """The pooled entry.

        Raises:
            SerbenchError: a fold's record or predictions are damaged.
        """
        return pool(self.name, [study.scored(entry_id) for study, entry_id in self.folds])


def folded_runs(studies: Iterable[LoadedStudy]) -> list[FoldedRun]:
    """The runs of folded protocols, by key. The selected entry of a fold is told by records alone."""
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
        studies: of the group.
        ensembles: whether the finalists of each study also make an ensemble; never of folds.
    """
    damaged: list[DamagedRecord] = []
    incomplete = []
    found = list(_whole(studies, damaged, ensembles=ensembles))
    for run in folded_runs(studies):
        damaged += run.damaged
        if run.damaged:
            continue
        if not run.is_complete:
            wanted = run.folds[0][0].record.protocol.folds
            said = f"{run.name}: {len(run.folds)} of {wanted} folds have a tested entry; the same command goes on"
            incomplete.append((run.key, said))
            continue
        lost = list(_unreadable(run))
        damaged += lost
        if not lost:
            pooled = run.pooled()
            found.append(StudyEntries((pooled,), choose((pooled,))))
    damaged += [one for study in studies if study.entry_ids for one in study.unread_trials]
    return GroupEntries(tuple(found), tuple(incomplete), tuple(damaged))


def _whole(studies: Sequence[LoadedStudy], damaged: list[DamagedRecord], *, ensembles: bool) -> Iterator[StudyEntries]:
    """Entries of protocols without folds, study by study."""
    for study in studies:
        if study.record.protocol.folds > 1:
            continue
        entries = tuple(study.readable())
        lost = [one for one in study.damaged if one.kind == "entry"]
        damaged += lost
        if ensembles and not lost and (together := make_ensemble(entries)) is not None:
            entries = (*entries, together)
        if entries:
            yield StudyEntries(entries, _chosen(study))


def _chosen(study: LoadedStudy) -> str | None:
    try:
        return study.chosen()
    except SerbenchError:  # of an entry that is named as damaged
        return None


def _unreadable(run: FoldedRun) -> Iterator[DamagedRecord]:
    for study, entry_id in run.folds:
        try:
            study.scored(entry_id)
        except SerbenchError as error:
            yield study.damage(error, entry_id)
