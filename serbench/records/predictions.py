"""Digests of predictions, which bind a record to the Parquet file beside it, and that file in little space."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["answers_digest", "arrays_digest", "prediction_digests", "write_predictions"]

_LEVEL = 19
_ENCODINGS = {"f": "BYTE_STREAM_SPLIT", "i": "DELTA_BINARY_PACKED", "O": "DELTA_BYTE_ARRAY"}


def prediction_digests(table: pd.DataFrame) -> dict[str, str]:
    """Returns the digest of each subset of a fit's predictions, so that a copy without training clips keeps the others.

    Args:
        table: predictions, see `serbench.records.schemas`.
    """
    return {str(subset): answers_digest(part) for subset, part in table.groupby("subset", sort=True)}


def answers_digest(table: pd.DataFrame) -> str:
    """Returns the SHA-256 (32 hex digits) of predictions, whatever the order of their rows and the writer of the file.

    Args:
        table: columns `clip_id`, `label` and one `p_<label>` for each label; others do not matter.
    """
    shares = sorted(name for name in map(str, table) if name.startswith("p_"))
    ids = table["clip_id"].astype(str).to_numpy(dtype=object)
    order = np.argsort(ids, kind="stable")
    labels = table["label"].astype(str).to_numpy(dtype=object)
    return arrays_digest(shares, ids[order], labels[order], table[shares].to_numpy(dtype="<f8")[order])


def arrays_digest(
    columns: Sequence[str], ids: NDArray[np.object_], labels: NDArray[np.object_], values: NDArray[np.floating[Any]]
) -> str:
    """Returns the digest of predictions that are sorted by id.

    Args:
        columns: sorted names of the columns of probabilities.
        ids: (n,) of clips.
        labels: (n,) true labels.
        values: (n, columns) probabilities.
    """
    found = hashlib.sha256("\n".join(columns).encode())
    for column in (ids, labels):
        found.update("\n".join(column).encode())
        found.update(b"\0")
    found.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return found.hexdigest()[:32]


def write_predictions(table: pd.DataFrame, path: Path) -> None:
    """Writes predictions in two thirds of the usual space: numbers by bytes of equal weight, ids by what changes.

    Args:
        table: predictions; its index is not kept.
        path: the Parquet file.
    """
    encodings = {str(name): _ENCODINGS.get(kind.kind, "PLAIN") for name, kind in table.dtypes.items()}
    table.reset_index(drop=True).to_parquet(
        path, index=False, compression="zstd", compression_level=_LEVEL, use_dictionary=False, column_encoding=encodings
    )
