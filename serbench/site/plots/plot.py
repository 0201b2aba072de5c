"""`Plot`: one figure as marks, which the template `plot.html` draws as SVG.

Across, a place is a share of the width, so that a figure fits any screen without shrinking its text. Down, it is in
pixels. The template escapes all texts. Classes of marks decide their colours (`assets/plots.css`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from serbench.site.plots.axis import Axis

__all__ = ["HEIGHT", "KINDS", "Band", "Dot", "Frame", "Label", "Path", "Plot", "Rule", "kind_of"]

HEIGHT = 240
KINDS = ("one", "two", "three", "four", "five", "six")
"""Classes of colours that differ, in the order in which they are used."""


@dataclass(frozen=True)
class Dot:
    """A point.

    Attributes:
        x: share of the width.
        y: pixels from the top.
        text: what it is, for a tooltip.
        kind: class of its colour.
        shape: `dot`, `diamond`, `square` or `ring`.
        href: page, or place on the page, that it leads to; '' for none.
        low: lower end of its interval, in pixels; None for none.
        high: upper end of its interval.
        scale: size relative to other points.
    """

    x: float
    y: float
    text: str
    kind: str = "one"
    shape: str = "dot"
    href: str = ""
    low: float | None = None
    high: float | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class Path:
    """A line through points. `text` and `href` as of `Dot`."""

    points: tuple[tuple[float, float], ...]
    kind: str = "one"
    text: str = ""
    href: str = ""

    @property
    def d(self) -> str:
        """The line in SVG's language: a thousand units across, pixels down."""
        return "M" + "L".join(f"{1000 * x:.0f} {y:.1f}" for x, y in self.points)


@dataclass(frozen=True)
class Band:
    """A bar, from `x` to `x + width` and from `y` down to `y + height`. `text` and `href` as of `Dot`."""

    x: float
    y: float
    width: float
    height: float
    text: str
    kind: str = "one"
    href: str = ""


@dataclass(frozen=True)
class Rule:
    """A line from edge to edge: across at `y`, or down at `x`."""

    kind: str
    y: float | None = None
    x: float | None = None


@dataclass(frozen=True)
class Label:
    """A text in the figure."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    kind: str = ""


@dataclass(frozen=True)
class Plot:
    """A figure. What has too few values for one has `says` and no marks.

    Attributes:
        key: id of the figure, unique on its page.
        title: heading above it.
        caption: text below it.
        alt: text alternative: one sentence with the main numbers.
        says: a sentence that is shown instead of the figure; '' for a figure.
        height: in pixels, without the axis below.
        left: space for texts left of the figure, in rem.
        across: ticks below the figure: place and text.
        down: ticks at the left: pixels and text.
        about_across: what the ticks below mean.
        about_down: what the ticks at the left mean.
        rules, bands, paths, dots, labels: what is drawn, in this order.
        legend: class, shape and text of each kind of mark.
    """

    key: str
    title: str
    caption: str
    alt: str
    says: str = ""
    height: int = HEIGHT
    left: float = 3.2
    across: Sequence[tuple[float, str]] = ()
    down: Sequence[tuple[float, str]] = ()
    about_across: str = ""
    about_down: str = ""
    rules: Sequence[Rule] = ()
    bands: Sequence[Band] = ()
    paths: Sequence[Path] = ()
    dots: Sequence[Dot] = ()
    labels: Sequence[Label] = ()
    legend: Sequence[tuple[str, str, str]] = ()

    @property
    def linked(self) -> bool:
        """Whether any mark leads somewhere."""
        marks: tuple[Band | Path | Dot, ...] = (*self.bands, *self.paths, *self.dots)
        return any(one.href for one in marks)


@dataclass(frozen=True)
class Frame:
    """Turns values of two axes into places.

    Attributes:
        across: the axis below.
        down: the axis at the left; its values grow upwards.
        height: in pixels.
    """

    across: Axis
    down: Axis
    height: int = HEIGHT

    def x(self, value: object) -> float:
        """Share of the width."""
        return round(self.across.at(value), 4)

    def y(self, value: object) -> float:
        """Pixels from the top."""
        return round(self.height * (1 - self.down.at(value)), 1)

    def points(self, pairs: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        """Places of pairs of values."""
        return tuple((self.x(one), self.y(other)) for one, other in pairs)

    def stairs(self, pairs: Sequence[tuple[float, float]], end: float | None = None) -> tuple[tuple[float, float], ...]:
        """Places of a line that keeps each value until the next one, up to `end`."""
        corners: list[tuple[float, float]] = []
        for x, y in pairs:
            corners += [(x, corners[-1][1])] if corners else []
            corners.append((x, y))
        corners += [(end, corners[-1][1])] if end is not None and corners else []
        return self.points(corners)

    @property
    def ticks_across(self) -> list[tuple[float, str]]:
        """Ticks below the figure."""
        return [(round(place, 4), text) for place, text in self.across.marks]

    @property
    def ticks_down(self) -> list[tuple[float, str]]:
        """Ticks at the left, in pixels."""
        return [(round(self.height * (1 - place), 1), text) for place, text in self.down.marks]


def kind_of(place: int) -> str:
    """The class of the series at a place."""
    return KINDS[place % len(KINDS)]
