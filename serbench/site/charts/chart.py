"""`Chart`: one figure as plain data for plotly.js, with a text alternative.

Figures are dicts, because building `plotly.graph_objects` would take most of a page's time. The tests check every kind
of figure against these objects.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Any

__all__ = ["BLUE", "GREY", "ORANGE", "PALETTE", "Chart", "escaped", "rounded"]

BLUE, ORANGE, GREY = "#3f7fc4", "#c9782b", "#8a93a6"
PALETTE = (BLUE, ORANGE, "#4f9d78", "#9a6fb8", "#c4566a", "#8c7a3d", "#4fa3b5", GREY)
"""Colours that are distinct on light and dark pages and, in this order, for colour-blind readers."""


@dataclass(frozen=True)
class Chart:
    """A figure.

    Attributes:
        key: id of the figure, unique on its page.
        title: heading above it.
        caption: text below it.
        alt: text alternative: one sentence with the main numbers.
        data: plotly traces.
        layout: plotly layout; `charts.js` adds what all figures share, and the page's colours.
        height: in pixels; the space is reserved before the figure is drawn.
    """

    key: str
    title: str
    caption: str
    alt: str
    data: tuple[dict[str, Any], ...]
    layout: dict[str, Any]
    height: int = 340

    @property
    def spec(self) -> dict[str, Any]:
        """Data and layout for plotly.js, with rounded numbers."""
        return {"data": rounded(list(self.data)), "layout": {**self.layout, "height": self.height}}


def escaped(text: object) -> str:
    """Escapes a name, because plotly interprets some HTML in texts."""
    return html.escape(str(text))


def rounded(value: Any) -> Any:
    """Rounds numbers to five significant digits, enough for any screen. NaN and infinity become None.

    >>> rounded([0.123456789, {"y": float("nan")}, 12345678, "text"])
    [0.12346, {'y': None}, 12345678, 'text']
    """
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    return value
