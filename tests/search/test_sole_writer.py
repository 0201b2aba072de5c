"""The write-through storage keeps Optuna's own contract, and what it wrote is in the database."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.testing.pytest_storages import StorageTestCase
from optuna.trial import TrialState

from serbench.search.studies.sole_writer_storage import SoleWriterStorage

optuna.logging.set_verbosity(optuna.logging.ERROR)


def database(folder: Path) -> RDBStorage:
    return RDBStorage(f"sqlite:///{folder / 'optuna.sqlite3'}", skip_compatibility_check=True)


@pytest.mark.slow
class TestContract(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> SoleWriterStorage:
        return SoleWriterStorage(database(tmp_path))


def searched(storage: SoleWriterStorage) -> optuna.Study:
    sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=3)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2)
    study = optuna.create_study(storage=storage, sampler=sampler, pruner=pruner, direction="maximize")
    study.enqueue_trial({"x": 0.5}, user_attrs={"job_id": "t0000"})

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        kind = trial.suggest_categorical("kind", ["a", "b"])
        if kind == "b":
            trial.suggest_int("depth", 1, 3)
        for step in range(3):
            trial.report(x * step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        trial.set_constraint("size", x - 0.9)
        return x

    study.optimize(objective, n_trials=12)
    study.ask().suggest_float("x", 0, 1)
    return study


@pytest.mark.long
def test_memory_and_database_hold_the_same(tmp_path: Path) -> None:
    study = searched(SoleWriterStorage(database(tmp_path)))
    stored = optuna.load_study(study_name=study.study_name, storage=database(tmp_path))
    for ours, theirs in zip(study.get_trials(), stored.get_trials(), strict=True):
        for trial in (ours, theirs):  # either keeps its own clock
            trial.datetime_start = trial.datetime_complete = None
        assert ours == theirs
    assert {trial.state for trial in study.get_trials()} >= {TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING}


@pytest.mark.long
def test_it_proposes_and_prunes_what_optunas_own_cache_does(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours = searched(SoleWriterStorage(database(tmp_path / "a")))
    theirs = searched(database(tmp_path / "b"))
    assert [(t.params, t.state) for t in ours.trials] == [(t.params, t.state) for t in theirs.trials]


@pytest.mark.long
def test_another_writer_is_noticed(tmp_path: Path) -> None:
    study = searched(SoleWriterStorage(database(tmp_path)))
    optuna.load_study(study_name=study.study_name, storage=database(tmp_path)).ask()
    with pytest.raises(optuna.exceptions.StorageInternalError, match="another process writes"):
        study.ask()
