"""Figures are plain data; plotly itself says whether it can draw them, and they show the records' numbers."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from benchmarks.simulated_results import Size, write_results
from serbench.evaluation import ReliabilityBin
from serbench.records.results import ResultsFolder
from serbench.results import Results
from serbench.site.charts.board import cost_chart
from serbench.site.charts.entry import calibration_chart, curve_charts
from serbench.site.charts.lines import Line, reference_lines
from serbench.site.charts.space import parallel_chart, slice_chart
from serbench.site.charts.study import history_charts, importance_chart, time_chart
from serbench.site.study_data import MIN_TRIALS, StudyData


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> ResultsFolder:
    return write_results(tmp_path_factory.mktemp("charts"), Size(4, 2, 120, 10, 2, 30, sound=False))


@pytest.fixture(scope="module")
def data(results) -> StudyData:
    read = Results(results.root)
    return StudyData.of(read, read.studies[0])


def drawn(chart):
    """The figure as plotly's own checks accept it."""
    return go.Figure(chart.spec)


def test_plotly_accepts_every_figure(results, data):
    board = Results(results.root).board()
    report = Results(results.root).report(board.rows[0].entry)
    lines = reference_lines((), 6)
    charts = [
        *curve_charts(report.refits), calibration_chart([ReliabilityBin(3, 0.5, 0.4)], 0.1),
        cost_chart("cost", board.rows, lines), *history_charts(data), importance_chart(data.importances()),
        slice_chart(data), parallel_chart(data, data.importances()), time_chart(data.trials),
    ]  # fmt: skip
    for chart in charts:
        assert drawn(chart).data
        assert chart.alt
        assert chart.caption


def test_curves_mark_the_epoch_that_was_kept(results):
    report = Results(results.root).report(Results(results.root).board().rows[0].entry)
    for chart, name, scale in zip(curve_charts(report.refits), ("val_accuracy", "val_loss"), (100, 1), strict=True):
        kept = drawn(chart).data[-1]
        refit = report.refits[0]
        epoch = next(one for one in refit.epochs if one.epoch == refit.best_epoch)
        assert (kept.x[0], kept.y[0]) == pytest.approx((epoch.epoch, scale * getattr(epoch, name)), rel=1e-4)


def test_the_best_so_far_never_falls_and_ends_at_the_best(data):
    history, minutes = history_charts(data)
    line = drawn(history).data[-1].y
    assert list(line) == sorted(line)
    assert line[-1] == pytest.approx(100 * max(trial.value for trial in data.scored()), rel=1e-4)
    spent = drawn(minutes).data[0].x
    assert spent[-1] == pytest.approx(sum(trial.seconds["total"] for trial in data.trials) / 60, rel=1e-4)


def test_pruned_trials_are_marked_as_such(data):
    traces = {trace.name: trace for trace in drawn(history_charts(data)[0]).data}
    assert len(traces["pruned"].x) == sum(trial.state == "pruned" for trial in data.trials) > 0


def test_only_what_varied_is_drawn_and_has_importance(data):
    assert set(data.varied) == {"learning_rate", "dropout"}  # what the drawn trials differ in
    assert set(data.importances()) == {"learning_rate", "dropout"}
    assert sum(data.importances().values()) == pytest.approx(1)
    assert len(drawn(slice_chart(data)).data) == 2
    layout = drawn(slice_chart(data)).layout
    assert {layout.xaxis.type, layout.xaxis2.type} == {"linear", "log"}


def test_few_trials_say_nothing_of_importance(data):
    few = StudyData(data.record, data.trials[: MIN_TRIALS - 1], (), data.space, None)
    assert few.importances() == {}
    assert importance_chart({}) is None


def test_a_random_search_of_the_same_space_is_the_control(results):
    (folder, record), (other, of_other) = list(results.studies())[:2]
    random = record.model_copy(update={"name": "control", "sampler": {"name": "random"}})
    elsewhere = of_other.model_copy(update={"name": "elsewhere", "sampler": {"name": "random"}})
    for made, source in ((random, folder), (elsewhere, other)):
        made.save(results.study(made.name).record_path)
        results.study(made.name).publish_job(source.job("search", "t0001"))
    try:
        read = Results(results.root)
        data = StudyData.of(read, read.study(folder.path.name))
        assert data.control.name == "control"
        lines = drawn(history_charts(data)[1]).data
        assert [line.name for line in lines] == ["best so far", "random: control"]
    finally:
        results.remove_study("control")
        results.remove_study("elsewhere")


def test_costs_are_those_of_the_rows_and_lines_go_across(results):
    rows = Results(results.root).board().rows
    chart = drawn(cost_chart("cost", rows, [Line("svm", "SVM", 0.49)]))
    by_name = {text: x for trace in chart.data for text, x in zip(trace.text, trace.meta["ms"], strict=True)}
    row = next(row for row in rows if not row.selected)
    assert by_name[row.entry] == pytest.approx(row.ms_per_clip)
    assert chart.layout.shapes[0].y0 == 49


def test_calibration_says_which_way_it_leans():
    assert "overconfident" in calibration_chart([ReliabilityBin(10, 0.9, 0.5)], 0.4).caption
    assert "underconfident" in calibration_chart([ReliabilityBin(10, 0.5, 0.9)], 0.4).caption
