"""References that hear nothing: chance, the most frequent class, and what people heard."""

from __future__ import annotations

import numpy as np
import pandas as pd

from serbench.references.core import Answers, Core

__all__ = ["chance", "listeners", "majority"]


def chance(core: Core) -> Answers:
    """Every label equally often: UAR is 1 / classes."""
    rows = core.split.test
    return Answers(rows, np.full((len(rows), len(core.labels)), 1 / len(core.labels)))


def majority(core: Core) -> Answers:
    """Always the most frequent training class, the first of equals."""
    counts = np.bincount(core.targets(core.split.train), minlength=len(core.labels))
    shares = np.zeros((len(core.split.test), len(core.labels)))
    shares[:, int(counts.argmax())] = 1.0
    return Answers(core.split.test, shares, {"class": core.labels[int(counts.argmax())]})


def listeners(core: Core) -> Answers | None:
    """What most listeners chose from the voice alone; labels that tie share the clip. None where nobody was asked."""
    if "votes" not in core.clips:
        return None
    heard = core.clips["votes"].iloc[list(core.split.test)]
    rows = tuple(row for row, votes in zip(core.split.test, heard, strict=True) if isinstance(votes, str))
    shares = np.zeros((len(rows), len(core.labels)))
    index = pd.Index(core.labels)
    for place, votes in enumerate(text for text in heard if isinstance(text, str)):
        chosen = index.get_indexer(pd.Index(votes.split(":")))
        shares[place, chosen] = 1 / len(chosen)
    return Answers(rows, shares) if rows else None
