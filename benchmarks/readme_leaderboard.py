"""Writes the README's leaderboard from the published results, so that no figure in it is typed.

uv run python benchmarks/readme_leaderboard.py
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from serbench.records import ResultsFolder
from serbench.report import Leaderboard
from serbench.report.document import count, duration, percent, span
from serbench.report.reference_rows import ReferenceRow
from serbench.report.row import GroupRows, Row

__all__ = ["BEGIN", "END", "between", "published_tables"]

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- made by benchmarks/readme_leaderboard.py -->\n", "<!-- end -->\n"
_HEAD = (
    "| tie group | entry | UAR % | 95 % interval | accuracy % | macro-F1 % | validation UAR % | trials | parameters | "
    "fit time |\n|---:|:---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
)


def published_tables(results: Path) -> str:
    """All groups of a results folder as Markdown: entries, then references."""
    board = Leaderboard.from_results(ResultsFolder(results))
    return "\n".join(_table(group) for group in board.groups)


def _table(group: GroupRows) -> str:
    rows = "".join([*map(_entry, group.rows), *map(_reference, group.references)])
    clips = f"{group.rows[0].test_clips:,} test clips of {group.rows[0].test_speakers} speakers"
    return f"**{group.title}**: {clips}\n\n{_HEAD}{rows}"


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


def between(text: str) -> tuple[str, str, str]:
    """A page's text before, between and after the marks.

    Raises:
        ValueError: it has no marks.
    """
    before, _, rest = text.partition(BEGIN)
    inside, _, after = rest.partition(END)
    if not after:
        raise ValueError("the README has no marks to write the leaderboard between")
    return before, inside, after


def main() -> None:
    """Rewrites the README."""
    path = ROOT / "README.md"
    before, _, after = between(path.read_text(encoding="utf-8"))
    path.write_text(f"{before}{BEGIN}{published_tables(ROOT / 'results' / 'published')}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
