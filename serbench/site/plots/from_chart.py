"""Draws the figures that notebooks draw with plotly as SVG, so that pages need no script for them."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from serbench.site.charts.chart import BLUE, GREY, ORANGE, Chart
from serbench.site.plots.axis import Axis, linear
from serbench.site.plots.plot import Dot, Frame, Path, Plot

__all__ = ["plot_of"]

_KINDS = {BLUE: "one", ORANGE: "two", GREY: "faint"}
_SIZE = 9.0


def plot_of(chart: Chart) -> Plot:
    """The same figure as marks.

    Args:
        chart: a figure of lines and markers; other kinds of traces are not drawn.
    """
    traces = [trace for trace in chart.data if trace["type"] == "scatter" and trace["x"]]
    if not traces:
        return Plot(chart.key, chart.title, "", chart.alt, says=chart.alt)
    frame = Frame(_axis("x", traces), _axis("y", traces))
    paths, dots = [], []
    for trace in traces:
        kind = _kind(trace)
        if "lines" in trace["mode"]:
            paths.append(Path(frame.points(_pairs(trace)), kind, _plain(trace.get("name", ""))))
        if "markers" in trace["mode"]:
            dots += _dots(trace, frame, kind)
    return Plot(
        chart.key,
        chart.title,
        chart.caption,
        chart.alt,
        across=frame.ticks_across,
        down=frame.ticks_down,
        about_across=_plain(chart.layout["xaxis"]["title"]["text"]),
        about_down=_plain(chart.layout["yaxis"]["title"]["text"]),
        paths=paths,
        dots=dots,
        legend=_legend(traces),
    )


def _pairs(trace: dict[str, Any]) -> list[tuple[float, float]]:
    both = zip(trace["x"], trace["y"], strict=True)
    return [(x, y) for x, y in both if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)]


def _axis(which: str, traces: Sequence[dict[str, Any]]) -> Axis:
    values = [pair[which == "y"] for trace in traces for pair in _pairs(trace)]
    return linear(values or [0.0, 1.0], whole=all(isinstance(value, int) for value in values))


def _kind(trace: dict[str, Any]) -> str:
    colour = trace.get("line", trace.get("marker", {})).get("color", BLUE)
    return _KINDS.get(colour, "three")


def _dots(trace: dict[str, Any], frame: Frame, kind: str) -> list[Dot]:
    pairs = _pairs(trace)
    marker = trace.get("marker", {})
    sizes = marker.get("size", _SIZE)
    sizes = sizes if isinstance(sizes, list) else [_SIZE] * len(pairs)
    shape = "ring" if marker.get("symbol") == "circle-open" else "dot"
    texts = trace.get("text") or [trace.get("name", "")] * len(pairs)
    found = []
    for (x, y), size, text in zip(pairs, sizes, texts, strict=False):
        said = f"{_plain(text)}: {x:.4g}, {y:.3g}".removeprefix(": ")
        found.append(Dot(frame.x(x), frame.y(y), said, kind, shape, scale=round(size / _SIZE, 2)))
    return found


def _legend(traces: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    found = {}
    for trace in traces:
        if trace.get("showlegend", True):
            shape = "line" if "lines" in trace["mode"] else "ring"
            found[trace.get("name", "")] = (_kind(trace), shape, _plain(trace.get("name", "")))
    return list(found.values())


def _plain(text: object) -> str:
    """A text as it was before it was escaped for plotly; the template escapes it again."""
    return html.unescape(str(text))
