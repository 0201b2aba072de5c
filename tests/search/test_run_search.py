"""Whole searches on a tiny corpus: real audio files, real children, real SQLite."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import shutil
import threading
import time
from collections import Counter
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from tiers import starts_children

from benchmarks.simulated import SIMULATED, SimulatedEngine, simulated_study
from serbench.errors import SerbenchError, UsageError
from serbench.protocols import SplitProtocol
from serbench.records import EpochMetrics, ResultsFolder, TrialRecord, now
from serbench.search import Observer, run_search, run_spaces
from serbench.search.coordinator import Coordinator
from serbench.search.jobs import JobMaker
from serbench.search.run_study import run_study
from serbench.search.session import Session
from serbench.search.trials import SearchTrials
from serbench.spaces import Budget, Enqueued, load_space
from serbench.training import TrialJob, Verdict

NAME = "crema-d-speaker-tiny_cnn1d"


class Watch(Observer):
    """Remembers what it is told; stops the search after so many trials or epochs."""

    def __init__(self, stop: threading.Event | None = None, after: int = 0, epochs: int = 0) -> None:
        self.trials, self.warnings, self.epochs, self.entries = [], [], 0, []
        self._stop, self._after, self._after_epochs = stop, after, epochs

    def warning(self, text):
        self.warnings.append(text)

    def epoch(self, job_id, metrics):
        self.epochs += 1
        if self._after_epochs and self.epochs >= self._after_epochs:
            self._stop.set()

    def trial_finished(self, record):
        self.trials.append(record)
        if self._after and len(self.trials) >= self._after:
            self._stop.set()

    def entry_added(self, entry):
        self.entries.append(entry)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The one search that several tests look at."""
    return {"results": tmp_path_factory.mktemp("finished") / "results"}


@pytest.fixture
@starts_children
def finished(make_plan, once, tmp_path):
    """A copy of a finished search, so that a test may go on with it."""
    if "watch" not in once:
        watch = Watch()
        assert run_search(make_plan(results=once["results"]), watch) == [NAME]
        once["watch"] = watch
    plan = make_plan()
    shutil.copytree(once["results"], plan.results)
    return plan, once["watch"], ResultsFolder(plan.results).existing_study(NAME)


def test_a_search_ends_with_a_tested_entry(finished) -> None:
    _, watch, folder = finished
    trials, refits = list(folder.jobs("search")), list(folder.jobs("refit"))
    assert [t.state for t in trials] == ["completed"] * 3
    assert [r.state for r in refits] == ["completed"] * 2
    (entry,) = folder.entries()
    assert entry.looks == 2
    assert entry.search_value == max(t.value for t in trials)
    best = max(trials, key=lambda t: t.value)
    assert entry.config == best.config
    assert all(refit.seed != best.seed for refit in refits)
    assert folder.record().corpus.clips == 144
    assert any("under 8" in text for text in watch.warnings)


def test_trials_hold_no_prediction_of_a_test_clip(finished) -> None:
    _, _, folder = finished
    clips = folder.clips()
    (split_plan,) = SplitProtocol("speaker", Decimal(20), Decimal(10)).plans(clips)
    split = split_plan.core_split
    core = set(clips["clip_id"].iloc[list(split.validation)])
    tested = set(clips["clip_id"].iloc[list(split.test)])
    for trial in folder.jobs("search"):
        predictions = folder.predictions("search", trial.job_id)
        assert set(predictions["clip_id"]) == core
        assert set(trial.scores) == {"validation"}
    for refit in folder.jobs("refit"):
        predictions = folder.predictions("refit", refit.job_id)
        by_subset = predictions.groupby("subset")["clip_id"].agg(set)
        assert by_subset["test"] == tested
        assert by_subset["train"] == set(clips["clip_id"]) - core - tested
        assert np.allclose(predictions.filter(regex="^p_").sum(axis=1), 1, atol=1e-5)


