"""Tables of what lies in a results folder. Nothing is trained, nor imported for training."""

from serbench.report.beside import beside_printed
from serbench.report.compare import EntryComparison
from serbench.report.entry import EntryReport
from serbench.report.formats import FORMATS, render
from serbench.report.leaderboard import Leaderboard
from serbench.report.row import Row
from serbench.report.selection import best_selected, select_entry

__all__ = [
    "FORMATS",
    "EntryComparison",
    "EntryReport",
    "Leaderboard",
    "Row",
    "beside_printed",
    "best_selected",
    "render",
    "select_entry",
]
