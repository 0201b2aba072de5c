"""Figures are plain data; plotly itself says whether it can draw them, and they show the records' numbers."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from benchmarks.simulated_results import Size, write_results
from serbench.evaluation import ReliabilityBin
from serbench.records.results import ResultsFolder
from serbench.results import Results
from serbench.site.charts.entry import calibration_chart, curve_charts
from serbench.site.plots.from_chart import plot_of


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> ResultsFolder:
    return write_results(tmp_path_factory.mktemp("charts"), Size(4, 2, 120, 10, 2, 30, sound=False))


def drawn(chart):
    """The figure as plotly's own checks accept it."""
    return go.Figure(chart.spec)


@pytest.mark.long
def test_plotly_accepts_every_figure(results):
    report = Results(results.root).report(Results(results.root).board().rows[0].entry)
    for chart in [*curve_charts(report.refits), calibration_chart([ReliabilityBin(3, 0.5, 0.4)], 0.1)]:
        assert drawn(chart).data
        assert chart.alt
        assert chart.caption


@pytest.mark.long
def test_pages_draw_the_same_points_as_notebooks(results):
    report = Results(results.root).report(Results(results.root).board().rows[0].entry)
    accuracy = curve_charts(report.refits)[0]
    plot = plot_of(accuracy)
    traces = drawn(accuracy).data
    assert [len(path.points) for path in plot.paths] == [len(one.x) for one in traces if "lines" in one.mode]
    kept = next(one for one in traces if one.name == "epoch kept")
    assert len(plot.dots) == len(kept.x)
    assert {dot.text.split(":")[0] for dot in plot.dots} == set(kept.text)
    assert [text for _, _, text in plot.legend] == ["training", "validation", "epoch kept"]
    assert all(0 <= x <= 1 and 0 <= y <= plot.height for path in plot.paths for x, y in path.points)


@pytest.mark.long
def test_curves_mark_the_epoch_that_was_kept(results):
    report = Results(results.root).report(Results(results.root).board().rows[0].entry)
    for chart, name, scale in zip(curve_charts(report.refits), ("val_accuracy", "val_loss"), (100, 1), strict=True):
        kept = drawn(chart).data[-1]
        refit = report.refits[0]
        epoch = next(one for one in refit.epochs if one.epoch == refit.best_epoch)
        assert (kept.x[0], kept.y[0]) == pytest.approx((epoch.epoch + 1, scale * getattr(epoch, name)), rel=1e-4)


@pytest.mark.long
def test_runs_that_hold_nothing_back_have_no_validation_curve_and_no_ring(results):
    report = Results(results.root).report(Results(results.root).board().rows[0].entry)
    blank = {"val_uar": None, "val_accuracy": None, "val_loss": None}
    refits = [
        one.model_copy(update={"epochs": tuple(epoch.model_copy(update=blank) for epoch in one.epochs)})
        for one in report.refits
    ]
    for chart in curve_charts(refits):
        assert {trace["name"] for trace in chart.data} == {"training"}
        assert "The ring" not in chart.caption
    assert "no validation curve" in curve_charts(refits)[0].caption
    assert "The ring" in curve_charts(report.refits)[0].caption


def test_calibration_says_which_way_it_leans():
    assert "overconfident" in calibration_chart([ReliabilityBin(10, 0.9, 0.5)], 0.4).caption
    assert "underconfident" in calibration_chart([ReliabilityBin(10, 0.5, 0.9)], 0.4).caption
