"""Results as text for a terminal, a spreadsheet, a program, a web page or a paper. Reads no file."""

from serbench.render.document import Document, to_document
from serbench.render.entry import entry_summary
from serbench.render.formats import FORMATS, render
from serbench.render.leaderboard import leaderboard_document
from serbench.render.pairwise import comparison_document
from serbench.render.printed_scores import beside_printed

__all__ = [
    "FORMATS",
    "Document",
    "beside_printed",
    "comparison_document",
    "entry_summary",
    "leaderboard_document",
    "render",
    "to_document",
]
