"""The index: every table of the leaderboard, and the studies behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serbench.records.schemas import ProtocolFacts
from serbench.render.document import NOTHING, count, duration, millions, milliseconds, percent, points, size, span
from serbench.results.leaderboard import Leaderboard
from serbench.results.leaderboard_row import GroupRows, Row
from serbench.results.study_rows import StudyRow
from serbench.site.charts.board import COSTS, cost_chart
from serbench.site.charts.lines import reference_lines
from serbench.site.pages import Pages
from serbench.site.words import protocol_sentence

__all__ = ["Ways", "board_page"]


@dataclass(frozen=True)
class Ways:
    """From the index to the other pages: by entry id, and by study name."""

    entries: Mapping[str, str]
    studies: Mapping[str, str]


@dataclass(frozen=True)
class _Column:
    """A column of the table: how a cell reads, and what it is sorted by."""

    title: str
    key: str
    shown: Callable[[Row], str]
    sorted_by: Callable[[Row], float | str | None]
    more: bool = False
    about: str = ""


def _number(field: str, shown: Callable[[Any], str]) -> tuple[Callable[[Row], str], Callable[[Row], Any]]:
    return (lambda row: shown(getattr(row, field))), (lambda row: getattr(row, field))


_COLUMNS = (
    _Column("acc. %", "accuracy", *_number("accuracy", percent)),
    _Column("macro-F1 %", "macro_f1", *_number("macro_f1", percent)),
    _Column("val. UAR %", "validation_uar", *_number("validation_uar", percent), about="on the validation core"),
    _Column("gap", "gap", *_number("optimism_gap", points), about="validation - test UAR of the refits, in points"),
    _Column("seeds", "seeds", *_number("seeds", count), about="refits on fresh seeds"),
    _Column("parameters", "parameters", *_number("parameters", count)),
    _Column("ms/clip", "ms", *_number("ms_per_clip", milliseconds), about="front end and model on one core"),
    _Column("fit time", "fit", *_number("train_seconds", duration), about="wall time of one fit"),
    _Column("curse", "curse", *_number("winners_curse", points), True, "validation in the search - of the refits"),
    _Column("looks", "looks", *_number("looks", count), True, "predictions made on the test core"),
    _Column("trials", "trials", *_number("trials", count), True, "that the study spent"),
    _Column("MACs (M)", "macs", *_number("multiply_accumulates", millions), True, "millions, for one clip"),
    _Column("model", "bytes", *_number("model_bytes", size), True, "size of the model's file"),
    _Column("best", "best", *_number("best_by_recall", lambda name: name or NOTHING), True, "class by recall"),
    _Column("worst", "worst", *_number("worst_by_recall", lambda name: name or NOTHING), True, "class by recall"),
)


def board_page(
    pages: Pages,
    board: Leaderboard,
    ways: Ways,
    studies: Sequence[StudyRow],
    notes: Sequence[str] = (),
    made: str = "",
) -> str:
    """The page as HTML.

    Args:
        pages: renders it.
        board: what it shows.
        ways: to the other pages.
        studies: all of them, those without an entry, too.
        notes: what could not be shown and why.
        made: when the last record was written.
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
        ways=ways,
        studies=studies,
        reported=board.reported,
        notes=[*notes, *board.general_notes],
        rows=len(board.rows),
        made=made,
    )


def _choices(board: Leaderboard) -> dict[str, list[str]]:
    """What the table can be narrowed to; a single choice is none."""
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
        "title": group.title,
        "first": group.rows[0],
        "rows": [_row(row) for row in group.rows],
        "references": group.references,
        "reference_spans": [span(row.uar_low, row.uar_high) for row in group.references],
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
        "cells": [(column, column.shown(row), _key(column.sorted_by(row))) for column in _COLUMNS],
        "interval": span(row.uar_low, row.uar_high),
        "text": " ".join((row.entry, row.study, row.family, row.origin)).lower(),
        "tie": "" if row.tie_group is None else ("tie-odd" if row.tie_group % 2 else "tie-even"),
    }


def _key(value: float | str | None) -> str:
    """What a cell is sorted by, for the table's script: the number in full, else the word."""
    return "" if value is None else str(value)
