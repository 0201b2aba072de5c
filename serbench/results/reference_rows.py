"""Reference rows on the same test set, with folds pooled. Scores are recomputed from the recorded predictions."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from serbench.errors import SerbenchError
from serbench.evaluation import SoftEvaluation, soft_interval
from serbench.records import FrozenModel, ReferenceFolder, ReferenceRecord, StudyRecord
from serbench.references import REFERENCE_ORDER
from serbench.results.grouping import why_unranked

__all__ = ["GroupReferences", "ReferenceRow"]


class ReferenceRow(FrozenModel):
    """A reference on a test set. Scores are fractions, None if undefined. References are not ranked."""

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
    left_out: int = Field(description="clips of the test set without a prediction")


class GroupReferences:
    """The references of one test set. Folds are pooled, and each reference is read once.

    Args:
        root: path of the results folder.
        study: record of a study with this test set; of a folded protocol the pooled one.
        labels: label of each test clip by id, to check the references against; None to trust them.
    """

    def __init__(self, root: Path, study: StudyRecord, labels: Mapping[str, str] | None = None) -> None:
        self._study = study
        self._labels = labels
        folds = [0] if study.protocol.folds == 1 else list(range(1, study.protocol.folds + 1))
        protocols = [study.protocol.model_copy(update={"fold": fold}) for fold in folds]
        self._folders = [
            ReferenceFolder.of(root, study.model_copy(update={"protocol": protocol})) for protocol in protocols
        ]
        self._read: dict[str, _Answers | SerbenchError] = {}

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the references that every fold has, in the order of display."""
        complete = set.intersection(*(set(folder.names()) for folder in self._folders))
        return tuple([name for name in REFERENCE_ORDER if name in complete] + sorted(complete - set(REFERENCE_ORDER)))

    @functools.cached_property
    def rows(self) -> tuple[ReferenceRow, ...]:
        """One row a reference. Unreadable references are left out."""
        found = ((name, self._answers(name)) for name in self.names)
        return tuple(_row(self._study, one) for _, one in found if not isinstance(one, SerbenchError))

    @property
    def damaged(self) -> tuple[str, ...]:
        """One error message for each reference that cannot be read."""
        return tuple(str(one) for name in self.names if isinstance(one := self._answers(name), SerbenchError))

    def scores(self, name: str) -> SoftEvaluation | None:
        """All scores of one reference, with its confusion matrix; None if any fold lacks the reference.

        Raises:
            SerbenchError: the reference is damaged, or was made for other clips.
        """
        if name not in self.names:
            return None
        found = self._answers(name)
        if isinstance(found, SerbenchError):
            raise found
        return found.scores

    def _answers(self, name: str) -> _Answers | SerbenchError:
        if name not in self._read:
            try:
                parts = [folder.load(name) for folder in self._folders]
                self._read[name] = _answers(self._study, parts, self._labels)
            except SerbenchError as error:
                self._read[name] = error
        return self._read[name]


@dataclass(frozen=True)
class _Answers:
    """A reference's predictions, with folds pooled."""

    record: ReferenceRecord
    left_out: int
    true: NDArray[np.intp]
    shares: NDArray[np.float64]
    speakers: NDArray[np.generic]
    scores: SoftEvaluation


def _answers(
    study: StudyRecord, parts: Sequence[tuple[ReferenceRecord, pd.DataFrame]], labels: Mapping[str, str] | None
) -> _Answers:
    record = parts[0][0]
    answered = sum(len(frame) + one.left_out for one, frame in parts)
    if record.labels != study.corpus.labels or answered != study.protocol.test_clips:
        raise SerbenchError(f"reference '{record.name}' was made for other clips or labels than these entries")
    table = pd.concat([frame for _, frame in parts], ignore_index=True)
    pairs = zip(table["clip_id"].astype(str), table["label"].astype(str), strict=True)
    if labels is not None and (strange := next((clip for clip, label in pairs if labels.get(clip) != label), None)):
        raise SerbenchError(
            f"reference '{record.name}' has another label for test clip '{strange}' than these entries, or tests other "
            "clips; the next search on these clips computes it again once its folder is removed"
        )
    true = pd.Index(record.labels).get_indexer(pd.Index(table["label"]))
    shares = table[[f"p_{label}" for label in record.labels]].to_numpy(dtype=np.float64)
    left_out = sum(one.left_out for one, _ in parts)
    scores = SoftEvaluation.of(true, shares, record.labels)
    return _Answers(record, left_out, true, shares, table["speaker"].to_numpy(), scores)


def _row(study: StudyRecord, answers: _Answers) -> ReferenceRow:
    record, scores = answers.record, answers.scores
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
        left_out=answers.left_out,
    )
