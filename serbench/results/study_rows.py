"""Table rows about studies: `StudyRow` for the list of studies; `FitRow` and `FailureRow` for one study."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from serbench.records import STATES, FrozenModel, JobKind, ShortlistRecord, TrialRecord, TrialState
from serbench.results.loaded_study import LoadedStudy

__all__ = [
    "FailureRow",
    "FitRow",
    "ShortlistRow",
    "StudyRow",
    "best_score",
    "count_states",
    "group_failures",
    "last_activity",
    "study_row",
]

_GOOD_STATES = frozenset({"completed", "pruned"})


class StudyRow(FrozenModel):
    """One study in the list of studies. Scores are fractions, times are UTC."""

    name: str
    run: str
    family: str
    space: str
    corpus: str
    protocol: str
    fold: int
    seed: int
    trials: int = Field(description="trials that count towards the budget")
    validation_uar: float | None = Field(description="validation UAR of the best completed trial")
    entries: int
    parent: str | None
    created: str
    last_activity: str
    running: bool = Field(description="whether a search process is running it now")


class FitRow(FrozenModel):
    """One trial, probe, refit, or fit of a fold."""

    job_id: str
    kind: JobKind
    state: TrialState
    validation_uar: float | None
    epochs: int
    best_epoch: int | None
    seconds: float | None
    parameters: int | None
    attempt: int
    origin: str | None
    error_kind: str | None
    error: str | None
    config: dict[str, Any]

    @classmethod
    def of(cls, record: TrialRecord) -> FitRow:
        """Makes the row of a fit's record."""
        same = {name: getattr(record, name) for name in cls.model_fields if name in TrialRecord.model_fields}
        changed = {
            "epochs": len(record.epochs),
            "seconds": record.seconds.get("total"),
            "validation_uar": record.value,
        }
        return cls(**(same | changed))


class ShortlistRow(FrozenModel):
    """One configuration of the shortlist. Scores are fractions."""

    job_id: str = Field(description="of the trial that it comes from")
    origin: str
    search_uar: float = Field(description="validation score in the search")
    out_of_fold_uar: float = Field(description="score of the out-of-fold answers; decides between configurations")
    selection_bias: float = Field(description="search_uar - out_of_fold_uar")
    folds: int
    epochs: int = Field(description="length of a final run on all clips outside the test set")
    config: dict[str, Any]

    @classmethod
    def of(cls, record: ShortlistRecord) -> ShortlistRow:
        """Makes the row of a record."""
        return cls(
            job_id=record.job_id,
            origin=record.origin,
            search_uar=record.search_value,
            out_of_fold_uar=record.value,
            selection_bias=record.search_value - record.value,
            folds=len(record.folds),
            epochs=record.epochs,
            config=record.config,
        )


class FailureRow(FrozenModel):
    """Fits that failed in the same state for the same reason."""

    state: TrialState
    error_kind: str | None
    error: str
    count: int
    jobs: tuple[str, ...]


def study_row(study: LoadedStudy) -> StudyRow:
    """Makes the row of one study. Unreadable fits and entries are left out and listed in `study.damaged`."""
    record, trials = study.record, study.trials
    return StudyRow(
        name=study.name,
        run=record.run,
        family=record.family,
        space=record.space_name,
        corpus=record.corpus.name,
        protocol=record.protocol.name,
        fold=record.protocol.fold,
        seed=record.seed,
        trials=sum(fit.counts for fit in trials),
        validation_uar=best_score(trials),
        entries=len(study.entries),
        parent=record.parent,
        created=record.created,
        last_activity=last_activity(study),
        running=study.folder.is_running(),
    )


def last_activity(study: LoadedStudy) -> str:
    """Time of a study's newest record (UTC, ISO 8601)."""
    finished = (fit.finished for fit in study.fits.all)
    return max([study.record.created, *finished, *(entry.created for entry in study.entries)])


def best_score(fits: Iterable[TrialRecord]) -> float | None:
    """The best validation score of the completed fits. Pruned fits do not count: they trained for fewer epochs."""
    return max((fit.value for fit in fits if fit.state == "completed" and fit.value is not None), default=None)


def count_states(fits: Iterable[TrialRecord]) -> dict[TrialState, int]:
    """Number of fits by final state, in the order of `STATES`. States without fits are left out."""
    states = [fit.state for fit in fits]
    return {state: states.count(state) for state in STATES if state in states}


def group_failures(fits: Iterable[TrialRecord]) -> tuple[FailureRow, ...]:
    """Failed fits, grouped by state and reason, the most frequent group first."""
    groups: dict[tuple[TrialState, str | None, str], list[str]] = {}
    for fit in fits:
        if fit.state not in _GOOD_STATES:
            groups.setdefault((fit.state, fit.error_kind, fit.error or "no reason recorded"), []).append(fit.job_id)
    rows = [
        FailureRow(state=state, error_kind=kind, error=error, count=len(jobs), jobs=tuple(jobs))
        for (state, kind, error), jobs in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.count, row.jobs)))
