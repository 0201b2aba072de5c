"""References that hear nothing: chance, the most frequent class, and what people heard."""

from __future__ import annotations

import numpy as np

from serbench.corpora import vote_shares
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["chance", "listeners", "majority"]


def chance(task: ReferenceTask) -> ReferenceAnswers:
    """Every label equally often: UAR is 1 / classes."""
    rows = task.split.test
    return ReferenceAnswers(rows, np.full((len(rows), len(task.labels)), 1 / len(task.labels)))


def majority(task: ReferenceTask) -> ReferenceAnswers:
    """Always the most frequent training class, the first of equals."""
    counts = np.bincount(task.targets(task.split.train), minlength=len(task.labels))
    shares = np.zeros((len(task.split.test), len(task.labels)))
    shares[:, int(counts.argmax())] = 1.0
    return ReferenceAnswers(task.split.test, shares, {"class": task.labels[int(counts.argmax())]})


def listeners(task: ReferenceTask) -> ReferenceAnswers | None:
    """What most listeners chose from the voice alone; labels that tie share the clip.

    A vote for a label that the study does not have is a share of no label. None where nobody was asked, and for
    perceived labels, which are these votes.
    """
    if "votes" not in task.clips or task.study.corpus.label_source == "perceived":
        return None
    rows = np.asarray(task.split.test)
    shares = vote_shares(task.clips["votes"].iloc[rows], task.labels).astype(np.float64)
    asked = ~np.isnan(shares).any(axis=1)
    return ReferenceAnswers(tuple(rows[asked].tolist()), shares[asked]) if asked.any() else None
