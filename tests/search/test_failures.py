"""What goes wrong while fits run: the search ends with a sentence, hangs never, and the same command mends it."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from serbench.errors import SerbenchError
from serbench.records import ResultsFolder
from serbench.records.results import StudyFolder
from serbench.search import Observer, run_search
from serbench.training import TrialOutcome

NAME = "crema-d-speaker-tiny_cnn1d"


class Fails(Observer):
    """An observer whose own bug hits the coordinator in mid-fit."""

    def epoch(self, job_id, metrics):
        raise RuntimeError("a bug in the view")


def ends(run) -> BaseException | None:
    """Runs in a thread, so that a hang is a failure and not a hang of the tests; what it raised."""
    raised: list[BaseException] = []

    def guarded():
        try:
            run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(120)
    assert not thread.is_alive(), "the search hangs"
    return raised[0] if raised else None


@pytest.mark.children
@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_mid_fit_ends_the_search(made_up_fits, make_plan, workers) -> None:
    plan = make_plan(workers=workers)
    error = ends(lambda: run_search(plan, Fails()))
    assert isinstance(error, RuntimeError)


@pytest.mark.children
def test_a_database_that_fails_in_mid_study_is_one_sentence(made_up_fits, make_plan, monkeypatch) -> None:
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("optuna.Trial.report", full)
    error = ends(lambda: run_search(make_plan()))
    assert isinstance(error, SerbenchError)
    assert "database or disk is full" in str(error)


@pytest.mark.slow
@pytest.mark.children
def test_a_record_that_cannot_be_written_is_one_sentence_and_resumes(make_plan, monkeypatch) -> None:
    publish = StudyFolder.publish_job

    def full(self, record, *args, **kwargs):
        if record.kind == "refit":
            raise SerbenchError("cannot write: the disk is full")
        publish(self, record, *args, **kwargs)

    monkeypatch.setattr(StudyFolder, "publish_job", full)
    plan = make_plan(trials=1, workers=2)
    assert "disk is full" in str(ends(lambda: run_search(plan)))
    monkeypatch.setattr(StudyFolder, "publish_job", publish)
    run_search(plan)
    assert len(list(ResultsFolder(plan.results).study(NAME).entries())) == 1


@pytest.mark.children
def test_a_refit_that_crashed_is_tried_again(made_up_fits, make_plan, monkeypatch) -> None:
    from serbench.search.engines import local as engine

    run_job = engine.run_job

    def crashes(job, source, control):
        if job.kind == "refit":
            return TrialOutcome("crashed", error="killed", error_kind="SIGKILL")
        return run_job(job, source, control)

    monkeypatch.setattr(engine, "run_job", crashes)
    plan = make_plan(trials=1, repeats=1)
    with pytest.raises(SerbenchError, match=r"no refit of study .*, and the same command tries again$"):
        run_search(plan)
    monkeypatch.setattr(engine, "run_job", run_job)
    run_search(plan)
    folder = ResultsFolder(plan.results).study(NAME)
    (entry,) = folder.entries()
    assert entry.looks == 1
    assert [path.name for path in (folder.path / "attempts").iterdir()] == ["t0000-r0.0"]


@pytest.mark.children
@pytest.mark.slow
def test_a_time_too_short_for_a_trial_is_told_and_resumed(make_plan) -> None:
    class Watch(Observer):
        warnings: list[str] = []  # noqa: RUF012

        def warning(self, text):
            self.warnings.append(text)

    watch = Watch()
    assert run_search(make_plan(seconds=0.01), watch) == [NAME]
    assert any("within --time" in text for text in watch.warnings)
    plan = make_plan(trials=1, repeats=1)
    run_search(plan)
    assert len(list(ResultsFolder(plan.results).study(NAME).entries())) == 1


@pytest.mark.children
def test_the_first_trials_that_all_crash_alike_stop_the_search(make_plan, monkeypatch) -> None:
    from serbench.search.engines import local as engine

    outcome = TrialOutcome("crashed", error="ValueError: no such layer", error_kind="ValueError", traceback="...")
    monkeypatch.setattr(engine, "run_job", lambda *_: outcome)
    with pytest.raises(SerbenchError, match="crashed the same way: ValueError: no such layer"):
        run_search(make_plan(trials=50))


@pytest.mark.children
def test_trials_that_all_failed_within_the_time_end_the_search(make_plan, monkeypatch) -> None:
    """More time would help nobody: every trial has been counted."""
    from serbench.search.engines import local as engine

    monkeypatch.setattr(engine, "run_job", lambda *_: TrialOutcome("diverged", error="nan", error_kind="nan"))
    for _ in range(2):
        with pytest.raises(SerbenchError, match="completed, so there is nothing to test; the reasons are in"):
            run_search(make_plan(trials=2, seconds=3600.0))


@pytest.mark.slow
@pytest.mark.children
def test_a_finalist_by_decree_is_tested_and_never_pruned(make_plan, tiny_space, monkeypatch) -> None:
    space = tiny_space("cnn1d")
    decree = '\n[[enqueue]]\nname = "decreed"\nfinalist = true\nparameters = { width = 16 }\n'
    space.write_text(space.read_text(encoding="utf-8") + decree, encoding="utf-8")
    monkeypatch.setattr("optuna.Trial.should_prune", lambda _: True)
    plan = make_plan(space=space, trials=2, finalists=0, repeats=1)
    run_search(plan)
    (entry,) = ResultsFolder(plan.results).study(NAME).entries()
    assert (entry.origin, entry.forced) == ("decreed", True)


@pytest.mark.children
@pytest.mark.slow
def test_a_rerun_leaves_entries_as_they_were(make_plan) -> None:
    plan = make_plan(trials=1, repeats=1)
    run_search(plan)
    folder = ResultsFolder(plan.results).study(NAME)
    (path,) = (folder.path / "entries").iterdir()
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    run_search(plan)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


@pytest.mark.children
def test_a_stop_is_heard_while_audio_is_prepared(made_up_fits, make_plan, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))  # a full one leaves nothing to prepare
    stop = threading.Event()
    calls = []

    class Watch(Observer):
        def progress(self, what, done, total):
            calls.append((what, done, total))
            stop.set()

    plan = make_plan()
    assert run_search(plan, Watch(), stop) == []
    assert len(calls) == 1
    assert not (plan.results / "studies" / NAME / "trials").exists()
