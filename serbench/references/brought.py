"""Predictions that somebody brings from another tool: read, checked against a test set, and kept like a reference's."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import serbench
from serbench.corpora import read_columns, table_header
from serbench.errors import SerbenchError, UsageError, nearest
from serbench.records import (
    LedgerLine,
    ReferenceFolder,
    ReferenceRecord,
    ResultsFolder,
    digest_of,
    now,
)
from serbench.records.predictions import SHARES
from serbench.references.task import ReferenceTask

__all__ = ["BROUGHT", "Brought", "keep_brought", "read_brought"]

BROUGHT = "brought-"
"""What the names of brought predictions begin with."""

_NAMED = 3
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Brought:
    """Predictions of every test clip of a task.

    Attributes:
        clip_ids: (n,) clips, in the order of the file.
        shares: (n, C) probability of each label; rows sum to 1.
        soft: whether the file holds probabilities, and not one label a clip.
    """

    clip_ids: tuple[str, ...]
    shares: NDArray[np.float64]
    soft: bool


def read_brought(path: Path, labels: Sequence[str]) -> Brought:
    """Reads a CSV or Parquet file of predictions, which is not trusted.

    Args:
        path: a table with a column `clip_id`, and either one column `p_<label>` for each label or a column `label`.
        labels: the C labels.

    Raises:
        SerbenchError: the table cannot be read, or a value in it is not what its column says.
    """
    if not path.is_file():
        raise SerbenchError(f"{path} is not a file; pass a CSV or Parquet table of predictions")
    header = table_header(path)
    if "clip_id" not in header:
        raise SerbenchError(
            f"{path} has no column 'clip_id' (columns: {', '.join(header[:10])}); name each test clip in one, as the "
            "form of `serbench task` does"
        )
    columns = [f"p_{label}" for label in labels]
    if set(columns) <= set(header):
        table = read_columns(path, ("clip_id", *columns))
        return Brought(_clip_ids(path, table), _probabilities(path, table, columns), soft=True)
    if "label" in header:
        table = read_columns(path, ("clip_id", "label"))
        return Brought(_clip_ids(path, table), _one_hot(path, table, labels), soft=False)
    missing = next(column for column in columns if column not in header)
    others = [column for column in header if column != "clip_id" and column not in columns]
    extra = f"; of no label: {', '.join(others[:_NAMED])}" if others else ""
    raise SerbenchError(f"{path} has no column '{missing}'{extra}; give one for each label, or a column 'label'")


def _clip_ids(path: Path, table: pd.DataFrame) -> tuple[str, ...]:
    ids = table["clip_id"]
    if ids.isna().any():
        raise SerbenchError(f"{path}: row {int(ids.isna().to_numpy().argmax()) + 1} has no clip_id")
    if ids.duplicated().any():
        raise SerbenchError(f"{path} has clip '{ids[ids.duplicated()].iloc[0]}' more than once; give each clip one row")
    return tuple(ids)


def _probabilities(path: Path, table: pd.DataFrame, columns: list[str]) -> NDArray[np.float64]:
    numbers = table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~(np.isfinite(numbers) & (numbers >= 0)).all(axis=1) | ~(np.abs(numbers.sum(axis=1) - 1) <= 0.01)
    if np.isnan(numbers).all():
        raise SerbenchError(f"{path} has no probability in it; fill the form in")
    if wrong.any():
        row = int(wrong.argmax())
        raise SerbenchError(
            f"{path}: the probabilities of clip '{table['clip_id'].iloc[row]}' are not numbers of 0 or more that sum "
            f"to 1 ({', '.join(map(str, table[columns].iloc[row]))}); normalise them, or give labels instead"
        )
    shares: NDArray[np.float64] = numbers / numbers.sum(axis=1, keepdims=True)
    return shares


def _one_hot(path: Path, table: pd.DataFrame, labels: Sequence[str]) -> NDArray[np.float64]:
    places = pd.Index(labels).get_indexer(pd.Index(table["label"]))
    if (places < 0).any():
        row = int((places < 0).argmax())
        found = table["label"].iloc[row]
        guess = nearest(str(found), labels)
        meant = f"; did you mean '{guess}'?" if guess else ""
        raise SerbenchError(
            f"{path}: clip '{table['clip_id'].iloc[row]}' has label '{found}', which the study does not have{meant} "
            f"Labels: {', '.join(labels)}"
        )
    shares: NDArray[np.float64] = np.eye(len(labels))[places]
    return shares


def keep_brought(
    results: ResultsFolder, tasks: Sequence[ReferenceTask], brought: Brought, name: str, note: str = ""
) -> str:
    """Keeps predictions as a row of the study's table, and counts them as one evaluation of the test set.

    The most probable label of a clip is scored.

    Args:
        results: the results folder.
        tasks: the study's test set; of a folded protocol one for each fold.
        brought: the predictions.
        name: what made them, for tables.
        note: a few words on how.

    Returns:
        The name under which they are kept.

    Raises:
        UsageError: the name is not one, or other predictions are kept under it.
        SerbenchError: test clips are missing, clips are not of the test set, or the folder cannot be written.
    """
    kept = _kept_name(name)
    brought, form = _with_clip_ids(tasks, brought)
    rows = _rows(tasks, brought, form)
    order = sorted(range(len(brought.clip_ids)), key=brought.clip_ids.__getitem__)
    digest = digest_of([[brought.clip_ids[row] for row in order], brought.shares[order].tolist()], length=32)
    folders = [ReferenceFolder.of(results.root, task.study) for task in tasks]
    with contextlib.ExitStack() as locks:
        for folder in sorted(folders, key=lambda one: one.path):  # one order for all processes, so none waits for ever
            locks.enter_context(folder.exclusively())
        there = [folder.load(kept)[1] if kept in folder.names() else None for folder in folders]
        tables = [_table(task, brought.shares[chosen]) for task, chosen in zip(tasks, rows, strict=True)]
        if not all(known is None or _alike(known, mine) for known, mine in zip(there, tables, strict=True)):
            raise UsageError(
                f"other predictions are kept as '{name}' on this test set, and each evaluation of it counts; bring "
                "these under another --name"
            )
        for task, table, folder, known in zip(tasks, tables, folders, there, strict=True):
            if known is None:  # else the test set knows them, maybe by another study
                results.ledger.append_once(LedgerLine.of(task.study, kept, "brought", predictions=digest))
            folder.publish(_record(task, kept, name, note, digest, soft=brought.soft), table)
    return kept


def _alike(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two kept tables hold the same predictions."""
    columns = [name for name in map(str, other.columns) if name.startswith(SHARES)]
    if not set(columns) <= set(one) or list(one["clip_id"].astype(str)) != list(other["clip_id"].astype(str)):
        return False
    return np.array_equal(one[columns].to_numpy(), other[columns].to_numpy())


