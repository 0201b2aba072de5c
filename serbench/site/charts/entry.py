"""An entry's figures: training curves and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from serbench.evaluation import ReliabilityBin
from serbench.records import EpochMetrics
from serbench.render import percent
from serbench.results import RefitReport
from serbench.site.charts.chart import BLUE, GREY, ORANGE, Chart

__all__ = ["calibration_chart", "curve_charts"]

TRAIN, VALIDATION = ORANGE, BLUE

_AUGMENTED = "Training values are measured on augmented batches during the epoch, so they can be lower."
_HELD_BACK = {
    "accuracy": "Training and validation accuracy, a line each for every run. The ring marks the epoch whose weights "
    f"were kept. {_AUGMENTED}",
    "loss": "The same epochs. If validation loss rises while training loss falls, the model overfits.",
}
_NONE_HELD_BACK = {
    "accuracy": f"Training accuracy, a line for every run. {_AUGMENTED} These runs train on all clips outside the test "
    "set, for the length that cross-validation found, so there is no validation curve.",
    "loss": "The same epochs.",
}


def curve_charts(refits: Sequence[RefitReport]) -> list[Chart]:
    """Training curves of every refit: accuracy and loss by epoch. Empty if no epoch was recorded."""
    if not any(refit.epochs for refit in refits):
        return []
    return [_curves(refits, "accuracy"), _curves(refits, "loss")]


def _curves(refits: Sequence[RefitReport], kind: Literal["accuracy", "loss"]) -> Chart:
    scale, unit = (100, " %") if kind == "accuracy" else (1, "")
    held_back = any(one.val_uar is not None for refit in refits for one in refit.epochs)
    data: list[dict[str, Any]] = []
    for number, refit in enumerate(refits):
        for name, colour, prefix in (("training", TRAIN, ""), ("validation", VALIDATION, "val_")):
            shown = [one for one in refit.epochs if getattr(one, prefix + kind) is not None]
            if not shown:  # a run that holds no clip back has no validation curve
                continue
            data.append(
                {
                    "type": "scatter",
                    "x": [one.epoch + 1 for one in shown],
                    "y": [scale * getattr(one, prefix + kind) for one in shown],
                    "mode": "lines" if len(shown) > 1 else "markers",
                    "name": name,
                    "legendgroup": name,
                    "showlegend": number == 0,
                    "opacity": 0.85,
                    "line": {"color": colour, "width": 1.8},
                    "hovertemplate": f"epoch %{{x}}: %{{y:.3~g}}{unit}<extra>{name}, {refit.title}</extra>",
                }
            )
    best = [
        (refit, one)
        for refit in refits
        for one in refit.epochs
        if one.epoch == refit.best_epoch and one.val_uar is not None
    ]
    if best:
        data.append(_rings(best, kind))
    title = f"{kind.capitalize()} while training"
    caption = (_HELD_BACK if held_back else _NONE_HELD_BACK)[kind]
    kept = "; ".join(
        f"{refit.title} kept epoch {one.epoch + 1} of {len(refit.epochs)} at validation {kind} "
        + (f"{percent(one.val_accuracy)} %" if kind == "accuracy" else f"{one.val_loss:.3f}")
        for refit, one in best
    )
    layout = {
        "xaxis": {"title": {"text": "epoch"}},
        "yaxis": {"title": {"text": "accuracy, %" if kind == "accuracy" else "loss"}},
    }
    return Chart(f"curve-{kind}", title, caption, f"{title}{f': {kept}' if kept else ''}.", tuple(data), layout)


def _rings(best: Sequence[tuple[RefitReport, EpochMetrics]], kind: Literal["accuracy", "loss"]) -> dict[str, Any]:
    """The epochs whose weights were kept."""
    scale, unit = (100, " %") if kind == "accuracy" else (1, "")
    return {
        "type": "scatter",
        "x": [one.epoch + 1 for _, one in best],
        "y": [scale * getattr(one, f"val_{kind}") for _, one in best],
        "mode": "markers",
        "name": "epoch kept",
        "marker": {"color": VALIDATION, "size": 10.5, "symbol": "circle-open", "line": {"width": 2.5}},
        "text": [refit.title for refit, _ in best],
        "hovertemplate": f"kept: epoch %{{x}}, %{{y:.3~g}}{unit}<extra>%{{text}}</extra>",
    }


def calibration_chart(bins: Sequence[ReliabilityBin], error: float | None) -> Chart:
    """Reliability diagram: accuracy against confidence. The dashed line is perfect calibration."""
    most = max(one.clips for one in bins)
    points: dict[str, Any] = {
        "type": "scatter",
        "x": [100 * one.confidence for one in bins],
        "y": [100 * one.accuracy for one in bins],
        "mode": "lines+markers",
        "name": "test set",
        "line": {"color": BLUE, "width": 1.5},
        "marker": {"color": BLUE, "size": [6 + 16 * (one.clips / most) ** 0.5 for one in bins], "opacity": 0.9},
        "customdata": [one.clips for one in bins],
        "hovertemplate": "%{customdata:,} clips: confidence %{x:.1f} %, accuracy %{y:.1f} %<extra></extra>",
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
    leaning = "overconfident" if sure > right else "underconfident"
    return Chart(
        "calibration",
        "Calibration: can its probabilities be trusted?",
        "Test clips of all runs in 15 bins of the largest probability; larger dots hold more clips. Above the "
        "diagonal the model is right more often than its probabilities say, below it less often. On average it is "
        f"{leaning}: mean confidence {percent(sure)} %, accuracy {percent(right)} %, expected calibration error "
        f"{percent(error)} % (mean over runs).",
        f"Reliability diagram: mean confidence {percent(sure)} %, accuracy {percent(right)} %, expected calibration "
        f"error {percent(error)} %.",
        (diagonal, points),
        {
            "xaxis": {"title": {"text": "largest probability, %"}, "range": [0, 102]},
            "yaxis": {"title": {"text": "accuracy, %"}, "range": [0, 102]},
        },
    )
