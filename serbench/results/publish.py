"""Copies studies for a repository or a paper: all that is needed to rebuild every number, nothing large or private.

The ledger goes with them: every evaluation of their test sets, by other studies and under other split seeds, too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import get_args

from serbench.errors import SerbenchError, UsageError, first_line
from serbench.printable import without_paths
from serbench.records import (
    JobKind,
    ReferenceFolder,
    ResultsFolder,
    StudyFolder,
    TrialRecord,
    answers_digest,
    bare_parquet,
    read_text,
    study_id,
    write_predictions,
    write_text_atomic,
)
from serbench.references import BROUGHT
from serbench.results.results import Results
from serbench.results.verify import require_sound

__all__ = ["publish_studies"]

_LEFT_OUT = "train"
"""Predictions on training clips are left out: they are most of a file's size, and the record keeps their scores."""


def publish_studies(results: ResultsFolder, names: Iterable[str], to: Path) -> Iterator[tuple[str, int]]:
    """Copies studies with their references and audits into another results folder, replacing earlier copies.

    Each study is copied completely or not at all. Records, clip tables and predictions are copied; studies of the
    same clips share one table. Out-of-fold answers are copied for configurations that became entries. Model weights,
    Optuna's database, interrupted attempts, crash logs and paths of this machine are not copied.

    Args:
        results: the folder that holds the studies.
        names: of the studies, or of runs with folds: all folds of a run are copied.
        to: the results folder to copy to; created if it does not exist.

    Yields:
        Each study's name and the bytes of its copy.

    Raises:
        UsageError: a study does not exist or is running, `to` is the folder of the originals, or holds another study,
            or other brought predictions, of that name.
        SerbenchError: a record is damaged, a study fails its checks, or `to` cannot be written.
    """
    if to.resolve() == results.root.resolve():
        raise UsageError(f"{to} is the folder that the studies are in already; name another one")
    folders = [results.existing_study(study) for study in _with_folds(results, names)]
    found = Results(results.root)
    for folder in folders:
        require_sound(found, found.study(folder.path.name))
    target = ResultsFolder(to)
    for folder in folders:
        _check_replaceable(folder, target.study(folder.path.name))
        for audit in _audits(folder):
            _told_without_paths(audit)
        _check_brought(*(ReferenceFolder.of(root, folder.record()) for root in (results.root, to)))
    target.prepare()
    _copy_ledger(found, folders, target)
    for folder in folders:
        copy = target.study(folder.path.name)
        with target.replace_study(folder.path.name) as temporary:
            _copy_study(folder, StudyFolder(temporary))
        source, place = (ReferenceFolder.of(root, folder.record()) for root in (results.root, to))
        for name in source.names():
            record, table = source.load(name)
            with place.exclusively():
                place.publish(record, table, compact=True)
        yield folder.path.name, sum(file.stat().st_size for file in copy.path.rglob("*") if file.is_file())


def _with_folds(results: ResultsFolder, names: Iterable[str]) -> list[str]:
    """Names of studies, with that of a run replaced by those of its folds; each once."""
    known = results.study_names()
    found: dict[str, None] = {}
    for name in names:
        folds = [] if name in known else results.folds(name)
        found.update(dict.fromkeys(folds or [name]))
    return list(found)


def _check_replaceable(study: StudyFolder, copy: StudyFolder) -> None:
    """Refuses to copy a study that is running, and to replace what is no earlier copy of it."""
    if study.is_running():
        raise UsageError(
            f"study '{study.path.name}' is being run by a serbench process, so nothing was published; wait for it, or "
            "stop it first"
        )
    if not copy.record_path.is_file():
        return
    name, root = copy.path.name, copy.path.parent.parent
    if copy.is_running():
        raise UsageError(f"{copy.path} is being run by a serbench process; publish to another folder with --to")
    if study_id(copy.record()) != study_id(study.record()):
        raise UsageError(
            f"{root} holds another study named '{name}' already, so nothing was published; publish to another folder "
            f"with --to, or delete that one first: serbench study remove {name} --results {root}"
        )


