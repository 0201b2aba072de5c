"""The leaderboard as a terminal shows it first: entries and references in one table, and only what changes a score.

`leaderboard_document` has everything; the option `--full` and all other formats show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from serbench.references import BASELINES
from serbench.render.document import NOTHING, Column, Document, RowStyle, Sheet, count, percent, plural, span, written
from serbench.render.leaderboard import cell_text, leaderboard_document, unpredicted
from serbench.results import COLUMNS, GroupRows, Leaderboard, ReferenceRow, Row

__all__ = ["answer", "below_baseline", "brief_board"]

_MOST: Final = 8
"""Entries of a table; the selected one is always among them."""

_EXPLAINED: Final = (
    "trained with one seed only", "a bag averages", "an ensemble averages", "rows with the same tie group", "on these ",
)  # fmt: skip
"""Beginnings of notes that explain a table. Whoever wants that asks for it; all other notes say what to think of it."""

_SHOWN: Final = (
    "tie_group", "entry", "selected", "family", "uar", "uar_low", "accuracy", "macro_f1", "validation_uar",
    "optimism_gap", "seeds", "looks", "parameters", "ms_per_clip", "train_seconds",
)  # fmt: skip
_CELLS: Final = [(name, cell) for name in _SHOWN if (cell := COLUMNS[name].cell) is not None]

_LEGEND: Final = (
    "bold: selected by validation. Rows without tie group: references and entries compared with nothing (one seed, "
    "no other entry, or fewer than 8 test or validation speakers). Same tie group: statistical tie."
)


def brief_board(board: Leaderboard, *, gathered: bool = False) -> Document:
    """Makes the short form of a leaderboard: one table a test set, best UAR first, references in place.

    Args:
        board: the leaderboard.
        gathered: whether test sets whose speakers were also trained on have one line each in a common table,
            instead of a table each, as long as another test set keeps speakers apart.
    """
    mixed = [group for group in board.groups if any(row.shares_speakers for row in group.rows)]
    if not gathered or len(mixed) == len(board.groups):
        mixed = []
    hidden = sum(len(group.rows) - (1 if group in mixed else len(_shown(group))) for group in board.groups)
    shared = _of_every_group(board.groups)
    more = [plural(hidden, "more entry").replace("entrys", "entries")] if hidden else []
    more += [plural(len(board.reported), "published result")] if board.reported else []
    pointer = f"`serbench leaderboard --full` adds {', '.join([*more, 'columns explained, notes'])}."
    whole = leaderboard_document(board)
    if not board.groups:
        return whole
    sheets = [_sheet(group, shared) for group in board.groups if group not in mixed]
    if mixed:
        sheets.append(_gathered(mixed, shared))
    return replace(
        whole, sheets=tuple(sheets), notes=(*shared, *board.general_notes, f"{_LEGEND} {pointer}"), wide=False
    )


def _of_every_group(groups: Sequence[GroupRows]) -> tuple[str, ...]:
    """The notes that all tables have, of two or more, so that one note below them all is right."""
    if len(groups) < 2:
        return ()
    return tuple(
        note
        for note in dict.fromkeys(groups[0].notes)
        if not note.startswith(_EXPLAINED) and all(note in group.notes for group in groups)
    )


def _shown(group: GroupRows) -> list[Row]:
    return [row for place, row in enumerate(group.rows) if place < _MOST or row.selected]


def _sheet(group: GroupRows, shared: tuple[str, ...]) -> Sheet:
    shown = _shown(group)
    chance = next((percent(one.uar) for one in group.references if one.name == "chance"), "")
    references = [one for one in group.references if one.name != "majority" or percent(one.uar) != chance]
    lines: list[tuple[tuple[bool, float], tuple[str, ...], RowStyle]] = [
        ((not row.problems, _order(row.uar)), tuple(cell_text(row, name, cell) for name, cell in _CELLS),
         "bold" if row.selected else "")
        for row in shown
    ]  # fmt: skip
    lines += [((True, _order(one.uar)), _of_reference(one), "dim") for one in references]
    lines.sort(key=lambda line: line[0], reverse=True)  # what fails its checks stays last
    notes = [note for note in group.notes if note not in shared and not note.startswith(_EXPLAINED)]
    notes += _about_references(references)
    return Sheet(
        f"{group.heading}; {group.power.short}" if group.power else group.heading,
        tuple(Column(cell.title, cell.rank, cell.align) for _, cell in _CELLS),
        tuple(cells for _, cells, _ in lines),
        tuple(notes),
        tuple(style for *_, style in lines),
    )


def _gathered(groups: Sequence[GroupRows], shared: tuple[str, ...]) -> Sheet:
    """One line a test set: its selected entry, or else its best, and the best plain baseline."""
    lines = []
    for group in groups:
        row = next((one for one in group.rows if one.selected), group.rows[0])
        plain = _best_baseline(group)
        beside = f"{plain.title} {percent(plain.uar)}" if plain is not None else NOTHING
        place = f"{row.corpus} {row.protocol}"
        scores = percent(row.uar), span(row.uar_low, row.uar_high), percent(row.accuracy)
        entry = (
            written("checked", row.entry, row.problems)
            if row.selected
            else f"{written('checked', row.entry, row.problems)} (not selected)"
        )
        lines.append((place, count(row.test_clips), entry, *scores, beside))
    columns = (
        Column("test set", align="left"), Column("clips"), Column("entry", align="left"), Column("UAR %"),
        Column("95 % CI"), Column("acc. %", rank=1), Column("best baseline", align="left"),
    )  # fmt: skip
    notes = dict.fromkeys(
        note for group in groups for note in group.notes if note not in shared and not note.startswith(_EXPLAINED)
    )
    protocols = {row.protocol for group in groups for row in group.rows}
    option = f"--protocol {protocols.pop()}" if len(protocols) == 1 else "--protocol NAME"
    title = f"Speakers shared by training and test, the selected entry of each; `{option}` shows all"
    return Sheet(title, columns, tuple(lines), tuple(notes))


def _about_references(rows: Sequence[ReferenceRow]) -> list[str]:
    """What a reader must know not to compare a reference wrongly."""
    notes = [*unpredicted(rows)]
    if any(row.transductive for row in rows):
        notes.append(
            "*: normalised with the test speakers' own clips (transductive), so not the score of a single clip"
        )
    return notes


def _of_reference(row: ReferenceRow) -> tuple[str, ...]:
    known = {
        "entry": f"{row.title.removesuffix(' (transductive)')}*" if row.transductive else row.title,
        "uar": percent(row.uar),
        "uar_low": span(row.uar_low, row.uar_high),
        "accuracy": percent(row.accuracy),
        "macro_f1": percent(row.macro_f1),
    }
    return tuple(known.get(name, "") for name, _ in _CELLS)


def _order(uar: float | None) -> float:
    return -1.0 if uar is None else uar


def answer(group: GroupRows, row: Row) -> str:
    """The outcome of a search in one sentence; `below_baseline` says where a plain baseline is better.

    Args:
        group: the comparison group of the entry.
        row: the entry.
    """
    interval = f" ({span(row.uar_low, row.uar_high)})" if row.uar_low is not None else ""
    whose = "speakers who were also trained on" if row.shares_speakers else "new speakers"
    known = {one.name: one for one in group.references if one.uar is not None}
    plain = _best_baseline(group)
    beside = [plain] if plain is not None and plain.name != "chance" else []
    beside += [known[name] for name in ("listeners", "chance") if name in known]
    compared = f"; {', '.join(f'{one.title} {percent(one.uar)}' for one in beside)}" if beside else ""
    classes = f"; best {row.best_by_recall}, worst {row.worst_by_recall}" if row.best_by_recall else ""
    return f"{percent(row.uar)} % UAR{interval} on {row.test_speakers} {whose}: {row.entry}{compared}{classes}"


def below_baseline(group: GroupRows, row: Row) -> str:
    """Says which plain baseline is better than an entry; '' if none is, or if the test speakers were trained on.

    Args:
        group: the comparison group of the entry.
        row: the entry.
    """
    plain = _best_baseline(group)
    if plain is None or plain.uar is None or row.uar is None or row.uar >= plain.uar or row.shares_speakers:
        return ""
    below = f"{row.entry} is below a baseline: {plain.title} has {percent(plain.uar)} % UAR on the same clips"
    if row.uar_low is None:
        return f"{below}, which may be chance with {plural(row.test_speakers, 'test speaker')}"
    low, high = plain.difference_low, plain.difference_high
    if row.selected and low is not None and high is not None and low <= 0:
        return f"{below}, which may be chance (a difference of {100 * low:+.1f} to {100 * high:+.1f} points)"
    return below


def _best_baseline(group: GroupRows) -> ReferenceRow | None:
    known = [one for one in group.references if one.name in BASELINES and one.uar is not None]
    return max(known, key=lambda one: one.uar or 0.0, default=None)
