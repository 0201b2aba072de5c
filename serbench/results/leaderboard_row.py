"""`Row`: one line of the leaderboard. Its field names are the keys of the JSON and CSV output."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from serbench.evaluation import Interval, brier_score, expected_calibration_error
from serbench.records.base import FrozenModel
from serbench.records.schemas import ModelCost
from serbench.results.grouping import Group
from serbench.results.reference_rows import ReferenceRow
from serbench.results.scored_entry import ScoredEntry, mean

__all__ = ["GroupRows", "Row", "make_row"]


class Row(FrozenModel):
    """An entry on the test core. Scores are fractions and means over refits; None where they are undefined."""

    rank: int | None = Field(description="by UAR among rows of the same group; None where none is given")
    tie_group: int | None = Field(description="rows that the test speakers cannot tell from their leader share it")
    selected: bool = Field(description="the entry of its study that validation chooses")
    entry: str
    study: str
    family: str
    origin: str = Field(description="'trial 12', or the name of an enqueued configuration")
    forced: bool = Field(description="made a finalist by the space file, not by validation")
    ensemble_of: int = Field(description="finalists whose answers are averaged; 0 where the entry is one model")
    corpus: str
    corpus_digest: str
    synthetic: bool = Field(description="the corpus holds no human speech")
    labels: int
    label_source: str = Field(description="'intended' by the speaker or 'perceived' by most listeners")
    protocol: str
    protocol_hash: str
    folds: int = Field(description="over which test speakers were pooled; 1 where the protocol has none")
    shares_speakers: bool = Field(description="test speakers were also trained on")
    speaker_normalisation: bool = Field(description="transductive: normalised by the test speakers' own clips")
    uar: float | None
    uar_low: float | None = Field(description="lower end of the 95 % interval over speakers and seeds")
    uar_high: float | None
    accuracy: float | None
    macro_f1: float | None
    weighted_f1: float | None
    kappa: float | None = Field(description="Cohen's kappa: agreement beyond chance")
    ece: float | None = Field(description="expected calibration error, 15 bins")
    brier: float | None = Field(description="mean squared distance of the probabilities from the truth, 0 to 2")
    validation_uar: float | None = Field(description="on the validation core, of the refits")
    validation_score: float | None = Field(description="the objective on the validation core: what chooses")
    search_uar: float | None = Field(description="on the validation core, of the trial it was chosen by")
    winners_curse: float | None = Field(description="the objective: search value - mean validation of refits")
    optimism_gap: float | None = Field(description="validation_uar - uar")
    seeds: int = Field(description="completed refits")
    failed_seeds: int
    looks: int = Field(description="predictions made on the test core, those of audits included")
    trials: int = Field(description="completed and pruned trials of the study")
    test_clips: int
    test_speakers: int
    parameters: int | None
    multiply_accumulates: int | None = Field(description="of one clip's forward pass")
    ms_per_clip: float | None = Field(description="front end and model, one clip on one core; mean over refits")
    model_bytes: int | None = Field(description="of the model's file in a bundle")
    train_seconds: float | None = Field(description="wall time of one fit")
    best_by_recall: str | None
    worst_by_recall: str | None
    best_by_count: str | None = Field(description="most clips correct, which favours large classes")
    worst_by_count: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class GroupRows:
    """Rows that may be compared: best UAR first, and what a reader must know of all of them."""

    group: Group
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    references: tuple[ReferenceRow, ...] = ()


def make_row(tested: ScoredEntry, *, selected: bool, interval: Interval | None) -> Row:
    """Makes an entry's row, without a rank: that takes the rows beside it."""
    study, entry, test = tested.study, tested.entry, tested.test
    uar, validation_uar = tested.mean_score("test", "uar"), tested.mean_score("validation", "uar")
    warnings = [*study.corpus.warnings, *study.protocol.warnings]
    if entry.failed_refits:
        tried = len(entry.failed_refits) + len(entry.refits)
        warnings.append(f"{len(entry.failed_refits)} of {tried} refits failed and are in no mean")
    parameters = [refit.record.parameters for refit in tested.refits]
    costs = [refit.record.cost for refit in tested.refits]
    cost = costs[0] if costs else None
    return Row(
        rank=None,
        tie_group=None,
        selected=selected,
        entry=entry.entry_id,
        study=study.name,
        family=entry.family,
        origin=entry.origin,
        forced=entry.forced,
        ensemble_of=len(entry.members),
        corpus=study.corpus.name,
        corpus_digest=study.corpus.digest,
        synthetic=study.corpus.synthetic,
        labels=len(study.corpus.labels),
        label_source=study.corpus.label_source,
        protocol=study.protocol.name,
        protocol_hash=study.protocol.hash,
        folds=study.protocol.folds,
        shares_speakers=study.protocol.shares_speakers,
        speaker_normalisation=study.protocol.speaker_normalisation,
        uar=uar,
        uar_low=interval.low if interval else None,
        uar_high=interval.high if interval else None,
        accuracy=tested.mean_score("test", "accuracy"),
        macro_f1=tested.mean_score("test", "macro_f1"),
        weighted_f1=tested.mean_of(lambda refit: refit.evaluations["test"].weighted_f1),
        kappa=tested.mean_of(lambda refit: refit.evaluations["test"].kappa),
        ece=tested.mean_of(lambda refit: expected_calibration_error(refit.test_true, refit.test_probabilities)),
        brier=tested.mean_of(lambda refit: brier_score(refit.test_true, refit.test_probabilities)),
        validation_uar=validation_uar,
        validation_score=tested.validation_score,
        search_uar=entry.search_value if study.objective == "uar" else None,
        winners_curse=_difference(entry.search_value, tested.validation_score),
        optimism_gap=_difference(validation_uar, uar),
        seeds=len(tested.refits),
        failed_seeds=len(entry.failed_refits),
        looks=entry.looks,
        trials=tested.trials,
        test_clips=study.protocol.test_clips,
        test_speakers=study.protocol.test_speakers,
        parameters=parameters[0] if parameters else None,
        multiply_accumulates=cost.multiply_accumulates if cost else None,
        ms_per_clip=mean(_ms(one) for one in costs),
        model_bytes=cost.model_bytes if cost else None,
        train_seconds=mean(refit.train_seconds for refit in tested.refits),
        best_by_recall=test.best_class_by_recall if test else None,
        worst_by_recall=test.worst_class_by_recall if test else None,
        best_by_count=test.best_class_by_count if test else None,
        worst_by_count=test.worst_class_by_count if test else None,
        warnings=tuple(warnings),
    )


def _ms(cost: ModelCost | None) -> float | None:
    return None if cost is None or cost.features_ms is None else cost.features_ms + cost.model_ms


def _difference(larger: float | None, smaller: float | None) -> float | None:
    return None if larger is None or smaller is None else larger - smaller
