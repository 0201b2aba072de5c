"""The shortlist: the best configurations of a search, compared again on all speakers that are not tested.

Each is fitted once per fold of a grouped cross-validation over all clips outside the test core. Its out-of-fold answers
decide, since nine validation speakers are enough to search with and too few to choose with. They also say how long to
train a final run that holds no speaker back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.errors import SerbenchError
from serbench.evaluation import evaluate
from serbench.families import recorded_setting
from serbench.protocols import InnerFold, recorded_protocol
from serbench.records import JobId, ShortlistRecord, StudyFolder, TrialRecord, now
from serbench.search.coordinator import Coordinator
from serbench.search.finalists import Finalist, choose_finalists
from serbench.search.session import Session
from serbench.search.studies.study import Study

__all__ = ["compared_before", "run_shortlist", "shortlist_fits"]


def shortlist_fits(study: Study, count: int) -> int:
    """Returns how many fits a shortlist of `count` configurations takes."""
    return count * len(_folds(study)) if count else 0


def run_shortlist(session: Session, count: int, final_rounds: int = 0) -> list[ShortlistRecord]:
    """Compares the best configurations by cross-validation, as far as the time allows.

    Recorded fits are kept, and so are configurations that were compared before. A configuration with a fit that did not
    complete is left out, and a warning says so.

    Args:
        session: the study and what its jobs run on.
        count: number of configurations; 0 for no shortlist.
        final_rounds: number of final runs to come, one after the other, for which time must be left.

    Returns:
        The records of all compared configurations, highest out-of-fold score first; empty if there was no comparison.
    """
    study = session.study
    known = study.folder.shortlisted_ids()
    chosen = choose_finalists(study.record.family, study.records(), count, known=known, any_ratio=True)
    if not chosen:
        return []
    folds = _folds(study)
    if not folds:
        session.observer.warning(
            "no shortlist: cross-validation needs six speakers outside the test set, three a fold, and clips of every "
            "class to train on; the validation score of the search decides"
        )
        return []
    study.folder.retire_retryable("fold")
    budget = _Cost.of(study.records(), study, folds, session)
    chosen = _affordable(session, chosen, folds, budget, final_rounds)
    _fit(session, chosen, folds, budget, final_rounds)
    found = [record for one in chosen if (record := _settled(session, one, folds)) is not None]
    found += compared_before(study.folder, chosen)
    return sorted(found, key=lambda record: (-record.value, record.job_id))


def compared_before(folder: StudyFolder, chosen: Sequence[Finalist]) -> list[ShortlistRecord]:
    """Reads the records of configurations that trials which came later have pushed out of the best.

    Args:
        folder: of the study.
        chosen: the best configurations now.
    """
    before = set(folder.shortlisted_ids()) - {one.job_id for one in chosen}
    return [folder.shortlisted(job_id) for job_id in sorted(before)]


def _folds(study: Study) -> tuple[InnerFold, ...]:
    return recorded_protocol(study.folder, study.record).inner_folds(study.clips, study.plan)


@dataclass(frozen=True)
class _Cost:
    """What a fit takes, by the trials that were trained.

    Attributes:
        fold_s: seconds of one fit of one fold to its last epoch, by the trial whose configuration it has.
        mean_s: the same for a configuration of no such trial: the mean over all trials.
        trial_s: seconds of the longest trial, without the computation of features.
        workers: fits side by side.
    """

    fold_s: Mapping[str, float]
    mean_s: float
    trial_s: float
    workers: int

    @classmethod
    def of(cls, trials: Sequence[TrialRecord], study: Study, folds: Sequence[InnerFold], session: Session) -> _Cost:
        trained = [one for one in trials if one.epochs and one.train_clips]
        clips = float(np.mean([len(fold.train) for fold in folds]))
        fold_s = {
            one.job_id: float(np.mean([epoch.seconds for epoch in one.epochs]))
            / one.train_clips
            * clips
            * study.space.training.lasting(recorded_setting(one.config, "training_length")).epochs
            for one in trained
        }
        mean_s = float(np.mean(list(fold_s.values()))) if fold_s else 0.0
        longest = max((one.lasting_s for one in trials), default=0.0)
        return cls(fold_s, mean_s, longest, max(1, session.workers))

    def total_s(self, fits: Sequence[tuple[Finalist, InnerFold]]) -> float:
        """Seconds of some fits of folds, side by side."""
        each = [self.fold_s.get(one.job_id, self.mean_s) for one, _ in fits]
        return max(sum(each) / self.workers, max(each, default=0.0))


def _waiting(study: Study, chosen: Sequence[Finalist], folds: Sequence[InnerFold]) -> list[tuple[Finalist, InnerFold]]:
    return [
        (one, fold)
        for one in chosen
        for fold in folds
        if not study.folder.has_job("fold", str(JobId(one.job_id, "fold", fold.number)))
    ]


def _affordable(
    session: Session, chosen: list[Finalist], folds: Sequence[InnerFold], cost: _Cost, final_rounds: int
) -> list[Finalist]:
    """The first configurations whose folds can be fitted in the time left, and those that need no more fits."""
    if session.end is None:
        return chosen
    left = session.end - time.monotonic() - final_rounds * cost.trial_s
    fitting = list(chosen)
    while fitting and cost.total_s(_waiting(session.study, fitting, folds)) > left:
        fitting.pop()
    done = [one for one in chosen if one in fitting or not _waiting(session.study, [one], folds)]
    if len(done) < len(chosen):
        session.observer.warning(
            f"--time leaves room to compare {len(done)} of {len(chosen)} configurations of the shortlist"
            + ("" if done or session.study.folder.shortlisted_ids() else "; the validation score of the search decides")
        )
    return done


def _fit(
    session: Session, chosen: Sequence[Finalist], folds: Sequence[InnerFold], cost: _Cost, final_rounds: int
) -> None:
    wanted = _waiting(session.study, chosen, folds)
    if not wanted or session.stop.is_set():
        return
    session.observer.shortlist_started(len(chosen), len(folds), len(wanted), cost.total_s(wanted))
    maker = session.maker.for_jobs(len(wanted))
    jobs = [maker.fold(one.job_id, one.config, fold) for one, fold in wanted]
    origins = {str(JobId(one.job_id, "fold", fold.number)): one.name for one, fold in wanted}
    deadline = None if session.end is None else session.end - final_rounds * cost.trial_s
    Coordinator(session).run_jobs(jobs, origins, deadline)


def _settled(session: Session, chosen: Finalist, folds: Sequence[InnerFold]) -> ShortlistRecord | None:
    """Returns what the folds of a configuration say together, and writes it if it is new."""
    folder = session.study.folder
    if chosen.job_id in folder.shortlisted_ids():
        return folder.shortlisted(chosen.job_id)
    ids = [str(JobId(chosen.job_id, "fold", fold.number)) for fold in folds]
    records = [folder.job("fold", job_id) for job_id in ids if folder.has_job("fold", job_id)]
    if failed := [fit for fit in records if fit.state != "completed"]:
        session.observer.warning(
            f"{chosen.name} is left out of the shortlist: {failed[0].job_id} ended as {failed[0].state}"
            + (f" ({failed[0].error})" if failed[0].error else "")
        )
        return None
    if len(records) < len(folds):
        if not session.stop.is_set():
            session.observer.warning(
                f"{chosen.name} is left out of the shortlist: {len(records)} of {len(folds)} folds were fitted in the "
                "time; the same command goes on from here"
            )
        return None
    record, answers = _combine_folds(session.study, chosen, records)
    folder.save_shortlisted(record, answers)
    return record


def _combine_folds(study: Study, chosen: Finalist, fits: Sequence[TrialRecord]) -> tuple[ShortlistRecord, pd.DataFrame]:
    """Joins the folds' answers after each epoch, and chooses the epoch at which all folds together are best.

    A fold that stopped early keeps its last answers from then on.
    """
    labels = study.record.corpus.labels
    tables = [study.folder.predictions("fold", fit.job_id) for fit in fits]
    curves = [study.folder.curve(fit.job_id) for fit in fits]
    for fit, table, curve in zip(fits, tables, curves, strict=True):
        if curve.shape[1:] != (len(table), len(labels)) or len(curve) != len(fit.epochs):
            where = study.folder.job_path("fold", fit.job_id)
            raise SerbenchError(f"{where} holds answers for other clips or epochs; remove it and run the search again")
    clips = pd.concat(
        [table[["clip_id", "label"]].assign(fold=fit.fold) for fit, table in zip(fits, tables, strict=True)]
    )
    truth = pd.Index(labels).get_indexer(pd.Index(clips["label"]))

    def after(epoch: int) -> NDArray[np.float32]:
        return np.concatenate([curve[min(epoch, len(curve) - 1)] for curve in curves])

    scores = [evaluate(truth, after(epoch), labels) for epoch in range(max(map(len, curves)))]
    values = [score.mean_recall_present for score in scores]
    best = int(np.argmax(values))
    answers = clips[["clip_id", "fold", "label"]].reset_index(drop=True)
    shares = after(best)
    for place, label in enumerate(labels):
        answers[f"p_{label}"] = shares[:, place]
    record = ShortlistRecord(
        study=study.record.name,
        job_id=chosen.job_id,
        origin=chosen.name,
        config=chosen.config,
        search_value=chosen.search_value,
        folds=tuple(fit.job_id for fit in fits),
        epochs=best + 1,
        learning_rates=_rates(fits, best + 1) if chosen.config.get("schedule") == "plateau" else (),
        curve=tuple(values),
        scores=scores[best].to_scores(),
        value=values[best],
        created=now(),
    )
    return record, answers


def _rates(fits: Sequence[TrialRecord], epochs: int) -> tuple[float, ...]:
    """Learning rate of each epoch, the median over folds."""
    rates = [[fit.epochs[min(epoch, len(fit.epochs) - 1)].learning_rate for fit in fits] for epoch in range(epochs)]
    return tuple(float(np.median(of_epoch)) for of_epoch in rates)
