"""Writes the leaderboards of the README and of docs/report.md from the published results: no figure of theirs is typed.

uv run python benchmarks/readme_leaderboard.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.report_tables import cost_table, goal_table
from serbench.records import ResultsFolder
from serbench.records.schemas import EpochMetrics
from serbench.render import beside_printed
from serbench.render.document import Sheet, count, duration, percent, span
from serbench.results import Results
from serbench.results.leaderboard_row import GroupRows, Row
from serbench.results.reference_rows import ReferenceRow

__all__ = ["PAGES", "TABLES", "between", "brief_table", "published_tables"]

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs" / "report.md"
BEGIN, END = "<!-- made by benchmarks/readme_leaderboard.py -->\n", "<!-- end -->\n"
_MARKS = (1, 2, 3, 5, 10, 20, 40)
_HEAD = (
    "| tie group | entry | UAR % | 95 % interval | accuracy % | macro-F1 % | validation UAR % | trials | parameters | "
    "fit time |\n|---:|:---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
)
_BRIEF_HEAD = "| tested on | model | UAR % | 95 % interval |\n|:---|:---|---:|---:|\n"
_BRIEF_REFERENCES = ("functionals", "egemaps", "listeners", "chance")


def published_tables(read: Results) -> str:
    """Returns all groups of a results folder as Markdown: entries, then references; at the end what others printed.

    Groups that keep speakers apart come first, and show ensembles, too.
    """
    board = read.board()
    apart = [group for group in read.board(ensembles=True).groups if not group.rows[0].shares_speakers]
    sharing = [group for group in board.groups if group.rows[0].shares_speakers]
    groups = [*apart, *sharing]
    beside = beside_printed(board, {row.study for group in groups for row in group.rows})
    tables = [*map(_table, groups), *([] if beside is None else [_beside(beside)])]
    return "\n".join([*tables, _minutes(read.folder, sharing)])


def brief_table(read: Results) -> str:
    """Returns one table of four columns: groups that keep speakers apart, best score first, references in italics."""
    groups = [group for group in read.board().groups if not group.rows[0].shares_speakers]
    return _BRIEF_HEAD + "".join(map(_brief, groups))


def _brief(group: GroupRows) -> str:
    first = group.rows[0]
    scored: list[tuple[float | None, str, str]] = []
    for row in group.rows:
        notes = ", ".join(
            ["bag"] * bool(row.bag)
            + ["pretrained"] * bool(row.init)
            + ["student"] * bool(row.teacher)
            + ["selected"] * row.selected
        )
        name = f"{row.entry} ({notes})" if notes else row.entry
        scored.append((row.uar, name, "" if row.uar_low is None else span(row.uar_low, row.uar_high)))
    for one in group.references:
        if one.name in _BRIEF_REFERENCES:
            scored.append((one.uar, f"*{one.title}*", "" if one.uar_low is None else span(one.uar_low, one.uar_high)))
    on = f"{first.corpus}, `{first.protocol}`: {first.test_speakers} speakers, {first.test_clips:,} clips"
    text = ""
    for uar, name, interval in sorted(scored, key=lambda one: -(one[0] or 0)):
        text += f"| {on} | {name} | {percent(uar)} | {interval} |\n"
        on = ""
    return text


def _minutes(results: ResultsFolder, groups: list[GroupRows]) -> str:
    """The best validation accuracy so far after minutes of training, mean over an entry's refits."""
    text = "**Validation accuracy after minutes of training**, in percent: best so far, mean over refits\n\n"
    text += f"| entry | refits | {' | '.join(f'{mark} min' for mark in _MARKS)} |\n|:---|---:|{'---:|' * len(_MARKS)}\n"
    for row in (row for group in groups for row in group.rows):
        folder = results.study(row.study)
        curves = [_curve(folder.job("refit", job_id).epochs) for job_id in folder.entry(row.entry).refits]
        if not all(curves):  # trained on all clips that are not tested: nothing was held back to judge by
            continue
        cells = []
        for mark in _MARKS:
            best = [max((value for minutes, value in curve if minutes <= mark), default=None) for curve in curves]
            known = [value for value in best if value is not None]
            over = all(curve[-1][0] <= mark / 2 for curve in curves)  # nothing new to tell
            cells.append("" if over else percent(sum(known) / len(known)) if len(known) == len(best) else "-")
        text += f"| {row.entry} | {len(curves)} | {' | '.join(cells)} |\n"
    return text


