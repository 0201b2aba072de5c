"""Cheap starts, warm starts and the parameter budget: what is tried first, and what is not tried again."""

from __future__ import annotations

import json
import shutil
from threading import Event

import optuna
import pytest
from tiers import starts_children

from benchmarks.simulated import SIMULATED, simulated_study
from serbench.errors import UsageError
from serbench.families import get_family
from serbench.records import ResultsFolder
from serbench.records.base import now
from serbench.records.results import StudyFolder
from serbench.records.schemas import TrialRecord
from serbench.search import Observer, run_search
from serbench.search.engines.local import LocalEngine
from serbench.search.jobs import JobMaker
from serbench.search.probes import run_probes
from serbench.search.session import Session
from serbench.search.studies.optuna_history import OptunaHistory
from serbench.search.studies.samplers import make_sampler, sampler_settings
from serbench.search.warm_start import load_warm_start
from serbench.spaces import load_space
from serbench.spaces.space import defaults

NAME = "crema-d-speaker-tiny_cnn1d"


def folder_of(plan, name: str = NAME) -> StudyFolder:
    return ResultsFolder(plan.results).study(name)


def records(plan, kind: str = "search", name: str = NAME) -> list[TrialRecord]:
    return list(folder_of(plan, name).jobs(kind))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return {"root": tmp_path_factory.mktemp("starts")}


@pytest.fixture
@starts_children
def probed(make_plan, tiny_space, shared):
    """A study that was opened by four probes; made once, read only."""
    plan = make_plan(
        space=tiny_space(epochs="4"), results=shared["root"] / "probed", probes=4, trials=3, finalists=1, repeats=1
    )
    if "probed" not in shared:
        run_search(plan)
        shared["probed"] = True
    return plan


@pytest.mark.slow
def test_probes_run_on_a_quarter_of_the_epochs_and_the_best_third_opens_the_study(probed) -> None:
    probes = records(probed, "probe")
    assert [probe.job_id for probe in probes] == ["p0000", "p0001", "p0002", "p0003"]
    assert {len(probe.epochs) for probe in probes} == {1}
    best = sorted(probes, key=lambda probe: (-probe.value, probe.job_id))[:2]
    trials = records(probed)
    assert [trial.config for trial in trials[:2]] == [probe.config for probe in best]
    assert [trial.origin for trial in trials] == [*(f"probe {probe.job_id}" for probe in best), None]
    assert {len(trial.epochs) for trial in trials} == {4}


@pytest.mark.slow
def test_probes_use_up_no_trial_and_see_no_test_clip(probed) -> None:
    assert len(records(probed)) == 3
    folder = folder_of(probed)
    for probe in records(probed, "probe"):
        assert set(folder.predictions("probe", probe.job_id)["subset"]) == {"validation"}
    (entry,) = folder.entries()
    assert entry.looks == 1


@pytest.mark.children
@pytest.mark.slow
def test_probes_are_not_run_again(probed) -> None:
    paths = sorted(folder_of(probed).path.glob("probes/*/record.json"))
    before = [path.stat().st_mtime_ns for path in paths]
    run_search(probed)
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert len(records(probed)) == 3


@pytest.mark.slow
@pytest.mark.children
def test_a_warm_start_tries_the_best_configurations_first(probed, make_plan, tiny_space) -> None:
    plan = make_plan(
        space=tiny_space(epochs="4"), results=probed.results, run="next", warm_start=NAME, trials=2, finalists=0
    )
    run_search(plan)
    best = sorted(records(probed), key=lambda trial: (-trial.value, trial.job_id))
    configs = list({json.dumps(trial.config): trial for trial in best}.values())
    trials = records(plan, name="next-tiny_cnn1d")
    assert [trial.config for trial in trials] == [trial.config for trial in configs[:2]]
    assert trials[0].origin == f"{NAME}/{configs[0].job_id}"

    other = make_plan(space=tiny_space(epochs="4"), results=probed.results, run="next", warm_start="next-tiny_cnn1d")
    with pytest.raises(UsageError, match="warm start: crema-d-speaker-tiny_cnn1d -> next-tiny_cnn1d"):
        run_search(other)