def _table(task: ReferenceTask, given: NDArray[np.float64]) -> pd.DataFrame:
    """The table that is kept: the most probable label (`p_`), which is scored, and what was given (`given_`)."""
    clips = task.clips.iloc[list(task.split.test)]
    table = pd.DataFrame({column: clips[column].to_numpy() for column in ("clip_id", "label", "speaker")})
    decided = given.argmax(axis=1)  # as for our own networks; references may divide a clip, predictions may not
    for place, label in enumerate(task.labels):
        table[f"p_{label}"] = (decided == place).astype(np.float64)
        table[f"given_{label}"] = given[:, place]
    return table


def _kept_name(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-.")
    if not plain or len(name) > _LONGEST_NAME:
        raise UsageError(f"--name '{name}' needs a letter or digit, and at most {_LONGEST_NAME} characters")
    return BROUGHT + plain


def _with_clip_ids(tasks: Sequence[ReferenceTask], brought: Brought) -> tuple[Brought, Mapping[str, str]]:
    """Puts clip ids in place of the names in the form of `serbench task`. Returns these names by clip id, if used."""
    names = {name: clip for task in tasks for name, clip in task.test_names.items()}
    ids = tuple(names.get(name, name) for name in brought.clip_ids)
    if ids == brought.clip_ids:
        return brought, {}
    if len(set(ids)) < len(ids):
        raise SerbenchError(
            "a clip has two predictions, under its name in the form and under its clip id; leave one out"
        )
    return replace(brought, clip_ids=ids), {clip: name for name, clip in names.items()}


def _rows(tasks: Sequence[ReferenceTask], brought: Brought, form: Mapping[str, str]) -> list[list[int]]:
    """Places in the file of each task's test clips, in the order of the test set."""
    places = {clip: place for place, clip in enumerate(brought.clip_ids)}
    asked = [task.clips["clip_id"].iloc[list(task.split.test)].astype(str).tolist() for task in tasks]
    tested = {clip for clips in asked for clip in clips}
    if missing := [clip for clips in asked for clip in clips if clip not in places]:
        lack = "has" if len(missing) == 1 else "have"
        some = ", ".join(form.get(clip, clip) for clip in missing[:_NAMED])
        raise SerbenchError(
            f"{len(missing):,} of {len(tested):,} test clips {lack} no prediction (among them {some}); `serbench task` "
            "writes a form with all of them"
        )
    if strange := [clip for clip in brought.clip_ids if clip not in tested]:
        raise SerbenchError(
            f"{len(strange):,} {'prediction is' if len(strange) == 1 else 'predictions are'} of clips outside the test "
            f"set (among them {', '.join(strange[:_NAMED])}); leave them out"
        )
    return [[places[clip] for clip in clips] for clips in asked]


def _record(task: ReferenceTask, kept: str, name: str, note: str, digest: str, *, soft: bool) -> ReferenceRecord:
    study = task.study
    return ReferenceRecord(
        name=kept,
        title=f"{name} (brought)",
        detail=note or "predictions brought from another tool",
        corpus=study.corpus.name,
        corpus_digest=study.corpus.digest,
        protocol=study.protocol.name,
        protocol_hash=study.protocol.hash,
        fold=study.protocol.fold,
        labels=task.labels,
        settings={"digest": digest, "given": "probabilities" if soft else "labels"},
        seconds=0.0,
        serbench=serbench.__version__,
        created=now(),
    )
