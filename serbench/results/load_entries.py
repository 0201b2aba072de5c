"""Reads and scores every tested entry of a results folder, folds pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from serbench.errors import SerbenchError, unknown
from serbench.records.results import ResultsFolder, StudyFolder
from serbench.records.schemas import EntryRecord, StudyRecord
from serbench.results.ensemble import make_ensemble
from serbench.results.pooled import pool
from serbench.results.scored_entry import ScoredEntry, load_entry, speakers_of

__all__ = ["LoadedEntries", "load_entries", "with_all_looks"]

_SPENT_STATES = ("completed", "pruned")


@dataclass(frozen=True)
class LoadedEntries:
    """What was tested.

    Attributes:
        studies: the entries of each study; under a folded protocol the pooled entry of each run.
        notes: runs whose folds are not complete yet.
    """

    studies: tuple[tuple[ScoredEntry, ...], ...]
    notes: tuple[str, ...]


def load_entries(
    results: ResultsFolder, corpus: str | None = None, protocol: str | None = None, *, ensembles: bool = False
) -> LoadedEntries:
    """Reads entries from records and predictions alone.

    Args:
        results: the folder.
        corpus: only entries of the corpus of this name.
        protocol: only entries under the protocol of this name.
        ensembles: whether the finalists of each study also make an ensemble; never of folds.

    Raises:
        UsageError: there are entries, but none of that corpus or protocol.
        SerbenchError: a record or predictions are damaged.
    """
    studies = [(folder, study, entries) for folder, study in results.studies() if (entries := tuple(folder.entries()))]
    _check_filter("corpus", corpus, [study.corpus.name for _, study, _ in studies])
    _check_filter("protocol", protocol, [study.protocol.name for _, study, _ in studies])
    whole: list[tuple[ScoredEntry, ...]] = []
    folds: list[tuple[ScoredEntry, ...]] = []
    for folder, study, entries in studies:
        if corpus in (None, study.corpus.name) and protocol in (None, study.protocol.name):
            trials = sum(record.state in _SPENT_STATES for record in folder.jobs("search"))
            speakers = speakers_of(folder) if any(entry.refits for entry in entries) else {}
            tested = tuple(
                replace(load_entry(folder, study, with_all_looks(folder, study, entry), speakers), trials=trials)
                for entry in entries
            )
            if ensembles and study.protocol.folds == 1 and (together := make_ensemble(tested)) is not None:
                tested = (*tested, together)
            (folds if study.protocol.folds > 1 else whole).append(tested)
    pooled, notes = pool(folds)
    return LoadedEntries((*whole, *((one,) for one in pooled)), tuple(notes))


def with_all_looks(folder: StudyFolder, study: StudyRecord, entry: EntryRecord) -> EntryRecord:
    """The entry with those looks counted that an audit took at the same test core."""
    audits = folder.path / "audits"
    if not audits.is_dir():
        return entry
    looks = sum(
        refit.state == "completed"
        for again, record in ResultsFolder(audits).studies(_ignore)
        if record.name.startswith(f"{entry.entry_id}-") and record.protocol.hash == study.protocol.hash
        for refit in again.jobs("refit", _ignore)
    )
    return entry.model_copy(update={"looks": entry.looks + looks})


def _ignore(_: SerbenchError) -> None:
    """A damaged audit costs a count of looks, not the leaderboard."""


def _check_filter(kind: str, wanted: str | None, known: Sequence[str]) -> None:
    if wanted is not None and known and wanted not in known:
        raise unknown(kind, wanted, set(known), hint="Only those with entries in these results are listed.")
