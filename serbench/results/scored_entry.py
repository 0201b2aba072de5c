"""`ScoredEntry`: an entry with the scores of its refits, from which tables and figures are made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.errors import SerbenchError
from serbench.evaluation import (
    Evaluation,
    Interval,
    PairedComparison,
    SpeakerRecalls,
    compare_recalls,
    evaluate,
    recalls_interval,
)
from serbench.records import EntryRecord, JobKind, Scores, ShortlistRecord, StudyFolder, StudyRecord, TrialRecord
from serbench.results.answers import Answers, one_copy, read_answers

__all__ = [
    "EntryChecks",
    "Refit",
    "ScoredEntry",
    "SubsetPredictions",
    "best_refit",
    "load_entry",
    "mean",
    "score_answers",
    "score_fit",
    "speakers_of",
    "validation_score",
]

SUBSETS = ("train", "validation", "test", "test_rest")


@dataclass(frozen=True, eq=False)
class SubsetPredictions:
    """Predictions of one refit on one subset.

    Attributes:
        clips: (n,) ids, sorted. The arrays below have the same order.
        true: (n,) true class indices.
        stored: (n, C) predicted probabilities, float32 or float64.
    """

    clips: tuple[str, ...]
    true: NDArray[np.int64]
    stored: NDArray[np.floating[Any]]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(n, C) predicted probabilities, as the model returned them."""
        return self.stored.astype(np.float64, copy=False)


@dataclass(frozen=True, eq=False)
class Refit:
    """One refit of an entry: a fit of its configuration with a seed of its own.

    Attributes:
        record: the fit's record.
        evaluations: scores by subset, for the subsets with stored predictions.
        test_clips: (n,) ids of the test clips, sorted. The arrays below have the same order.
        test_true: (n,) true class indices.
        stored_predicted: (n,) predicted class indices, of as few bytes as they need.
        stored: (n, C) predicted probabilities, float32 or float64: a large board holds thousands of these tables.
        held_out: predictions on the validation core, or a function that reads them; see `validation`.
    """

    record: TrialRecord
    evaluations: dict[str, Evaluation]
    test_clips: tuple[str, ...]
    test_true: NDArray[np.int64]
    stored_predicted: NDArray[np.integer[Any]]
    stored: NDArray[np.floating[Any]]
    held_out: SubsetPredictions | Callable[[], SubsetPredictions] | None = None

    @property
    def test_predicted(self) -> NDArray[np.int64]:
        """(n,) predicted class indices."""
        return self.stored_predicted.astype(np.int64, copy=False)

    @property
    def validation(self) -> SubsetPredictions | None:
        """Predictions on the validation core, or the entry's out-of-fold answers where cross-validation judged it.

        The former are read again whenever they are asked for, since a leaderboard does not need them. None for pooled
        folds.

        Raises:
            SerbenchError: the file is no longer there or readable.
        """
        return self.held_out() if callable(self.held_out) else self.held_out

    @property
    def test_probabilities(self) -> NDArray[np.float64]:
        """(n, C) predicted probabilities, as the model returned them."""
        return self.stored.astype(np.float64, copy=False)

    @functools.cached_property
    def scores(self) -> dict[str, Scores]:
        """Scores by subset: recomputed from predictions, or as recorded by the fit (training set)."""
        computed = {subset: evaluation.to_scores() for subset, evaluation in self.evaluations.items()}
        found = {**self.record.scores, **computed}
        return {subset: found[subset] for subset in SUBSETS if subset in found}

    @property
    def train_seconds(self) -> float:
        """Wall time of training in seconds, without features, process start and prediction."""
        return self.record.seconds.get("fit", sum(epoch.seconds for epoch in self.record.epochs))


