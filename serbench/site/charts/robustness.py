"""Figure of what noise, rooms, codecs and more do to an entry's score."""

from __future__ import annotations

from typing import Any

from serbench.audit.robustness import ConditionScore, Robustness, robustness_verdict
from serbench.site.charts.chart import GREY, PALETTE, Chart, escaped

__all__ = ["robustness_chart"]

_ROW_PX = 24


def robustness_chart(found: Robustness) -> Chart | None:
    """Draws the score under each condition; None if none could be measured.

    Args:
        found: what was measured.
    """
    if not found.measured:
        return None
    groups = list(dict.fromkeys(one.group for one in found.measured))
    plain = 100 * (found.plain.uar or 0.0)
    line = {
        "type": "scatter",
        "x": [plain, plain],
        "y": [found.measured[0].title, found.measured[-1].title],
        "mode": "lines",
        "name": "unaltered clips",
        "line": {"color": GREY, "width": 1.2, "dash": "dash"},
        "hovertemplate": f"unaltered clips: {plain:.1f} %<extra></extra>",
    }
    dots = [
        _dots([one for one in found.measured if one.group == group], group, PALETTE[place % len(PALETTE)], plain)
        for place, group in enumerate(groups)
    ]
    bars = f"{found.no_interval}." if found.no_interval else "Bars: 95 % interval of the loss, paired over speakers."
    caption = f"UAR under each condition, in %. The dashed line is the score of the same clips unaltered. {bars}"
    return Chart(
        f"robustness-{found.on}",
        f"UAR under noise, in rooms, through codecs ({found.on} speakers)",
        caption,
        robustness_verdict(found),
        (line, *dots),
        {
            "xaxis": {"title": {"text": "UAR, %"}, "range": [0, 102]},
            "yaxis": _conditions(found.measured),
            "margin": {"t": 70},
        },
        height=150 + _ROW_PX * len(found.measured),
    )


def _dots(scores: list[ConditionScore], group: str, colour: str, plain: float) -> dict[str, Any]:
    uar = [100 * (one.uar or 0.0) for one in scores]
    trace: dict[str, Any] = {
        "type": "scatter",
        "x": uar,
        "y": [one.title for one in scores],
        "mode": "markers",
        "name": group,
        "marker": {"color": colour, "size": 9},
        "text": ["" if one.gains is None else f", '{escaped(one.gains)}' gains most answers" for one in scores],
        "hovertemplate": "%{y}: %{x:.1f} %%{text}<extra></extra>",
    }
    if all(one.low is not None and one.high is not None for one in scores):
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [plain - 100 * (one.low or 0.0) - at for one, at in zip(scores, uar, strict=True)],
            "arrayminus": [at - plain + 100 * (one.high or 0.0) for one, at in zip(scores, uar, strict=True)],
            "color": colour,
            "thickness": 1.5,
            "width": 0,
        }
    return trace


def _conditions(shown: tuple[ConditionScore, ...]) -> dict[str, Any]:
    return {
        "type": "category",
        "autorange": "reversed",
        "categoryorder": "array",
        "categoryarray": [one.title for one in shown],
        "tickfont": {"size": 11},
    }