@pytest.mark.children
def test_a_search_job_has_no_test_rows(made_up_fits, make_plan, monkeypatch) -> None:
    """The lock is in the structure: what runs a trial is never told which clips are the test's."""
    seen: list[TrialJob] = []
    from serbench.search.engines.local import LocalEngine

    submit = LocalEngine.submit

    def spy(self, job, report):
        seen.append(job)
        return submit(self, job, report)

    monkeypatch.setattr(LocalEngine, "submit", spy)
    run_search(make_plan(trials=1, repeats=1))
    search, refit = seen
    assert set(search.predict) == {"validation"}
    assert set(refit.predict["test"]).isdisjoint([*search.train, *search.predict["validation"]])


@pytest.mark.children
def test_the_same_command_runs_nothing_again(finished) -> None:
    plan, _, folder = finished
    before = [entry.looks for entry in folder.entries()]
    again = Watch()
    run_search(plan, again)
    assert not again.trials
    assert [entry.looks for entry in folder.entries()] == before


@pytest.mark.children
def test_more_trials_resume_to_the_total(finished, made_up_fits, make_plan) -> None:
    watch = Watch()
    run_search(make_plan(trials=4), watch)
    assert Counter(t.kind for t in watch.trials)["search"] == 1


@pytest.mark.children
def test_a_study_that_goes_on_elsewhere_says_so(finished, made_up_fits, make_plan, monkeypatch) -> None:
    """Another machine adds in another order, so whoever repeats a score has to know of it."""
    _, _, folder = finished
    began = folder.record().environment
    run_search(make_plan(trials=4))
    assert folder.record().later_environments is None
    monkeypatch.setattr("serbench.records.environment.cpu_name", lambda: "another")
    run_search(make_plan(trials=4))
    assert folder.record().later_environments is None, "nothing was trained there"
    for trials in (5, 6):
        run_search(make_plan(trials=trials))
    record = folder.record()
    assert record.environment == began
    assert [one.cpu for one in record.later_environments] == ["another"]


@pytest.mark.slow  # that one trial repeats is tested in test_replay.py, in bfloat16 in test_study_precision.py
@pytest.mark.children
@pytest.mark.parametrize("family", ["cnn1d", "cnn2d"])
def test_one_worker_and_one_seed_give_the_same_trials(make_plan, tmp_path, family) -> None:
    values = []
    for run in ("a", "b"):
        plan = make_plan(family, results=tmp_path / run, trials=2, finalists=0)
        (name,) = run_search(plan)
        jobs = list(ResultsFolder(plan.results).study(name).jobs("search"))
        values.append([(j.config, j.value, [e.loss for e in j.epochs]) for j in jobs])
    assert values[0] == values[1]


@pytest.mark.slow
@pytest.mark.children
def test_a_stopped_search_goes_on_as_if_unbroken(make_plan, tmp_path, finished) -> None:
    _, _, whole = finished
    stop = threading.Event()
    plan = make_plan(results=tmp_path / "broken", repeats=1)
    run_search(plan, Watch(stop, epochs=4), stop)
    folder = ResultsFolder(plan.results).study(NAME)
    assert len(list(folder.jobs("search"))) == 1
    assert len(list((folder.path / "attempts").iterdir())) == 1
    assert not list(folder.entries())
    run_search(plan)
    resumed = [(j.job_id, j.config, j.value) for j in folder.jobs("search")]
    assert resumed == [(j.job_id, j.config, j.value) for j in whole.jobs("search")]
    assert len(list(folder.entries())) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, "seed: 0 -> 1"),
        ({"split_seed": 3}, "protocol split_seed: 0 -> 3"),
        ({"sampler": "random"}, "sampler:"),
        ({"pruner": "none"}, "pruner:"),
    ],
)
def test_a_study_does_not_resume_under_other_settings(finished, make_plan, change, told) -> None:
    with pytest.raises(UsageError, match="begun with other settings") as caught:
        run_search(make_plan(**change))
    assert told in str(caught.value)
    assert "--study" in str(caught.value)


