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

from serbench.errors import SerbenchError, unknown
from serbench.evaluation import (
    SoftEvaluation,
    SpeakerRecalls,
    Spread,
    compare_recalls,
    paired_spread,
    recalls_interval,
    soft_recalls,
)
from serbench.records import FrozenModel, ReferenceFolder, ReferenceRecord, StudyRecord, are_shares
from serbench.references import REFERENCE_ORDER, TRANSDUCTIVE
from serbench.results.grouping import why_unranked
from serbench.results.scored_entry import ScoredEntry

__all__ = ["GroupReferences", "PooledAnswers", "ReferenceRow"]

_LEARNED_NOTHING = frozenset({"chance", "majority"})
_DIVIDE = frozenset({"chance", "listeners"})  # they share a clip between labels; a model has to decide


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
    difference: float | None = Field(
        default=None, description="UAR minus that of the selected entry; None where they cannot be compared"
    )
    difference_low: float | None = Field(
        default=None,
        description="lower end of its 95 % interval, paired over speakers; it holds for these predictions, and not for "
        "the method trained anew",
    )
    difference_high: float | None = None
    transductive: bool = Field(
        default=False, description="features were normalised with the test speakers' own clips, so there is no interval"
    )
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
        truth: label and speaker of each test clip by id, to check the references against; None to trust them.
    """

    def __init__(self, root: Path, study: StudyRecord, truth: Mapping[str, tuple[str, str]] | None = None) -> None:
        self._study = study
        self._truth = truth
        folds = [0] if study.protocol.folds == 1 else list(range(1, study.protocol.folds + 1))
        protocols = [study.protocol.model_copy(update={"fold": fold}) for fold in folds]
        self._folders = [
            ReferenceFolder.of(root, study.model_copy(update={"protocol": protocol})) for protocol in protocols
        ]
        self._read: dict[str, PooledAnswers | SerbenchError] = {}

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the references that every fold has, in the order of display."""
        complete = set.intersection(*(set(folder.names()) for folder in self._folders))
        return tuple([name for name in REFERENCE_ORDER if name in complete] + sorted(complete - set(REFERENCE_ORDER)))

    @property
    def readable(self) -> tuple[PooledAnswers, ...]:
        """The references that can be read, in the order of display."""
        found = (self._answers(name) for name in self.names)
        return tuple(one for one in found if not isinstance(one, SerbenchError))

    def rows(self, selected: ScoredEntry | None = None) -> tuple[ReferenceRow, ...]:
        """One row a reference. Unreadable references are left out.

        Args:
            selected: the entry that they are compared with; None to compare with nothing.
        """
        return tuple(self._row(one, selected) for one in self.readable)

    def row(self, name: str, selected: ScoredEntry | None = None) -> ReferenceRow:
        """The row of one reference.

        Raises:
            SerbenchError: there is none of that name, or it is damaged.
        """
        return self._row(self.answers(name), selected)

    def has_intervals(self, answers: PooledAnswers) -> bool:
        """Whether scores of a reference may have intervals: those of transductive ones and unranked rows may not."""
        return not answers.record.transductive and not why_unranked(self._study.protocol)

    def spreads(self, selected: ScoredEntry) -> list[Spread]:
        """Standard errors of the differences between an entry and the references that learned something."""
        models = [one for one in self.readable if one.record.name != "listeners"]
        found = [one for one in models if self._comparable(one, selected)]
        return [paired_spread(one.recalls, selected.recalls) for one in found]

    def _row(self, answers: PooledAnswers, selected: ScoredEntry | None) -> ReferenceRow:
        row = _row(self._study, answers, intervals=self.has_intervals(answers))
        if selected is None or not self._comparable(answers, selected):
            return row
        found, _ = compare_recalls(answers.recalls, selected.recalls, answers.record.labels, as_they_are=True)
        if found is None:
            return row
        ends = {"difference_low": found.low, "difference_high": found.high}
        return row.model_copy(update={"difference": found.difference, **ends})

    def _comparable(self, answers: PooledAnswers, selected: ScoredEntry) -> bool:
        """Whether a reference learned something, and its clips are those of the entry."""
        return (
            answers.record.name not in _LEARNED_NOTHING
            and not answers.left_out
            and self.has_intervals(answers)
            and bool(selected.refits)
            and not selected.problems
            and sorted(answers.clips) == list(selected.refits[0].test_clips)
        )

    @property
    def damaged(self) -> tuple[str, ...]:
        """One error message for each reference that cannot be read."""
        return tuple(str(one) for name in self.names if isinstance(one := self._answers(name), SerbenchError))

    def scores(self, name: str) -> SoftEvaluation | None:
        """All scores of one reference, with its confusion matrix; None if any fold lacks the reference.

        Raises:
            SerbenchError: the reference is damaged, or was made for other clips.
        """
        return self.answers(name).scores if name in self.names else None

    def answers(self, name: str) -> PooledAnswers:
        """The predictions of one reference.

        Raises:
            SerbenchError: there is none of that name, it is damaged, or it was made for other clips.
        """
        if name not in self.names:
            raise unknown("reference", name, self.names)
        found = self._answers(name)
        if isinstance(found, SerbenchError):
            raise found
        return found

    def _answers(self, name: str) -> PooledAnswers | SerbenchError:
        if name not in self._read:
            try:
                parts = [folder.load(name) for folder in self._folders]
                self._read[name] = _answers(self._study, parts, self._truth)
            except SerbenchError as error:
                self._read[name] = error
        return self._read[name]


