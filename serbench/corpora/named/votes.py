"""What listeners heard in each clip, as shares of the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from serbench.records import digest_of

__all__ = ["vote_shares", "votes_digest"]


def vote_shares(votes: pd.Series, labels: Sequence[str]) -> np.ndarray:
    """The share of each label in what most listeners chose; labels that tie share the clip.

    A vote for a label that is not among `labels` is a share of none. Where nobody was asked, a row is not a number.

    >>> vote_shares(pd.Series(["joy", "fear:joy", None]), ("fear", "joy")).tolist()
    [[0.0, 1.0], [0.5, 0.5], [nan, nan]]

    Args:
        votes: the column of a clip table: labels joined by ':'.
        labels: class names in the order of the columns.

    Returns:
        float32 (clips, labels).
    """
    place = {label: index for index, label in enumerate(labels)}
    shares = np.full((len(votes), len(labels)), np.nan, dtype=np.float32)
    for row, text in enumerate(votes):
        if not isinstance(text, str) or not text:
            continue
        heard = text.split(":")
        shares[row] = 0
        for label in heard:
            if label in place:
                shares[row, place[label]] = 1 / len(heard)
    return shares


def votes_digest(table: pd.DataFrame) -> str | None:
    """SHA-256 (16 hex digits) of what listeners heard in each clip, whatever the order; None where nobody was asked."""
    if "votes" not in table:
        return None
    return digest_of(sorted(zip(table["clip_id"].astype(str), table["votes"].fillna("").astype(str), strict=True)))