@pytest.mark.slow
@pytest.mark.children
def test_a_study_goes_on_with_its_own_sampler(make_plan, tmp_path) -> None:
    """An older study has a sampler that is no longer the default."""
    run_search(make_plan(sampler="random", trials=1, finalists=0))
    run_search(make_plan(trials=2, finalists=0))
    folder = ResultsFolder(tmp_path / "results").study(NAME)
    assert folder.record().sampler == {"name": "random"}
    assert len(list(folder.jobs("search"))) == 2
    with pytest.raises(UsageError, match="sampler:"):
        run_search(make_plan(sampler="prior", trials=2, finalists=0))


def test_a_study_does_not_resume_on_another_space(finished, make_plan, tiny_space) -> None:
    with pytest.raises(UsageError, match=r"parameters\.depth") as caught:
        run_search(make_plan(space=tiny_space("cnn1d", depth="[1, 2]")))
    assert "\n" not in str(caught.value)
    assert " -> 1 | 2" in str(caught.value)


def test_another_split_ratio_is_told_by_what_changed_alone(finished, make_plan, tiny_space) -> None:
    """A known configuration has forty hyperparameters, of which a reader wants the one that is another."""
    with pytest.raises(UsageError, match="begun with other settings") as caught:
        run_search(make_plan(spaces=(load_space(tiny_space()).with_split("50/10/40"),)))
    assert len(str(caught.value)) < 700
    assert "{" not in str(caught.value)


def test_other_settings_of_a_later_study_are_told_before_an_earlier_one_is_searched(
    finished, make_plan, tiny_space
) -> None:
    plan, _, folder = finished
    both = tuple(load_space(tiny_space(family)) for family in ("cnn2d", "cnn1d"))
    with pytest.raises(UsageError, match=f"study '{NAME}' was begun with other settings: pruner:"):
        run_search(make_plan(spaces=both, pruner="none"))
    assert ResultsFolder(plan.results).study_names() == [folder.path.name]


def test_a_study_that_runs_is_locked(finished, make_plan) -> None:
    import filelock

    _, _, folder = finished
    with filelock.FileLock(folder.path / ".lock"), pytest.raises(SerbenchError, match="another serbench process"):
        run_search(make_plan(trials=4))


@pytest.mark.children
@pytest.mark.slow
def test_invalid_configurations_are_recorded_and_do_not_count(make_plan, tiny_space) -> None:
    space = tiny_space("cnn1d", width="[8, 256]", max_parameters="15_000")
    watch = Watch()
    run_search(make_plan(space=space, trials=2, finalists=0, sampler="random", seed=1), watch)
    states = Counter(t.state for t in watch.trials if t.kind == "search")
    assert states["completed"] == 2
    assert states["invalid"] >= 1
    assert all("over the budget" in t.error for t in watch.trials if t.state == "invalid")


def test_a_space_without_valid_configurations_is_refused_before_anything_is_made(make_plan, tiny_space) -> None:
    plan = make_plan(space=tiny_space("cnn1d", depth="2\nwaveform_copies = 1"), trials=1)
    with pytest.raises(UsageError, match=r"no valid configuration.*noise_snr_db"):
        run_search(plan)
    assert not plan.results.exists()


@pytest.mark.children
@pytest.mark.slow
def test_a_search_that_draws_only_invalid_configurations_stops(make_plan, tiny_space) -> None:
    space = tiny_space("cnn1d", depth="1\nwaveform_copies = 1", max_parameters="5_000")
    known = "[[enqueue]]\nparameters = { noise_snr_db = 20, width = 256 }\n"
    space.write_text(space.read_text(encoding="utf-8") + known, encoding="utf-8")
    with pytest.raises(SerbenchError, match=r"configurations in a row were invalid.*noise_snr_db"):
        run_search(make_plan(space=space, trials=1))


