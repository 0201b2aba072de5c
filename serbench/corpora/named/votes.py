"""Listeners' votes, as shares of the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from serbench.records import digest_of

__all__ = ["vote_shares", "votes_digest"]


def vote_shares(votes: pd.Series, labels: Sequence[str]) -> np.ndarray:
    """Converts majority votes to shares of the labels. Tied labels share the clip equally.

    Votes for labels outside `labels` get no share, so such a row sums to less than 1. Clips without votes are NaN.

    >>> vote_shares(pd.Series(["joy", "fear:joy", None]), ("fear", "joy")).tolist()
    [[0.0, 1.0], [0.5, 0.5], [nan, nan]]

    Args:
        votes: column `votes` of a clip table: the winning labels, joined by ':'.
        labels: class names, in the order of the result's columns.

    Returns:
        Shares, float32 of shape (clips, labels).
    """
    place = {label: index for index, label in enumerate(labels)}
    shares = np.full((len(votes), len(labels)), np.nan, dtype=np.float32)
    for row, text in enumerate(votes):
        if not isinstance(text, str) or not text:
            continue
        winners = text.split(":")
        shares[row] = 0
        for label in winners:
            if label in place:
                shares[row, place[label]] = 1 / len(winners)
    return shares


def votes_digest(table: pd.DataFrame) -> str | None:
    """Returns the SHA-256 (16 hex digits) of all votes, whatever the order of the rows; None if there are no votes."""
    if "votes" not in table:
        return None
    return digest_of(sorted(zip(table["clip_id"].astype(str), table["votes"].fillna("").astype(str), strict=True)))
