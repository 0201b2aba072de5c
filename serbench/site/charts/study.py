"""A study's figures: optimisation history, hyperparameter importance, and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serbench.records import STATES, TrialRecord
from serbench.render import duration, percent
from serbench.site.charts.chart import BLUE, GREY, ORANGE, PALETTE, Chart, escaped
from serbench.site.study_data import StudyData

__all__ = ["history_charts", "importance_chart", "time_chart"]

_MOST_NAMES = 15
_MARKS = {
    "completed": (BLUE, "circle"),
    "pruned": (ORANGE, "line-ns-open"),
    "diverged": (PALETTE[4], "x"),
    "timeout": (PALETTE[4], "square-open"),
    "memory": (PALETTE[4], "diamond-open"),
    "crashed": (PALETTE[4], "cross"),
}


def history_charts(data: StudyData) -> list[Chart]:
    """Scores of all trials and the best so far, by trial number and by minutes. Empty before a trial has a score."""
    if not data.scored():
        return []
    best = max(trial.value or 0.0 for trial in data.scored())
    against = f", also for the random search {data.control.name}" if data.control else ""
    return [
        Chart(
            "history",
            "Trial after trial",
            f"Validation UAR of each trial (for pruned trials the best epoch) and the best so far{against}.",
            f"Validation UAR of {len(data.trials)} trials; the best is {percent(best)} %.",
            (*_trials(data), *_best_lines(data, lambda trials: [float(place) for place in range(len(trials))])),
            {"xaxis": {"title": {"text": "trial"}}, "yaxis": {"title": {"text": "validation UAR, %"}}},
        ),
        Chart(
            "minutes",
            "Best score against minutes spent",
            "Compute minutes, all trials added up; with several workers less time passed on the clock.",
            f"The best validation UAR, {percent(best)} %, after {duration(_spent(data.trials)[-1])} of trials.",
            tuple(_best_lines(data, lambda trials: [seconds / 60 for seconds in _spent(trials)])),
            {"xaxis": {"title": {"text": "compute minutes"}}, "yaxis": {"title": {"text": "best validation UAR, %"}}},
        ),
    ]


def _spent(trials: Sequence[TrialRecord]) -> list[float]:
    """Cumulative seconds of trials."""
    total, found = 0.0, []
    for trial in trials:
        total += trial.seconds.get("total", 0.0)
        found.append(total)
    return found


def _score(trial: TrialRecord) -> float | None:
    """The trial's score; for a trial that was stopped early the score of its best epoch."""
    if trial.value is not None:
        return trial.value
    return trial.best_uar


def _trials(data: StudyData) -> list[dict[str, Any]]:
    traces = []
    for state in STATES:
        own = [(place, trial) for place, trial in enumerate(data.trials) if trial.state == state]
        own = [(place, trial) for place, trial in own if _score(trial) is not None]
        if not own:
            continue
        colour, symbol = _MARKS.get(state, (GREY, "circle-open"))
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": state,
                "x": [place for place, _ in own],
                "y": [100 * (_score(trial) or 0.0) for _, trial in own],
                "text": [escaped(f"{trial.job_id}, {len(trial.epochs)} epochs") for _, trial in own],
                "marker": {"color": colour, "symbol": symbol, "size": 8, "line": {"width": 1.5, "color": colour}},
                "hovertemplate": "%{text}: %{y:.1f} %<extra>" + state + "</extra>",
            }
        )
    return traces


def _best_lines(data: StudyData, places: Any) -> list[dict[str, Any]]:
    lines = [_best_line(data.trials, places, "best so far", BLUE, "solid")]
    if data.control and any(trial.value is not None for trial in data.control.trials):
        lines.append(_best_line(data.control.trials, places, f"random: {data.control.name}", GREY, "dash"))
    return lines


def _best_line(trials: Sequence[TrialRecord], places: Any, name: str, colour: str, dash: str) -> dict[str, Any]:
    best: float | None = None
    xs, ys = [], []
    for place, trial in zip(places(trials), trials, strict=True):
        if trial.state == "completed" and trial.value is not None:
            best = trial.value if best is None else max(best, trial.value)
        if best is not None:
            xs.append(place)
            ys.append(100 * best)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escaped(name),
        "x": xs,
        "y": ys,
        "line": {"color": colour, "width": 2, "shape": "hv", "dash": dash},
        "hovertemplate": "%{y:.1f} %<extra>" + escaped(name) + "</extra>",
    }


def importance_chart(shares: dict[str, float]) -> Chart | None:
    """Hyperparameter importances; None if there are none."""
    if not shares:
        return None
    names = list(shares)[:_MOST_NAMES][::-1]
    first = next(iter(shares))
    return Chart(
        "importance",
        "Hyperparameter importance",
        "Importance for reaching the best tenth of the completed trials (PED-ANOVA), for hyperparameters that all of "
        "them have. It describes the trials of this search, not what causes a good score.",
        f"Hyperparameter importances; the first is {first} with {percent(shares[first])} %.",
        (
            {
                "type": "bar",
                "orientation": "h",
                "x": [100 * shares[name] for name in names],
                "y": [escaped(name) for name in names],
                "marker": {"color": BLUE},
                "hovertemplate": "%{y}: %{x:.1f} %<extra></extra>",
            },
        ),
        {"xaxis": {"title": {"text": "share, %"}}, "yaxis": {"type": "category"}},
        height=max(220, 90 + 24 * len(names)),
    )


def time_chart(fits: Sequence[TrialRecord]) -> Chart | None:
    """Wall time of all fits by part; None if no time was recorded."""
    parts: dict[str, float] = {}
    for fit in fits:
        for part, seconds in fit.seconds.items():
            if part != "total":
                parts[part] = parts.get(part, 0.0) + seconds
    parts = {part: seconds for part, seconds in sorted(parts.items(), key=lambda item: -item[1]) if seconds > 0}
    whole = sum(parts.values())
    if not whole:
        return None
    data = tuple(
        {
            "type": "bar",
            "orientation": "h",
            "name": escaped(part),
            "x": [seconds / 60],
            "y": [""],
            "marker": {"color": PALETTE[place % len(PALETTE)]},
            "hovertemplate": f"{escaped(part)}: {duration(seconds)}, {percent(seconds / whole)} %<extra></extra>",
        }
        for place, (part, seconds) in enumerate(parts.items())
    )
    shares = ", ".join(f"{part} {percent(seconds / whole)} %" for part, seconds in parts.items())
    return Chart(
        "time",
        "Where the time went",
        f"Wall time of all trials and final runs, {duration(whole)} in all: {shares}.",
        f"Wall time by part: {shares}.",
        data,
        {"barmode": "stack", "xaxis": {"title": {"text": "minutes"}}, "yaxis": {"showticklabels": False}},
        height=190,
    )
