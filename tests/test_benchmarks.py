"""The benchmarks of the harness run and say what their tables need. No test asserts a time."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path

import pytest

from benchmarks.harness import BENCHMARKS, run
from benchmarks.simulated import SIMULATED, SimulatedEngine, simulated_study
from benchmarks.table import Row, Settings, as_json, as_table
from serbench.search import Observer
from serbench.search.coordinator import Coordinator
from serbench.search.jobs import JobMaker
from serbench.search.session import Session
from serbench.spaces import load_space


@pytest.mark.long
@pytest.mark.parametrize("name", ["ask", "crowd"])
def test_a_benchmark_that_trains_nothing_runs(name: str, tmp_path: Path) -> None:
    rows = run(name, Settings(tmp_path, quick=True))
    assert all(math.isfinite(row.value) and row.value >= 0 for row in rows)
    assert all(row.limit for row in rows if row.goal is not None)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_every_benchmark_runs(name: str, tmp_path: Path) -> None:
    assert run(name, Settings(tmp_path, quick=True))


@pytest.mark.slow
def test_simulated_fits_are_a_search_like_any_other(tmp_path: Path) -> None:
    """They end as completed or pruned, with a record, a curve and predictions each."""
    engine, stop = SimulatedEngine(workers=3), threading.Event()
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        maker = JobMaker(study, SIMULATED, "tensorflow")
        try:
            Coordinator(Session.on(engine, study, maker, Observer(), stop)).run_trials(14)
        finally:
            engine.close()
        records = study.records()
        tables = [study.folder.predictions("search", record.job_id) for record in records]
    assert {record.state for record in records} <= {"completed", "pruned"}
    assert len(records) == 14
    assert len(engine.waits_s) == sum(len(record.epochs) for record in records)
    assert all(len(table) == record.scores["validation"].clips for table, record in zip(tables, records, strict=True))


class _StopAfter(Observer):
    """Asks for a stop as soon as so many fits were handed out."""

    def __init__(self, fits: int, stop: threading.Event) -> None:
        self._left, self._stop = fits, stop

    def trial_started(self, job_id, config, epochs):
        self._left -= 1
        if not self._left:
            self._stop.set()


@pytest.mark.long
def test_a_stop_ends_simulated_fits(tmp_path: Path) -> None:
    engine, stop = SimulatedEngine(workers=2, epoch_s=60.0), threading.Event()
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        maker = JobMaker(study, SIMULATED, "tensorflow")
        begun = _StopAfter(2, stop)
        try:
            Coordinator(Session.on(engine, study, maker, begun, stop)).run_trials(2)
        finally:
            engine.close()
        assert not study.records()
        assert len(list((study.folder.path / "attempts").iterdir())) == 2


def test_a_goal_is_judged_in_its_direction() -> None:
    slow = Row("start", 0.3, "s", "a fork", goal=0.2)
    fast = Row("features", 5.0, "times", "cores", goal=4, at_least=True)
    assert (slow.met, fast.met, Row("a", 1, "s", "").met) == (False, True, None)
    assert "not met" in as_table([slow])
    assert [row["met"] for row in json.loads(as_json([slow, fast]))] == [False, True]


@pytest.mark.children
def test_an_arm_that_has_no_score_yet_has_no_mean() -> None:
    from benchmarks.tuners import line

    runs = [[(1.0, 0.2), (3.0, 0.6)], [(2.5, 0.4), (4.5, 0.9)]]
    assert line("arm", "mean", runs, [2.0, 4.0]) == "| arm | mean | 2 | - | 50.0 |"


@pytest.mark.children
def test_keras_tuner_draws_from_the_same_space(tmp_path: Path) -> None:
    """Whatever it draws is a configuration of the space, and conditions hold."""
    import keras_tuner
    from optuna.trial import FixedTrial

    from benchmarks.tuners import declared, the_space

    space = the_space("cnn1d", "20/20/60", 3, (8, 32))
    oracle = keras_tuner.oracles.RandomSearchOracle(
        keras_tuner.Objective("val_uar", "max"), max_trials=20, seed=1, hyperparameters=declared(space)
    )
    oracle._set_project_dir(str(tmp_path), "drawn")  # as its tuner does
    drawn = []
    for number in range(20):
        values = oracle.create_trial(f"tuner{number}").hyperparameters.values
        drawn.append(space.suggest(FixedTrial(values)))
        assert space.misfit(drawn[-1]) is None
        assert drawn[-1]["split_ratio"] == "20/20/60"
    assert {config["optimizer"] for config in drawn} > {"sgd"}


@pytest.mark.long
@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[1].glob("benchmarks/curves/*.json")), ids=lambda one: one.stem
)
def test_recorded_curves_can_be_replayed_with_the_space_of_their_day(path: Path) -> None:
    """Spaces gain hyperparameters that older curves do not have."""
    from benchmarks.replay import ARMS, Task, replay
    from benchmarks.surrogate import read_curves

    curves = read_curves(path)
    assert {line["name"] for line in curves.lines}.issuperset({"recipe0-0"})
    assert len({line["name"] for line in curves.lines}) == len(curves.lines)
    first = curves.space.enqueued[0].config
    assert curves.lines[0]["config"].items() <= first.items()
    times = replay(Task(path, 1, ARMS["random, percentile"], (0,), (4,), None))
    assert times.shape == (1, 1, 2)
    assert (times > 0).all()
