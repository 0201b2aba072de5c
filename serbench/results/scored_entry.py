"""`ScoredEntry`: an entry with the scores of its refits, from which tables and figures are made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
        probabilities: (n, C) predicted probabilities, as the model returned them.
    """

    clips: tuple[str, ...]
    true: NDArray[np.int64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Refit:
    """One refit of an entry: a fit of its configuration with a seed of its own.

    Attributes:
        record: the fit's record.
        evaluations: scores by subset, for the subsets with stored predictions.
        test_clips: (n,) ids of the test clips, sorted. The arrays below have the same order.
        test_true: (n,) true class indices.
        test_predicted: (n,) predicted class indices.
        test_probabilities: (n, C) predicted probabilities, as the model returned them.
        validation: predictions on the validation core, or the entry's out-of-fold answers where cross-validation judged
            it; None for pooled folds.
    """

    record: TrialRecord
    evaluations: dict[str, Evaluation]
    test_clips: tuple[str, ...]
    test_true: NDArray[np.int64]
    test_predicted: NDArray[np.int64]
    test_probabilities: NDArray[np.float64]
    validation: SubsetPredictions | None = None

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
    """

    __test__ = False  # tells pytest that this is not a test class

    study: StudyRecord
    entry: EntryRecord
    refits: tuple[Refit, ...]
    speakers: tuple[str, ...]
    trials: int = 0
    problems: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    chosen_on: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ScoredEntry('{self.entry.entry_id}', study '{self.study.name}', {len(self.refits)} refits)"

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

    fit: Callable[[TrialRecord, pd.DataFrame, Mapping[str, Evaluation]], None]
    answers: Callable[[ShortlistRecord, pd.DataFrame, Evaluation], None]


def best_refit(refits: Iterable[TrialRecord]) -> TrialRecord:
    """The refit with the best validation score. Needs at least one refit."""
    return max(refits, key=lambda refit: (refit.value or 0.0, refit.job_id))


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
    judged = None if entry.shortlisted is None else _out_of_fold(folder, study, entry.shortlisted, checks)
    refits = tuple(_load_refit(folder, study, fit, judged, checks) for fit in fits)
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
    return ScoredEntry(study, entry, refits, tuple(speaker_of[clip] for clip in first.test_clips))


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
    judged: SubsetPredictions | None,
    checks: EntryChecks | None,
) -> Refit:
    """Reads and scores one refit. Out-of-fold answers, if any, stand in place of those on the validation core."""
    labels, where = study.corpus.labels, folder.job_path("refit", record.job_id) / "predictions.parquet"
    frame, true, probabilities = _predictions(folder, study, "refit", record.job_id)
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    subset = frame["subset"].astype(str).to_numpy()
    evaluations = _evaluations(frame, true, predicted, labels)
    if "test" not in evaluations:
        raise SerbenchError(f"{where} has no prediction of the test set; run the search again to add it")
    if checks is not None:
        checks.fit(record, frame, dict(evaluations))
    tested = subset == "test"
    clips = tuple(frame["clip_id"].to_numpy(dtype=object)[tested])
    if judged is None:
        rows = subset == "validation"
        ids = tuple(frame["clip_id"].to_numpy(dtype=object)[rows])
        judged = SubsetPredictions(ids, true[rows], probabilities[rows])
    else:
        evaluations["validation"] = evaluate(judged.true, judged.probabilities, labels)
    return Refit(record, evaluations, clips, true[tested], predicted[tested], probabilities[tested], judged)


def score_fit(
    folder: StudyFolder, study: StudyRecord, kind: JobKind, job_id: str
) -> tuple[pd.DataFrame, dict[str, Evaluation]]:
    """Reads the predictions of any fit, and scores them by subset.

    Raises:
        SerbenchError: they are missing, damaged, or not of the study's labels.
    """
    frame, true, probabilities = _predictions(folder, study, kind, job_id)
    return frame, _evaluations(frame, true, probabilities.argmax(axis=1).astype(np.int64), study.corpus.labels)


def score_answers(folder: StudyFolder, study: StudyRecord, job_id: str) -> tuple[pd.DataFrame, Evaluation]:
    """Reads the out-of-fold answers of a configuration, and scores them.

    Raises:
        SerbenchError: they are missing, damaged, or not of the study's labels.
    """
    where = folder.path / "shortlist" / f"{job_id}.parquet"
    frame, true, probabilities = _checked(
        folder.out_of_fold(job_id), study.corpus.labels, study.name, where, ("clip_id", "fold", "label")
    )
    return frame, evaluate(true, probabilities, study.corpus.labels)


def _predictions(
    folder: StudyFolder, study: StudyRecord, kind: JobKind, job_id: str
) -> tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.float64]]:
    where = folder.job_path(kind, job_id) / "predictions.parquet"
    frame = folder.predictions(kind, job_id)
    return _checked(frame, study.corpus.labels, study.name, where, ("clip_id", "subset", "label"))


def _evaluations(
    frame: pd.DataFrame, true: NDArray[np.int64], predicted: NDArray[np.int64], labels: tuple[str, ...]
) -> dict[str, Evaluation]:
    subset = frame["subset"].astype(str).to_numpy()
    return {
        name: evaluate(true[subset == name], predicted[subset == name], labels)
        for name in SUBSETS
        if (subset == name).any()
    }


def _out_of_fold(folder: StudyFolder, study: StudyRecord, job_id: str, checks: EntryChecks | None) -> SubsetPredictions:
    where = folder.path / "shortlist" / f"{job_id}.parquet"
    frame = folder.out_of_fold(job_id)
    frame, true, probabilities = _checked(frame, study.corpus.labels, study.name, where, ("clip_id", "fold", "label"))
    if checks is not None:
        checks.answers(folder.shortlisted(job_id), frame, evaluate(true, probabilities, study.corpus.labels))
    return SubsetPredictions(tuple(frame["clip_id"].to_numpy(dtype=object)), true, probabilities)


def _checked(
    frame: pd.DataFrame, labels: tuple[str, ...], study: str, where: Path, columns: Sequence[str]
) -> tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.float64]]:
    """Returns a table of predictions sorted by clip, its true classes and its probabilities, all checked."""
    needed = [*columns, *(f"p_{label}" for label in labels)]
    if missing := [column for column in needed if column not in frame]:
        raise SerbenchError(f"{where} has no column '{missing[0]}'; remove its folder and run the search again")
    frame = frame.sort_values("clip_id", ignore_index=True)
    true = pd.Index(labels).get_indexer(pd.Index(frame["label"])).astype(np.int64)
    if (true < 0).any():
        strange = sorted(set(frame["label"].astype(str)) - set(labels))
        raise SerbenchError(f"{where} has the label '{strange[0]}', which study '{study}' does not have")
    probabilities = frame[needed[len(columns) :]].to_numpy(dtype=np.float64)
    if not np.isfinite(probabilities).all():
        raise SerbenchError(f"{where} holds a probability that is not a number; run the search again")
    return frame, true, probabilities
