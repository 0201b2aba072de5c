"""What an audit is of: the entry, its folder, and a lock that keeps a second audit of it away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from serbench.errors import SerbenchError, UsageError
from serbench.records import ResultsFolder, StudyFolder, fold_name, run_name, writing
from serbench.results import Results, ScoredEntry

__all__ = ["audited_entry", "entry_folder", "locked_audit"]


@contextlib.contextmanager
def locked_audit(path: Path, mend: str = "") -> Iterator[None]:
    """Prevents two audits of one entry at once: the second would miss what the first is still computing.

    Args:
        path: path of the entry's audit record.
        mend: what can be done besides waiting, as the end of a sentence.

    Raises:
        SerbenchError: another process is auditing the entry.
    """
    lock = filelock.FileLock(path.with_name(f".{path.stem}.lock"))
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            raise SerbenchError(
                f"entry '{path.stem}' is being audited by another serbench process; wait for it to end{mend}"
            ) from None
    try:
        yield
    finally:
        lock.release()


def audited_entry(results: Results, name: str) -> ScoredEntry:
    """Returns the entry of this name, or the selected entry of the study or cross-validation of this name.

    Raises:
        UsageError: there is no such entry or study, or the entry is an ensemble.
        SerbenchError: a record is damaged, so the selected entry is unknown.
    """
    studies = [study for study in results.studies if run_name(study.record.name) == name or study.record.name == name]
    if not studies:
        tested = results.scored_entry(name)
        if tested.entry.members:
            raise UsageError(f"entry '{name}' is an ensemble, not a single model; audit one of its members")
        return tested
    try:
        chosen = results.chosen(name)
    except SerbenchError as error:
        raise SerbenchError(f"cannot find out which entry of study '{name}' is selected: {error}") from None
    if chosen is not None:
        return chosen
    raise UsageError(
        f"study '{name}' has no tested entry yet (cross-validation needs all its folds); run the same search command "
        "again to finish it"
    )


def entry_folder(results: ResultsFolder, tested: ScoredEntry) -> StudyFolder:
    """Returns the folder of the entry's study, or of its first fold in cross-validation."""
    name = tested.study.name
    return results.existing_study(name if tested.study.protocol.folds == 1 else fold_name(name, 1))
