"""Digests of predictions: they bind a record to the Parquet file beside it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["answers_digest", "prediction_digests"]


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
    found = hashlib.sha256("\n".join(shares).encode())
    for column in (ids, table["label"].astype(str).to_numpy(dtype=object)):
        found.update("\n".join(column[order]).encode())
        found.update(b"\0")
    found.update(np.ascontiguousarray(table[shares].to_numpy(dtype="<f8")[order]).tobytes())
    return found.hexdigest()[:32]