@dataclass(frozen=True, eq=False)
class ScoredEntry:
    """An entry with its study and its refits.

    Attributes:
        study: the study's record.
        entry: the entry's record.
        refits: in the order of the entry's record.
        speakers: (n,) speaker of each test clip.
        trials: completed and pruned trials of the study.
        problems: why its numbers cannot be what they say, see `serbench.results.checks`; empty if nothing is wrong.
        unchecked: what could not be checked.
        chosen_on: test speakers on whom an enqueued configuration of the study was chosen, each as 'corpus/speaker'.
        together: studies of the members, of an ensemble; empty for others.
    """

    study: StudyRecord
    entry: EntryRecord
    refits: tuple[Refit, ...]
    speakers: tuple[str, ...]
    trials: int = 0
    problems: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    chosen_on: tuple[str, ...] = ()
    together: tuple[StudyRecord, ...] = ()

    def __repr__(self) -> str:
        return f"ScoredEntry('{self.entry.entry_id}', study '{self.study.name}', {len(self.refits)} refits)"

    @property
    def is_pooled(self) -> bool:
        """Whether it joins the folds of a run; one fold of a run has a number."""
        return self.study.protocol.folds > 1 and self.study.protocol.fold == 0

    @property
    def is_joined(self) -> bool:
        """Whether a run of it joins several fits: of folds, or of the members of an ensemble."""
        return self.is_pooled or bool(self.entry.members)

    def configs(self) -> list[Mapping[str, Any]]:
        """Configurations of its networks: one, or one for each fold and each member of an ensemble."""
        found: list[Mapping[str, Any]] = [self.entry.config]
        for _ in range(self.is_pooled + bool(self.entry.members)):
            found = [part for config in found for part in config.values() if isinstance(part, Mapping)]
        return found

    @property
    def validation_score(self) -> float | None:
        """The out-of-fold score, else the mean over refits of the study's objective on the validation core.

        It decides which entry is `selected`.
        """
        return validation_score(self.entry, (refit.record for refit in self.refits))

    def mean_score(self, subset: str, score: str) -> float | None:
        """Mean over refits of `accuracy`, `uar` or `macro_f1`; None if any refit lacks it."""
        return mean(getattr(refit.scores[subset], score) if subset in refit.scores else None for refit in self.refits)

    @functools.cached_property
    def test(self) -> Evaluation | None:
        """Test scores from the confusion matrix summed over refits; None without refits.

        All refits are tested on the same clips, so its recalls are the means over refits.
        """
        if not self.refits:
            return None
        total = np.sum([refit.evaluations["test"].confusion for refit in self.refits], axis=0)
        return Evaluation.from_confusion(total, self.study.corpus.labels)

    def comparison(self, other: ScoredEntry) -> PairedComparison | None:
        """Compares this entry with another one, paired by speaker.

        Returns:
            None if the entries were not tested on the same clips with the same labels, or cannot be compared.
        """
        if not (self.refits and other.refits) or self.refits[0].test_clips != other.refits[0].test_clips:
            return None
        return compare_recalls(self.recalls, other.recalls, self.study.corpus.labels)[0]

    @functools.cached_property
    def recalls(self) -> SpeakerRecalls:
        """Correct clips of each refit, speaker and class. Needs at least one refit."""
        predictions = [refit.test_predicted for refit in self.refits]
        return SpeakerRecalls.count(self.refits[0].test_true, predictions, self.speakers, len(self.study.corpus.labels))

    @property
    def kept_refit(self) -> Refit:
        """The refit with the best validation score, which is the one exported. Needs at least one refit."""
        kept = best_refit(refit.record for refit in self.refits)
        return next(refit for refit in self.refits if refit.record is kept)

    def mean_of(self, score: Callable[[Refit], float | None]) -> float | None:
        """Mean of a score over refits; None if any refit lacks it."""
        return mean(score(refit) for refit in self.refits)

    def interval(self) -> tuple[Interval | None, str]:
        """95 % interval of the mean test UAR and '', or None and the reason why there is none."""
        if not self.refits:
            return None, "no interval: no run was completed"
        return recalls_interval(self.recalls, self.study.corpus.labels)


@dataclass(frozen=True)
class EntryChecks:
    """Callbacks for the files of an entry as they are read.

    Attributes:
        fit: receives the record of a refit, its predictions, and their scores by subset.
        answers: receives what cross-validation said, its out-of-fold answers, and their scores.
    """

    fit: Callable[[TrialRecord, Answers, Mapping[str, Evaluation]], None]
    answers: Callable[[ShortlistRecord, Answers, Evaluation], None]


def best_refit(refits: Iterable[TrialRecord]) -> TrialRecord:
    """The refit with the best validation score; the last one where none has a score. Needs at least one refit."""
    return max(refits, key=lambda refit: (refit.value or 0.0, len(refit.job_id), refit.job_id))


def validation_score(entry: EntryRecord, refits: Iterable[TrialRecord]) -> float | None:
    """The score by which an entry is chosen: out of fold, else the mean of its refits on the validation core."""
    return mean(refit.value for refit in refits) if entry.out_of_fold is None else entry.out_of_fold


def speakers_of(table: pd.DataFrame) -> dict[str, str]:
    """Speaker of each clip by clip id, from a study's table of clips."""
    return dict(zip(table["clip_id"].astype(str), table["speaker"].astype(str), strict=True))


def load_entry(
    folder: StudyFolder,
    study: StudyRecord,
    entry: EntryRecord,
    speakers: Mapping[str, str] | None = None,
    records: Sequence[TrialRecord] | None = None,
    checks: EntryChecks | None = None,
) -> ScoredEntry:
    """Reads and scores the refits of an entry.

    Args:
        folder: the study's folder.
        study: the study's record.
        entry: the entry's record.
        speakers: result of `speakers_of` for the study's clips. If None, the clips are read.
        records: records of the entry's refits, in the entry's order. If None, they are read.
        checks: callbacks that receive what is read; None to read without checks.

    Raises:
        SerbenchError: predictions are missing, damaged, or not of the study's clips and labels.
    """
    fits = [folder.job("refit", job_id) for job_id in entry.refits] if records is None else records
    out_of_fold = None if entry.shortlisted is None else _out_of_fold(folder, study, entry.shortlisted, checks)
    refits = tuple(_load_refit(folder, study, fit, out_of_fold, checks) for fit in fits)
    if not refits:
        return ScoredEntry(study, entry, (), ())
    first = refits[0]
    for refit in refits[1:]:
        if refit.test_clips != first.test_clips or not np.array_equal(refit.test_true, first.test_true):
            raise SerbenchError(
                f"runs {first.record.job_id} and {refit.record.job_id} of {folder.path} were tested on "
                "different clips; remove the study's folder and search again"
            )
    speaker_of = speakers_of(folder.clips()) if speakers is None else speakers
    if unlisted := [clip for clip in first.test_clips if clip not in speaker_of]:
        raise SerbenchError(
            f"{folder.clips_path} lacks clip '{unlisted[0]}' of the predictions; it belongs to another study"
        )
    return ScoredEntry(study, entry, refits, one_copy(tuple(speaker_of[clip] for clip in first.test_clips)))


