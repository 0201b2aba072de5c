"""Perceived labels: what most listeners heard in a clip, whatever its speaker meant."""

from __future__ import annotations

from dataclasses import dataclass, replace

from serbench.corpora.base import Corpus, Listing
from serbench.corpora.inspection.findings import CorpusFinding
from serbench.errors import UsageError

__all__ = ["Undecided", "perceived_labels"]


@dataclass(frozen=True)
class Undecided:
    """Clips without one label that most listeners heard: `tied` between several, or `without_votes` by anybody."""

    tied: tuple[str, ...]
    without_votes: tuple[str, ...]

    @property
    def excluded(self) -> list[tuple[str, str]]:
        """As a study's record has it: clip id and reason."""
        return [(clip, "votes tied") for clip in self.tied] + [(clip, "no votes") for clip in self.without_votes]

    def finding(self) -> CorpusFinding:
        """One sentence."""
        parts = [f"{len(self.tied):,} on whose emotion listeners tied"] if self.tied else []
        parts += [f"{len(self.without_votes):,} that nobody voted on"] if self.without_votes else []
        left = " and ".join(parts) or "none"
        return CorpusFinding(
            "perceived_labels",
            "warning",
            (*self.tied, *self.without_votes),
            f"labels are what most listeners heard, not what was meant; clips left out: {left}",
        )


def perceived_labels(corpus: Corpus, listing: Listing) -> tuple[Listing, Undecided]:
    """The clips that listeners agree on, labelled with what most of them heard.

    Args:
        corpus: whose clips they are.
        listing: its clips as they were read.

    Raises:
        UsageError: there are no votes, or none that decides.
    """
    table, votes = listing.table, listing.table["votes"]
    tied = votes.str.contains(":", regex=False, na=False)
    clear = votes.notna() & ~tied
    if not clear.any():
        found = "listeners' vote without a tie" if tied.any() else "listeners' votes"
        raise UsageError(
            f"{corpus.title} in {listing.folder} has no {found}, which perceived labels are made of; use --labels "
            "intended, or restore the corpus's table of votes"
        )
    undecided = Undecided(tuple(table.loc[tied, "clip_id"]), tuple(table.loc[votes.isna(), "clip_id"]))
    heard = table[clear].assign(label=votes[clear]).reset_index(drop=True)
    return replace(listing, table=heard), undecided
