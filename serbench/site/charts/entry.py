"""An entry's figures: how it was trained, and whether its probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from serbench.evaluation import ReliabilityBin
from serbench.render import NOTHING, percent
from serbench.results import RefitReport
from serbench.site.charts.chart import BLUE, GREY, ORANGE, Chart

__all__ = ["calibration_chart", "curve_charts"]

TRAIN, VALIDATION = ORANGE, BLUE

_ABOUT = {
    "accuracy": (
        "Accuracy while training",
        "On the training batches and on the validation core, a line a refit. The ring marks the epoch whose weights "
        "were kept. Training values are of the augmented batches while the model still learned, so they can lie lower.",
    ),
    "loss": (
        "Loss while training",
        "The same epochs. A validation loss that rises while training loss falls is overfitting.",
    ),
}


def curve_charts(refits: Sequence[RefitReport]) -> list[Chart]:
    """Accuracy and loss of every refit, epoch by epoch; none where no epoch was recorded."""
    if not any(refit.epochs for refit in refits):
        return []
    return [_curves(refits, "accuracy"), _curves(refits, "loss")]


def _curves(refits: Sequence[RefitReport], kind: Literal["accuracy", "loss"]) -> Chart:
    scale, unit = (100, " %") if kind == "accuracy" else (1, "")
    data: list[dict[str, Any]] = []
    for number, refit in enumerate(refits):
        for name, colour, prefix in (("training", TRAIN, ""), ("validation", VALIDATION, "val_")):
            data.append(
                {
                    "type": "scatter",
                    "x": [one.epoch for one in refit.epochs],
                    "y": [scale * getattr(one, prefix + kind) for one in refit.epochs],
                    "mode": "lines" if len(refit.epochs) > 1 else "markers",
                    "name": name,
                    "legendgroup": name,
                    "showlegend": number == 0,
                    "opacity": 0.85,
                    "line": {"color": colour, "width": 1.8},
                    "hovertemplate": f"epoch %{{x}}: %{{y:.3~g}}{unit}<extra>{name}, seed {refit.seed}</extra>",
                }
            )
    best = [(refit, one) for refit in refits for one in refit.epochs if one.epoch == refit.best_epoch]
    data.append(
        {
            "type": "scatter",
            "x": [one.epoch for _, one in best],
            "y": [scale * getattr(one, f"val_{kind}") for _, one in best],
            "mode": "markers",
            "name": "epoch kept",
            "marker": {"color": VALIDATION, "size": 10.5, "symbol": "circle-open", "line": {"width": 2.5}},
            "text": [f"seed {refit.seed}" for refit, _ in best],
            "hovertemplate": f"kept: epoch %{{x}}, %{{y:.3~g}}{unit}<extra>%{{text}}</extra>",
        }
    )
    title, caption = _ABOUT[kind]
    kept = "; ".join(
        f"seed {refit.seed} kept epoch {one.epoch} of {len(refit.epochs)} at validation {kind} "
        + (f"{percent(one.val_accuracy)} %" if kind == "accuracy" else f"{one.val_loss:.3f}")
        for refit, one in best
    )
    layout = {
        "xaxis": {"title": {"text": "epoch"}},
        "yaxis": {"title": {"text": "accuracy, %" if kind == "accuracy" else "loss"}},
    }
    return Chart(f"curve-{kind}", title, caption, f"{title}: {kept or NOTHING}.", tuple(data), layout)


def calibration_chart(bins: Sequence[ReliabilityBin], error: float | None) -> Chart:
    """Accuracy against confidence; on the dashed line probabilities mean what they say."""
    most = max(one.clips for one in bins)
    points: dict[str, Any] = {
        "type": "scatter",
        "x": [100 * one.confidence for one in bins],
        "y": [100 * one.accuracy for one in bins],
        "mode": "lines+markers",
        "name": "test core",
        "line": {"color": BLUE, "width": 1.5},
        "marker": {"color": BLUE, "size": [6 + 16 * (one.clips / most) ** 0.5 for one in bins], "opacity": 0.9},
        "customdata": [one.clips for one in bins],
        "hovertemplate": "%{customdata:,} clips: said %{x:.1f} %, right %{y:.1f} %<extra></extra>",
        "showlegend": False,
    }
    diagonal = {
        "type": "scatter",
        "x": [0, 100],
        "y": [0, 100],
        "mode": "lines",
        "line": {"color": GREY, "width": 1.2, "dash": "dash"},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    sure = sum(one.clips * one.confidence for one in bins) / sum(one.clips for one in bins)
    right = sum(one.clips * one.accuracy for one in bins) / sum(one.clips for one in bins)
    leaning = "too sure" if sure > right else "not sure enough"
    return Chart(
        "calibration",
        "Do its probabilities mean what they say?",
        "Clips of all refits by the largest probability, in 15 bins; larger dots hold more clips. Above the dashed "
        f"line the model is right more often than it says, below it less often. On the whole it is {leaning}: it says "
        f"{percent(sure)} % and is right on {percent(right)} %; expected calibration error {percent(error)} % "
        "(mean over refits).",
        f"Reliability diagram: mean confidence {percent(sure)} %, accuracy {percent(right)} %, expected calibration "
        f"error {percent(error)} %.",
        (diagonal, points),
        {
            "xaxis": {"title": {"text": "largest probability, %"}, "range": [0, 102]},
            "yaxis": {"title": {"text": "right, %"}, "range": [0, 102]},
        },
    )
