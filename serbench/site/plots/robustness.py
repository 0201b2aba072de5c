"""Figure of what noise, rooms, codecs and more do to an entry's score."""

from __future__ import annotations

from collections.abc import Sequence

from serbench.audit.robustness import ConditionScore, Robustness, robustness_verdict
from serbench.site.plots.axis import linear
from serbench.site.plots.plot import Dot, Path, Plot, Rule, kind_of

__all__ = ["robustness_plot"]

_ROW_PX = 22
_LEFT_REM = 9.0


def robustness_plot(found: Robustness) -> Plot | None:
    """Draws the score under each condition, one row a condition; None if none could be measured.

    Args:
        found: what was measured.
    """
    shown = found.measured
    if not shown:
        return None
    groups = list(dict.fromkeys(one.group for one in shown))
    kinds = {group: kind_of(place) for place, group in enumerate(groups)}
    across = linear([0.0, 100.0])
    plain = 100 * (found.plain.uar or 0.0)
    bars = f"{found.no_interval}." if found.no_interval else "Bars: 95 % interval of the loss, paired over speakers."
    return Plot(
        key=f"robustness-{found.on}",
        title=f"UAR under noise, in rooms, through codecs ({found.on} speakers)",
        caption=f"The line is the score of the same clips unaltered. {bars}",
        alt=robustness_verdict(found),
        height=_ROW_PX * len(shown),
        left=_LEFT_REM,
        across=[(round(place, 4), text) for place, text in across.marks],
        down=[(_middle(row), one.title) for row, one in enumerate(shown)],
        about_across="UAR, %",
        rules=[Rule("mean", x=round(across.at(plain), 4))],
        paths=[
            Path(tuple((across.at(end), _middle(row)) for end in _interval(one, plain)), kinds[one.group])
            for row, one in enumerate(shown)
            if one.low is not None
        ],
        dots=[
            Dot(round(across.at(100 * (one.uar or 0.0)), 4), _middle(row), _says(one), kinds[one.group])
            for row, one in enumerate(shown)
        ],
        legend=_legend(groups, kinds),
    )


def _middle(row: int) -> float:
    return _ROW_PX * (row + 0.5)


def _interval(one: ConditionScore, plain: float) -> tuple[float, float]:
    """The interval of the loss as scores, within the figure."""
    ends = (plain - 100 * (one.high or 0.0), plain - 100 * (one.low or 0.0))
    return (max(0.0, ends[0]), min(100.0, ends[1]))


def _says(one: ConditionScore) -> str:
    gains = "" if one.gains is None else f"; '{one.gains}' gains most answers"
    return f"{one.title}: {100 * (one.uar or 0.0):.1f} %, loss {100 * (one.loss or 0.0):.1f} points{gains}"


def _legend(groups: Sequence[str], kinds: dict[str, str]) -> list[tuple[str, str, str]]:
    return [(kinds[group], "dot", group) for group in groups]