@pytest.mark.slow
def test_a_warm_start_from_scores_on_this_studys_test_clips_is_refused(probed, make_plan, tiny_space) -> None:
    plan = make_plan(
        space=tiny_space(epochs="4"), results=probed.results, run="leaky", warm_start=NAME, protocol="random", trials=1
    )
    with pytest.raises(UsageError, match="clips of this study's test set"):
        run_search(plan)
    assert not folder_of(plan, "leaky-tiny_cnn1d").path.exists()


@pytest.mark.slow
def test_a_warm_start_takes_only_what_fits(probed, tiny_space) -> None:
    results = ResultsFolder(probed.results)
    with pytest.raises(UsageError, match="fits space 'tiny_cnn1d': batch_size = 16"):
        load_warm_start(results, NAME, load_space(tiny_space(batch_size="32")), set())
    with pytest.raises(UsageError, match="family cnn2d has no"):
        load_warm_start(results, NAME, load_space(tiny_space("cnn2d")), set())
    with pytest.raises(UsageError, match="did you mean"):
        load_warm_start(results, NAME[:-1], load_space(tiny_space()), set())


@pytest.mark.slow
def test_a_warm_start_fills_in_what_an_earlier_version_did_not_know(probed, tiny_space, tmp_path) -> None:
    shutil.copytree(probed.results, tmp_path / "results")
    results = ResultsFolder(tmp_path / "results")
    for path in (tmp_path / "results").rglob("trials/*/record.json"):
        raw = json.loads(path.read_text())
        del raw["config"]["pitch_shift"], raw["config"]["training_length"]
        path.write_text(json.dumps(raw))
    found = load_warm_start(results, NAME, load_space(tiny_space(epochs="4")), set())
    assert found.configs
    assert all("pitch_shift" in config for config in found.configs.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ancestor", "how"),
    [({"warm_start": {"study": "gone", "configs": {}}}, "warm-started"), ({"parent": "gone"}, "forked")],
)
def test_a_warm_start_from_a_study_whose_ancestor_is_gone_is_refused(
    probed, tiny_space, tmp_path, ancestor, how
) -> None:
    shutil.copytree(probed.results, tmp_path / "results")
    results = ResultsFolder(tmp_path / "results")
    path = results.study(NAME).record_path
    path.write_text(json.dumps(json.loads(path.read_text()) | ancestor))
    with pytest.raises(UsageError, match=f"was {how} from study 'gone', which is not in"):
        load_warm_start(results, NAME, load_space(tiny_space(epochs="4")), set())


def test_what_a_configuration_does_not_read_does_not_keep_it_out(tiny_space) -> None:
    space = load_space(tiny_space())
    config = defaults(get_family("cnn1d").hyperparameters) | {
        "depth": 1, "batch_norm": False, "optimizer": "adam", "schedule": "constant", "width": 8, "dense_width": 16,
        "batch_size": 16, "learning_rate": 0.002,
    }  # fmt: skip
    assert space.misfit(config) is None
    assert space.misfit(config | {"optimizer": "sgd", "momentum": 0.3}) is not None  # the space has one optimiser
    assert config["optimizer"] not in {"sgd", "rmsprop"}
    assert space.misfit(config | {"momentum": 0.123}) is None
    assert space.misfit(config | {"width": 9}) == "width = 9 is not in 8 | 16"


@pytest.mark.slow
@pytest.mark.children
def test_a_model_over_the_budget_uses_up_no_trial_and_is_told_as_infeasible(make_plan, tiny_space, monkeypatch) -> None:
    space = tiny_space(depth="2", width="[8, 64]", max_parameters="15_000")
    plan = make_plan(space=space, trials=3, finalists=0, seed=3)
    told = []
    tell = OptunaHistory.tell

    def listen(self, number, record):
        tell(self, number, record)
        told.append((record, self._study.optuna.get_trials(deepcopy=False)[number]))

    monkeypatch.setattr(OptunaHistory, "tell", listen)
    run_search(plan)
    invalid = [trial for record, trial in told if record.state == "invalid"]
    valid = [trial for record, trial in told if record.state == "completed"]
    assert invalid, "no draw was over the budget; take another seed"
    assert len(valid) == 3
    assert all(trial.constraints["valid"] > 0 for trial in invalid)
    assert not any(trial.constraints for trial in valid)