@dataclass(frozen=True, eq=False)
class PooledAnswers:
    """A reference's predictions, with folds pooled.

    Attributes:
        record: of the first fold; transductive if any fold is.
        left_out: test clips without a prediction.
        clips: (n,) clip ids.
        true: (n,) true class indices.
        shares: (n, C) shares that are scored: 1 for the most probable class. Chance and listeners divide a clip.
        given: (n, C) probabilities, where the method has any; None for all others.
        speakers: (n,) speaker of each clip.
        scores: scores of `shares`.
    """

    record: ReferenceRecord
    left_out: int
    clips: tuple[str, ...]
    true: NDArray[np.intp]
    shares: NDArray[np.float64]
    given: NDArray[np.float64] | None
    speakers: NDArray[np.generic]
    scores: SoftEvaluation

    @functools.cached_property
    def recalls(self) -> SpeakerRecalls:
        """Correct shares by speaker and class."""
        return soft_recalls(self.true, self.shares, self.speakers, len(self.record.labels))


def _answers(
    study: StudyRecord,
    parts: Sequence[tuple[ReferenceRecord, pd.DataFrame]],
    truth: Mapping[str, tuple[str, str]] | None,
) -> PooledAnswers:
    transductive = any(one.transductive or one.name in TRANSDUCTIVE for one, _ in parts)
    record = parts[0][0].model_copy(update={"transductive": transductive})
    answered = sum(len(frame) + one.left_out for one, frame in parts)
    if any(one.labels != study.corpus.labels for one, _ in parts) or answered != study.protocol.test_clips:
        raise SerbenchError(f"reference '{record.name}' was made for other clips or labels than these entries")
    table = pd.concat([frame for _, frame in parts], ignore_index=True)
    if truth is not None:
        _check_facts(record.name, table, truth)
    true = pd.Index(record.labels).get_indexer(pd.Index(table["label"]))
    shares = table[[f"p_{label}" for label in record.labels]].to_numpy(dtype=np.float64)
    given = _given(table, record.labels)
    if record.name not in _DIVIDE:
        decided = np.eye(len(record.labels))[shares.argmax(axis=1)]
        given = shares if given is None and not np.array_equal(shares, decided) else given
        shares = decided
    left_out = sum(one.left_out for one, _ in parts)
    scores = SoftEvaluation.of(true, shares, record.labels)
    clips = tuple(table["clip_id"].astype(str))
    return PooledAnswers(record, left_out, clips, true, shares, given, table["speaker"].to_numpy(), scores)


def _check_facts(name: str, table: pd.DataFrame, truth: Mapping[str, tuple[str, str]]) -> None:
    """Refuses clips that are not tested, and labels and speakers that are not those of the entries."""
    for clip, *facts in zip(*(table[column].astype(str) for column in ("clip_id", "label", "speaker")), strict=True):
        known = truth.get(clip)
        if known != tuple(facts):
            what = "label" if known is None or known[0] != facts[0] else "speaker"
            raise SerbenchError(
                f"reference '{name}' has another {what} for test clip '{clip}' than these entries, or tests other "
                "clips; the next search on these clips computes it again once its folder is removed"
            )


def _given(table: pd.DataFrame, labels: Sequence[str]) -> NDArray[np.float64] | None:
    """Probabilities as they were brought; None if there are none, or if they are not shares."""
    columns = [f"given_{label}" for label in labels]
    if not set(columns) <= set(table) or not all(pd.api.types.is_float_dtype(table[name]) for name in columns):
        return None
    given = table[columns].to_numpy(dtype=np.float64)
    return given if are_shares(given) else None


def _row(study: StudyRecord, answers: PooledAnswers, *, intervals: bool) -> ReferenceRow:
    record, scores = answers.record, answers.scores
    interval = None
    if intervals and record.name not in _LEARNED_NOTHING:
        interval, _ = recalls_interval(answers.recalls, record.labels)
    return ReferenceRow(
        name=record.name,
        title=f"{record.title} (transductive)" if record.transductive else record.title,
        detail=record.detail,
        corpus=record.corpus,
        corpus_digest=record.corpus_digest,
        label_source=study.corpus.label_source,
        protocol=record.protocol,
        protocol_hash=record.protocol_hash,
        uar=scores.uar,
        uar_low=interval.low if interval else None,
        uar_high=interval.high if interval else None,
        transductive=record.transductive,
        accuracy=scores.accuracy,
        macro_f1=scores.macro_f1,
        weighted_f1=scores.weighted_f1,
        kappa=scores.kappa,
        recalls=dict(zip(record.labels, scores.recalls, strict=True)),
        clips=len(answers.true),
        left_out=answers.left_out,
    )
