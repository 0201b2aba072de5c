"""The index page: all tables of the leaderboard, and the list of studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serbench.records import ProtocolFacts
from serbench.render import cell_text, span, versus
from serbench.results import COLUMNS, Cell, GroupRows, Leaderboard, Row, StudyRow
from serbench.site.charts.board import COSTS, cost_chart
from serbench.site.charts.lines import reference_lines
from serbench.site.pages import Pages
from serbench.site.words import protocol_sentence

__all__ = ["PagePaths", "board_page"]


@dataclass(frozen=True)
class PagePaths:
    """Paths of pages relative to the index: by entry id, and by study name."""

    entries: Mapping[str, str]
    studies: Mapping[str, str]


@dataclass(frozen=True)
class _Column:
    """A column of the table: the field of the row, and how it is shown."""

    key: str
    cell: Cell


_COLUMNS = tuple(
    _Column(name, one.cell)
    for name, one in sorted(COLUMNS.items(), key=lambda pair: (pair[1].cell and pair[1].cell.site) or 0)
    if one.cell is not None and one.cell.site is not None
)


def board_page(
    pages: Pages,
    board: Leaderboard,
    paths: PagePaths,
    studies: Sequence[StudyRow],
    notes: Sequence[str] = (),
    made: str = "",
) -> str:
    """Renders the index page as HTML.

    Args:
        pages: renders the template.
        board: the leaderboard.
        paths: paths of the other pages.
        studies: rows of all studies, including those without entries.
        notes: sentences about what is not shown, and why.
        made: time of the newest record; '' if there is none.
    """
    facts = {tested.entry.entry_id: tested.study.protocol for tested in board.tested}
    return pages.render(
        "index.html",
        scripts=("table.js",),
        here="index",
        groups=[_group(place, group, facts) for place, group in enumerate(board.groups)],
        choices=_choices(board),
        columns=_COLUMNS,
        costs=[(key, title) for key, title, _ in COSTS],
        paths=paths,
        studies=studies,
        reported=board.reported,
        notes=[*notes, *board.general_notes],
        rows=len(board.rows),
        made=made,
    )


def _choices(board: Leaderboard) -> dict[str, list[str]]:
    """Values of each filter. A filter with a single value is left out."""
    rows = board.rows
    found = {
        "corpus": sorted({row.corpus for row in rows}),
        "labels": sorted({row.label_source for row in rows}),
        "protocol": sorted({row.protocol for row in rows}),
        "family": sorted({row.family for row in rows}),
    }
    return {name: values for name, values in found.items() if len(values) > 1}


def _group(place: int, group: GroupRows, facts: Mapping[str, ProtocolFacts]) -> dict[str, Any]:
    protocol = facts[group.rows[0].entry]
    lines = reference_lines(group.references, group.rows[0].labels)
    return {
        "key": f"group-{place}",
        "title": group.heading,
        "first": group.rows[0],
        "rows": [_row(row) for row in group.rows],
        "references": group.references,
        "reference_spans": [span(row.uar_low, row.uar_high) for row in group.references],
        "versus": [versus(row) if row.difference is not None else "" for row in group.references],
        "lines": lines,
        "notes": group.notes,
        "meaning": protocol_sentence(protocol),
        "protocol": protocol,
        "chart": cost_chart(f"cost-{place}", group.rows, lines),
        "comparable": len(group.rows) > 1,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "row": row,
        "cells": [(one, cell_text(row, one.key, one.cell), _key(getattr(row, one.key))) for one in _COLUMNS],
        "interval": span(row.uar_low, row.uar_high),
        "text": " ".join((row.entry, row.study, row.family, row.origin)).lower(),
        "tie": "" if row.tie_group is None else ("tie-odd" if row.tie_group % 2 else "tie-even"),
    }


def _key(value: float | str | None) -> str:
    """Sort key of a cell for the table's script: the unrounded number, or the text."""
    return "" if value is None else str(value)
