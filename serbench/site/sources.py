"""`Sources`: the folders that a tested entry was made of, one a fold."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from serbench.audit import clip_attributes
from serbench.evaluation import Attribute
from serbench.records import UNCOUNTED_STATES, StudyFolder
from serbench.results import LoadedStudy, Results, ScoredEntry, run_name

__all__ = ["Sources", "find_sources"]


@dataclass(frozen=True, eq=False)
class Sources:
    """The studies behind one entry.

    Attributes:
        studies: by fold; one, where the protocol has none.
    """

    studies: tuple[LoadedStudy, ...]

    @property
    def folders(self) -> tuple[StudyFolder, ...]:
        """Where these studies lie."""
        return tuple(study.folder for study in self.studies)

    @property
    def names(self) -> tuple[str, ...]:
        """Of these studies."""
        return tuple(study.record.name for study in self.studies)

    @functools.cached_property
    def clips(self) -> pd.DataFrame:
        """The clips that took part, by id; those of all folds."""
        table = pd.concat([study.clips for study in self.studies], ignore_index=True)
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
        return max(sum(trial.state not in UNCOUNTED_STATES for trial in study.trials) for study in self.studies)


def find_sources(results: Results, entries: Iterable[ScoredEntry]) -> dict[str, Sources]:
    """The sources of each entry, by its id.

    Args:
        results: where they lie.
        entries: of a leaderboard.
    """
    found: dict[tuple[str, str, str], list[LoadedStudy]] = {}
    for study in results.studies:
        record = study.record
        name = record.name if record.protocol.folds == 1 else run_name(record.name)
        found.setdefault((name, record.space_hash, record.protocol.hash), []).append(study)
    made: dict[tuple[str, str, str], Sources] = {}
    sources = {}
    for tested in entries:
        of = tested.study
        key = (of.name, of.space_hash, of.protocol.hash)
        if key not in made:
            made[key] = Sources(tuple(sorted(found[key], key=lambda study: study.record.protocol.fold)))
        sources[tested.entry.entry_id] = made[key]
    return sources
