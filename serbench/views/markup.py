"""Tables as HTML for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable

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
        parts.append(f"<p>{html.escape(footer)}</p>")
    return "<div>" + "\n".join(parts) + "</div>"


def _table(sheet: Sheet) -> str:
    styles = [f' style="text-align:{column.align}"' for column in sheet.columns]
    head = "".join(
        f"<th{style}>{html.escape(column.title)}</th>" for column, style in zip(sheet.columns, styles, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{style}>{html.escape(cell)}</td>" for cell, style in zip(row, styles, strict=True))
        + "</tr>"
        for row in sheet.rows
    )
    notes = "".join(f"<br><small>{html.escape(note)}</small>" for note in sheet.notes)
    title = f"<b>{html.escape(sheet.title)}</b>{notes}"
    return f"<p>{title}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
