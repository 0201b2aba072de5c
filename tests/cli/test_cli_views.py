"""The progress displays: what a person sees who waits, on a terminal and in a log."""

from __future__ import annotations

import io

import pytest
from drawn_results import Builder

from serbench.cli.live import LiveView
from serbench.cli.plain import PlainView
from serbench.cli.printing import echo_styled, new_console
from serbench.records import EpochMetrics, SubsetFacts
from serbench.search import CommandPlan, StudyState
from serbench.spaces import Budget
from serbench.views.progress import TextProgress

BUDGET = Budget(trials=8, shortlist=2, finalists=1, repeats=3)
EPOCH = EpochMetrics(
    epoch=2, loss=1.0, accuracy=0.5, val_loss=1.0, val_accuracy=0.5, val_uar=0.42, learning_rate=0.001, seconds=1.0
)


@pytest.fixture
def study(tmp_path):
    """Record of a study, and a maker of its trials: id, score, seconds."""
    build = Builder(tmp_path / "results")
    record = build.results.study(build.study(trial_states=())).record()
    record = record.model_copy(update={"space": {"parameters": {"width": {"low": 8, "high": 64}}}})

    def trial(job_id, value, seconds=60.0, state="completed", kind="search"):
        made = build._trial(record.name, kind, job_id, state, 0, value, {"width": 8 * int(job_id[1:3])})
        return made.model_copy(update={"seconds": {"total": seconds}})

    return record, trial


def begun(view, study, *, studies=1, seconds=None):
    record, _ = study
    view.search_planned([BUDGET] * studies)
    view.study_started(record, 8, 0, None, seconds)
    return view


def shown(view):
    """What the redrawn part shows at 80 columns."""
    console = new_console(file=io.StringIO(), width=80)
    with console.capture() as captured:
        console.print(view._draw())
    return captured.get()


def live(study, **options):
    return begun(LiveView(new_console(file=io.StringIO(), width=80)), study, **options)


def test_the_live_view_says_of_which_clips_the_score_is(study):
    view = live(study)
    view.trial_finished(study[1]("t01", 0.651))
    assert "best validation UAR 65.1 %" in shown(view)


def test_the_best_trial_stays_in_sight_when_many_came_after_it(study):
    view = live(study)
    view.trial_finished(study[1]("t07", 0.651))
    for number in range(10, 20):
        view.trial_finished(study[1](f"t{number}", 0.3))
    assert "best validation UAR 65.1 %: t07, width 56" in shown(view)


def test_what_differs_between_the_trials_in_sight_stands_first(study):
    record, trial = study
    record = record.model_copy(
        update={"space": {"parameters": {"optimizer": {"choices": ["adam", "sgd"]}, "width": {"low": 8, "high": 64}}}}
    )
    view = live((record, trial))
    for number in (1, 2):
        made = trial(f"t0{number}", 0.6)
        view.trial_finished(made.model_copy(update={"config": made.config | {"optimizer": "adam"}}))
    lines = [" ".join(line.split()) for line in shown(view).splitlines()]
    assert [line.endswith(f"width {8 * number} adam") for number, line in enumerate(lines[-2:], start=1)] == [
        True,
        True,
    ]


def test_studies_are_counted_and_the_time_is_that_of_the_whole_command(study):
    view = live(study, studies=3)
    view.trial_finished(study[1]("t01", 0.5, seconds=60.0))
    text = shown(view)
    assert "1/8 trials, study 1 of 3" in text
    # 7 trials, 10 fits of folds and 3 final runs of this study; twice 8 + 10 + 3 of the others; one minute each
    assert "about 1:02:00 left" in text
    view.study_finished(study[0])
    view.study_started(study[0], 8, 0, None, None)
    assert "study 2 of 3" in shown(view)
    assert "study 1 of 1" not in shown(live(study))


@pytest.mark.parametrize(("phase", "minutes"), [("trials", 20), ("folds", 13), ("refits", 3)])
def test_the_forecast_knows_what_follows_in_a_study(study, phase, minutes):
    view = live(study)
    view.trial_finished(study[1]("t01", 0.5, seconds=60.0))
    if phase == "folds":
        view.shortlist_started(2, 5, 10, 100.0)
    elif phase == "refits":
        view.refits_started(3)
    state = view.state
    assert state.time_left(0.0) == 60.0 * minutes


