"""`--teacher`: finds the out-of-fold answers that the fits of a study learn from."""

from __future__ import annotations

import pandas as pd

from serbench.errors import SerbenchError, UsageError
from serbench.records import ProtocolFacts, ResultsFolder, StudyRecord, TaughtBy, digest_of
from serbench.search.transfer.entry import entry_of_fold
from serbench.search.transfer.heard import StudySplit, heard_by, starts_from_its_corpus
from serbench.training import TEACHER_SHARE, Teacher

__all__ = ["load_teacher", "recorded_teacher"]


def load_teacher(
    results: ResultsFolder, name: str, split: StudySplit, known: TaughtBy | None, *, provisional: bool = False
) -> TaughtBy:
    """Finds the out-of-fold answers of an entry, and checks that a study may learn from them.

    Args:
        results: results folder of the study and of the entry.
        name: the entry. Of one that pools folds, the answers of the same fold are taken.
        split: the study.
        known: what the study learned from when it began; None for a new study.
        provisional: whether clips may still be left out of the study. Then those of the teacher may be others.

    Raises:
        UsageError: there is no such entry, it has no out-of-fold answers, it is of other clips or labels or of another
            split, or its networks started from one that had heard these clips.
        SerbenchError: the answers are damaged.
    """
    if known is not None and known.entry == name:
        return known
    study, entry = entry_of_fold(results, name, split.record.protocol.fold, "--teacher")
    if entry.shortlisted is None:
        raise UsageError(
            f"--teacher: entry '{name}' has no out-of-fold answers; name one of a study that was searched with "
            "--shortlist"
        )
    theirs = study.record
    if other := _mismatch(theirs, split.record, any_clips=provisional):
        raise UsageError(f"--teacher: entry '{name}' has {other}; a teacher needs the same clips, labels and test set")
    if theirs.init is not None and starts_from_its_corpus(theirs):
        raise UsageError(
            f"--teacher: the networks of entry '{name}' started from '{theirs.init.entry}', which has heard the same "
            "clips, so its answers are not out of fold; name a teacher that started from random weights"
        )
    answers = study.folder.out_of_fold(entry.shortlisted)
    heard = heard_by(theirs.name, theirs.corpus, theirs.protocol, theirs.init, theirs.teacher)
    found = TaughtBy(
        entry=name,
        study=theirs.name,
        trial=entry.shortlisted,
        answers=_digest(answers),
        share=TEACHER_SHARE,
        heard=heard[1:],
    )
    answered = _teacher(answers, found, theirs.corpus.labels)
    if not provisional:
        _check_clips(answered, split, name)
    return found


def recorded_teacher(results: ResultsFolder, record: StudyRecord, teacher: TaughtBy) -> Teacher:
    """Reads the answers again that the fits of a study learn from.

    Raises:
        SerbenchError: they are no longer there, or were changed.
    """
    folder, what = results.study(teacher.study), f"the out-of-fold answers of entry '{teacher.entry}'"
    if teacher.study not in results.study_names() or teacher.trial not in folder.shortlisted_ids():
        raise SerbenchError(
            f"study '{record.name}' learns from {what} (trial {teacher.trial} of study '{teacher.study}'), which are "
            f"no longer in {results.root}; restore them"
        )
    answers = folder.out_of_fold(teacher.trial)
    if _digest(answers) != teacher.answers:
        raise SerbenchError(
            f"study '{record.name}' learns from {what}, which have changed since in {folder.path / 'shortlist'}; "
            "restore them"
        )
    return _teacher(answers, teacher, record.corpus.labels)


def _mismatch(theirs: StudyRecord, ours: StudyRecord, *, any_clips: bool) -> str:
    """What differs between the teacher's study and the student's, in a few words; '' if nothing does."""
    corpus, protocol = theirs.corpus, theirs.protocol
    vanishing = any_clips and set(corpus.labels) <= set(ours.corpus.labels)  # classes whose clips are all left out
    if corpus.label_source != ours.corpus.label_source or (corpus.labels != ours.corpus.labels and not vanishing):
        return f"other labels ({', '.join(corpus.labels)}; {corpus.label_source})"
    if corpus.digest != ours.corpus.digest and not any_clips:
        return f"other clips (corpus {corpus.name}, {corpus.clips:,} clips)"
    if protocol.hash != ours.protocol.hash:
        return f"another split ({_split_text(protocol)}; here {_split_text(ours.protocol)})"
    if protocol.fold != ours.protocol.fold:
        return f"another split (fold {protocol.fold}; here fold {ours.protocol.fold})"
    return ""


def _split_text(protocol: ProtocolFacts) -> str:
    return (
        f"protocol {protocol.name}, {protocol.validation_core} % to validate, {protocol.test_core} % to test, split "
        f"seed {protocol.split_seed}"
    )


def _check_clips(teacher: Teacher, split: StudySplit, name: str) -> None:
    """Every clip outside the test core needs an answer, and no clip inside may have one."""
    left_out = split.clips["clip_id"].iloc[list(split.plan.core_split.left_out)]
    tested, free = set(split.tested["clip_id"].astype(str)), set(left_out.astype(str))
    what = f"--teacher: the out-of-fold answers of '{name}'"
    if strange := sorted(set(teacher.answers) & tested):
        raise SerbenchError(f"{what} contain the test clip '{strange[0]}'; restore them")
    if missing := sorted(set(split.clips["clip_id"].astype(str)) - tested - free - set(teacher.answers)):
        raise SerbenchError(f"{what} lack the clip '{missing[0]}'; restore them")


def _teacher(answers: pd.DataFrame, teacher: TaughtBy, labels: tuple[str, ...]) -> Teacher:
    columns = [f"p_{label}" for label in labels]
    if absent := [name for name in ("clip_id", *columns) if name not in answers]:
        raise SerbenchError(f"the out-of-fold answers of '{teacher.entry}' have no column '{absent[0]}'; restore them")
    rows = answers[columns].to_numpy(dtype=float).tolist()
    return Teacher(labels, dict(zip(answers["clip_id"].astype(str), map(tuple, rows), strict=True)), teacher.share)


def _digest(answers: pd.DataFrame) -> str:
    """Digest of the answers, whatever the order of their rows and the writer of their file."""
    columns = sorted(name for name in map(str, answers) if name.startswith("p_"))
    rows = answers[columns].to_numpy(dtype=float).tolist()
    return digest_of([columns, sorted(zip(answers["clip_id"].astype(str), rows, strict=True))], length=32)
