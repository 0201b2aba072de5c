"""`StudyReport`: all facts about one study. Reads no audio and trains nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import Field

from serbench.errors import SerbenchError
from serbench.records import (
    EntryRecord,
    Environment,
    FrozenModel,
    Precision,
    StudyRecord,
    SubsetFacts,
    TrialRecord,
    TrialState,
)
from serbench.results.loaded_study import LoadedStudy
from serbench.results.scored_entry import ScoredEntry
from serbench.results.study_rows import (
    FailureRow,
    FitRow,
    ShortlistRow,
    best_score,
    count_states,
    group_failures,
    last_activity,
)

__all__ = ["EntrySummary", "FileCount", "StudyReport"]


class EntrySummary(FrozenModel):
    """One entry. Scores are means over refits on the test set, except `validation_uar`; None if unreadable."""

    entry: str
    origin: str
    selected: bool = Field(description="whether it is the study's own best on validation")
    uar: float | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    validation_uar: float | None = None
    refits: tuple[str, ...]
    failed_refits: tuple[str, ...]
    looks: int
    problems: tuple[str, ...] = Field(default=(), description="what contradicts its numbers, see `serbench verify`")


class FileCount(FrozenModel):
    """Size of a file of the study's folder, or of a subfolder with all its files (its name ends in `/`)."""

    name: str
    files: int
    bytes: int


class StudyReport(FrozenModel):
    """A study and its outcome. Scores are fractions, times are UTC.

    `uar`, `accuracy` and `macro_f1` are test scores of the study's best on validation. `validation_uar` is of the best
    completed trial.
    """

    name: str
    running: bool
    run: str
    family: str
    space: str
    space_hash: str
    searched: tuple[str, ...] = Field(description="hyperparameters that vary")
    corpus: str
    corpus_title: str
    synthetic: bool
    clips: int
    speakers: int
    labels: tuple[str, ...]
    protocol: str
    protocol_hash: str
    subsets: tuple[SubsetFacts, ...] = Field(
        default=(), description="clips, speakers and classes of each set; empty in records of earlier versions"
    )
    shares_speakers: bool
    split_seed: int
    fold: int
    folds: int
    validation_speakers: int
    test_speakers: int
    seed: int
    sampler: dict[str, Any]
    pruner: dict[str, Any]
    parent: str | None
    warm_start: str | None
    init: str | None = Field(default=None, description="entry whose weights fits start from")
    teacher: str | None = Field(default=None, description="entry whose out-of-fold answers fits learn from")
    environment: Environment = Field(description="in which it was begun")
    later_environments: tuple[Environment, ...] = Field(default=(), description="in which it went on")
    precision: Precision = Field(description="of training")
    created: str
    last_activity: str
    uar: float | None
    accuracy: float | None
    macro_f1: float | None
    validation_uar: float | None
    counted: int = Field(description="trials that count towards the budget")
    states: dict[TrialState, int] = Field(description="number of trials by final state")
    refit_states: dict[TrialState, int]
    broken_off: int = Field(description="interrupted attempts at trials; each was repeated or will be")
    failures: tuple[FailureRow, ...] = Field(description="failures of trials, folds and refits")
    trials: tuple[FitRow, ...]
    probes: tuple[FitRow, ...]
    shortlist: tuple[ShortlistRow, ...] = Field(description="compared by cross-validation, best first")
    folds_fitted: tuple[FitRow, ...] = Field(description="fits of that cross-validation")
    refits: tuple[FitRow, ...]
    entries: tuple[EntrySummary, ...]
    folder: str
    files: tuple[FileCount, ...]

    @classmethod
    def of(cls, study: LoadedStudy) -> StudyReport:
        """Makes the report of a study. Unreadable fits and entries are left out and listed in `study.damaged`."""
        record, fits = study.record, study.fits
        entries = _entries(study)
        chosen = next((entry for entry in entries if entry.selected and not entry.problems), None)
        return cls(
            name=study.name,
            running=study.folder.is_running(),
            **_identity(record),
            last_activity=last_activity(study),
            uar=chosen.uar if chosen else None,
            accuracy=chosen.accuracy if chosen else None,
            macro_f1=chosen.macro_f1 if chosen else None,
            validation_uar=best_score(fits.trials),
            counted=sum(trial.counts for trial in fits.trials),
            states=count_states(fits.trials),
            refit_states=count_states(fits.refits),
            broken_off=sum(1 for _ in study.folder.broken_off("search", lambda _: None)),
            failures=group_failures([*fits.trials, *fits.folds, *fits.refits]),
            trials=_rows(fits.trials),
            probes=_rows(fits.probes),
            shortlist=tuple(ShortlistRow.of(one) for one in study.shortlist),
            folds_fitted=_rows(fits.folds),
            refits=_rows(fits.refits),
            entries=entries,
            folder=str(study.folder.path),
            files=_files(study.folder.path),
        )


