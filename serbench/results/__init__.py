"""What a results folder says: scored entries, leaderboards, reports. Nothing is trained, and nothing printed."""

from serbench.results.damaged import DamagedRecord
from serbench.results.entry import EntryReport
from serbench.results.leaderboard import Leaderboard
from serbench.results.leaderboard_row import Row
from serbench.results.pairwise import EntryComparison
from serbench.results.results import Results
from serbench.results.scored_entry import ScoredEntry
from serbench.results.selection import best_selected
from serbench.results.study import StudyReport
from serbench.results.study_rows import StudyRow

__all__ = [
    "DamagedRecord",
    "EntryComparison",
    "EntryReport",
    "Leaderboard",
    "Results",
    "Row",
    "ScoredEntry",
    "StudyReport",
    "StudyRow",
    "best_selected",
]
