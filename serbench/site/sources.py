"""`Sources`: the studies that a tested entry comes from, one for each fold."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from serbench.evaluation import Attribute
from serbench.records import StudyFolder, StudyRecord, run_name
from serbench.results import LoadedStudy, Results, ScoredEntry, clip_attributes, clips_by_id, slice_notes

__all__ = ["Sources", "find_sources"]


@dataclass(frozen=True, eq=False)
class Sources:
    """The studies that one entry comes from.

    Attributes:
        studies: sorted by fold; a single study if the protocol has no folds. Of an ensemble those of its members.
    """

    studies: tuple[LoadedStudy, ...]

    @property
    def folders(self) -> tuple[StudyFolder, ...]:
        """Folders of these studies."""
        return tuple(study.folder for study in self.studies)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of these studies."""
        return tuple(study.record.name for study in self.studies)

    @functools.cached_property
    def clips(self) -> pd.DataFrame:
        """Table of the clips of all folds, indexed by clip id."""
        return clips_by_id(pd.concat([study.clips for study in self.studies], ignore_index=True))

    @functools.cached_property
    def _attributes(self) -> dict[tuple[str, ...], tuple[tuple[Attribute, ...], tuple[str, ...]]]:
        return {}

    def attributes(self, clips: tuple[str, ...]) -> tuple[tuple[Attribute, ...], tuple[str, ...]]:
        """Known attributes of clips, such as sex or intensity, and why clips are in no slice by them.

        Values are in the order of `clips`.
        """
        if clips not in self._attributes:
            rows = self.clips.loc[list(clips)]
            self._attributes[clips] = clip_attributes(rows), slice_notes(rows)
        return self._attributes[clips]

    @functools.cached_property
    def counted(self) -> dict[str, int]:
        """Trials of each study that count towards the budget: `--trials` of the command that repeats it.

        The folds of a run are one study here: the most trials of any of them, by the name of the run.
        """
        found: dict[str, int] = {}
        for study in self.studies:
            name = _shown_name(study.record)
            trials = sum(trial.counts for trial in study.trials)
            found[name] = max(trials, found.get(name, 0))
        return found


def _shown_name(record: StudyRecord) -> str:
    return record.name if record.protocol.folds == 1 else run_name(record.name)


def find_sources(results: Results, entries: Iterable[ScoredEntry]) -> dict[str, Sources]:
    """Finds the sources of each entry, by entry id.

    Args:
        results: the results folder.
        entries: scored entries of a leaderboard.
    """
    found: dict[tuple[str, str, str], list[LoadedStudy]] = {}
    for study in results.studies:
        record = study.record
        found.setdefault((_shown_name(record), record.space_hash, record.protocol.hash), []).append(study)
    made: dict[tuple[tuple[str, str, str], ...], Sources] = {}
    sources = {}
    for tested in entries:
        keys = tuple((of.name, of.space_hash, of.protocol.hash) for of in tested.together or (tested.study,))
        if keys not in made:
            behind = [study for key in keys for study in found[key]]
            made[keys] = Sources(tuple(sorted(behind, key=lambda study: study.record.protocol.fold)))
        sources[tested.entry.entry_id] = made[keys]
    return sources
