"""What one study takes over: resolved when it begins, and read again from its record."""

from __future__ import annotations

from serbench.records import ResultsFolder, StudyFolder, StudyRecord
from serbench.search.transfer.heard import StudySplit, check_unheard
from serbench.search.transfer.init import load_init, recorded_init
from serbench.search.transfer.teacher import load_teacher, recorded_teacher
from serbench.search.transfer.transfer import NO_TRANSFER, Transfer

__all__ = ["recorded_transfer", "with_transfer"]


def with_transfer(
    results: ResultsFolder, split: StudySplit, init: str | None, teacher: str | None, *, provisional: bool = False
) -> StudyRecord:
    """Returns the record of a study with the network that it starts from and the answers that it learns from.

    Args:
        results: results folder of the study.
        split: the study. One that has already begun keeps what it began with, if the same names are asked for.
        init: an entry, or the folder of a bundle; None for random weights.
        teacher: an entry; None to learn from labels alone.
        provisional: whether clips may still be left out of the study. Then it is not asked whether its clips are those
            of another study; ask again without it.

    Raises:
        UsageError: a name is unknown or does not fit the study, or the network has heard a test speaker.
        SerbenchError: a model or the answers are missing or damaged.
    """
    record = split.record
    if init is None and teacher is None:
        return record
    folder = results.study(record.name)
    known = folder.record() if folder.record_path.exists() else None
    if init is not None:
        network, _ = load_init(results, init, record, known.init if known else None)
        name = f"bundle '{init}'" if network.bundle else f"entry '{init}'"
        check_unheard(results, name, network.heard, split, provisional=provisional)
        record = record.model_copy(update={"init": network})
    if teacher is not None:
        answers = load_teacher(results, teacher, split, known.teacher if known else None, provisional=provisional)
        record = record.model_copy(update={"teacher": answers})
    return record


def recorded_transfer(results: ResultsFolder, folder: StudyFolder, record: StudyRecord) -> Transfer:
    """Reads again what the fits of a study take over.

    Args:
        results: results folder of the study.
        folder: folder of the study.
        record: its record.

    Raises:
        SerbenchError: the model or the answers are no longer there, or were changed.
    """
    if record.init is None and record.teacher is None:
        return NO_TRANSFER
    return Transfer(
        b"" if record.init is None else recorded_init(results, folder, record.init),
        () if record.init is None else record.init.labels,
        None if record.teacher is None else recorded_teacher(results, record, record.teacher),
    )
