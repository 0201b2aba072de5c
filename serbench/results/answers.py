"""`Answers`: a table of predictions as arrays, checked once and sorted by clip."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from serbench.errors import SerbenchError
from serbench.records import are_distributions, arrays_digest, read_arrow

__all__ = ["Answers", "one_copy", "read_answers"]

_T = TypeVar("_T", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Answers:
    """Predictions of some clips. All arrays have one order, that of the clips' ids.

    Attributes:
        clips: (n,) ids.
        labels: (n,) names of the true classes.
        true: (n,) indices of the true classes.
        probabilities: (n, C) as the file holds them, float32 or float64.
        parts: rows of each subset, in the order in which the subsets occur; empty if the table names none.
        columns: sorted names of all columns of probabilities, which the digest counts.
        values: (n, columns) these columns.
    """

    clips: NDArray[np.object_]
    labels: NDArray[np.object_]
    true: NDArray[np.int64]
    probabilities: NDArray[np.floating[Any]]
    parts: dict[str, NDArray[np.intp]]
    columns: tuple[str, ...]
    values: NDArray[np.floating[Any]]

    def __len__(self) -> int:
        return len(self.clips)

    def digest(self, rows: NDArray[np.intp] | None = None) -> str:
        """Returns `serbench.records.answers_digest` of some rows; None for all of them."""
        chosen: Any = slice(None) if rows is None else rows
        return arrays_digest(self.columns, self.clips[chosen], self.labels[chosen], self.values[chosen])


def read_answers(path: Path, labels: tuple[str, ...], study: str, columns: Sequence[str]) -> Answers:
    """Reads a table of predictions.

    Args:
        path: the Parquet file.
        labels: of the study.
        study: its name, for messages.
        columns: what the table must have beside the probabilities; `clip_id` and `label` are among them.

    Raises:
        SerbenchError: it is missing, damaged, or not of the study's labels.
    """
    table = read_arrow(path)
    needed = [*columns, *(f"p_{label}" for label in labels)]
    if missing := [column for column in needed if column not in table.column_names]:
        raise SerbenchError(f"{path} has no column '{missing[0]}'; remove its folder and run the search again")
    if not table.num_rows:
        raise SerbenchError(f"{path} has no row; remove it and run the search again")
    try:
        names = {column: _texts(table, column) for column in columns if column != "fold"}
        shares = tuple(sorted(name for name in table.column_names if name.startswith("p_")))
        values = _numbers(table, shares)
    except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
        raise SerbenchError(
            f"{path} is damaged ({str(error)[:200]}); remove its folder and run the search again"
        ) from None
    ids = names["clip_id"]
    order = None if _is_sorted(ids) else np.argsort(ids, kind="stable")
    if order is not None:
        names, values = {column: one[order] for column, one in names.items()}, values[order]
    true = _indices(names["label"], labels)
    if (true < 0).any():
        strange = sorted(set(names["label"]) - set(labels))
        raise SerbenchError(f"{path} has the label '{strange[0]}', which study '{study}' does not have")
    wanted = needed[len(columns) :]
    probabilities = values if tuple(wanted) == shares else values[:, [shares.index(name) for name in wanted]]
    if not np.isfinite(probabilities).all():
        raise SerbenchError(f"{path} holds a probability that is not a number; run the search again")
    if not are_distributions(probabilities):
        raise SerbenchError(
            f"{path} holds probabilities of a clip that do not sum to 1; remove its folder and run the search again"
        )
    parts = _parts(names["subset"]) if "subset" in names else {}
    return Answers(names["clip_id"], names["label"], true, probabilities, parts, shares, values)


@functools.lru_cache(maxsize=256)
def one_copy(value: _T) -> _T:
    """Returns one copy of equal values: the runs of a results folder are tested on few different sets of clips."""
    return value


def _texts(table: pa.Table, column: str) -> NDArray[np.object_]:
    found = table[column]
    if not pa.types.is_string(found.type):
        found = found.cast(pa.string())
    if found.null_count:
        raise ValueError(f"column '{column}' has no value in {found.null_count} rows")
    return np.asarray(found.to_numpy(), dtype=object)


def _numbers(table: pa.Table, columns: Sequence[str]) -> NDArray[np.floating[Any]]:
    parts = [table[name].to_numpy() for name in columns]
    if all(part.dtype == np.float32 for part in parts):
        return np.stack(parts, axis=1)
    return np.stack([part.astype(np.float64) for part in parts], axis=1)


def _is_sorted(ids: NDArray[np.object_]) -> bool:
    listed = ids.tolist()
    return all(map(str.__le__, listed, listed[1:]))


def _indices(names: NDArray[np.object_], labels: tuple[str, ...]) -> NDArray[np.int64]:
    """The place of each name among the labels; -1 for another name."""
    place = {label: index for index, label in enumerate(labels)}
    found = list(map(place.get, names.tolist()))
    return np.array([-1 if index is None else index for index in found] if None in found else found, dtype=np.int64)


def _parts(subsets: NDArray[np.object_]) -> dict[str, NDArray[np.intp]]:
    return {name: np.flatnonzero(subsets == name) for name in dict.fromkeys(subsets.tolist())}
