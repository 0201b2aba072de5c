"""Formats results as text: terminal table, CSV, JSON, Markdown, LaTeX. Reads no file."""

from serbench.render.brief import answer, below_baseline, brief_board
from serbench.render.document import (
    NOTHING,
    Column,
    Document,
    Sheet,
    clock,
    count,
    duration,
    millions,
    milliseconds,
    percent,
    plural,
    points,
    size,
    span,
    speakers,
    table_of,
    to_document,
)
from serbench.render.entry import (
    SUBSET_HEADER,
    caveats,
    corpus_rows,
    entry_summary,
    environment_rows,
    left_out,
    result_rows,
    setting_rows,
    subset_cells,
    whose_labels,
)
from serbench.render.formats import FORMATS, render
from serbench.render.leaderboard import cell_text, leaderboard_document, unpredicted, versus
from serbench.render.markup import escape_markdown
from serbench.render.pairwise import comparison_document
from serbench.render.printed_scores import beside_printed
from serbench.render.reference import reference_document
from serbench.render.study import moment, studies_document, study_document, study_facts, subsets_sheet
from serbench.render.verification import verification_document

__all__ = [
    "FORMATS",
    "NOTHING",
    "SUBSET_HEADER",
    "Column",
    "Document",
    "Sheet",
    "answer",
    "below_baseline",
    "beside_printed",
    "brief_board",
    "caveats",
    "cell_text",
    "clock",
    "comparison_document",
    "corpus_rows",
    "count",
    "duration",
    "entry_summary",
    "environment_rows",
    "escape_markdown",
    "leaderboard_document",
    "left_out",
    "millions",
    "milliseconds",
    "moment",
    "percent",
    "plural",
    "points",
    "reference_document",
    "render",
    "result_rows",
    "setting_rows",
    "size",
    "span",
    "speakers",
    "studies_document",
    "study_document",
    "study_facts",
    "subset_cells",
    "subsets_sheet",
    "table_of",
    "to_document",
    "unpredicted",
    "verification_document",
    "versus",
    "whose_labels",
]
