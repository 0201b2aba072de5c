"""Copies studies for a repository or a paper: what every number can be rebuilt from, and nothing heavy or private."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from serbench.errors import UsageError
from serbench.records.files import publish_folder, writing
from serbench.records.references import ReferenceFolder
from serbench.records.results import ResultsFolder
from serbench.records.schemas import JobKind
from serbench.records.study_folder import StudyFolder

__all__ = ["publish_studies"]

_LEFT_OUT = "train"
"""Predictions of training clips are most of a refit's; its record keeps their scores."""


def publish_studies(results: ResultsFolder, names: Iterable[str], to: Path) -> Iterator[tuple[str, int]]:
    """Copies studies with their references and audits, each whole or not at all, over earlier copies.

    Records, tables of clips and predictions go along; weights, Optuna's database, attempts that were broken off, logs
    of crashes and paths of this machine do not.

    Args:
        results: where the studies lie.
        names: of studies.
        to: a results folder, which need not exist.

    Yields:
        Each study's name and the bytes of its copy.

    Raises:
        UsageError: there is no such study, or `to` is the folder that they lie in.
        SerbenchError: a record is damaged, or `to` cannot be written.
    """
    if to.resolve() == results.root.resolve():
        raise UsageError(f"{to} is the folder that the studies lie in; name another one")
    folders = [results.existing_study(name) for name in names]
    target = ResultsFolder(to)
    target.prepare()
    for folder in folders:
        copy = target.study(folder.path.name)
        with writing(copy.path):
            shutil.rmtree(copy.path, ignore_errors=True)
        with publish_folder(copy.path) as temporary:
            _copy_study(folder, StudyFolder(temporary))
        source, place = (ReferenceFolder.of(root, folder.record()) for root in (results.root, to))
        for name in source.names():
            record, table = source.load(name)
            with place.exclusively():
                place.publish(record, table)
        yield folder.path.name, sum(file.stat().st_size for file in copy.path.rglob("*") if file.is_file())


def _copy_study(source: StudyFolder, copy: StudyFolder) -> None:
    source.record().save(copy.record_path)
    _write(source.clips(), copy.clips_path)
    kinds: tuple[JobKind, ...] = ("search", "probe", "refit")
    for kind in kinds:
        for record in source.jobs(kind):
            place = copy.job_path(kind, record.job_id)
            record.save(place / "record.json")
            if kind == "refit" and (source.job_path(kind, record.job_id) / "predictions.parquet").is_file():
                table = source.predictions(kind, record.job_id)
                _write(table[table["subset"] != _LEFT_OUT], place / "predictions.parquet")
    for entry in source.entries():
        copy.save_entry(entry)
    _copy_audits(source.path / "audits", copy.path / "audits")


def _copy_audits(source: Path, copy: Path) -> None:
    """What audits found, and the records of what they fitted: those took looks at a test core, which are counted."""
    for audit in sorted(source.glob("*.json")):
        if audit.name != "serbench.json":
            copy.mkdir(exist_ok=True)
            shutil.copyfile(audit, copy / audit.name)
    for again, study in ResultsFolder(source).studies():
        place = ResultsFolder(copy).study(study.name)
        study.save(place.record_path)
        for record in again.jobs("refit"):
            record.save(place.job_path("refit", record.job_id) / "record.json")


def _write(table: pd.DataFrame, path: Path) -> None:
    table.reset_index(drop=True).to_parquet(path, index=False, compression="zstd")
