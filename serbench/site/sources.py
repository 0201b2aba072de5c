"""`Sources`: the folders that a tested entry was made of, one a fold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from serbench.records.results import ResultsFolder, StudyFolder
from serbench.records.schemas import StudyRecord
from serbench.report.pooled import run_name
from serbench.report.refits import TestedEntry

__all__ = ["Sources", "find_sources"]


@dataclass(frozen=True)
class Sources:
    """The studies behind one entry.

    Attributes:
        folders: by fold; one, where the protocol has none.
        names: of these studies.
    """

    folders: tuple[StudyFolder, ...]
    names: tuple[str, ...]


def find_sources(results: ResultsFolder, entries: Iterable[TestedEntry]) -> dict[str, Sources]:
    """The sources of each entry, by its id.

    Args:
        results: where they lie.
        entries: of a leaderboard.
    """
    found: dict[tuple[str, str, str], list[tuple[StudyFolder, StudyRecord]]] = {}
    for folder, record in results.studies():
        name = record.name if record.protocol.folds == 1 else run_name(record.name)
        found.setdefault((name, record.space_hash, record.protocol.hash), []).append((folder, record))
    sources = {}
    for tested in entries:
        study = tested.study
        pairs = sorted(found[study.name, study.space_hash, study.protocol.hash], key=lambda pair: pair[1].protocol.fold)
        sources[tested.entry.entry_id] = Sources(
            tuple(folder for folder, _ in pairs), tuple(record.name for _, record in pairs)
        )
    return sources
