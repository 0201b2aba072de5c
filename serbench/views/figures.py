"""Figures of an entry as Plotly objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from serbench.errors import SerbenchError, unknown
from serbench.evaluation import expected_calibration_error, reliability
from serbench.results import EntryReport, ScoredEntry

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from serbench.site import Chart

__all__ = ["FIGURES", "entry_figure"]


def entry_figure(name: str, report: EntryReport, scored: ScoredEntry) -> go.Figure:
    """Draws one figure of an entry.

    Args:
        name: one of `FIGURES`.
        report: report of the entry.
        scored: the same entry with its predictions.

    Returns:
        A Plotly figure.

    Raises:
        UsageError: no figure has this name. The message names the nearest one.
        SerbenchError: the entry has no data for this figure.
    """
    if name not in FIGURES:
        raise unknown("figure", name, FIGURES)
    if not scored.refits:
        raise SerbenchError(f"entry '{scored.entry.entry_id}' has no completed run, so there is nothing to draw")
    return FIGURES[name](report, scored)


def _confusion(report: EntryReport, scored: ScoredEntry) -> go.Figure:
    import plotly.graph_objects as go

    from serbench.site import escaped

    labels = [escaped(one.label) for one in report.per_class]
    shares = [[None if cell is None else 100 * cell for cell in row] for row in report.confusion_by_row]
    cells = [
        [f"{share:.0f} %<br>{count:,}" if share is not None else "" for share, count in zip(*row, strict=True)]
        for row in zip(shares, report.confusion, strict=True)
    ]
    heat = go.Heatmap(
        x=labels, y=labels, z=shares, text=cells, texttemplate="%{text}", colorscale="Blues", zmin=0, zmax=100,
        colorbar={"title": {"text": "% of the<br>true class"}},
        hovertemplate="true %{y}, predicted %{x}: %{text}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(heat)
    what = f"clips, {len(scored.refits)} runs together" if len(scored.refits) > 1 else "clips"
    figure.update_layout(
        title={"text": f"Confusion matrix: % of each true class ({what})"},
        xaxis={"title": {"text": "predicted"}, "constrain": "domain"},
        yaxis={"title": {"text": "true"}, "autorange": "reversed", "scaleanchor": "x"},
        height=160 + 60 * len(labels),
    )
    return figure


def _curves(report: EntryReport, scored: ScoredEntry) -> go.Figure:
    from plotly.subplots import make_subplots

    from serbench.site import curve_charts

    charts = curve_charts(report.refits)
    if not charts and report.row.folds > 1:
        raise SerbenchError(
            f"entry '{report.row.entry}' pools {report.row.folds} folds, which have separate curves; see the reports "
            "of the folds' studies"
        )
    if not charts:
        raise SerbenchError(f"entry '{scored.entry.entry_id}' has no recorded epochs, so there are no curves")
    figure = make_subplots(1, len(charts), subplot_titles=[chart.title for chart in charts])
    for place, chart in enumerate(charts, start=1):
        for trace in chart.data:
            figure.add_trace(trace | ({"showlegend": False} if place > 1 else {}), row=1, col=place)
        figure.update_xaxes(chart.layout["xaxis"], row=1, col=place)
        figure.update_yaxes(chart.layout["yaxis"], row=1, col=place)
    figure.update_layout(height=charts[0].height)
    return figure


def _calibration(_: EntryReport, scored: ScoredEntry) -> go.Figure:
    from serbench.site import calibration_chart

    true = np.concatenate([refit.test_true for refit in scored.refits])
    probabilities = np.concatenate([refit.test_probabilities for refit in scored.refits])
    error = scored.mean_of(lambda refit: expected_calibration_error(refit.test_true, refit.test_probabilities))
    return _figure(calibration_chart(reliability(true, probabilities), error))


def _speakers(_: EntryReport, scored: ScoredEntry) -> go.Figure:
    """One line per test speaker: a dot per class, a diamond for their mean; the hardest speaker at the bottom."""
    import plotly.graph_objects as go

    from serbench.site import PALETTE, escaped

    labels = scored.study.corpus.labels
    speakers = np.unique(np.asarray(scored.speakers)).tolist()  # in the order of `recalls`
    support = scored.recalls.support
    with np.errstate(invalid="ignore"):
        recalls = 100 * scored.recalls.correct.mean(axis=0) / np.where(support, support, np.nan)
    means = np.nanmean(recalls, axis=1)
    order = np.argsort(means, kind="stable")
    names = [escaped(speakers[at]) for at in order]
    figure = go.Figure()
    for place, label in enumerate(labels):
        figure.add_scatter(
            x=recalls[order, place], y=names, mode="markers", name=escaped(label),
            customdata=support[order, place],
            marker={"color": PALETTE[place % len(PALETTE)], "size": 9, "opacity": 0.75},
            hovertemplate="%{y}: %{x:.1f} % of %{customdata} clips<extra>" + escaped(label) + "</extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=means[order], y=names, mode="markers", name="mean of classes",
        marker={"symbol": "diamond-tall", "size": 13, "color": "rgba(0,0,0,0)", "line": {"width": 2, "color": "black"}},
        hovertemplate="%{y}: mean %{x:.1f} %<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        title={"text": "Recall of each test speaker"},
        xaxis={"title": {"text": "recall, %"}, "range": [-3, 103]},
        yaxis={"title": {"text": "speaker"}, "type": "category"},
        height=max(300, 140 + 26 * len(names)),
    )
    return figure


def _figure(chart: Chart) -> go.Figure:
    import plotly.graph_objects as go

    return go.Figure(list(chart.data), chart.layout | {"title": {"text": chart.title}, "height": chart.height})


FIGURES: dict[str, Callable[[EntryReport, ScoredEntry], Any]] = {
    "confusion": _confusion,
    "curves": _curves,
    "calibration": _calibration,
    "speakers": _speakers,
}
