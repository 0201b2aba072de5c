"""Plain-text tables for a terminal, with as many columns as fit."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from serbench.printable import printable
from serbench.render.document import Document, Sheet

__all__ = ["to_table"]


_BETWEEN = 2
"""Characters between two columns."""
_WORD = 6
"""Characters of a text that need not be folded."""


def to_table(document: Document, width: int, *, styled: bool = False) -> str:
    """Writes the document's tables. No line is wider than `width` characters, unless a single name is.

    Args:
        document: what to write.
        width: of the screen, in characters.
        styled: whether rows may be bold or dim, by the codes of ANSI terminals.
    """
    parts = [_sheet(sheet, width, styled=styled, tell=document.wide) for sheet in document.sheets]
    if document.notes:
        parts.append("\n".join(_wrapped(note, width, "") for note in document.notes))
    return "\n\n".join(parts) + "\n"


def _sheet(sheet: Sheet, width: int, *, styled: bool, tell: bool) -> str:
    console = Console(
        file=io.StringIO(), width=width, color_system="standard" if styled else None, force_terminal=styled,
        legacy_windows=False, emoji=False,
    )  # fmt: skip
    fitting = sheet
    while len(fitting.columns) > 1 and _natural_width(console, fitting) > width:
        highest = max(column.rank for column in fitting.columns)
        if highest == 0:
            break
        fitting = fitting.up_to(highest - 1)
    with console.capture() as captured:
        for part in _parts(console, fitting, width):
            console.print(_rich(part, _widths(console, part, width)))
    lines = [line.rstrip() for line in captured.get().splitlines()]
    body = "\n".join(line for line in lines if line)
    notes = [*sheet.notes, *(sheet.left_out(fitting, "not shown at this width") if tell else ())]
    title = [_wrapped(printable(sheet.title), width, "")] if sheet.title else []
    return "\n".join([*title, body, *(_wrapped(note, width, "- ") for note in notes)])


def _parts(console: Console, sheet: Sheet, width: int) -> list[Sheet]:
    """Cuts a table whose numbers do not fit on the screen into several, each with the first column.

    Otherwise the columns would get too little room, and their numbers would be folded or missing. Headers may fold.
    """
    if len(sheet.columns) <= 2 or _total(_least(sheet, width)) <= width:
        return [sheet]
    parts, taken = [], 1
    while taken < len(sheet.columns):
        end = taken + 1
        while end < len(sheet.columns) and _natural_width(console, sheet.only((0, *range(taken, end + 1)))) <= width:
            end += 1
        parts.append(sheet.only((0, *range(taken, end))))
        taken = end
    return parts


def _least(sheet: Sheet, width: int) -> list[int]:
    """Least width of each column: its widest number, or the width at which its texts may fold."""
    found = []
    for place, column in enumerate(sheet.columns):
        widest = max((cell_len(printable(row[place])) for row in sheet.rows), default=1)
        most = width // 3 if place == 0 else widest if column.align == "right" else _WORD
        found.append(max(1, min(widest, most)))
    return found


def _widths(console: Console, sheet: Sheet, width: int) -> list[int] | None:
    """Width of each column of a table that is too wide, so that its headers and texts fold and its numbers do not.

    None where rich finds it: it makes the widest columns equally wide, whatever is in them.
    """
    least = _least(sheet, width)
    if _natural_width(console, sheet) <= width or _total(least) > width:
        return None
    natural = [
        max(low, *(cell_len(printable(text)) for text in (column.title, *(row[place] for row in sheet.rows))))
        for place, (column, low) in enumerate(zip(sheet.columns, least, strict=True))
    ]

    def fitted(most: int) -> list[int]:
        return [max(low, min(whole, most)) for low, whole in zip(least, natural, strict=True)]

    most = next(most for most in range(width, 0, -1) if _total(fitted(most)) <= width)
    return None if max(least) < most else fitted(most)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _BETWEEN * (len(widths) - 1)


def _natural_width(console: Console, sheet: Sheet) -> int:
    wide = console.options.update(width=10_000)
    return Measurement.get(console, wide, _rich(sheet)).maximum


def _rich(sheet: Sheet, widths: Sequence[int] | None = None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for place, column in enumerate(sheet.columns):
        width = widths[place] if widths else None
        table.add_column(Text(printable(column.title)), justify=column.align, overflow="fold", width=width)
    styles = sheet.styles or ("",) * len(sheet.rows)
    for row, style in zip(sheet.rows, styles, strict=True):
        table.add_row(*(Text(printable(cell)) for cell in row), style=style or None)
    return table


def _wrapped(text: str, width: int, mark: str) -> str:
    return textwrap.fill(
        printable(text), width, initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False
    )
