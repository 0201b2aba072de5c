"""What a results folder says: scored entries, leaderboards, reports. Nothing is trained, and nothing printed."""

from serbench.results.entry import EntryReport
from serbench.results.leaderboard import Leaderboard
from serbench.results.leaderboard_row import Row
from serbench.results.pairwise import EntryComparison
from serbench.results.selection import best_selected, select_entry

__all__ = ["EntryComparison", "EntryReport", "Leaderboard", "Row", "best_selected", "select_entry"]
