"""Digests of predictions, which bind a record to the Parquet file beside it, and that file in little space."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["SHARES", "answers_digest", "arrays_digest", "bare_parquet", "prediction_digests", "write_predictions"]

SHARES = ("p_", "given_")
"""How the names of columns of probabilities begin, as predicted and as brought. A digest is of all of them."""

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
        table: columns `clip_id`, `label` and one `p_<label>` for each label; of brought predictions `given_<label>`,
            too. Others do not matter.
    """
    shares = sorted(name for name in map(str, table) if name.startswith(SHARES))
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
    """Writes predictions in half the usual space: numbers by bytes of equal weight, ids by what changes.

    Args:
        table: predictions; its index is not kept.
        path: the Parquet file.
    """
    encodings = {str(name): _ENCODINGS.get(kind.kind, "PLAIN") for name, kind in table.dtypes.items()}
    path.write_bytes(bare_parquet(table, use_dictionary=False, column_encoding=encodings))


def bare_parquet(table: pd.DataFrame, **options: Any) -> bytes:
    """Returns a Parquet file of columns alone.

    A table of few rows is mostly notes for its writer (the schema again, twice in JSON, and column statistics), some
    4 kB a file. They are left out; pandas reads the same table.

    Args:
        table: its index is not kept.
        options: of `pyarrow.parquet.write_table`.
    """
    import pyarrow
    from pyarrow import parquet

    columns = pyarrow.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    out = io.BytesIO()
    parquet.write_table(
        columns, out, compression="zstd", compression_level=_LEVEL, store_schema=False, write_statistics=False,
        **options,
    )  # fmt: skip
    return out.getvalue()