def test_the_forecast_learns_how_many_folds_few_speakers_make(study):
    view = live(study, studies=2)
    view.trial_finished(study[1]("t01", 0.5, seconds=60.0))
    view.shortlist_started(2, 3, 6, 100.0)
    # 6 fits of folds and 3 final runs of this study; 8 trials, 6 and 3 of the other
    assert view.state.time_left(0.0) == 60.0 * (9 + 17)
    view.study_finished(study[0])
    view.study_started(study[0], 8, 0, None, None)
    view.trial_finished(study[1]("t01", 0.5, seconds=60.0))
    assert view.state.time_left(0.0) == 60.0 * (7 + 6 + 3)


def test_an_interrupted_run_is_not_done_and_ends_the_forecast(study):
    view = live(study)
    view.trial_finished(study[1]("t01", 0.5))
    view.refits_started(3)
    view.trial_finished(study[1]("t01-a0", None, kind="refit"))
    assert "left" in shown(view)
    view.trial_finished(study[1]("t01-a1", None, kind="refit", state="interrupted"))
    assert "1/3 final runs" in shown(view)
    assert "left" not in shown(view)


@pytest.mark.parametrize("phase", ["folds", "refits"])
def test_a_step_that_begins_after_the_time_of_the_trials_has_a_forecast_again(study, phase):
    view = live(study, seconds=600.0)
    view.trial_finished(study[1]("t01", 0.5, seconds=60.0))
    view.trial_finished(study[1]("t02", None, state="interrupted"))
    assert view.state.time_left(0.0) is None
    if phase == "folds":
        view.shortlist_started(2, 5, 10, 100.0)
    else:
        view.refits_started(3)
    assert view.state.time_left(0.0) == 60.0 * (13 if phase == "folds" else 3)


@pytest.mark.parametrize(("goes_on", "how"), [(False, "stopped"), (True, "finished")])
def test_a_log_says_whether_a_study_finished_or_was_stopped(study, goes_on, how):
    stream = io.StringIO()
    view = begun(PlainView(new_console(file=stream, width=80)), study)
    view.trial_finished(study[1]("t01", None, state="interrupted"))
    if goes_on:
        view.refits_started(0)
    view.study_finished(study[0])
    assert stream.getvalue().rstrip().endswith(f"study {study[0].name} {how}")


def test_a_log_has_the_sets_of_the_split_and_says_how_many_classes_validate(study):
    record, trial = study
    sets = tuple(
        SubsetFacts(
            part=part, clips=clips, speakers=3, speakers_per_sex={"female": 2, "male": 1},
            clips_per_label={"anger": clips, "fear": 0 if part == "validation" else 2},
        )
        for part, clips in (("train", 40), ("validation", 7), ("test", 9))
    )  # fmt: skip
    record = record.model_copy(update={"protocol": record.protocol.model_copy(update={"subsets": sets})})
    stream = io.StringIO()
    view = begun(PlainView(new_console(file=stream, width=120)), (record, trial))
    lines = [line.split() for line in stream.getvalue().splitlines()]
    assert ["clips,", "fear", "2", "0", "2"] in lines
    assert ["speakers", "3", "3", "3"] in lines
    view.trial_finished(trial("t01", 0.5))
    assert "validation UAR 50.0 % (of 1 of 2 classes)" in stream.getvalue()


@pytest.mark.parametrize("kind", ["refit", "fold"])
def test_a_fit_that_is_lost_and_repeated_counts_once_and_one_that_crashed_counts_too(study, kind):
    record, trial = study
    state = StudyState(record, 8, 8, None, folds=3, refits=None if kind == "fold" else 3)
    for number, how in enumerate(("lost", "completed", "crashed", "completed")):
        job_id = f"t0{max(0, number - 1)}"
        state.start(job_id, {}, 40)
        state.finish(trial(job_id, None if how in {"lost", "crashed"} else 0.5, state=how, kind=kind))
    assert (state.folds_done if kind == "fold" else state.refits_done) == 3
    assert state.refits in {None, 3}
    assert not state.running


