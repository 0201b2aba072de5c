"""The leaderboard's figure: score against cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from serbench.render import percent
from serbench.results import Row
from serbench.site.charts.chart import GREY, PALETTE, Chart, escaped
from serbench.site.charts.lines import Line

__all__ = ["COSTS", "cost_chart"]

COSTS: tuple[tuple[str, str, Callable[[Row], float | None]], ...] = (
    ("parameters", "parameters", lambda row: row.parameters),
    ("ms", "milliseconds a clip on one CPU core", lambda row: row.ms_per_clip),
    (
        "minutes",
        "training minutes of one run",
        lambda row: None if row.train_seconds is None else row.train_seconds / 60,
    ),
)
"""Costs to choose from: key, axis title, and the function that computes the cost of an entry."""

_LINES = {"functionals": PALETTE[1], "svm": PALETTE[1], "listeners": PALETTE[3]}
_CLOSE = 0.04
_SYMBOLS = ("circle", "diamond", "square", "triangle-up")


def cost_chart(key: str, rows: Sequence[Row], lines: Sequence[Line]) -> Chart | None:
    """UAR against a cost that the reader chooses; None if no entry has both.

    Args:
        key: id of the figure, unique on the page.
        rows: rows of one group.
        lines: horizontal lines for references.
    """
    shown = [row for row in rows if row.uar is not None and any(cost(row) is not None for _, _, cost in COSTS)]
    if not shown:
        return None
    families = sorted({row.family for row in shown})
    data = [
        _points(family, place, [row for row in shown if row.family == family]) for place, family in enumerate(families)
    ]
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": COSTS[0][1]}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "test UAR, %"}},
        "shapes": [
            {
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 100 * line.value, "y1": 100 * line.value,
                "line": {"color": _LINES.get(line.kind, GREY), "width": 1.5, "dash": "dot"},
            }
            for line in lines
        ],
        "annotations": [
            {
                "xref": "paper", "x": 1, "xanchor": "right", "y": 100 * line.value, "yanchor": side,
                "text": escaped(f"{line.name} {percent(line.value)}"), "showarrow": False, "font": {"size": 11},
            }
            for line, side in _sides(lines)
        ],
    }  # fmt: skip
    best = max(shown, key=lambda row: row.uar or 0.0)
    return Chart(
        key,
        "Score against cost",
        "Test UAR with its 95 % interval. Entries without that cost are left out. Up and to the left is better.",
        f"Scatter of test UAR against cost for {len(shown)} entries; the highest UAR is {percent(best.uar)} % "
        f"({best.entry}). The table has all values.",
        tuple(data),
        layout,
        height=360,
    )


def _sides(lines: Sequence[Line]) -> list[tuple[Line, str]]:
    """Each line with the side of its label: if two lines are close, the lower one is labelled below."""
    ordered = sorted(lines, key=lambda line: line.value)
    return [
        (line, "top" if place + 1 < len(ordered) and ordered[place + 1].value - line.value < _CLOSE else "bottom")
        for place, line in enumerate(ordered)
    ]


def _points(family: str, place: int, rows: Sequence[Row]) -> dict[str, Any]:
    costs = {name: [cost(row) for row in rows] for name, _, cost in COSTS}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escaped(family),
        "x": costs[COSTS[0][0]],
        "y": [100 * (row.uar or 0.0) for row in rows],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [100 * (row.uar_high - row.uar) if row.uar_high and row.uar else 0 for row in rows],
            "arrayminus": [100 * (row.uar - row.uar_low) if row.uar_low is not None and row.uar else 0 for row in rows],
            "thickness": 1,
            "width": 3,
        },
        "marker": {
            "color": PALETTE[place % len(PALETTE)],
            "symbol": _SYMBOLS[place % len(_SYMBOLS)],
            "size": [11 if row.selected else 8 for row in rows],
        },
        "text": [escaped(f"{row.entry}{' (selected)' if row.selected else ''}") for row in rows],
        "meta": costs,
        "hovertemplate": "%{text}: %{y:.1f} % at %{x:,.4~g}<extra></extra>",
    }