def _curve(epochs: Sequence[EpochMetrics]) -> list[tuple[float, float]]:
    """Minutes of training up to the end of each epoch, and its validation accuracy, where it has one."""
    ends = accumulate(epoch.seconds for epoch in epochs)
    pairs = zip(ends, epochs, strict=True)
    return [(end / 60, epoch.val_accuracy) for end, epoch in pairs if epoch.val_accuracy is not None]


def _beside(sheet: Sheet) -> str:
    head = " | ".join(column.title for column in sheet.columns)
    rows = "".join(f"| {' | '.join(cells)} |\n" for cells in sheet.rows)
    return f"**{sheet.title}**, in percent\n\n| {head} |\n|:---|:---|{'---:|' * (len(sheet.columns) - 2)}\n{rows}"


def _table(group: GroupRows) -> str:
    rows = "".join([*map(_entry, group.rows), *map(_reference, group.references)])
    clips = f"{group.rows[0].test_clips:,} test clips of {group.rows[0].test_speakers} speakers"
    below = f"; **{group.below}**" if group.below else ""
    power = f"; {group.power.short}" if group.power else ""
    return f"**{group.title}**: {clips}; {group.tested}{power}{below}\n\n{_HEAD}{rows}"


def _entry(row: Row) -> str:
    cells = (
        "" if row.tie_group is None else str(row.tie_group), f"{row.entry}{' (selected)' if row.selected else ''}",
        percent(row.uar), span(row.uar_low, row.uar_high), percent(row.accuracy), percent(row.macro_f1),
        percent(row.validation_uar), count(row.trials), count(row.parameters), duration(row.train_seconds),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _reference(row: ReferenceRow) -> str:
    interval = "" if row.uar_low is None else span(row.uar_low, row.uar_high)
    cells = ("", f"*{row.title}*", percent(row.uar), interval, percent(row.accuracy), percent(row.macro_f1), *[""] * 4)
    return f"| {' | '.join(cells)} |\n"


def between(text: str, begin: str = BEGIN) -> tuple[str, str, str]:
    """A page's text before, between and after the marks.

    Raises:
        ValueError: it has no marks.
    """
    before, _, rest = text.partition(begin)
    inside, _, after = rest.partition(END)
    if not after:
        raise ValueError("the page has no marks to write the leaderboard between")
    return before, inside, after


PAGES: dict[str, Callable[[Results], str]] = {"README.md": brief_table, "docs/report.md": published_tables}
"""What each page shows of a results folder."""

TABLES: dict[str, Callable[[Results], str]] = {
    "<!-- goals, made by benchmarks/readme_leaderboard.py -->\n": lambda read: goal_table(read.board(ensembles=True)),
    "<!-- cost, made by benchmarks/readme_leaderboard.py -->\n": lambda read: cost_table(read.board()),
}
"""Further tables of docs/report.md, by the mark before them."""


def main() -> None:
    """Rewrites the pages."""
    read = Results(ROOT / "results" / "published")
    for name, tables in PAGES.items():
        path = ROOT / name
        before, _, after = between(path.read_text(encoding="utf-8"))
        path.write_text(f"{before}{BEGIN}{tables(read)}{END}{after}", encoding="utf-8")
    for mark, made_of in TABLES.items():
        before, _, after = between(REPORT.read_text(encoding="utf-8"), mark)
        REPORT.write_text(f"{before}{mark}{made_of(read)}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