def mean(values: Iterable[float | None]) -> float | None:
    """The mean; None if there is no value or one is missing, because a mean of the rest would be too optimistic.

    >>> mean([0.5, 1.0]), mean([0.5, None]), mean([])
    (0.75, None, None)
    """
    listed = list(values)
    known = [value for value in listed if value is not None]
    return sum(known) / len(known) if known and len(known) == len(listed) else None


def _load_refit(
    folder: StudyFolder,
    study: StudyRecord,
    record: TrialRecord,
    out_of_fold: SubsetPredictions | None,
    checks: EntryChecks | None,
) -> Refit:
    """Reads and scores one refit. Out-of-fold answers, if any, stand in place of those on the validation core."""
    labels, where = study.corpus.labels, folder.predictions_path("refit", record.job_id)
    answers = _predictions(folder, study, "refit", record.job_id)
    predicted = answers.probabilities.argmax(axis=1).astype(np.int64)
    evaluations = _evaluations(answers, predicted, labels)
    if "test" not in evaluations:
        raise SerbenchError(f"{where} has no prediction of the test set; run the search again to add it")
    if checks is not None:
        checks.fit(record, answers, dict(evaluations))
    if out_of_fold is not None:
        evaluations["validation"] = evaluate(out_of_fold.true, out_of_fold.probabilities, labels)
    tested = answers.parts["test"]
    found = _subset(answers, tested)
    small = np.uint8 if len(labels) <= 256 else np.int64
    held_out = out_of_fold or functools.partial(_validation, folder, study, record.job_id)
    return Refit(record, evaluations, found.clips, found.true, predicted[tested].astype(small), found.stored, held_out)


def _validation(folder: StudyFolder, study: StudyRecord, job_id: str) -> SubsetPredictions:
    answers = _predictions(folder, study, "refit", job_id)
    return _subset(answers, answers.parts.get("validation", np.empty(0, dtype=np.intp)))


def _subset(answers: Answers, rows: NDArray[np.intp]) -> SubsetPredictions:
    """Rows of a table. Runs with the same clips share the ids and classes of these."""
    clips, true = one_copy(tuple(answers.clips[rows].tolist())), answers.true[rows]
    return SubsetPredictions(
        clips,
        np.frombuffer(one_copy(true.tobytes()), dtype=true.dtype),
        np.ascontiguousarray(answers.probabilities[rows]),
    )


def score_fit(
    folder: StudyFolder, study: StudyRecord, kind: JobKind, job_id: str
) -> tuple[Answers, dict[str, Evaluation]]:
    """Reads the predictions of any fit, and scores them by subset.

    Raises:
        SerbenchError: they are missing, damaged, or not of the study's labels.
    """
    answers = _predictions(folder, study, kind, job_id)
    predicted = answers.probabilities.argmax(axis=1).astype(np.int64)
    return answers, _evaluations(answers, predicted, study.corpus.labels)


def score_answers(folder: StudyFolder, study: StudyRecord, job_id: str) -> tuple[Answers, Evaluation]:
    """Reads the out-of-fold answers of a configuration, and scores them.

    Raises:
        SerbenchError: they are missing, damaged, or not of the study's labels.
    """
    where = folder.path / "shortlist" / f"{job_id}.parquet"
    answers = read_answers(where, study.corpus.labels, study.name, ("clip_id", "fold", "label"))
    return answers, evaluate(answers.true, answers.probabilities, study.corpus.labels)


def _predictions(folder: StudyFolder, study: StudyRecord, kind: JobKind, job_id: str) -> Answers:
    where = folder.predictions_path(kind, job_id)
    return read_answers(where, study.corpus.labels, study.name, ("clip_id", "subset", "label"))


def _evaluations(answers: Answers, predicted: NDArray[np.int64], labels: tuple[str, ...]) -> dict[str, Evaluation]:
    return {
        name: evaluate(answers.true[rows], predicted[rows], labels)
        for name in SUBSETS
        if (rows := answers.parts.get(name)) is not None
    }


def _out_of_fold(folder: StudyFolder, study: StudyRecord, job_id: str, checks: EntryChecks | None) -> SubsetPredictions:
    answers, evaluation = score_answers(folder, study, job_id)
    if checks is not None:
        checks.answers(folder.shortlisted(job_id), answers, evaluation)
    return _subset(answers, np.arange(len(answers)))