def _check_brought(source: ReferenceFolder, target: ReferenceFolder) -> None:
    """Refuses to replace brought predictions by others of the same name."""
    there = [name for name in target.names() if name.startswith(BROUGHT)]
    for name in set(there) & set(source.names()):
        mine, known = answers_digest(source.load(name)[1]), _answers_of(target, name)
        if known not in {None, mine}:
            raise UsageError(
                f"{target.path} holds other predictions named '{name.removeprefix(BROUGHT)}' on this test set, so "
                "nothing was published; publish to another folder with --to, or bring yours under another --name"
            )


def _answers_of(folder: ReferenceFolder, name: str) -> str | None:
    """Digest of a reference's answers; None if it is damaged, so that it may be copied anew."""
    try:
        return answers_digest(folder.load(name)[1])
    except SerbenchError:
        return None


def _copy_ledger(found: Results, folders: Iterable[StudyFolder], target: ResultsFolder) -> None:
    lines = found.evaluations
    names = {folder.path.name for folder in folders}
    names |= {study.name for folder in folders for _, study in ResultsFolder(folder.path / "audits").studies()}
    families = {line.family for line in lines if line.study in names}
    target.ledger.append(target.ledger.missing(line for line in lines if line.family in families))


def _copy_study(source: StudyFolder, copy: StudyFolder) -> None:
    source.record().save(copy.record_path, compact=True)
    copy.share_clips(bare_parquet(source.clips()))
    kinds: tuple[JobKind, ...] = get_args(JobKind)
    for kind in kinds:
        for record in source.jobs(kind):
            place = copy.job_path(kind, record.job_id)
            _shortened(record).save(place / "record.json", compact=True)
            if kind == "refit" and source.predictions_path(kind, record.job_id).is_file():
                table = source.predictions(kind, record.job_id)
                write_predictions(table[table["subset"] != _LEFT_OUT], place / "predictions.parquet")
    for entry in source.entries():
        copy.save_entry(entry, compact=True)
    _copy_shortlist(source, copy, {entry.shortlisted for entry in source.entries()})
    _copy_audits(source, copy)


def _copy_shortlist(source: StudyFolder, copy: StudyFolder, entered: Collection[str | None]) -> None:
    """Copies what cross-validation said, and of configurations that became entries the answers, too."""
    for job_id in source.shortlisted_ids():
        record = source.shortlisted(job_id)
        answers = source.out_of_fold(job_id) if job_id in entered else None
        copy.save_shortlisted(record, answers, compact=True)


def _copy_audits(source: StudyFolder, copy: StudyFolder) -> None:
    """Copies audits. Their fits stay behind: an audit has their scores, and the ledger their evaluations."""
    for audit in _audits(source):
        (copy.path / "audits").mkdir(exist_ok=True)
        write_text_atomic(copy.path / "audits" / audit.name, _told_without_paths(audit))


def _audits(study: StudyFolder) -> list[Path]:
    return sorted(path for path in (study.path / "audits").glob("*.json") if path.name != "serbench.json")


def _told_without_paths(audit: Path) -> str:
    """An audit's JSON, without the paths in what it says of a check that failed."""
    text, changed = read_text(audit), False
    try:
        raw = json.loads(text)
        conditions = [one for part in raw.get("robustness", ()) for one in part["conditions"]]
        for one in [*raw.get("findings", ()), *conditions]:
            for name in {"verdict", "not_measured"} & one.keys():
                plain = without_paths(str(one[name]))
                changed |= plain != one[name]
                one[name] = plain
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError) as error:
        reason = first_line(error)
        raise SerbenchError(f"{audit} cannot be read ({reason}); remove it, an audit can be made again") from None
    return json.dumps(raw, ensure_ascii=False) if changed else text


def _shortened(record: TrialRecord) -> TrialRecord:
    """Rounds the learning curve to four digits: most of a record's size, and read by figures alone. Cuts paths.

    What a crash said may name the home folder of whoever ran the study.
    """
    rounded = []
    for epoch in record.epochs:
        values = epoch.model_dump()
        short = {name: float(f"{value:.4g}") for name, value in values.items() if isinstance(value, float)}
        rounded.append(epoch.model_copy(update=short))
    error = None if record.error is None else without_paths(record.error)
    return record.model_copy(update={"epochs": tuple(rounded), "error": error})
