"""Tables in GitHub-flavoured Markdown and LaTeX (booktabs). All cells are escaped."""

from __future__ import annotations

import re

from serbench.printable import printable
from serbench.render.document import Document, Sheet

__all__ = ["escape_latex", "escape_markdown", "to_latex", "to_markdown"]

_MARKDOWN_WIDEST = 14  # columns of a higher rank do not fit on a web page
_LATEX_WIDEST = 9  # columns of a higher rank do not fit on a page of a paper

_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "*": "{*}",  # after \\, LaTeX would read the last two as an argument
}  # fmt: skip


def to_markdown(document: Document) -> str:
    """Writes GitHub-flavoured Markdown: a heading, a table and a list of notes for each sheet."""
    parts = []
    for sheet in document.sheets:
        shown = sheet.up_to(_MARKDOWN_WIDEST)
        header = [escape_markdown(column.title) for column in shown.columns]
        rule = ["---:" if column.align == "right" else ":---" for column in shown.columns]
        body = [[escape_markdown(cell) for cell in row] for row in shown.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *body])
        heading = [f"### {escape_markdown(sheet.title)}"] if sheet.title else []
        notes = [*sheet.notes, *sheet.left_out(shown)]
        listed = ["\n".join(f"- {escape_markdown(note)}" for note in notes)] if notes else []
        parts += [*heading, table, *listed]
    parts += [escape_markdown(note) for note in document.notes]
    return "\n\n".join(parts) + "\n"


def to_latex(document: Document) -> str:
    r"""Writes one LaTeX `table` environment for each sheet. The preamble needs `\usepackage{booktabs}`."""
    parts = [r"% needs \usepackage{booktabs}", *(_latex_table(sheet) for sheet in document.sheets)]
    parts += [f"% {_one_line(note)}" for note in document.notes]
    return "\n\n".join(parts) + "\n"


def _latex_table(sheet: Sheet) -> str:
    shown = sheet.up_to(_LATEX_WIDEST)
    layout = "".join("r" if column.align == "right" else "l" for column in shown.columns)
    texts = [sheet.title, *sheet.notes, *sheet.left_out(shown)]
    sentences = [text[:1].upper() + text[1:] for text in texts]
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


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def escape_markdown(text: str) -> str:
    r"""Escapes `text` for a table cell.

    >>> escape_markdown("a|b_c <i>")
    'a\\|b_c &lt;i&gt;'
    """
    html = "".join(_HTML.get(char, char) for char in _one_line(text))
    return _MARKDOWN.sub(lambda match: "\\" + match.group(), html)


def escape_latex(text: str) -> str:
    r"""Escapes `text` for LaTeX. A range of numbers gets an en dash.

    >>> escape_latex("a_b 50 %")
    'a\\_b 50 \\%'
    >>> escape_latex("53.2-60.9")
    '53.2--60.9'
    """
    escaped = "".join(_LATEX.get(char, char) for char in _one_line(text))
    return re.sub(r"^(\d+\.\d)-(\d+\.\d)$", r"\1--\2", escaped)
