"""The index page: all tables of the leaderboard, one tab each, and the list of studies."""

from __future__ import annotations

import importlib.metadata
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serbench.records import ProtocolFacts
from serbench.render import cell_text, moment, percent, span, unpredicted, versus
from serbench.results import COLUMNS, Cell, GroupRows, Leaderboard, ReferenceRow, Row, StudyRow
from serbench.site.best_card import best_card
from serbench.site.charts.lines import reference_lines
from serbench.site.pages import Pages
from serbench.site.plots.axis import linear
from serbench.site.plots.cost import COSTS, cost_plots
from serbench.site.words import protocol_sentence

__all__ = ["PagePaths", "board_page", "project_address"]

_UNSAFE = re.compile(r"[^a-z0-9]+")


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

    @property
    def help(self) -> str:
        """What the column means."""
        return _HELP.get(self.key) or self.cell.about


@dataclass(frozen=True)
class _Tab:
    """A table's tab: the id in its address, and its text."""

    key: str
    title: str
    about: str


_HELP = {
    "tie": "Rows with the same number are a statistical tie with the best of them: paired test over the test speakers, "
    "5 % level, Holm-corrected. No number: compared with nothing.",
    "entry": "A configuration of a network, trained again with new seeds and then tested. References on the same test "
    "clips stand among them in grey.",
    "uar": "Unweighted average recall: the share of each emotion's clips that is recognised, averaged over emotions "
    "and over runs. Guessing gives one part in as many as there are emotions.",
    "interval": "The range in which the score lies for other speakers and seeds, in 19 of 20 cases (95 % interval). "
    "The vertical lines are references on the same clips.",
    "accuracy": "Share of all test clips that are recognised.",
    "macro_f1": "F1 (harmonic mean of precision and recall) of each emotion, averaged over emotions.",
    "validation_uar": "UAR on clips that were not tested: out of fold, else on the validation speakers. It chooses the "
    "selected entry.",
    "optimism_gap": "Validation UAR minus test UAR, in points. Far above zero: validation promised too much.",
    "seeds": "Runs: the same configuration, each trained with a new seed.",
    "parameters": "Numbers that the network learns.",
    "ms_per_clip": "Time for one clip on one CPU core, front end and network, in milliseconds.",
    "train_seconds": "Time that one run trained.",
    "winners_curse": "Validation score in the search minus out-of-fold score of the same configuration, in points.",
    "looks": "How often the test set was evaluated for this entry.",
    "trials": "Completed and pruned trials of the study that it comes from.",
    "multiply_accumulates": "Multiplications for one clip, in millions.",
    "model_bytes": "Size of the model's file.",
    "best_by_recall": "The emotion that is recognised best.",
    "worst_by_recall": "The emotion that is recognised worst.",
}

_COLUMNS = tuple(
    _Column(name, one.cell)
    for name, one in sorted(COLUMNS.items(), key=lambda pair: (pair[1].cell and pair[1].cell.site) or 0)
    if one.cell is not None and one.cell.site is not None
)
_OF_REFERENCES = ("accuracy", "macro_f1")
_TEXTS = {key: _HELP[key] for key in ("tie", "entry", "uar", "interval")} | {one.key: one.help for one in _COLUMNS}


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
    tabs = _tabs(board.groups, facts)
    families = sorted({row.family for row in board.rows})
    return pages.render(
        "index.html",
        scripts=("table.js",),
        here="index",
        groups=[_group(tab, group, facts, paths) for tab, group in zip(tabs, board.groups, strict=True)],
        strangers=not board.groups or any(not group.rows[0].shares_speakers for group in board.groups),
        families=families if len(families) > 1 else [],
        columns=_COLUMNS,
        helps=_TEXTS,
        costs=COSTS,
        paths=paths,
        studies=studies,
        reported=board.reported,
        notes=[*notes, *board.general_notes],
        rows=len(board.rows),
        project=project_address(),
        made=moment(made),
    )


def project_address() -> str:
    """Address of the project, as the installed package states it; '' if it states none."""
    try:
        found = importlib.metadata.metadata("serbench").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    addresses = [address.strip() for _, _, address in (line.partition(",") for line in found)]
    return next((address for address in addresses if address.startswith("https://")), "")


def _tabs(groups: Sequence[GroupRows], facts: Mapping[str, ProtocolFacts]) -> list[_Tab]:
    """The tab of each table. Tables of the same corpus and protocol are told apart by what differs."""
    names = [_name(group) for group in groups]
    repeated = Counter(names)
    tabs: list[_Tab] = []
    for group, name in zip(groups, names, strict=True):
        row, protocol = group.rows[0], facts[group.rows[0].entry]
        about = "" if repeated[name] == 1 else f"{protocol.test_clips:,} test clips"
        key = _UNSAFE.sub("-", f"{group.group.corpus}-{group.group.protocol}".lower()).strip("-") or "table"
        if repeated[name] > 1 or key in {tab.key for tab in tabs}:
            hashes = f"{row.protocol_hash[:8]}-{row.corpus_digest[:6]}".lower()
            key = f"{key}-{_UNSAFE.sub('-', hashes).strip('-')}"
        while key in {tab.key for tab in tabs}:
            key += "-2"
        tabs.append(_Tab(key, name, about))
    return tabs


