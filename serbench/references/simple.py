"""References that hear nothing: chance, the most frequent class, and what people heard."""

from __future__ import annotations

import numpy as np

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
    """What most listeners chose from the voice alone; labels that tie share the clip.

    Clips that nobody was asked about, or that were taken for something the study has no label for, have no answer. None
    where there are no votes, or where they are the labels themselves.
    """
    if "votes" not in core.clips or core.study.corpus.label_source == "perceived":
        return None
    places = {label: place for place, label in enumerate(core.labels)}
    answered: dict[int, list[int]] = {}
    for row in core.split.test:
        votes = core.clips["votes"].iloc[row]
        chosen = [places.get(label) for label in votes.split(":")] if isinstance(votes, str) else [None]
        known = [place for place in chosen if place is not None]
        if len(known) == len(chosen):
            answered[row] = known
    shares = np.zeros((len(answered), len(core.labels)))
    for place, known in enumerate(answered.values()):
        shares[place, known] = 1 / len(known)
    return Answers(tuple(answered), shares) if answered else None
