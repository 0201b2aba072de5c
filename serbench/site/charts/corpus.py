"""Figures of a corpus: classes by speaker, durations, loudness, sample rates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from serbench.site.charts.chart import PALETTE, Chart, escaped

__all__ = ["corpus_charts"]

_MOST_SPEAKERS = 200
_BINS = 30


def corpus_charts(clips: pd.DataFrame) -> list[Chart]:
    """Makes the figures from a clip table with the columns `label, speaker, duration_s, sample_rate, rms`."""
    charts = [_speakers(clips), _durations(clips), _levels(clips)]
    if clips["sample_rate"].nunique() > 1:
        charts.append(_rates(clips))
    return charts


def _labels(clips: pd.DataFrame) -> list[str]:
    return sorted(set(clips["label"]))


def _speakers(clips: pd.DataFrame) -> Chart:
    labels = _labels(clips)
    counts = pd.crosstab(clips["speaker"], clips["label"])[labels]
    shown = counts.loc[
        counts.sum(axis=1).sort_values(ascending=False, kind="stable").index[:_MOST_SPEAKERS]
    ].sort_index()
    cells = shown.to_numpy().T.tolist()
    least, most = int(counts.to_numpy().min()), int(counts.to_numpy().max())
    brightest = int(shown.to_numpy().max())
    left = (
        f" Shown: the {_MOST_SPEAKERS} speakers with the most clips, of {len(counts):,}."
        if len(counts) > _MOST_SPEAKERS
        else ""
    )
    return Chart(
        "speakers",
        "Classes by speaker",
        f"Clips of each speaker in each class. Where a cell is 0, the speaker has no clip of that class.{left}",
        f"{len(counts):,} speakers, {least} to {most} clips a class and speaker.",
        (
            {
                "type": "heatmap", "z": cells, "x": [escaped(name) for name in shown.index],
                "y": [escaped(name) for name in labels], "colorscale": "Cividis", "zmin": 0, "zmax": brightest,
                "hovertemplate": "speaker %{x}, %{y}: %{z} clips<extra></extra>",
                "colorbar": {"title": {"text": "clips"}},
            },
        ),
        {
            "xaxis": {"type": "category", "title": {"text": "speaker"}},
            "yaxis": {"type": "category", "automargin": True},
        },
        height=120 + 36 * len(labels),
    )  # fmt: skip


def _durations(clips: pd.DataFrame) -> Chart:
    values = clips["duration_s"].to_numpy(dtype=float)
    return Chart(
        "durations",
        "Durations",
        "How long clips last, in seconds, stacked by class.",
        f"From {values.min():.2f} to {values.max():.2f} s, median {np.median(values):.2f} s.",
        _stacked(clips, clips["duration_s"].to_numpy(dtype=float)),
        {
            "barmode": "stack",
            "bargap": 0.02,
            "xaxis": {"title": {"text": "seconds"}},
            "yaxis": {"title": {"text": "clips"}},
        },
    )


def _levels(clips: pd.DataFrame) -> Chart:
    levels = 20 * np.log10(np.maximum(clips["rms"].to_numpy(dtype=float), 1e-6))
    medians = {label: float(np.median(levels[(clips["label"] == label).to_numpy()])) for label in _labels(clips)}
    loud, soft = max(medians, key=medians.__getitem__), min(medians, key=medians.__getitem__)
    traces = tuple(
        {
            "type": "box", "name": escaped(label), "y": levels[(clips["label"] == label).to_numpy()].tolist(),
            "marker": {"color": PALETTE[place % len(PALETTE)], "size": 3}, "boxpoints": False,
        }
        for place, label in enumerate(medians)
    )  # fmt: skip
    return Chart(
        "levels",
        "Loudness",
        "Level of each clip (root mean square, dB of full scale). If classes differ much, a model may rely on "
        "loudness alone.",
        f"Median levels from {medians[soft]:.1f} dB ({soft}) to {medians[loud]:.1f} dB ({loud}).",
        traces,
        {"showlegend": False, "xaxis": {"type": "category"}, "yaxis": {"title": {"text": "dB of full scale"}}},
    )


def _rates(clips: pd.DataFrame) -> Chart:
    rates, found = np.unique(clips["sample_rate"].to_numpy(dtype=int), return_counts=True)
    counts = dict(zip(rates.tolist(), found.tolist(), strict=True))
    return Chart(
        "rates",
        "Sample rates",
        "Clips by sample rate. A recording holds no frequencies above half its sample rate.",
        ", ".join(f"{rate:,} Hz: {count:,} clips" for rate, count in counts.items()) + ".",
        (
            {
                "type": "bar", "x": [f"{rate:,} Hz" for rate in counts], "y": list(counts.values()),
                "marker": {"color": PALETTE[0]},
            },
        ),
        {"xaxis": {"type": "category"}, "yaxis": {"title": {"text": "clips"}}},
    )  # fmt: skip


def _stacked(clips: pd.DataFrame, values: np.ndarray) -> tuple[dict[str, object], ...]:
    """Histograms of all classes with the same bins, as bars, so that the page stores counts instead of single clips."""
    edges = np.histogram_bin_edges(values, bins=_BINS)
    middles = ((edges[:-1] + edges[1:]) / 2).tolist()
    width = float(edges[1] - edges[0])
    return tuple(
        {
            "type": "bar", "name": escaped(label), "x": middles, "width": width,
            "y": np.histogram(values[(clips["label"] == label).to_numpy()], edges)[0].tolist(),
            "marker": {"color": PALETTE[place % len(PALETTE)]},
        }
        for place, label in enumerate(_labels(clips))
    )  # fmt: skip
