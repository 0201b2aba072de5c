"""Tables for Markdown (GitHub's) and LaTeX (booktabs), with every name escaped."""

from __future__ import annotations

import re

from serbench.render.document import Document, Sheet

__all__ = ["escape_latex", "escape_markdown", "to_latex", "to_markdown"]

_MARKDOWN_WIDEST = 14  # the highest column rank that a web page has room for
_LATEX_WIDEST = 9  # ... and the text block of a paper

_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "*": "{*}",  # the last two would be read as arguments of the \\ before them
}  # fmt: skip


def to_markdown(document: Document) -> str:
    """GitHub-flavoured Markdown: a heading, a table and a list of notes for each sheet."""
    parts = []
    for sheet in document.sheets:
        shown = sheet.up_to(_MARKDOWN_WIDEST)
        header = [escape_markdown(column.title) for column in shown.columns]
        rule = ["---:" if column.align == "right" else ":---" for column in shown.columns]
        body = [[escape_markdown(cell) for cell in row] for row in shown.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *body])
        heading = [f"### {escape_markdown(sheet.title)}"] if sheet.title else []
        notes = ["\n".join(f"- {escape_markdown(note)}" for note in sheet.notes)] if sheet.notes else []
        parts += [*heading, table, *notes]
    parts += [escape_markdown(note) for note in document.notes]
    return "\n\n".join(parts) + "\n"


def to_latex(document: Document) -> str:
    r"""One `table` environment for each sheet. The preamble needs `\usepackage{booktabs}`."""
    parts = [r"% needs \usepackage{booktabs}", *(_latex_table(sheet) for sheet in document.sheets)]
    parts += [f"% {' '.join(note.split())}" for note in document.notes]
    return "\n\n".join(parts) + "\n"


def _latex_table(sheet: Sheet) -> str:
    shown = sheet.up_to(_LATEX_WIDEST)
    layout = "".join("r" if column.align == "right" else "l" for column in shown.columns)
    sentences = [sheet.title[:1].upper() + sheet.title[1:], *(note[:1].upper() + note[1:] for note in sheet.notes)]
    caption = escape_latex(". ".join(sentence for sentence in sentences if sentence))
    body = [" & ".join(escape_latex(cell) for cell in row) + r" \\" for row in shown.rows]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}.}}" if caption else "",
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
        " & ".join(escape_latex(column.title) for column in shown.columns) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(line for line in lines if line)


def escape_markdown(text: str) -> str:
    r"""Makes `text` mean itself inside a table cell.

    >>> escape_markdown("a|b_c <i>")
    'a\\|b_c &lt;i&gt;'
    """
    html = "".join(_HTML.get(char, char) for char in " ".join(text.split()))
    return _MARKDOWN.sub(lambda match: "\\" + match.group(), html)


def escape_latex(text: str) -> str:
    r"""Makes `text` mean itself in a paragraph; ranges of numbers get their dash.

    >>> escape_latex("a_b 50 %")
    'a\\_b 50 \\%'
    >>> escape_latex("53.2-60.9")
    '53.2--60.9'
    """
    escaped = "".join(_LATEX.get(char, char) for char in " ".join(text.split()))
    return re.sub(r"^(\d+\.\d)-(\d+\.\d)$", r"\1--\2", escaped)
