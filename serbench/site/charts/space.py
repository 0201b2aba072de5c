"""Figures of a study's hyperparameters: slice plot and parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from serbench.records import TrialRecord
from serbench.site.charts.chart import BLUE, Chart, escaped
from serbench.site.study_data import StudyData

__all__ = ["parallel_chart", "slice_chart"]

_MOST = 1000  # maximum number of trials in a figure: the best ones
_COLUMNS = 3
_FEWEST = 2
_MOST_AXES = 10


def slice_chart(data: StudyData) -> Chart | None:
    """Validation UAR against each searched hyperparameter; None before two trials are completed."""
    trials, names = _shown(data), data.varied
    if len(trials) < _FEWEST or not names:
        return None
    rows = math.ceil(len(names) / _COLUMNS)
    layout: dict[str, Any] = {"showlegend": False, "annotations": [], "margin": {"t": 30}}
    traces = []
    gap_x, gap_y = 0.06, min(0.3, 58 / (170 * rows))
    width, height = (1 - gap_x * (_COLUMNS - 1)) / _COLUMNS, (1 - gap_y * (rows - 1)) / rows
    for place, name in enumerate(names):
        row, column = divmod(place, _COLUMNS)
        number = "" if place == 0 else str(place + 1)
        left, top = column * (width + gap_x), 1 - row * (height + gap_y)
        own = [trial for trial in trials if data.is_active(trial, name)]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [_value(trial.config[name], data.is_choice(name)) for trial in own],
                "y": [100 * (trial.value or 0.0) for trial in own],
                "xaxis": f"x{number}",
                "yaxis": f"y{number}",
                "text": [escaped(trial.job_id) for trial in own],
                "marker": {"color": BLUE, "size": 6, "opacity": 0.75},
                "hovertemplate": f"%{{text}}: {escaped(name)} %{{x}}, %{{y:.1f}} %<extra></extra>",
            }
        )
        kind = "category" if data.is_choice(name) else "log" if data.is_log(name) else "linear"
        layout[f"xaxis{number}"] = {
            "domain": [left, left + width], "anchor": f"y{number}", "type": kind, "nticks": 4, "tickfont": {"size": 10},
        }  # fmt: skip
        layout[f"yaxis{number}"] = {
            "domain": [max(0, top - height), top], "anchor": f"x{number}", "nticks": 4, "tickfont": {"size": 10},
            **({"matches": "y"} if place else {}), **({"showticklabels": False} if column else {}),
        }  # fmt: skip
        layout["annotations"].append(
            {
                "text": escaped(name), "xref": "paper", "yref": "paper", "x": left, "y": top, "xanchor": "left",
                "yanchor": "bottom", "showarrow": False, "font": {"size": 12},
            }
        )  # fmt: skip
    return Chart(
        "slices",
        "Each hyperparameter against the score",
        "Validation UAR of completed trials, in %. Each panel shows only trials in which that setting was active.",
        f"Validation UAR against each of {len(names)} hyperparameters; the table of trials has the values.",
        tuple(traces),
        layout,
        height=60 + 170 * rows,
    )


def parallel_chart(data: StudyData, importances: Mapping[str, float]) -> Chart | None:
    """Parallel coordinates with one line for each completed trial; None before two trials are completed.

    Args:
        data: the study.
        importances: importance of each hyperparameter. If there are too many for one figure, the most important are
            shown.
    """
    trials, names = _shown(data), data.varied
    if len(names) > _MOST_AXES:
        first = sorted(names, key=lambda name: (-importances.get(name, 0.0), names.index(name)))[:_MOST_AXES]
        names = [name for name in names if name in first]
    # An inactive hyperparameter has its default value, which the search did not choose.
    names = [name for name in names if all(data.is_active(trial, name) for trial in trials)]
    if len(trials) < _FEWEST or len(names) < _FEWEST:
        return None
    scores = [100 * (trial.value or 0.0) for trial in trials]
    dimensions: list[dict[str, Any]] = [{"label": "val. UAR %", "values": scores}]
    dimensions += [_dimension(data, name, trials) for name in names]
    line = {"color": scores, "colorscale": [[0, "#c9782b"], [0.5, "#8a93a6"], [1, "#2f6db3"]], "showscale": False}
    return Chart(
        "parallel",
        "All hyperparameters together",
        "Each line is a completed trial; bluer is better. Drag along an axis to select lines."
        + (f" Shown: the {_MOST_AXES} most important hyperparameters." if len(data.varied) > _MOST_AXES else ""),
        f"Parallel coordinates of {len(trials)} trials over {len(names)} hyperparameters; the table of trials has the "
        "values.",
        (
            {
                "type": "parcoords", "line": line, "dimensions": dimensions, "labelangle": -25,
                "labelfont": {"size": 11}, "tickfont": {"size": 10},
            },
        ),
        {"margin": {"t": 90, "l": 50, "r": 40, "b": 20}},
        height=420,
    )  # fmt: skip


def _dimension(data: StudyData, name: str, trials: list[TrialRecord]) -> dict[str, Any]:
    values = [trial.config[name] for trial in trials]
    if data.is_choice(name) or any(isinstance(value, (str, bool)) for value in values):
        words = sorted({_value(value, words=True) for value in values})
        return {
            "label": escaped(name),
            "values": [words.index(_value(value, words=True)) for value in values],
            "tickvals": list(range(len(words))),
            "ticktext": [escaped(word) for word in words],
        }
    if data.is_log(name) and min(values) > 0:  # the value of an inactive one may be 0
        logs = [math.log10(value) for value in values]
        decades = range(math.floor(min(logs)), math.ceil(max(logs)) + 1)
        ticks = [part * 10.0**decade for decade in decades for part in (1, 2, 5)]
        shown = [tick for tick in ticks if min(logs) <= math.log10(tick) <= max(logs)]
        return {
            "label": escaped(name), "values": logs, "tickvals": [math.log10(tick) for tick in shown],
            "ticktext": [f"{tick:g}" for tick in shown],
        }  # fmt: skip
    return {"label": escaped(name), "values": values}


def _shown(data: StudyData) -> list[TrialRecord]:
    return sorted(data.scored(), key=lambda trial: -(trial.value or 0.0))[:_MOST]


def _value(value: Any, words: bool) -> Any:
    """Value of a categorical hyperparameter as text, so that 8 and 16 are neighbours on the axis."""
    return escaped(value) if words else value
