"""`EntryReport`: all numbers of one entry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pydantic import Field

from serbench.evaluation import Evaluation
from serbench.records import CorpusFacts, Environment, EpochMetrics, FrozenModel, ProtocolFacts, ReportedScores, Scores
from serbench.results.grouping import why_unranked
from serbench.results.leaderboard_row import Row
from serbench.results.scored_entry import Refit, ScoredEntry, mean
from serbench.results.votes import VoteRow

__all__ = ["ClassRow", "EntryReport", "RefitReport", "SubsetScores"]


class ClassRow(FrozenModel):
    """Scores of one class on the test set, as fractions. `recall` is None if the class has no clip there."""

    label: str
    precision: float
    recall: float | None
    f1: float
    support: int = Field(description="clips of the class in the test set")
    correct: float = Field(description="clips predicted correctly")


class SubsetScores(FrozenModel):
    """Means over refits on one subset: `train`, `validation`, `test`, or `test_own` (test core and rest together)."""

    subset: str
    clips: int
    accuracy: float | None
    uar: float | None
    macro_f1: float | None


class RefitReport(FrozenModel):
    """One refit of the entry: a fit of its configuration with a seed of its own.

    Of pooled folds and ensembles it joins one fit of each part, so that it has neither a seed nor training clips.
    """

    job_id: str
    seed: int | None
    validation_score: float | None = Field(description="the study's objective on the validation core")
    best_epoch: int | None
    train_clips: int | None
    train_seconds: float
    parameters: int | None
    peak_memory_mib: float | None
    scores: dict[str, Scores]
    per_class: tuple[ClassRow, ...]
    confusion: tuple[tuple[int, ...], ...]
    epochs: tuple[EpochMetrics, ...]

    @property
    def title(self) -> str:
        """What tells the run from others: its seed, or its id if it joins several fits."""
        return self.job_id if self.seed is None else f"seed {self.seed}"


class EntryReport(FrozenModel):
    """One entry of the leaderboard, in full. All per-class numbers are means over refits on the test set.

    `confusion` is the confusion matrix in clips, summed over refits (rows true, columns predicted).
    `confusion_by_row` divides each row by its sum; the row of a class without clips holds None.
    """

    row: Row
    no_interval: str = Field(description="why there is no interval; '' if there is one")
    corpus: CorpusFacts
    protocol: ProtocolFacts
    environment: Environment
    created: str
    objective: str
    features: dict[str, Any]
    config: dict[str, Any]
    reported: ReportedScores | None = Field(description="scores that others published for this configuration")
    per_class: tuple[ClassRow, ...]
    subsets: tuple[SubsetScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    confusion_by_row: tuple[tuple[float | None, ...], ...]
    refits: tuple[RefitReport, ...]
    failed_refits: tuple[str, ...]
    votes: VoteRow | None = Field(default=None, description="probabilities against the listeners' votes, where known")

    @classmethod
    def of(cls, tested: ScoredEntry, row: Row, votes: VoteRow | None = None) -> EntryReport:
        """Makes the report of an entry.

        Args:
            tested: the scored entry.
            row: its row on the leaderboard. Rank and `selected` depend on the other rows, so the row comes from there.
            votes: how close its probabilities are to the listeners' votes, see `entry_votes`.
        """
        study, entry, total = tested.study, tested.entry, tested.test
        return cls(
            row=row,
            no_interval=why_unranked(study.protocol) or tested.interval()[1],
            corpus=study.corpus,
            protocol=study.protocol,
            environment=study.environment,
            created=entry.created,
            objective=study.objective,
            features=study.features,
            config=entry.config,
            reported=entry.reported,
            per_class=_mean_classes([refit.evaluations["test"] for refit in tested.refits]),
            subsets=_subsets(tested),
            confusion=_counts(total) if total else (),
            confusion_by_row=_by_row(total) if total else (),
            refits=tuple(_refit_report(refit, joined=tested.is_joined) for refit in tested.refits),
            failed_refits=entry.failed_refits,
            votes=votes,
        )


def _subsets(tested: ScoredEntry) -> tuple[SubsetScores, ...]:
    rows = []
    for subset in ("train", "validation", "test"):
        scored = [refit.scores[subset] for refit in tested.refits if subset in refit.scores]
        if scored and len(scored) == len(tested.refits):
            rows.append(_mean_scores(subset, scored))
    rest = [refit.evaluations.get("test_rest") for refit in tested.refits]
    if rest and all(evaluation is not None for evaluation in rest):
        own = [
            Evaluation.from_confusion(refit.evaluations["test"].confusion + evaluation.confusion, evaluation.labels)
            for refit, evaluation in zip(tested.refits, rest, strict=True)
            if evaluation is not None
        ]
        rows.append(_mean_scores("test_own", [evaluation.to_scores() for evaluation in own]))
    return tuple(rows)


def _mean_scores(subset: str, scored: list[Scores]) -> SubsetScores:
    return SubsetScores(
        subset=subset,
        clips=scored[0].clips,
        accuracy=mean(scores.accuracy for scores in scored),
        uar=mean(scores.uar for scores in scored),
        macro_f1=mean(scores.macro_f1 for scores in scored),
    )


def _mean_classes(evaluations: list[Evaluation]) -> tuple[ClassRow, ...]:
    """Means over refits of each class's scores. All refits have the same support."""
    tables = [evaluation.per_class for evaluation in evaluations]
    return tuple(
        ClassRow(
            label=rows[0].label,
            precision=float(np.mean([row.precision for row in rows])),
            recall=None if math.isnan(rows[0].recall) else float(np.mean([row.recall for row in rows])),
            f1=float(np.mean([row.f1 for row in rows])),
            support=rows[0].support,
            correct=float(np.mean([row.correct for row in rows])),
        )
        for rows in zip(*tables, strict=True)
    )


def _refit_report(refit: Refit, *, joined: bool) -> RefitReport:
    record, test = refit.record, refit.evaluations["test"]
    return RefitReport(
        job_id=record.job_id,
        seed=None if joined else record.seed,
        validation_score=record.value,
        best_epoch=record.best_epoch,
        train_clips=None if joined else record.train_clips,
        train_seconds=refit.train_seconds,
        parameters=record.parameters,
        peak_memory_mib=record.peak_memory_mib,
        scores=refit.scores,
        per_class=_mean_classes([test]),
        confusion=_counts(test),
        epochs=record.epochs,
    )


def _counts(evaluation: Evaluation) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(cell) for cell in row) for row in evaluation.confusion)


def _by_row(evaluation: Evaluation) -> tuple[tuple[float | None, ...], ...]:
    return tuple(
        tuple(int(cell) / int(row.sum()) if row.sum() else None for cell in row) for row in evaluation.confusion
    )
