"""`VoteRow`: how close probabilities are to the listeners' votes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pydantic import Field

from serbench.corpora import vote_shares
from serbench.evaluation import VoteScores, vote_scores
from serbench.records import FrozenModel
from serbench.results.clip_rows import clips_by_id
from serbench.results.scored_entry import ScoredEntry, mean

__all__ = ["VoteRow", "entry_votes", "vote_row"]


class VoteRow(FrozenModel):
    """How close probabilities are to listeners' votes; see `serbench.evaluation.soft_labels`."""

    name: str
    clips: int
    overlap: float
    divergence: float = Field(description="Jensen-Shannon divergence in bits")
    squared: float = Field(description="squared distance")


def vote_row(name: str, scores: Sequence[VoteScores | None]) -> VoteRow | None:
    """The mean over runs; None if no clip has votes.

    Args:
        name: name of the row.
        scores: of each run.
    """
    known = [one for one in scores if one is not None]
    if not known:
        return None
    averages = {key: mean(getattr(one, key) for one in known) or 0.0 for key in ("overlap", "divergence", "squared")}
    return VoteRow(name=name, clips=known[0].clips, **averages)


def entry_votes(tested: ScoredEntry, clips: pd.DataFrame, name: str = "") -> VoteRow | None:
    """How close an entry's probabilities on the test set are to the votes; None if there are no votes.

    Args:
        tested: the scored entry.
        clips: clip table of its corpus.
        name: name of the row; '' for the entry's id.
    """
    if "votes" not in clips or not tested.refits:
        return None
    votes = vote_shares(clips_by_id(clips)["votes"].loc[list(tested.refits[0].test_clips)], tested.study.corpus.labels)
    scores = [vote_scores(refit.test_probabilities, votes) for refit in tested.refits]
    return vote_row(name or tested.entry.entry_id, scores)