def _name(group: GroupRows) -> str:
    perceived = "" if group.group.label_source == "intended" else f", {group.group.label_source} labels"
    return f"{group.group.corpus}, {group.group.protocol}{perceived}"


def _heading(row: Row, protocol: ProtocolFacts) -> str:
    """What the table is about, in words."""
    who = "known speakers (also in training)" if protocol.shares_speakers else "unseen speakers"
    folds = f", {protocol.folds} folds pooled" if protocol.folds > 1 else ""
    perceived = "" if row.label_source == "intended" else f" as {row.label_source}"
    return f"{row.corpus}: {row.labels} emotions{perceived}, {who}{folds}"


def _group(tab: _Tab, group: GroupRows, facts: Mapping[str, ProtocolFacts], paths: PagePaths) -> dict[str, Any]:
    protocol = facts[group.rows[0].entry]
    lines = reference_lines(group.references, group.rows[0].labels)
    scale = _scale(group)
    places = [
        (line, (100 * line.value - scale.low) / (scale.high - scale.low))
        for line in lines
        if scale.low <= 100 * line.value <= scale.high
    ]
    return {
        "tab": tab,
        "heading": _heading(group.rows[0], protocol),
        "title": group.title,
        "tested": group.tested,
        "first": group.rows[0],
        "rows": _ordered(group),
        "scale": scale,
        "lines": lines,
        "places": places,
        "outside": [line for line in lines if not scale.low <= 100 * line.value <= scale.high],
        "notes": (*group.notes, *unpredicted(group.references)),
        "meaning": protocol_sentence(protocol),
        "protocol": protocol,
        "card": best_card(group, protocol, lines),
        "plots": cost_plots(f"cost-{tab.key}", group.rows, lines, paths.entries),
        "comparable": sum(not row.problems and row.seeds > 0 for row in group.rows) > 1,
    }


def _scale(group: GroupRows) -> Any:
    """The axis of the intervals: it fits all scores of the table but chance, which would make the rest too small."""
    rows: list[Row | ReferenceRow] = [*group.rows]
    rows += [row for row in group.references if row.name not in {"chance", "majority"}]
    ends = [100 * end for row in rows for end in (row.uar_low, row.uar, row.uar_high) if end is not None]
    return linear(ends or [0.0, 100.0], count=4)


def _ordered(group: GroupRows) -> list[dict[str, Any]]:
    """Rows of entries and references together, the highest UAR first; rows that fail their checks keep their place."""
    entries = [_row(row) for row in group.rows]
    for reference in group.references:
        place = next(
            (
                at
                for at, one in enumerate(entries)
                if one["uar"] is not None and not one["problems"] and (reference.uar or 0.0) > one["uar"]
            ),
            len([one for one in entries if not one["problems"]]),
        )
        entries.insert(place, _reference(reference))
    return entries


def _row(row: Row) -> dict[str, Any]:
    return {
        "row": row,
        "reference": None,
        "uar": row.uar,
        "problems": row.problems,
        "low": row.uar_low,
        "high": row.uar_high,
        "cells": [(one, cell_text(row, one.key, one.cell), _key(getattr(row, one.key))) for one in _COLUMNS],
        "interval": span(row.uar_low, row.uar_high),
        "text": " ".join((row.entry, row.study, row.family, row.origin)).lower(),
        "tie": "" if row.tie_group is None else ("tie-odd" if row.tie_group % 2 else "tie-even"),
    }


def _reference(row: ReferenceRow) -> dict[str, Any]:
    cells = [
        (one, percent(getattr(row, one.key)) if one.key in _OF_REFERENCES else "", _key_of(row, one.key))
        for one in _COLUMNS
    ]
    against = f"{versus(row)} vs selected" if row.difference is not None else ""
    return {
        "row": None,
        "reference": row,
        "detail": "; ".join(filter(None, (row.detail, against))),
        "uar": row.uar,
        "problems": (),
        "low": row.uar_low,
        "high": row.uar_high,
        "cells": cells,
        "interval": "" if row.uar_low is None else span(row.uar_low, row.uar_high),
    }


def _key_of(row: ReferenceRow, key: str) -> str:
    return _key(getattr(row, key)) if key in _OF_REFERENCES else ""


def _key(value: float | str | None) -> str:
    """Sort key of a cell for the table's script: the unrounded number, or the text."""
    return "" if value is None else str(value)