def _identity(record: StudyRecord) -> dict[str, Any]:
    """The fields that come from the study's own record."""
    corpus, protocol = record.corpus, record.protocol
    return {
        "run": record.run,
        "family": record.family,
        "space": record.space_name,
        "space_hash": record.space_hash,
        "searched": record.searched,
        "corpus": corpus.name,
        "corpus_title": corpus.title,
        "synthetic": corpus.synthetic,
        "clips": corpus.clips,
        "speakers": corpus.speakers,
        "labels": corpus.labels,
        "protocol": protocol.name,
        "protocol_hash": protocol.hash,
        "subsets": protocol.subsets,
        "shares_speakers": protocol.shares_speakers,
        "split_seed": protocol.split_seed,
        "fold": protocol.fold,
        "folds": protocol.folds,
        "validation_speakers": protocol.validation_speakers,
        "test_speakers": protocol.test_speakers,
        "seed": record.seed,
        "sampler": record.sampler,
        "pruner": record.pruner,
        "parent": record.parent,
        "warm_start": record.warm_start.study if record.warm_start else None,
        "init": record.init.entry if record.init else None,
        "teacher": record.teacher.entry if record.teacher else None,
        "environment": record.environment,
        "later_environments": record.later_environments or (),
        "precision": record.precision,
        "created": record.created,
    }


def _rows(fits: Iterable[TrialRecord]) -> tuple[FitRow, ...]:
    return tuple(FitRow.of(fit) for fit in fits)


def _entries(study: LoadedStudy) -> tuple[EntrySummary, ...]:
    tested = {one.entry.entry_id: one for one in study.readable()}
    try:
        chosen = study.chosen()
    except SerbenchError:  # the damaged entry or refit is listed in `study.damaged`
        chosen = None
    return tuple(_entry(entry, tested.get(entry.entry_id), entry.entry_id == chosen) for entry in study.entries)


def _entry(entry: EntryRecord, tested: ScoredEntry | None, selected: bool) -> EntrySummary:
    scores: dict[str, float | None] = {}
    if tested is not None:
        scores = {name: tested.mean_score("test", name) for name in ("uar", "accuracy", "macro_f1")}
        scores["validation_uar"] = tested.mean_score("validation", "uar")
    return EntrySummary(
        entry=entry.entry_id,
        origin=entry.origin,
        selected=selected,
        refits=entry.refits,
        failed_refits=entry.failed_refits,
        looks=tested.entry.looks if tested else entry.looks,
        problems=tested.problems if tested else (),
        **scores,
    )


def _files(folder: Path) -> tuple[FileCount, ...]:
    shown = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return tuple(FileCount(name=f"{path.name}/" if path.is_dir() else path.name, **_size(path)) for path in shown)


def _size(path: Path) -> dict[str, int]:
    count = size = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        with contextlib.suppress(FileNotFoundError):  # a running search moves its files into place meanwhile
            if file.is_file():
                size += file.stat().st_size
                count += 1
    return {"files": count, "bytes": size}
