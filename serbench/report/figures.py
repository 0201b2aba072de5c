"""Plotly figures of an entry. Each is a function of numbers; none knows of files or of Keras.

Backgrounds are transparent and text has no fixed colour, so that a page can give both for light and dark;
the marks' own colours were chosen to be told apart on either, also by the colour-blind.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from serbench.report.entry import ClassRow, RefitReport

__all__ = ["class_figure", "confusion_figure", "curve_figure", "mask_figure"]

TRAIN, VALIDATION = "#c9782b", "#3f7fc4"
_BARS = {"precision": "#8a93a6", "recall": "#3f7fc4", "f1": "#c9782b"}
_HEAT = [[0.0, "#eef2f7"], [0.55, "#4a80bf"], [1.0, "#123f73"]]
_INK, _INK_ON_STRONG = "#1d2433", "#ffffff"
_STRONG_PERCENT = 55  # from here on a cell is so strong that its text needs the other ink; theme.js knows it too


def confusion_figure(
    confusion: Sequence[Sequence[int]], shares: Sequence[Sequence[float | None]], labels: Sequence[str]
) -> go.Figure:
    """Heat map of a confusion matrix, rows true: colour and upper figure row percent, lower figure clips."""
    import plotly.graph_objects as go

    names = [html.escape(label) for label in labels]
    z = [[None if share is None else 100 * share for share in row] for row in shares]
    heat = go.Heatmap(
        z=z,
        x=names,
        y=names,
        customdata=confusion,
        zmin=0,
        zmax=100,
        colorscale=_HEAT,
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="%{y} taken for %{x}: %{z:.1f} % (%{customdata:,} clips)<extra></extra>",
    )
    # Plotly's own choice of a heat map's text colour is hard to read on middling blue.
    cells = [(true, predicted) for true in range(len(names)) for predicted in range(len(names))]
    percents = [z[true][predicted] or 0.0 for true, predicted in cells]
    figures = go.Scatter(
        x=[names[predicted] for _, predicted in cells],
        y=[names[true] for true, _ in cells],
        mode="text",
        text=[
            f"<b>{round(value)}</b><br>{confusion[true][predicted]:,}"
            for (true, predicted), value in zip(cells, percents, strict=True)
        ],
        customdata=percents,
        textfont={
            "size": 10.5,
            "color": [_INK_ON_STRONG if value >= _STRONG_PERCENT else _INK for value in percents],
        },
        hoverinfo="skip",
        showlegend=False,
    )
    figure = go.Figure([heat, figures])
    _style(figure, height=100 + 56 * len(names))
    figure.update_xaxes(
        title={"text": "predicted", "standoff": 8},
        side="top",
        tickangle=-90,
        ticklabelstandoff=4,
        ticks="",
        showgrid=False,
        fixedrange=True,
    )
    # No title "true" here: on a telephone it costs a column's width, and the caption says it.
    figure.update_yaxes(autorange="reversed", ticks="", ticklabelstandoff=4, showgrid=False, fixedrange=True)
    return figure


def class_figure(per_class: Sequence[ClassRow]) -> go.Figure:
    """Precision, recall and F1 of each class, in percent."""
    import plotly.graph_objects as go

    names = [html.escape(one.label) for one in per_class]
    figure = go.Figure()
    for score, colour in _BARS.items():
        values = [getattr(one, score) for one in per_class]
        figure.add_bar(
            name="F1" if score == "f1" else score,
            x=names,
            y=[None if value is None else 100 * value for value in values],
            marker={"color": colour},
            hovertemplate="%{x}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        )
    _style(figure, height=340)
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_yaxes(title="%", range=[0, 100], fixedrange=True)
    figure.update_xaxes(showgrid=False, fixedrange=True)
    return figure


def curve_figure(refits: Sequence[RefitReport], kind: Literal["accuracy", "loss"]) -> go.Figure:
    """Training and validation curves of every refit; a ring marks the epoch that was kept."""
    import plotly.graph_objects as go

    scale = 100 if kind == "accuracy" else 1
    unit = " %" if kind == "accuracy" else ""
    figure = go.Figure()
    for number, refit in enumerate(refits):
        epochs = [one.epoch for one in refit.epochs]
        for name, colour, prefix in (("training", TRAIN, ""), ("validation", VALIDATION, "val_")):
            figure.add_scatter(
                x=epochs,
                y=[scale * getattr(one, prefix + kind) for one in refit.epochs],
                mode="lines" if len(epochs) > 1 else "markers",
                name=name,
                legendgroup=name,
                showlegend=number == 0,
                opacity=0.85,
                line={"color": colour, "width": 1.8},
                hovertemplate=f"epoch %{{x}}: %{{y:.3~g}}{unit}<extra>{name}, seed {refit.seed}</extra>",
            )
    best = [(refit, one) for refit in refits for one in refit.epochs if one.epoch == refit.best_epoch]
    figure.add_scatter(
        x=[one.epoch for _, one in best],
        y=[scale * getattr(one, f"val_{kind}") for _, one in best],
        mode="markers",
        name="epoch kept",
        marker={"color": VALIDATION, "size": 10.5, "symbol": "circle-open", "line": {"width": 2.5}},
        text=[f"seed {refit.seed}" for refit, _ in best],
        hovertemplate=f"kept: epoch %{{x}}, %{{y:.3~g}}{unit}<extra>%{{text}}</extra>",
    )
    _style(figure, height=340)
    figure.update_xaxes(title="epoch", fixedrange=True)
    figure.update_yaxes(title="accuracy, %" if kind == "accuracy" else "loss", fixedrange=True)
    return figure


def mask_figure(before: ArrayLike, after: ArrayLike, sample_rate: int, hop_length: int) -> go.Figure:
    """A mel spectrogram before and after masking, on one colour scale.

    Args:
        before: (n_mels, frames), log-mel in dB or normalised.
        after: the same with bands and spans of time masked.
        sample_rate: in Hz.
        hop_length: in samples.

    Raises:
        ValueError: the two are not 2-D of one shape.
    """
    from plotly.subplots import make_subplots

    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(f"two spectrograms of one 2-D shape are needed, not {first.shape} and {second.shape}")
    seconds = np.arange(first.shape[1]) * hop_length / sample_rate
    low, high = float(min(first.min(), second.min())), float(max(first.max(), second.max()))
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.12, subplot_titles=("as heard", "masked")
    )
    for row, spectrogram in ((1, first), (2, second)):
        figure.add_heatmap(
            z=spectrogram,
            x=seconds,
            zmin=low,
            zmax=high,
            colorscale="Cividis",
            showscale=False,
            row=row,
            col=1,
            hovertemplate="%{x:.2f} s, band %{y}: %{z:.1f}<extra></extra>",
        )
    _style(figure, height=440)
    figure.update_yaxes(title="mel band", showgrid=False, fixedrange=True)
    figure.update_xaxes(showgrid=False, fixedrange=True)
    figure.update_xaxes(title="seconds", row=2, col=1)
    return figure


def _style(figure: Any, height: int) -> None:
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 8, "r": 8, "t": 36, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,  # a finger on a figure scrolls the page
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        font={"family": "system-ui, sans-serif", "size": 13},
    )
    figure.update_xaxes(automargin=True, zeroline=False)
    figure.update_yaxes(automargin=True, zeroline=False)
