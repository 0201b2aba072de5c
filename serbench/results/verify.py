"""`verify_results`: checks every study of a results folder, whether its files can be those of one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ParamSpec

from pydantic import Field

from serbench.errors import SerbenchError
from serbench.records import FrozenModel, ShortlistRecord, TrialRecord
from serbench.results.checks import check_answers, check_fit, check_seeds
from serbench.results.loaded_study import LoadedStudy
from serbench.results.results import Results
from serbench.results.scored_entry import score_answers, score_fit

__all__ = ["StudyCheck", "Verification", "require_sound", "verify_results"]


P = ParamSpec("P")


class StudyCheck(FrozenModel):
    """What the checks of one study found."""

    study: str
    entries: int
    fits: int
    problems: tuple[str, ...] = Field(description="what cannot be true, or cannot be read")
    unchecked: tuple[str, ...] = Field(description="what cannot be checked")


class Verification(FrozenModel):
    """What the checks of a results folder found."""

    studies: tuple[StudyCheck, ...]
    problems: tuple[str, ...] = Field(description="of no study: references, the ledger, studies that cannot be read")

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not any(study.problems for study in self.studies)


def verify_results(results: Results) -> Verification:
    """Checks labels against clips, clips against the split, scores against predictions, and runs against the folder.

    Reads every record and every table of predictions; trains nothing.

    Args:
        results: the results folder.
    """
    studies = tuple(_study(study) for study in results.studies)
    lost = [one.sentence for one in results.damaged if one.kind == "study"]
    return Verification(studies=studies, problems=(*lost, *_references(results), *_ledger(results)))


def require_sound(results: Results, study: LoadedStudy, entry_id: str | None = None) -> None:
    """Refuses a study or an entry that fails its checks.

    Args:
        results: the results folder.
        study: the study.
        entry_id: the entry; None for the whole study.

    Raises:
        SerbenchError: the checks failed; the message has the first problem.
    """
    found = list(dict.fromkeys(_problems(study, entry_id)))
    if found:
        what = f"study '{study.name}'" if entry_id is None else f"entry '{entry_id}'"
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise SerbenchError(
            f"{what} fails its checks: {found[0]}{more}; `serbench verify {results.root}` lists all, restore the files "
            "from a copy or search again"
        )


def _study(study: LoadedStudy) -> StudyCheck:
    fits = study.fits.all
    problems = tuple(dict.fromkeys(_problems(study)))
    try:
        unchecked = study.split.unchecked
    except SerbenchError:  # it is among the problems
        unchecked = ()
    return StudyCheck(
        study=study.name,
        entries=len(study.entry_ids),
        fits=len(fits),
        problems=problems,
        unchecked=unchecked,
    )


def _problems(study: LoadedStudy, entry_id: str | None = None) -> Iterator[str]:
    """Checks everything that a study holds, or one entry with all that it rests on. Reads all predictions.

    Yields:
        What cannot be true, and what cannot be read.
    """
    of_split = _or_error(_of_split, study)
    yield from of_split
    for one in study.entry_ids if entry_id is None else (entry_id,):
        found = _or_error(_of_entry, study, one)
        yield from (f"entry {one}: {text}" for text in found if text not in of_split)
    yield from check_seeds(study.record, study.fits.refits)
    if entry_id is not None:
        return
    entered = {job for entry in study.entries for job in entry.refits}
    for fit in study.fits.all:
        table = study.folder.predictions_path(fit.kind, fit.job_id)
        if fit.job_id not in entered and table.is_file():
            yield from _or_error(_of_fit, study, fit)
    for record in (one for one in study.shortlist if one.answers_kept):
        yield from _or_error(_of_answers, study, record)
    yield from (one.sentence for one in study.damaged if one.kind == "fit")


def _of_split(study: LoadedStudy) -> tuple[str, ...]:
    return study.split.problems


def _of_entry(study: LoadedStudy, entry_id: str) -> tuple[str, ...]:
    return study.scored(entry_id).problems


def _of_fit(study: LoadedStudy, fit: TrialRecord) -> Iterator[str]:
    table, evaluations = score_fit(study.folder, study.record, fit.kind, fit.job_id)
    return check_fit(fit, table, evaluations, study.split)


def _of_answers(study: LoadedStudy, record: ShortlistRecord) -> Iterator[str]:
    return check_answers(record, *score_answers(study.folder, study.record, record.job_id), study.split)


def _or_error(check: Callable[P, Iterable[str]], *what: P.args, **more: P.kwargs) -> tuple[str, ...]:
    """What a check found; where a file cannot be read, that."""
    try:
        return tuple(check(*what, **more))
    except SerbenchError as error:
        return (str(error),)


def _references(results: Results) -> Iterable[str]:
    groups = results.board().groups if any(study.entry_ids for study in results.studies) else ()
    return [
        f"{group.title}: {note}" for group in groups for note in group.notes if note.startswith("reference left out")
    ]


def _ledger(results: Results) -> Iterable[str]:
    unreadable = results.folder.ledger.read()[1]
    return [f"{unreadable} lines of the ledger cannot be read ({results.folder.ledger.root})"] if unreadable else []
