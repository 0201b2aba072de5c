"""The leaderboard's figure: score against cost, with the line of entries that no other one beats in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from serbench.render import count, duration, milliseconds, percent, span
from serbench.results import Row
from serbench.site.charts.lines import Line
from serbench.site.plots.axis import amount, linear
from serbench.site.plots.plot import Dot, Frame, Label, Path, Plot, Rule, kind_of

__all__ = ["COSTS", "Cost", "cost_plots", "pareto"]

_SHAPES = ("dot", "diamond", "square")
_CLOSE = 14  # pixels between the texts of two lines
_FEW = 8  # entries that are labelled in the figure
_RIGHT, _BROAD = 0.72, 0.2
_UP, _DOWN = 8, 16  # pixels between a point and the base line of its name
_TALL = 11  # pixels: height of a name


@dataclass(frozen=True)
class Cost:
    """A cost of an entry: its name on the button, the axis below, the value, and the value in words."""

    key: str
    name: str
    axis: str
    value: Callable[[Row], float | None]
    text: Callable[[float], str]


COSTS = (
    Cost("parameters", "size", "parameters", lambda row: row.parameters, lambda it: f"{count(int(it))} parameters"),
    Cost(
        "ms",
        "speed",
        "milliseconds a clip on one CPU core",
        lambda row: row.ms_per_clip,
        lambda it: f"{milliseconds(it)} ms a clip",
    ),
    Cost(
        "bytes",
        "file size",
        "bytes of the model's file",
        lambda row: row.model_bytes,
        lambda it: f"{count(int(it))} bytes",
    ),
    Cost(
        "minutes",
        "training",
        "training minutes of one run",
        lambda row: None if row.train_seconds is None else row.train_seconds / 60,
        lambda it: f"{duration(60 * it)} of training a run",
    ),
)


def cost_plots(key: str, rows: Sequence[Row], lines: Sequence[Line], paths: Mapping[str, str]) -> list[Plot]:
    """UAR against each cost that entries have. A single entry gets a sentence, none gets nothing.

    Args:
        key: id of the figures, unique on the page.
        rows: rows of one group.
        lines: horizontal lines for references.
        paths: pages of entries by id.
    """
    scored = [row for row in rows if row.uar is not None and not row.problems]
    costs = [(cost, [row for row in scored if cost.value(row) is not None]) for cost in COSTS]
    plots = [_plot(f"{key}-{cost.key}", cost, own, lines, paths) for cost, own in costs if own]
    return [plot for plot in plots if not plot.says] or plots[:1]


def pareto(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Pairs of cost and score that no other pair beats in one and matches in the other, the cheapest first.

    >>> pareto([(3, 0.5), (1, 0.4), (2, 0.6), (4, 0.6)])
    [(1, 0.4), (2, 0.6)]
    """
    kept: list[tuple[float, float]] = []
    for cost, score in sorted(pairs, key=lambda pair: (pair[0], -pair[1])):
        if not kept or score > kept[-1][1]:
            kept.append((cost, score))
    return kept


def _sentence(cost: Cost, row: Row) -> str:
    value = cost.value(row) or 0.0
    interval = "" if row.uar_low is None else f" ({span(row.uar_low, row.uar_high)})"
    return f"{row.entry}: UAR {percent(row.uar)} %{interval}, {cost.text(value)}"


def _plot(key: str, cost: Cost, rows: Sequence[Row], lines: Sequence[Line], paths: Mapping[str, str]) -> Plot:
    title = f"Score against {cost.name}"
    best = max(rows, key=lambda row: row.uar or 0.0)
    alt = f"UAR against {cost.axis} for {len(rows)} entries; the highest is {_sentence(cost, best)}."
    pairs = [(cost.value(row) or 0.0, 100 * (row.uar or 0.0)) for row in rows]
    if len(set(pairs)) == 1:
        return Plot(key, title, "", alt, says=f"One entry so far: {_sentence(cost, rows[0])}.")
    ends = [100 * end for row in rows for end in (row.uar_low, row.uar_high, row.uar) if end is not None]
    shown = [line for line in lines if line.kind != "chance"]
    frame = Frame(amount([x for x, _ in pairs]), linear([*ends, *(100 * line.value for line in shown)]))
    front = pareto(pairs)
    rules = [Rule(line.kind, y=frame.y(100 * line.value)) for line in shown]
    references = _line_names(frame, shown)
    return Plot(
        key,
        title,
        "Up and to the left is better. The thick line joins the entries that no other one beats in both. Each point "
        "leads to its entry; the thin bars are 95 % intervals.",
        alt,
        across=frame.ticks_across,
        down=frame.ticks_down,
        about_across=cost.axis,
        about_down="test UAR, %",
        rules=rules,
        paths=[Path(frame.stairs(front, frame.across.high), "front")],
        dots=_dots(frame, cost, rows, paths),
        labels=[*_names(frame, cost, rows, rules, references), *references],
        legend=_legend(rows),
    )


def _families(rows: Sequence[Row]) -> list[str]:
    return sorted({row.family for row in rows})


def _legend(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    found = [(kind_of(place), _SHAPES[place % len(_SHAPES)], family) for place, family in enumerate(_families(rows))]
    return [*found, ("front", "line", "best for its cost")]


def _dots(frame: Frame, cost: Cost, rows: Sequence[Row], paths: Mapping[str, str]) -> list[Dot]:
    families = _families(rows)
    return [
        Dot(
            frame.x(cost.value(row)),
            frame.y(100 * (row.uar or 0.0)),
            _sentence(cost, row),
            kind_of(families.index(row.family)),
            _SHAPES[families.index(row.family) % len(_SHAPES)],
            paths.get(row.entry, ""),
            None if row.uar_low is None else frame.y(100 * row.uar_low),
            None if row.uar_high is None else frame.y(100 * row.uar_high),
        )
        for row in rows
    ]


def _names(
    frame: Frame, cost: Cost, rows: Sequence[Row], rules: Sequence[Rule], beside: Sequence[Label]
) -> list[Label]:
    """Names of the entries above their points, or below where that hides less; none if there are too many."""
    if len(rows) > _FEW:
        return []
    places = [(row.entry, frame.x(cost.value(row)), frame.y(100 * (row.uar or 0.0))) for row in rows]
    taken = [(x, y) for _, x, y in places]
    named = []
    for name, x, y in sorted(places, key=lambda place: place[2]):
        texts = [at for one, at in taken if (one, at) != (x, y) and abs(x - one) < _BROAD]
        texts += [label.y for label in beside if x > _RIGHT]
        at = min((_hidden(at, texts, rules), at != y - _UP, at) for at in (y - _UP, y + _DOWN))[-1]
        taken.append((x, at))
        named.append(Label(x, at, name, "end" if x > _RIGHT else "start", "name"))
    return named


def _hidden(at: float, texts: Sequence[float], rules: Sequence[Rule]) -> int:
    """How much a name at this height would lie on: texts and points count twice, lines once."""
    crossed = [rule.y for rule in rules if rule.y is not None and at - _TALL < rule.y < at + 2]
    return 2 * sum(abs(at - other) < _CLOSE for other in texts) + len(crossed)


def _line_names(frame: Frame, lines: Sequence[Line]) -> list[Label]:
    """Names of the references at the right edge, apart from each other."""
    labels: list[Label] = []
    for line in sorted(lines, key=lambda one: -one.value):
        y = frame.y(100 * line.value) - 4
        if labels:
            y = max(y, labels[-1].y + _CLOSE)
        labels.append(Label(1.0, y, f"{line.name} {percent(line.value)}", "end", "reference"))
    return labels