@pytest.mark.slow
def test_the_sampler_avoids_what_is_infeasible() -> None:
    """Half of the range is over the budget, and the objective is best there."""

    def infeasible_asks(learns: bool) -> int:
        study = optuna.create_study(direction="maximize", sampler=make_sampler(sampler_settings("tpe"), 0))
        count = 0
        for _ in range(60):
            trial = study.ask()
            width = trial.suggest_float("width", 0, 1)
            if width <= 0.5:
                study.tell(trial, width)
                continue
            count += 1
            if learns:
                trial.set_constraint("valid", width)
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return count

    assert infeasible_asks(learns=True) < 0.6 * infeasible_asks(learns=False)


def test_a_smaller_budget_is_another_space(tiny_space) -> None:
    space = load_space(tiny_space())
    assert space.with_training(max_parameters=1000).hash != space.hash
    assert space.with_training().hash == space.hash


@pytest.mark.parametrize("count", [0, 12])
def test_all_probes_without_a_trial_are_a_begun_study(tmp_path, count) -> None:
    """The search stopped in its first trial, whose record lies among the attempts."""
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        for number in range(12):
            config = study.space.suggest(optuna.create_study(sampler=optuna.samplers.RandomSampler(number)).ask())
            study.folder.publish_job(_trained(f"p{number:04d}", "probe", config, 0.3 + number / 100))
        session = Session.on(LocalEngine(None, 1), study, JobMaker(study, SIMULATED, "tensorflow"), Observer(), Event())
        session.history.settle()
        run_probes(session, count)
        asked = [session.history.ask() for _ in range(len(study.space.enqueued) + 4)]
    assert [one.origin for one in asked][-4:] == [f"probe p{number:04d}" for number in (11, 10, 9, 8)]


def test_a_warm_start_leaves_out_what_the_space_begins_with_anyway(tmp_path) -> None:
    space = load_space("cnn1d")
    with simulated_study(tmp_path, space, sampler="random") as study:
        own, known = (
            study.space.suggest(optuna.create_study(sampler=optuna.samplers.RandomSampler(1)).ask()),
            space.enqueued[0],
        )
        study.folder.publish_job(_trained("t0000", "search", known.config, 0.6, known.name))
        study.folder.publish_job(_trained("t0001", "search", own, 0.5))
        name, results = study.record.name, ResultsFolder(study.folder.path.parents[1])
        assert list(load_warm_start(results, name, space, set()).configs) == ["t0001"]
        shutil.rmtree(study.folder.job_path("search", "t0001"))
        assert load_warm_start(results, name, space, set()).configs == {}, "all that fits is tried anyway"


@pytest.mark.parametrize("count", [0, 12, 20])
def test_the_best_probes_are_tried_whatever_is_asked_for_when_a_study_goes_on(tmp_path, count) -> None:
    """Six probes, of which the two best are kept; the search stopped after the first of these."""
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        for number in range(6):
            config = study.space.suggest(optuna.create_study(sampler=optuna.samplers.RandomSampler(number)).ask())
            study.folder.publish_job(_trained(f"p{number:04d}", "probe", config, 0.3 + number / 100))
        best, second = (study.folder.job("probe", job_id).config for job_id in ("p0005", "p0004"))
        study.folder.publish_job(_trained("t0000", "search", best, 0.5, "probe p0005"))
        session = Session.on(LocalEngine(None, 1), study, JobMaker(study, SIMULATED, "tensorflow"), Observer(), Event())
        session.history.settle()
        run_probes(session, count)
        asked = [session.history.ask() for _ in range(len(study.space.enqueued) + 2)]
        assert study.folder.job_ids("probe") == [f"p{number:04d}" for number in range(6)]
    tried = [one for one in asked if one.origin and one.origin.startswith("probe")]
    assert [(one.origin, one.config) for one in tried] == [("probe p0004", second)]


def _trained(job_id: str, kind: str, config: dict, value: float, origin: str | None = None) -> TrialRecord:
    return TrialRecord(
        study="simulated", job_id=job_id, kind=kind, state="completed", value=value, config=config, seed=1,
        origin=origin, started=now(), finished=now(),
    )  # fmt: skip
