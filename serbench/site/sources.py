"""`Sources`: the folders that a tested entry was made of, one a fold."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from serbench.audit.attributes import clip_attributes
from serbench.evaluation import Attribute
from serbench.records.results import ResultsFolder, StudyFolder
from serbench.records.schemas import StudyRecord
from serbench.records.states import UNCOUNTED_STATES
from serbench.results.pooled import run_name
from serbench.results.scored_entry import ScoredEntry

__all__ = ["Sources", "find_sources"]


@dataclass(frozen=True, eq=False)
class Sources:
    """The studies behind one entry.

    Attributes:
        folders: by fold; one, where the protocol has none.
        names: of these studies.
    """

    folders: tuple[StudyFolder, ...]
    names: tuple[str, ...]

    @functools.cached_property
    def clips(self) -> pd.DataFrame:
        """The clips that took part, by id; those of all folds."""
        table = pd.concat([folder.clips() for folder in self.folders], ignore_index=True)
        return table.drop_duplicates("clip_id").set_index("clip_id", drop=False)

    @functools.cached_property
    def _attributes(self) -> dict[tuple[str, ...], tuple[Attribute, ...]]:
        return {}

    def attributes(self, clips: tuple[str, ...]) -> tuple[Attribute, ...]:
        """What is known of clips besides their labels, in their order."""
        if clips not in self._attributes:
            self._attributes[clips] = clip_attributes(self.clips.loc[list(clips)])
        return self._attributes[clips]

    @functools.cached_property
    def counted(self) -> int:
        """Trials that count towards the budget of one of the studies: what `--trials` must say to repeat it."""
        return max(sum(job.state not in UNCOUNTED_STATES for job in folder.jobs("search")) for folder in self.folders)


def find_sources(results: ResultsFolder, entries: Iterable[ScoredEntry]) -> dict[str, Sources]:
    """The sources of each entry, by its id.

    Args:
        results: where they lie.
        entries: of a leaderboard.
    """
    found: dict[tuple[str, str, str], list[tuple[StudyFolder, StudyRecord]]] = {}
    for folder, record in results.studies():
        name = record.name if record.protocol.folds == 1 else run_name(record.name)
        found.setdefault((name, record.space_hash, record.protocol.hash), []).append((folder, record))
    made: dict[tuple[str, str, str], Sources] = {}
    sources = {}
    for tested in entries:
        study = tested.study
        key = (study.name, study.space_hash, study.protocol.hash)
        if key not in made:
            pairs = sorted(found[key], key=lambda pair: pair[1].protocol.fold)
            made[key] = Sources(tuple(folder for folder, _ in pairs), tuple(record.name for _, record in pairs))
        sources[tested.entry.entry_id] = made[key]
    return sources