def test_in_python_a_crashed_final_run_is_done_as_well(study):
    record, trial = study
    view = TextProgress(io.StringIO())
    view.study_started(record, 1, 0, None, None)
    view.trial_finished(trial("t01", 0.651))
    view.refits_started(2)
    view.trial_finished(trial("t02", None, state="crashed", kind="refit"))
    view.trial_started("t03", {}, 40)
    assert "1 trial, 1 of 2 final runs, t03 starting, best validation UAR 65.1 %" in view.line
    view.epoch("t03", EPOCH)
    assert "t03 epoch 3" in view.line


def test_in_python_a_message_is_shown_as_a_note(study):
    stream = io.StringIO()
    view = TextProgress(stream)
    view.study_started(study[0], 1, 0, None, None)
    view.message("waiting for workers at tcp://scheduler:8786")
    assert "note: waiting for workers at tcp://scheduler:8786\n" in stream.getvalue()


def test_a_time_limit_is_shared_by_the_studies_to_come(study):
    state = live(study, studies=2, seconds=600.0).state
    assert state.time_left(100.0) == 500.0 + 600.0


def test_a_plan_never_counts_more_configurations_than_trials():
    plan = CommandPlan((Budget(trials=1, shortlist=5, finalists=3, repeats=2),))
    assert (plan.folds, plan.test_runs) == (5, 2)
    assert CommandPlan().studies == 1


def test_a_silent_minute_of_a_log_gets_a_line_with_what_runs(study):
    stream = io.StringIO()
    view = begun(PlainView(new_console(file=stream, width=80)), study, studies=2)
    view.trial_started("t03", {}, 40)
    view.epoch("t03", EPOCH)
    view.sign_of_life()
    last = stream.getvalue().splitlines()[-1]
    assert "t03 epoch 3/40 (validation UAR 42.0 %)" in last
    assert "0/8 trials, study 1 of 2" in last


def test_a_step_without_progress_says_its_name_in_a_log_and_on_a_terminal():
    stream = io.StringIO()
    view = PlainView(new_console(file=stream, width=80))
    view.working("writing the site")
    view.sign_of_life()
    assert "writing the site ..." in stream.getvalue()
    onscreen = LiveView(new_console(file=io.StringIO(), width=80))
    onscreen.working("writing\x1b the site")
    assert "writing" not in shown(onscreen), "nothing for steps that are over at once"
    onscreen._last_event -= 5
    assert "writing\\x1b the site ... 0:05" in shown(onscreen)


def test_signs_of_life_end_with_the_view():
    import threading

    view = PlainView(new_console(file=io.StringIO(), width=80))
    with view:
        assert any(one.name == "signs of life" for one in threading.enumerate())
    assert view._ended.is_set()


def test_only_bold_and_dim_act_in_a_styled_text(capsys):
    echo_styled("\x1b[1mbold\x1b[0m \x1b[2J \x1b[31m\n")
    # Without a terminal, Click takes out the codes that are left.
    assert capsys.readouterr().out == "bold \\x1b[2J \\x1b[31m\n"


def test_without_a_score_there_is_no_best_line(study):
    assert "best validation" not in shown(live(study))


def test_one_test_run_is_not_several(study):
    stream = io.StringIO()
    begun(PlainView(new_console(file=stream, width=200)), study).refits_started(1)
    assert "1 run with a new seed evaluated once" in stream.getvalue()


def test_a_log_gets_a_line_of_progress_every_ten_seconds_and_one_at_the_end(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("serbench.cli.plain.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    view = PlainView(new_console(file=stream, width=80))
    for done in range(0, 101, 5):
        now[0] = 0.25 * done  # 25 seconds in all
        view.progress("examining clips", done, 100)
    assert [line.split("] ")[1] for line in stream.getvalue().splitlines()] == [
        "examining clips: 40 of 100", "examining clips: 80 of 100", "examining clips: 100 of 100",
    ]  # fmt: skip
