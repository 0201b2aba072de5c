"""Figures of the pages show the records' numbers, lead to what they show, and say one point in words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.simulated_results import Size, write_results
from serbench.corpora import UNKNOWN_SPEAKER
from serbench.records.results import ResultsFolder
from serbench.results import Results
from serbench.site.charts.lines import Line
from serbench.site.plots.cost import cost_plots, pareto
from serbench.site.plots.curves import trial_curves
from serbench.site.plots.history import history_plots, trial_text
from serbench.site.plots.seeds import seeds_plot
from serbench.site.plots.space import parallel_plot, slice_plots
from serbench.site.plots.speakers import speaker_plot, speaker_scores
from serbench.site.plots.time import time_plot
from serbench.site.plots.timeline import lanes, timeline
from serbench.site.study_data import MIN_TRIALS, Control, StudyData


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> ResultsFolder:
    return write_results(tmp_path_factory.mktemp("plots"), Size(4, 2, 120, 10, 2, 30, sound=False))


@pytest.fixture(scope="module")
def data(results) -> StudyData:
    read = Results(results.root)
    return StudyData.of(read, read.studies[0])


@pytest.fixture(scope="module")
def places(data):
    return {trial.job_id: f"#trial-{place}" for place, trial in enumerate(data.trials)}


def few(data, count):
    return StudyData(data.record, data.trials[:count], (), data.space, None)


def at(fit, start, end, **changes):
    """A fit that ran from minute `start` to minute `end`."""
    clock = [f"2026-01-02T{minute // 60:02}:{minute % 60:02}:00+00:00" for minute in (start, end)]
    return fit.model_copy(update={"started": clock[0], "finished": clock[1], **changes})


@pytest.mark.long
def test_the_best_so_far_never_falls_and_ends_at_the_best(data, places):
    history, minutes = history_plots(data, places)
    heights = [y for _, y in history.paths[0].points]
    assert heights == sorted(heights, reverse=True)  # pixels grow downwards
    best = max(data.scored(), key=lambda trial: trial.value)
    (dot,) = [dot for dot in history.dots if dot.href == places[best.job_id]]
    assert heights[-1] == dot.y
    assert minutes.paths[0].points[-1][1] == min(y for _, y in minutes.paths[0].points)


def test_every_point_leads_to_its_trial_and_pruned_ones_are_marked(data, places):
    history, _ = history_plots(data, places)
    assert history.about_across == "trials so far", "the ids of trials begin at 0"
    assert {dot.href for dot in history.dots} <= set(places.values())
    pruned = [dot for dot in history.dots if dot.shape == "ring"]
    assert len(pruned) == sum(trial.state == "pruned" for trial in data.trials) > 0
    assert ("two", "ring", "pruned") in history.legend


def test_one_trial_is_a_sentence(data):
    (only,) = history_plots(few(data, 1), {})
    assert "One trial has a score" in only.says
    assert not only.dots
    assert history_plots(StudyData(data.record, (), (), data.space, None), {}) == []


def test_a_random_search_of_the_same_space_is_drawn_beside(results):
    (folder, record), (other, of_other) = list(results.studies())[:2]
    random = record.model_copy(update={"name": "control", "sampler": {"name": "random"}})
    elsewhere = of_other.model_copy(update={"name": "elsewhere", "sampler": {"name": "random"}})
    for made, source in ((random, folder), (elsewhere, other)):
        made.save(results.study(made.name).record_path)
        results.study(made.name).publish_job(source.job("search", "t0001"))
    try:
        read = Results(results.root)
        found = StudyData.of(read, read.study(folder.path.name))
        assert found.control.name == "control"
        names = [text for _, _, text in history_plots(found, {})[1].legend]
        assert names == ["best so far", "random: control"]
    finally:
        results.remove_study("control")
        results.remove_study("elsewhere")


def test_curves_are_of_all_trials_and_the_best_is_on_top(data, places):
    plot = trial_curves(data, places)
    judged = [trial for trial in data.trials if sum(one.val_uar is not None for one in trial.epochs) > 1]
    assert len(plot.paths) == len(judged)
    assert plot.paths[-1].kind == "one"
    best = max(judged, key=lambda trial: trial.value if trial.value is not None else trial.best_uar)
    assert plot.paths[-1].href == places[best.job_id]
    kinds = {trial_text(trial): {"completed": "plain", "pruned": "faint"}.get(trial.state) for trial in judged}
    assert all(kinds[path.text] == path.kind for path in plot.paths[:-1] if kinds[path.text])
    assert min(text for _, text in plot.across) in {"0", "1"}
    top = max((one for one in best.epochs if one.val_uar is not None), key=lambda one: one.val_uar)
    assert plot.alt.endswith(f"at epoch {top.epoch + 1}."), "epochs count from 1"
    assert trial_curves(StudyData(data.record, (), (), data.space, None), {}) is None


def test_only_what_varied_is_drawn_and_has_importance(data, places):
    assert set(data.varied) == {"learning_rate", "dropout"}  # what the drawn trials differ in
    assert set(data.importances()) == {"learning_rate", "dropout"}
    assert sum(data.importances().values()) == pytest.approx(1)
    slices = slice_plots(data, data.importances(), places)
    assert {plot.title for plot in slices} == {"learning_rate", "dropout"}
    assert all(len(plot.dots) == len(data.scored()) for plot in slices)
    assert {dot.href for plot in slices for dot in plot.dots} <= set(places.values())


def test_few_trials_say_nothing_of_importance(data):
    assert few(data, MIN_TRIALS - 1).importances() == {}


def test_parallel_coordinates_have_a_line_for_each_trial_through_every_axis(data, places):
    plot = parallel_plot(data, data.importances(), places)
    assert len(plot.paths) == len(data.scored())
    assert {len(path.points) for path in plot.paths} == {3}  # two hyperparameters and the score
    best = max(data.scored(), key=lambda trial: trial.value)
    assert plot.paths[-1].href == places[best.job_id]
    assert {label.text for label in plot.labels} >= {"learning_rate", "dropout", "validation UAR, %"}


def test_what_runs_at_the_same_time_is_in_different_rows():
    assert lanes([(0, 3), (1, 2), (2, 4), (2, 5)]) == [0, 1, 1, 2]


def test_the_timeline_has_every_fit_and_cuts_long_pauses_out(data):
    first, second, third = data.trials[:3]
    fits = [at(first, 0, 10), at(second, 5, 20, state="pruned"), at(third, 500, 510, kind="refit", state="completed")]
    plot = timeline(fits, {})
    assert len(plot.bands) == 3
    assert [band.y for band in plot.bands] == [0, 28, 0]
    assert {text for _, _, text in plot.legend} == {"trial", "pruned trial", "final run"}
    assert len(plot.rules) == 1
    assert "8 h 0 min" in plot.caption
    assert plot.bands[2].x + plot.bands[2].width == pytest.approx(1, abs=0.01)
    assert "Up to 2 fits" in plot.caption


def test_a_timeline_without_times_is_left_out_and_of_one_fit_is_a_sentence(data):
    broken = data.trials[0].model_copy(update={"started": "yesterday"})
    assert timeline([broken], {}) is None
    assert "10 min" in timeline([at(data.trials[0], 0, 10)], {}).says


def test_shares_of_time_add_up(data):
    def spent(**seconds):
        return time_plot([trial.model_copy(update={"seconds": seconds}) for trial in data.trials])

    plot = spent(fit=60.0, build=20.0, predict=0.5)
    assert len(plot.bands) == 3
    assert "99.0 %" in spent(fit=99.0, build=1.0).says, "a bar of one colour shows nothing"
    assert sum(band.width for band in plot.bands) == pytest.approx(1, abs=1e-3)
    assert time_plot([]) is None


def test_the_folds_of_a_bag_are_counted_once(data):
    fold = data.trials[0].model_copy(update={"job_id": "t0000-f1", "kind": "fold", "seconds": {"fit": 60.0}})
    bag = fold.model_copy(update={"job_id": "t0000-bag", "kind": "refit", "seconds": {"fit": 60.0, "predict": 30.0}})
    assert "1 min 30 s" in time_plot([fold, bag]).caption


def test_costs_are_those_of_the_rows_and_points_lead_to_entries(results):
    board = Results(results.root).board()
    rows = board.groups[0].rows
    plots = cost_plots(
        "cost", rows, [Line("svm", "SVM", 0.49), Line("chance", "chance", 1 / 6)], {rows[0].entry: "a.html"}
    )
    assert [plot.about_across for plot in plots] == [
        "parameters", "milliseconds a clip on one CPU core", "bytes of the model's file", "training minutes of one run"
    ]  # fmt: skip
    by_size = plots[0]
    assert [rule.kind for rule in by_size.rules] == ["svm"]  # chance would squeeze the rest
    assert [dot.href for dot in by_size.dots if dot.href] == ["a.html"]
    assert all(f"{row.parameters:,} parameters" in dot.text for row, dot in zip(rows, by_size.dots, strict=True))


@pytest.mark.parametrize("above", [-0.06, -0.04, -0.02, 0.02, 0.04, 0.06, 0.08])
def test_a_name_keeps_off_the_line_of_a_reference(results, above):
    rows = sorted(Results(results.root).board().groups[0].rows, key=lambda row: row.uar)
    rows = [rows[0], rows[-1]]
    plot = cost_plots("cost", rows, [Line("svm", "SVM", rows[-1].uar + above)], {})[0]
    (rule,) = plot.rules
    names = [label for label in plot.labels if label.kind == "name"]
    assert {label.text for label in names} == {row.entry for row in rows}
    assert not [label for label in names if label.y - 9 < rule.y < label.y]


def test_one_entry_is_a_sentence(results):
    rows = Results(results.root).board().groups[0].rows[:1]
    (only,) = cost_plots("cost", rows, [], {})
    assert rows[0].entry in only.says
    assert not only.dots


def test_the_pareto_line_keeps_what_no_other_entry_beats():
    rng = np.random.default_rng(0)
    pairs = [(float(cost), float(score)) for cost, score in rng.integers(0, 12, (40, 2))]
    front = pareto(pairs)
    for cost, score in pairs:
        beaten = any(a <= cost and b >= score and (a, b) != (cost, score) for a, b in pairs)
        assert ((cost, score) in front) is not beaten


def test_the_strip_has_a_point_for_each_speaker_and_their_mean_recalls(results):
    tested = Results(results.root).board().tested[0]
    scores = speaker_scores(tested)
    assert {one.speaker for one in scores} == set(tested.speakers)
    worst = scores[0]
    mine = np.array([speaker == worst.speaker for speaker in tested.speakers])
    recalls = []
    for label in np.unique(tested.refits[0].test_true[mine]):
        own = mine & (tested.refits[0].test_true == label)
        recalls.append(np.mean([np.mean(refit.test_predicted[own] == label) for refit in tested.refits]))
    assert worst.recall == pytest.approx(np.mean(recalls))
    plot = speaker_plot(scores, 2, 6)
    assert len(plot.dots) == len(scores)
    assert f"{100 * worst.recall:.1f} % (speaker {worst.speaker})" in plot.caption
    places = [(dot.x, dot.y) for dot in plot.dots]
    assert len(set(places)) == len(places)
    assert speaker_plot(scores[:1], 2, 6).says.startswith("There is one test speaker: ")
    nameless = [dataclasses.replace(scores[0], speaker=UNKNOWN_SPEAKER)]
    assert speaker_plot(nameless, 2, 6).says == "The speakers of the test clips are not named."
    assert speaker_plot([], 2, 6) is None


def test_seeds_are_drawn_each_and_one_seed_is_a_sentence(results):
    report = Results(results.root).report(Results(results.root).board().rows[0].entry)
    plot = seeds_plot(report.refits)
    tests = [dot.text for dot in plot.dots if dot.shape == "dot"]
    assert tests == [f"seed {one.seed}: test {100 * one.scores['test'].uar:.1f} %" for one in report.refits]
    assert {dot.shape for dot in plot.dots} == {"dot", "ring"}
    assert "only the seed differs" in plot.caption
    joined = [refit.model_copy(update={"seed": None}) for refit in report.refits]
    assert "one fit of every fold or member" in seeds_plot(joined).caption
    judged = seeds_plot(report.refits, out_of_fold=True)
    assert {dot.shape for dot in judged.dots} == {"dot"}, "other fits were judged: one line for all runs"
    assert len(judged.rules) == 1
    assert judged.legend[-1][-1].startswith("out of fold, ")
    assert "unknown" in seeds_plot(report.refits[:1]).says
    assert seeds_plot(()) is None


def test_a_setting_that_none_of_the_drawn_trials_has_is_left_out(data, places, monkeypatch):
    """As of hundreds of trials, of which only the best are drawn."""
    monkeypatch.setattr(StudyData, "is_active", lambda _data, _trial, name: name != "dropout")
    assert [plot.title for plot in slice_plots(data, {}, places)] == ["learning_rate"]


def test_the_ends_of_many_seeds_are_those_of_all(results):
    report = Results(results.root).report(Results(results.root).board().rows[0].entry)
    one = report.refits[0]
    low = one.model_copy(update={"scores": one.scores | {"test": one.scores["test"].model_copy(update={"uar": 0.0})}})
    plot = seeds_plot([one] * 30 + [low])
    assert "from 0.0 to" in plot.caption
    assert "Shown: the first 20 of 31 runs." in plot.caption
    assert len([dot for dot in plot.dots if dot.shape == "dot"]) == 20


def test_a_trial_that_was_not_completed_is_not_called_the_best(data, places):
    """However high it was for an epoch."""
    high = data.trials[0].epochs[0].model_copy(update={"val_uar": 0.99})
    failed = data.trials[0].model_copy(
        update={"job_id": "t0900", "state": "diverged", "value": None, "epochs": (high, *data.trials[0].epochs[1:])}
    )
    plot = trial_curves(dataclasses.replace(data, trials=(*data.trials, failed)), places)
    assert not any("t0900" in text for _, _, text in plot.legend)
    assert any(text.startswith("best trial, ") for _, _, text in plot.legend)


def test_a_line_of_the_best_so_far_ends_where_its_study_does(data):
    longer = dataclasses.replace(few(data, 4), control=Control("random", data.trials))
    history, _ = history_plots(longer, {})
    own, control = (path.points[-1][0] for path in history.paths)
    assert own < control
    assert control == max(x for path in history.paths for x, _ in path.points)
