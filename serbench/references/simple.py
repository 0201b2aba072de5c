"""References without audio features: chance, the most frequent class, and human listeners."""

from __future__ import annotations

import numpy as np

from serbench.corpora import vote_shares
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["chance", "listeners", "majority"]


def chance(task: ReferenceTask) -> ReferenceAnswers:
    """Predicts every label equally often: UAR is 1 / number of classes."""
    rows = task.split.test
    return ReferenceAnswers(rows, np.full((len(rows), len(task.labels)), 1 / len(task.labels)))


def majority(task: ReferenceTask) -> ReferenceAnswers:
    """Always predicts the most frequent training class, the first in a tie."""
    counts = np.bincount(task.targets(task.split.train), minlength=len(task.labels))
    shares = np.zeros((len(task.split.test), len(task.labels)))
    shares[:, int(counts.argmax())] = 1.0
    return ReferenceAnswers(task.split.test, shares, {"class": task.labels[int(counts.argmax())]})


def listeners(task: ReferenceTask) -> ReferenceAnswers | None:
    """Predicts the listeners' majority vote (voice alone). Tied labels share the clip.

    Votes for labels outside the study count as wrong.

    Returns:
        Predictions for the test clips with votes. None if there are no votes, or if the labels are perceived ones,
        which are these votes themselves.
    """
    if "votes" not in task.clips or task.study.corpus.label_source == "perceived":
        return None
    rows = np.asarray(task.split.test)
    shares = vote_shares(task.clips["votes"].iloc[rows], task.labels).astype(np.float64)
    voted = ~np.isnan(shares).any(axis=1)
    return ReferenceAnswers(tuple(rows[voted].tolist()), shares[voted]) if voted.any() else None
