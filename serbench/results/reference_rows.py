"""Rows to compare with: references on the same test core, folds pooled. Rebuilt from their recorded answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from serbench.errors import SerbenchError
from serbench.evaluation.share_scores import SoftEvaluation, soft_interval
from serbench.records.base import FrozenModel
from serbench.records.references import ReferenceFolder, ReferenceRecord
from serbench.records.results import ResultsFolder
from serbench.records.schemas import StudyRecord
from serbench.records.study_folder import Damaged, tolerating
from serbench.references import REFERENCE_ORDER
from serbench.results.grouping import why_unranked

__all__ = ["ReferenceRow", "reference_rows", "reference_scores"]


class ReferenceRow(FrozenModel):
    """A reference on a test core. Scores are fractions, None where they are undefined; it has no rank."""

    name: str
    title: str
    detail: str
    corpus: str
    corpus_digest: str
    label_source: str
    protocol: str
    protocol_hash: str
    uar: float | None
    uar_low: float | None = Field(description="lower end of the 95 % interval over speakers")
    uar_high: float | None
    accuracy: float
    macro_f1: float
    weighted_f1: float
    kappa: float | None = Field(description="Cohen's kappa: agreement beyond chance")
    recalls: dict[str, float | None]
    clips: int
    left_out: int = Field(description="clips of the test core that it has no answer to")


def reference_rows(
    results: ResultsFolder, study: StudyRecord, damaged: Damaged | None = None
) -> tuple[ReferenceRow, ...]:
    """The references of the test core that a study has; those of folded protocols once all folds are there.

    Args:
        results: where they lie.
        study: pooled, where its protocol has folds.
        damaged: told of each that cannot be read, which is then left out; None raises.
    """
    folders = _folders(results.root, study)
    complete = set.intersection(*(set(folder.names()) for folder in folders))
    names = [name for name in REFERENCE_ORDER if name in complete] + sorted(complete - set(REFERENCE_ORDER))
    rows = []
    for name in names:
        with tolerating(damaged):
            rows.append(_row(study, [folder.load(name) for folder in folders]))
    return tuple(rows)


def _folders(root: Path, study: StudyRecord) -> list[ReferenceFolder]:
    """Where the references of each fold lie."""
    folds = [0] if study.protocol.folds == 1 else list(range(1, study.protocol.folds + 1))
    protocols = [study.protocol.model_copy(update={"fold": fold}) for fold in folds]
    return [ReferenceFolder.of(root, study.model_copy(update={"protocol": protocol})) for protocol in protocols]


def reference_scores(results: ResultsFolder, study: StudyRecord, name: str) -> SoftEvaluation | None:
    """All scores of one reference, its confusion matrix among them; None where a part of it is missing.

    Args:
        results: where it lies.
        study: pooled, where its protocol has folds.
        name: of the reference.

    Raises:
        SerbenchError: it is damaged, or was made of other clips.
    """
    folders = _folders(results.root, study)
    if any(name not in folder.names() for folder in folders):
        return None
    return _answers(study, [folder.load(name) for folder in folders]).scores


@dataclass(frozen=True)
class _Answers:
    """A reference's answers, folds together."""

    true: NDArray[np.intp]
    shares: NDArray[np.float64]
    speakers: NDArray[np.generic]
    scores: SoftEvaluation


def _answers(study: StudyRecord, parts: Sequence[tuple[ReferenceRecord, pd.DataFrame]]) -> _Answers:
    record = parts[0][0]
    answered = sum(len(frame) + one.left_out for one, frame in parts)
    if record.labels != study.corpus.labels or answered != study.protocol.test_clips:
        raise SerbenchError(f"reference '{record.name}' was made of other clips or labels than the entries beside it")
    table = pd.concat([frame for _, frame in parts], ignore_index=True)
    true = pd.Index(record.labels).get_indexer(pd.Index(table["label"]))
    shares = table[[f"p_{label}" for label in record.labels]].to_numpy(dtype=np.float64)
    return _Answers(true, shares, table["speaker"].to_numpy(), SoftEvaluation.of(true, shares, record.labels))


def _row(study: StudyRecord, parts: Sequence[tuple[ReferenceRecord, pd.DataFrame]]) -> ReferenceRow:
    record, answers = parts[0][0], _answers(study, parts)
    scores = answers.scores
    interval = None
    if record.name not in {"chance", "majority"} and not why_unranked(study.protocol):
        interval, _ = soft_interval(answers.true, answers.shares, answers.speakers, record.labels)
    return ReferenceRow(
        name=record.name,
        title=record.title,
        detail=record.detail,
        corpus=record.corpus,
        corpus_digest=record.corpus_digest,
        label_source=study.corpus.label_source,
        protocol=record.protocol,
        protocol_hash=record.protocol_hash,
        uar=scores.uar,
        uar_low=interval.low if interval else None,
        uar_high=interval.high if interval else None,
        accuracy=scores.accuracy,
        macro_f1=scores.macro_f1,
        weighted_f1=scores.weighted_f1,
        kappa=scores.kappa,
        recalls=dict(zip(record.labels, scores.recalls, strict=True)),
        clips=len(answers.true),
        left_out=sum(one.left_out for one, _ in parts),
    )
