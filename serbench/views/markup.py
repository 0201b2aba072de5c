"""Tables as HTML for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable

from serbench.printable import printable
from serbench.render import Sheet

__all__ = ["notebook_html"]


def notebook_html(sheets: Iterable[Sheet], footer: str = "") -> str:
    """Returns tables as HTML, each with its title and notes. All text is escaped.

    Args:
        sheets: the tables, from top to bottom.
        footer: a line below them; '' for none.
    """
    parts = [_table(sheet) for sheet in sheets]
    if footer:
        parts.append(f"<p>{_escaped(footer)}</p>")
    return "<div>" + "\n".join(parts) + "</div>"


def _table(sheet: Sheet) -> str:
    styles = [f' style="text-align:{column.align}"' for column in sheet.columns]
    head = "".join(
        f"<th{style}>{_escaped(column.title)}</th>" for column, style in zip(sheet.columns, styles, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{style}>{_escaped(cell)}</td>" for cell, style in zip(row, styles, strict=True)) + "</tr>"
        for row in sheet.rows
    )
    notes = "".join(f"<br><small>{_escaped(note)}</small>" for note in sheet.notes)
    title = f"<b>{_escaped(sheet.title)}</b>{notes}"
    return f"<p>{title}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _escaped(text: str) -> str:
    """Text as HTML, without characters that act on what stands around them."""
    return html.escape(printable(text))
