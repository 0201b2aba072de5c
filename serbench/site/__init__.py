"""The static site: leaderboard, entries, studies and comparisons as pages that open from disk, without a network."""

from serbench.site.build import Site

__all__ = ["Site"]
