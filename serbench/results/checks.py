"""Facts that stand in two files are compared: a record, the predictions beside it, the clips, the split, the ledger.

Each check returns sentences about what cannot be true. They find accidents (a file of another study, a lost run) and
numbers that were changed in one place. Who changes every place alike is only found by `serbench study replay`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from serbench.evaluation import Evaluation
from serbench.families import same_configuration
from serbench.records import (
    EntryRecord,
    JobId,
    JobKind,
    LedgerLine,
    ShortlistRecord,
    StudyRecord,
    TrialRecord,
)
from serbench.results.answers import Answers
from serbench.results.split_again import SplitAgain

__all__ = ["check_answers", "check_entry", "check_fit", "check_judgement", "check_seeds"]

TOLERANCE = 1e-6
"""Largest difference between a recorded score and that of the predictions beside it, as a fraction."""


def check_fit(
    record: TrialRecord,
    answers: Answers,
    evaluations: Mapping[str, Evaluation],
    split: SplitAgain,
) -> Iterator[str]:
    """Checks a fit: its predictions against clips and split, its scores against its predictions.

    Args:
        record: of the fit.
        answers: its predictions.
        evaluations: scores of these predictions, by subset.
        split: the study's labels and split.
    """
    which = f"run {record.job_id}" if record.kind == "refit" else record.job_id
    for subset, rows in answers.parts.items():
        yield from (f"{which}: {text} ({subset} predictions)" for text in _labels(answers, rows, split))
    if record.kind != "fold":  # a fold answers its own clips, and calls them validation
        ids = {subset: set(answers.clips[rows].tolist()) for subset, rows in answers.parts.items()}
        yield from (f"{which}: {text}" for text in _members(ids, split))
    yield from (f"{which}: {text}" for text in _scores(record, evaluations))
    yield from (f"{which}: {text}" for text in _digests(record, answers))


def _labels(answers: Answers, rows: NDArray[np.intp], split: SplitAgain) -> Iterator[str]:
    ids, labels = answers.clips[rows].tolist(), answers.labels[rows].tolist()
    if len(set(ids)) < len(ids):
        yield "a clip is predicted twice"
    known = list(map(split.labels.get, ids))
    if known == labels:
        return
    if unknown := known.count(None):
        yield f"{unknown:,} clips are not in clips.parquet"
    wrong = sum(other not in (None, label) for other, label in zip(known, labels, strict=True))
    if wrong:
        yield f"{wrong:,} of {len(ids):,} true labels differ from clips.parquet"


def _members(ids: Mapping[str, set[str]], split: SplitAgain) -> Iterator[str]:
    for core, wanted in split.cores.items():
        if core in ids and ids[core] != wanted:
            missing, more = len(wanted - ids[core]), len(ids[core] - wanted)
            what = " and ".join(
                f"{count:,} {word}" for count, word in ((missing, "are missing"), (more, "do not belong")) if count
            )
            yield f"the {core} clips are not those of the split: of {len(wanted):,}, {what}"
    tested = split.cores.get("test", frozenset())
    if not tested and "test" in ids and len(ids["test"]) != split.test_clips:
        yield f"the record says {split.test_clips:,} test clips, there are predictions of {len(ids['test']):,}"
    for subset in ("train", "validation", "test_rest"):
        if both := len(ids.get(subset, set()) & tested):
            yield f"{both:,} test clips are among those of subset '{subset}'"


def _scores(record: TrialRecord, evaluations: Mapping[str, Evaluation]) -> Iterator[str]:
    for subset, evaluation in evaluations.items():
        said, found = record.scores.get(subset), evaluation.to_scores()
        if said is None:
            yield f"the record has no score on '{subset}', and there are predictions of it"
            continue
        if said.clips != found.clips:
            yield f"the record says {said.clips:,} {subset} clips, there are predictions of {found.clips:,}"
        for name, text in (("uar", "UAR"), ("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
            if not _equal(getattr(said, name), getattr(found, name)):
                yield (
                    f"the record says {subset} {text} {_percent(getattr(said, name))}, its predictions give "
                    f"{_percent(getattr(found, name))}"
                )
                break
    if lost := sorted(record.scores.keys() - evaluations.keys() - {"train"}):
        yield f"the record has a score on '{lost[0]}', and there are no predictions of it"
    held = evaluations.get("validation")
    if held is None:
        if record.value is not None:
            yield f"it was chosen by {_percent(record.value)}, and there are no predictions of its validation clips"
    elif not _equal(record.value, held.mean_recall_present):
        by = "no score" if record.value is None else _percent(record.value)
        yield f"it was chosen by {by}, its predictions give {_percent(held.mean_recall_present)}"


def _equal(one: float | None, other: float | None) -> bool:
    return one is other or (one is not None and other is not None and abs(one - other) <= TOLERANCE)


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f} %"


def _digests(record: TrialRecord, answers: Answers) -> Iterator[str]:
    if record.digests is None:
        return
    for subset, rows in answers.parts.items():
        if record.digests.get(subset) != answers.digest(rows):
            yield f"the {subset} predictions are not those that the record was made with (digest differs)"


def check_answers(record: ShortlistRecord, answers: Answers, found: Evaluation, split: SplitAgain) -> Iterator[str]:
    """Checks the out-of-fold answers of a configuration.

    Args:
        record: what cross-validation said.
        answers: the answers.
        found: scores of these answers.
        split: the study's labels and split.
    """
    which = f"out-of-fold answers of {record.job_id}"
    yield from (f"{which}: {text}" for text in _labels(answers, np.arange(len(answers)), split))
    if both := len(set(answers.clips.tolist()) & split.cores.get("test", frozenset())):
        yield f"{which}: {both:,} are of test clips"
    if not _equal(record.value, found.mean_recall_present):
        yield f"{which}: the record says {_percent(record.value)}, they give {_percent(found.mean_recall_present)}"
    if record.digest is not None and record.digest != answers.digest():
        yield f"{which}: they are not those that the record was made with (digest differs)"


def check_judgement(entry: EntryRecord, record: ShortlistRecord, study: StudyRecord) -> Iterator[str]:
    """Checks that an entry says of its cross-validation what that says of itself; this score selects entries.

    Args:
        entry: record of the entry.
        record: what cross-validation said of the configuration that the entry names.
        study: record of its study.
    """
    if entry.out_of_fold is None or not _equal(entry.out_of_fold, record.value):
        yield (
            f"the entry says {_percent(entry.out_of_fold)} out of fold, its cross-validation {_percent(record.value)}"
        )
    if not _equal(entry.search_value, record.search_value):
        yield (
            f"the entry says {_percent(entry.search_value)} in the search, its cross-validation "
            f"{_percent(record.search_value)}"
        )
    if not same_configuration(study.family, record.config, entry.config):
        yield f"its cross-validation (shortlist/{record.job_id}.json) is of another configuration"
    if entry.bag and entry.bag != len(record.folds):
        yield f"the entry says a bag of {entry.bag}, its cross-validation has {len(record.folds)} folds"


def check_entry(
    entry: EntryRecord,
    study: StudyRecord,
    fits: Iterable[TrialRecord],
    jobs: Iterable[str],
    runs: Iterable[LedgerLine],
    tried: Iterable[str] = (),
    recorded: Callable[[JobKind, str], TrialRecord | None] = lambda _kind, _job_id: None,
) -> Iterator[str]:
    """Checks an entry: its list of runs against folder and ledger, its configuration against theirs.

    Args:
        entry: record of the entry.
        study: record of its study.
        fits: records of its runs.
        jobs: ids of all runs in the study's folder.
        runs: final runs of the study that the ledger counts.
        tried: ids of runs that were broken off and wait to be repeated.
        recorded: returns the record of a fit by kind and id; None if there is none, or if it is damaged.
    """
    if entry.study != study.name or entry.family != study.family:
        yield f"the entry says study {entry.study} ({entry.family}), and lies in {study.name} ({study.family})"
    yield from _kind_of_runs(entry)
    here, counted = set(jobs), {line.job_id for line in runs}
    yield from _run_names(entry)
    yield from _run_list(entry, here, counted, set(tried))
    yield from _failed_runs(entry, here, counted - set(tried), recorded)
    answered: dict[str, set[str]] = {}
    for line in runs:
        if line.predictions is not None:
            answered.setdefault(line.job_id, set()).add(line.predictions)
    for fit in fits:
        if fit.study != study.name or not same_configuration(study.family, fit.config, entry.config):
            yield f"run {fit.job_id} is not of the entry's study and configuration"
        if fit.copied_parameters is not None and study.init is None:
            yield f"run {fit.job_id} began with the weights of another network, and the study names none"
        tested = (fit.digests or {}).get("test")
        if fit.job_id in answered and tested not in answered[fit.job_id]:
            yield f"run {fit.job_id}: the ledger counted other test predictions"
    first = recorded("search", JobId.parse(entry.refits[0]).trial) if entry.refits else None
    own = first is not None and same_configuration(study.family, first.config, entry.config)
    if first is not None and own and not _equal(first.value, entry.search_value):
        yield f"the entry says {_percent(entry.search_value)} in the search, its trial {_percent(first.value)}"


def _kind_of_runs(entry: EntryRecord) -> Iterator[str]:
    if entry.out_of_fold is not None and entry.shortlisted is None:
        yield f"the entry says {_percent(entry.out_of_fold)} out of fold, and names no cross-validation"
    kind = f"bag of {entry.bag}, finals '{entry.finals}'"
    role = "bag" if entry.bag else "final" if entry.finals == "all" else "refit"
    if role != "refit" and entry.out_of_fold is None:
        yield f"the entry has no score out of fold, and cross-validation decides on such runs ({kind})"
    runs = map(JobId.parse, entry.refits)
    if strange := [run for run in runs if run.is_numbered and run.role != role]:
        yield f"run {strange[0]} is not of the kind that the entry says ({kind})"


def _run_names(entry: EntryRecord) -> Iterator[str]:
    """Finds runs that are listed twice, or renamed so that the checks of numbers and seeds pass them over."""
    if not entry.refits:
        yield "it lists no run, and serbench never writes such an entry"
    if len(set(entry.refits)) < len(entry.refits):
        yield "it lists a run twice"
    if renamed := [job for job in entry.refits if not _is_usual(job)]:
        yield f"run {renamed[0]} is not named as serbench names runs (t0007-r1), so its seed cannot be checked"


def _is_usual(job_id: str) -> bool:
    """Whether a run is named as serbench names runs.

    >>> [_is_usual(job_id) for job_id in ("t0007-r1", "t0007-bag", "best-r1", "t7-r1", "t0007-r01")]
    [True, True, False, False, False]
    """
    run = JobId.parse(job_id)
    return run.is_numbered and job_id == str(replace(run, trial=f"{run.trial[0]}{run.number:04d}"))


def _run_list(entry: EntryRecord, jobs: set[str], counted: set[str], tried: set[str]) -> Iterator[str]:
    listed = {*entry.refits, *entry.failed_refits}
    runs = {JobId.parse(job).repeats for job in entry.refits}
    here = {job for job in jobs | counted if JobId.parse(job).repeats in runs}
    if hidden := sorted(here - listed):
        where = "in the folder" if hidden[0] in jobs else "counted in the ledger"
        yield f"{len(hidden)} of {len(here | listed)} runs are left out of its list, among them {hidden[0]} ({where})"
    for run in sorted(runs, key=str):
        numbers = {job.index for name in listed if (job := JobId.parse(name)).repeats == run and job.index is not None}
        # A generator: somebody else's record may list run 999,999,999.
        gaps = (str(replace(run, index=one)) for one in range(max(numbers, default=0)) if one not in numbers)
        if absent := next((job for job in gaps if job not in tried), None):
            yield f"run {absent} is missing before those that it lists (the same search command makes it)"
    if entry.looks < len(entry.refits):
        yield f"it says {entry.looks} evaluations of the test set, and lists {len(entry.refits)} runs"


def _failed_runs(
    entry: EntryRecord,
    jobs: set[str],
    counted: set[str],
    recorded: Callable[[JobKind, str], TrialRecord | None],
) -> Iterator[str]:
    """Finds runs that are called failed, so that their scores do not count, and were completed."""
    for job in entry.failed_refits:
        fit = recorded("refit", job) if job in jobs else None
        if fit is not None and fit.state == "completed":
            yield f"run {job} is called failed, and its record says completed"
        elif fit is not None and "test" in fit.scores:
            yield f"run {job} is called failed, and its record has a test score (state {fit.state})"
        elif job not in jobs and job in counted:
            yield f"run {job} is called failed, and the ledger counts its test predictions"


def check_seeds(study: StudyRecord, fits: Iterable[TrialRecord]) -> Iterator[str]:
    """Checks that final runs have the seeds of their numbers, so that a run cannot be renamed.

    Args:
        study: record of the study.
        fits: records of its final runs.
    """
    from serbench.training import SeedTree

    tree = SeedTree.of(study)
    for fit in fits:
        run = JobId.parse(fit.job_id)
        if run.is_numbered and run.index is not None and fit.seed != tree.refit(run.number, run.index):
            yield f"run {fit.job_id} has the seed {fit.seed}, which is not that of its number"