@pytest.mark.slow
def test_two_workers_give_each_trial_the_score_of_one(make_plan, tmp_path, finished) -> None:
    """Proposals may differ with several workers; a trial's own numbers may not."""
    _, _, alone = finished
    plan = make_plan(results=tmp_path / "two", workers=2, sampler="tpe")
    run_search(plan)
    side_by_side = {j.job_id: j for j in ResultsFolder(plan.results).study(NAME).jobs("search")}
    for job in alone.jobs("search"):
        other = side_by_side[job.job_id]
        assert other.seed == job.seed
        if other.config == job.config:
            assert other.value == job.value


@pytest.mark.slow
def test_time_ends_the_trials_and_leaves_room_for_refits(make_plan) -> None:
    watch = Watch()
    run_search(make_plan(trials=500, seconds=15, repeats=1), watch)
    kinds = Counter((t.kind, t.state) for t in watch.trials)
    assert 1 <= kinds["search", "completed"] < 500
    assert kinds["refit", "completed"] == 1


@pytest.mark.parametrize(
    "parts", [{"trials": 0}, {"repeats": 0}, {"workers": 0}, {"seconds": -1}, {"seed": -1}, {"protocol": "speakr"}]
)
@pytest.mark.children
def test_nonsense_is_refused_before_anything_runs(make_plan, parts) -> None:
    with pytest.raises(UsageError):
        run_search(make_plan(**parts))


@pytest.mark.children
def test_a_trial_that_waits_although_it_is_recorded_is_not_trained_again(finished, made_up_fits) -> None:
    """As after a time with another database, or a power cut that took the database's last writes."""
    plan, _, folder = finished
    (record,) = (one for one in folder.jobs("search") if one.job_id == "t0001")
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{folder.storage_path}")
    study.enqueue_trial({}, user_attrs={"job_id": "t0001", "config": record.config, "attempt": 0})
    run_search(dataclasses.replace(plan, trials=4))
    assert [one.job_id for one in folder.jobs("search")] == ["t0000", "t0001", "t0002", "t0003"]
    assert folder.job("search", "t0001") == record
    states = [trial.state.name for trial in study.get_trials()]
    assert "WAITING" not in states
    assert "RUNNING" not in states


def test_a_new_database_is_not_begun_with_the_journal_of_one_that_is_gone(tmp_path) -> None:
    from serbench.search.studies.storage import _sqlite_url

    path = tmp_path / "optuna.sqlite3"
    for end in ("-wal", "-shm", "-journal"):
        (tmp_path / f"{path.name}{end}").write_bytes(b"old")
    _sqlite_url(path)
    assert all(left.read_bytes() != b"old" for left in tmp_path.iterdir())


def test_a_search_on_a_second_backend_is_refused_before_anything_is_written(make_plan, monkeypatch) -> None:
    monkeypatch.setattr("serbench.training.backend._served", "jax")
    plan = make_plan(backend="tensorflow")
    with pytest.raises(SerbenchError, match="this process has trained on jax"):
        run_search(plan)
    assert not plan.results.exists()


