"""References that hear nothing: chance, the most frequent class, and what people heard."""

from __future__ import annotations

import numpy as np

from serbench.corpora import vote_shares
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["chance", "listeners", "majority"]


def chance(core: ReferenceTask) -> ReferenceAnswers:
    """Every label equally often: UAR is 1 / classes."""
    rows = core.split.test
    return ReferenceAnswers(rows, np.full((len(rows), len(core.labels)), 1 / len(core.labels)))


def majority(core: ReferenceTask) -> ReferenceAnswers:
    """Always the most frequent training class, the first of equals."""
    counts = np.bincount(core.targets(core.split.train), minlength=len(core.labels))
    shares = np.zeros((len(core.split.test), len(core.labels)))
    shares[:, int(counts.argmax())] = 1.0
    return ReferenceAnswers(core.split.test, shares, {"class": core.labels[int(counts.argmax())]})


def listeners(core: ReferenceTask) -> ReferenceAnswers | None:
    """What most listeners chose from the voice alone; labels that tie share the clip.

    A vote for a label that the study does not have is a share of no label. None where nobody was asked, and for
    perceived labels, which are these votes.
    """
    if "votes" not in core.clips or core.study.corpus.label_source == "perceived":
        return None
    rows = np.asarray(core.split.test)
    shares = vote_shares(core.clips["votes"].iloc[rows], core.labels).astype(np.float64)
    asked = ~np.isnan(shares).any(axis=1)
    return ReferenceAnswers(tuple(rows[asked].tolist()), shares[asked]) if asked.any() else None
