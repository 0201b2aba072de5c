"""Perceived labels: the majority vote of the listeners instead of the speaker's intention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from serbench.corpora.base import Corpus, Listing
from serbench.corpora.inspection.findings import CorpusFinding
from serbench.errors import UsageError

__all__ = ["Undecided", "perceived_labels"]


@dataclass(frozen=True)
class Undecided:
    """Clips without a perceived label.

    Attributes:
        tied: ids of clips on which the listeners tied.
        without_votes: ids of clips that nobody voted on.
    """

    tied: tuple[str, ...]
    without_votes: tuple[str, ...]

    @property
    def excluded(self) -> list[tuple[str, str]]:
        """The clips as (clip id, reason), for the study's record."""
        return [(clip, "votes tied") for clip in self.tied] + [(clip, "no votes") for clip in self.without_votes]

    def finding(self) -> CorpusFinding:
        """Returns the finding that reports these clips."""
        parts = [f"{len(self.tied):,} on whose emotion listeners tied"] if self.tied else []
        parts += [f"{len(self.without_votes):,} that nobody voted on"] if self.without_votes else []
        left = " and ".join(parts) or "none"
        return CorpusFinding(
            "perceived_labels",
            "warning",
            (*self.tied, *self.without_votes),
            f"labels are the listeners' majority vote, not the speaker's intention; clips left out: {left}",
        )


def perceived_labels(
    corpus: Corpus, listing: Listing, renamed: Callable[[str], str] = str
) -> tuple[Listing, Undecided]:
    """Replaces the labels by the listeners' majority vote, and drops clips without one.

    Args:
        corpus: the corpus, for messages.
        listing: its clips.
        renamed: what winners of a vote are called in the study. Several with one name are no tie; the label becomes one
            of them, which a label map has yet to rename.

    Returns:
        The relabelled clips, and the dropped ones.

    Raises:
        UsageError: there are no votes, or every vote is a tie.
    """
    table, votes = listing.table, listing.table["votes"]
    tied = votes.map(lambda winners: isinstance(winners, str) and ":" in renamed(winners)).astype(bool)
    clear = votes.notna() & ~tied
    if not clear.any():
        found = "listeners' vote without a tie" if tied.any() else "listeners' votes"
        raise UsageError(
            f"{corpus.title} in {listing.folder} has no {found}, which perceived labels need; use --labels "
            "intended, or restore the corpus's table of votes"
        )
    undecided = Undecided(tuple(table.loc[tied, "clip_id"]), tuple(table.loc[votes.isna(), "clip_id"]))
    relabelled = table[clear].assign(label=votes[clear].str.split(":").str[0]).reset_index(drop=True)
    return replace(listing, table=relabelled), undecided
