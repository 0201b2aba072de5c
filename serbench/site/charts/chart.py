"""`Chart`: one figure as plain data for plotly.js, with words for those who do not see it.

Figures are dicts rather than `plotly.graph_objects`: building and checking those takes most of a page's time. The
tests check every kind of figure against them.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Any

__all__ = ["BLUE", "GREY", "ORANGE", "PALETTE", "Chart", "escaped", "rounded"]

BLUE, ORANGE, GREY = "#3f7fc4", "#c9782b", "#8a93a6"
PALETTE = (BLUE, ORANGE, "#4f9d78", "#9a6fb8", "#c4566a", "#8c7a3d", "#4fa3b5", GREY)
"""Told apart on light and dark paper, and by the colour-blind in this order."""


@dataclass(frozen=True)
class Chart:
    """A figure.

    Attributes:
        key: unique on its page.
        title: above it.
        caption: below it.
        alt: what it shows, in a sentence with the main numbers.
        data: plotly traces.
        layout: of plotly, without what all figures share (`charts.js` adds that, and the page's colours).
        height: in pixels, kept free before it is drawn.
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
        """What goes into the page."""
        return {"data": rounded(list(self.data)), "layout": {**self.layout, "height": self.height}}


def escaped(text: object) -> str:
    """A name as plotly shows it: it reads some HTML in texts."""
    return html.escape(str(text))


def rounded(value: Any) -> Any:
    """Numbers to five significant digits, which no screen shows more of; what is no number becomes null.

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