class Notes(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def message(self, text):
        self.notes.append(text)


@pytest.fixture
def slow_study(tmp_path):
    """A study whose only trial took far longer than any time that a test asks for."""
    space = load_space("cnn1d")
    with simulated_study(tmp_path, space, sampler="random") as study:
        study.folder.publish_job(
            TrialRecord(
                study="simulated", job_id="t0000", kind="search", state="timeout", config=space.enqueued[0].config,
                seed=1, seconds={"total": 1e6}, started=now(), finished=now(),
            )
        )  # fmt: skip
        yield study


def test_half_of_the_time_is_left_for_trials_however_long_the_longest_took(slow_study, monkeypatch) -> None:
    begun = time.monotonic()
    end = begun + 1000
    monkeypatch.setattr("serbench.search.trials.time", SimpleNamespace(monotonic=lambda: begun))
    session = Session.on(SimpleNamespace(workers=1), slow_study, None, Observer(), threading.Event(), end)
    trials = SearchTrials(session, 5, 0, 9)
    assert end - trials.deadline == pytest.approx(500)
    assert trials.cut_short
    assert not SearchTrials(session, 1, 0, 9).cut_short, "there is no trial to come"
    assert not SearchTrials(session, 5, 0, 0).cut_short, "nothing is reserved"
    session.stop.set()
    assert not trials.cut_short, "a person stopped it"


def test_each_study_to_come_gets_an_equal_share_of_what_is_left(monkeypatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(run_spaces, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    assert run_spaces._share(300.0, 3) == 100.0
    clock[0] = 40.0
    assert run_spaces._share(300.0, 2) == 170.0
    clock[0] = 400.0
    assert run_spaces._share(300.0, 1) == 400.0, "no time is left"
    assert run_spaces._share(None, 2) is None


def test_trials_run_until_the_reserved_time_begins_and_a_note_says_why_they_end(slow_study, monkeypatch) -> None:
    watch, begun = Notes(), time.monotonic()
    clock = itertools.count(begun)  # a second passes with each message
    monkeypatch.setattr("serbench.search.coordinator.time", SimpleNamespace(monotonic=lambda: next(clock)))
    with contextlib.closing(SimulatedEngine(workers=1)) as engine:
        maker = JobMaker(slow_study, SIMULATED, "tensorflow")
        session = Session.on(engine, slow_study, maker, watch, threading.Event(), begun + 400)
        session.history.settle()
        Coordinator(session).run_trials(10**6, final_fits=9)
    assert next(clock) - begun > 200
    assert len(slow_study.records()) > 1
    (note,) = watch.notes
    assert "the rest of --time is kept for the shortlist and the final runs" in note


def recorded(job_id: str, state: str = "completed", **more) -> TrialRecord:
    """A fit of a simulated study, by default of the first configuration of its space."""
    values = {
        "kind": "refit" if "-" in job_id else "search",
        "value": 0.5 if state == "completed" else None,
        "config": load_space("cnn1d").enqueued[0].config,
    }
    return TrialRecord(
        study="simulated", job_id=job_id, state=state, seed=1, started=now(), finished=now(), **(values | more)
    )


def go_on(study, watch: Observer, seconds: float | None = None, **budget) -> None:
    """Goes on with a simulated study. No fit may begin."""
    end = None if seconds is None else time.monotonic() + seconds
    maker = JobMaker(study, SIMULATED, "tensorflow")
    session = Session.on(SimpleNamespace(workers=1), study, maker, watch, threading.Event(), end)
    run_study(session, Budget(**({"shortlist": 0, "finalists": 1, "repeats": 1} | budget)))


def test_time_is_left_for_all_final_runs_while_configurations_are_to_be_compared(tmp_path) -> None:
    """Recorded runs, here of a search without a shortlist, need not be those of the configurations that it selects."""
    epoch = EpochMetrics(
        epoch=0, loss=1.0, accuracy=0.5, val_loss=None, val_accuracy=None, val_uar=None, learning_rate=1e-3,
        seconds=0.01,
    )  # fmt: skip
    watch = Watch()
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        study.folder.publish_job(recorded("t0000", epochs=(epoch,), train_clips=100, seconds={"total": 2000.0}))
        study.folder.publish_job(recorded("t0000-r0"))
        go_on(study, watch, seconds=1000.0, trials=1, shortlist=1)
    assert any("--time leaves room to compare 0 of 1" in text for text in watch.warnings)
    assert [entry.refits for entry in watch.entries] == [("t0000-r0",)]


def test_where_all_final_runs_diverged_it_says_what_to_ask_for(tmp_path) -> None:
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        study.folder.publish_job(recorded("t0000"))
        study.folder.publish_job(recorded("t0000-r0", "diverged"))
        with pytest.raises(SerbenchError, match="no refit of study") as caught:
            go_on(study, Observer(), trials=1)
    assert str(caught.value).endswith("diverged runs are not tried again: ask for more --repeats or --finalists")
    assert "the same command" not in str(caught.value)


def test_where_no_trial_completed_it_says_what_to_do(tmp_path) -> None:
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        study.folder.publish_job(recorded("t0000", "diverged"))
        with pytest.raises(SerbenchError, match="raise --trials, or `serbench study remove simulated` to try again"):
            go_on(study, Observer(), trials=1)


def test_of_two_names_for_one_network_none_is_called_incomplete(tmp_path) -> None:
    space = load_space("cnn1d")
    known = [Enqueued(name, space.enqueued[0].config, finalist=True) for name in ("mine", "theirs", "later")]
    watch = Watch()
    with simulated_study(tmp_path, dataclasses.replace(space, enqueued=tuple(known)), sampler="random") as study:
        for job_id, name in (("t0000", "mine"), ("t0001", "theirs")):
            study.folder.publish_job(recorded(job_id, origin=name))
        study.folder.publish_job(recorded("t0000-r0"))
        go_on(study, watch, trials=2, finalists=0)
    assert [text for text in watch.warnings if "makes a finalist" in text] == [
        "no trial of 'later', which the space makes a finalist, has completed yet"
    ]


def test_a_trial_is_not_pruned_after_its_last_epoch(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("optuna.Trial.should_prune", lambda _: True)
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        maker = JobMaker(study, SIMULATED, "tensorflow")
        session = Session.on(SimpleNamespace(workers=1), study, maker, Observer(), threading.Event())
        trials = SearchTrials(session, 5, 0, 0)
        job = trials.begin()
        last = job.settings.epochs - 1
        epochs = [
            EpochMetrics(
                epoch=epoch, loss=1.0, accuracy=0.5, val_loss=1.0, val_accuracy=0.5, val_uar=0.5, learning_rate=1e-3,
                seconds=1.0,
            )
            for epoch in (last - 1, last)
        ]  # fmt: skip
        assert [trials.judge(job, epoch) for epoch in epochs] == [Verdict.PRUNE, Verdict.CONTINUE]


def test_time_is_kept_for_final_runs_by_the_workers_that_have_joined_by_then(tmp_path) -> None:
    engine, end = SimpleNamespace(workers=0), time.monotonic() + 1000
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        study.folder.publish_job(
            TrialRecord(
                study="simulated", job_id="t0000", kind="search", state="crashed", config={}, seed=1,
                seconds={"total": 40.0, "features": 30.0}, started=now(), finished=now(),
            )
        )  # fmt: skip
        trials = SearchTrials(Session.on(engine, study, None, Observer(), threading.Event(), end), 5, 6, 8)
        kept = {}
        for engine.workers in (0, 1, 4, 14):
            kept[engine.workers] = end - trials.deadline
    assert kept == pytest.approx({0: 0, 1: 140, 4: 40, 14: 20})


@pytest.mark.children
def test_a_search_tells_what_it_leaves_out_and_what_may_go_wrong(make_plan, made_up_fits, monkeypatch) -> None:
    monkeypatch.setattr("serbench.search.resources.available_memory_mib", lambda: 2_000.0)
    space = dataclasses.replace(make_plan().spaces[0], name="cnn1d")
    plan = make_plan(spaces=(space,), workers=2, trials=1, finalists=0, notes=("the space of 'mine' is gone",))
    watch = Watch()
    run_search(plan, watch)
    told = "\n".join(watch.warnings)
    assert "left out: the space of 'mine' is gone" in told
    assert "--workers 2 leaves each fit 900 MiB" in told
    assert "`serbench search small` with the same options" in told


def test_workers_without_room_are_refused_before_anything_is_written(make_plan, monkeypatch) -> None:
    monkeypatch.setattr("serbench.search.resources.available_memory_mib", lambda: 500.0)
    plan = make_plan(workers=3)
    with pytest.raises(UsageError, match="--workers 3 leaves each fit 150 MiB"):
        run_search(plan)
    assert not plan.results.exists()
