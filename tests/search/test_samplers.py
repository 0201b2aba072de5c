"""Samplers and pruners: every argument is written down, and what is written down is what runs."""

from __future__ import annotations

import inspect
import json

import optuna
import pytest

from serbench.errors import SerbenchError, UsageError
from serbench.search.studies.prior import PriorSampler
from serbench.search.studies.samplers import make_pruner, make_sampler, pruner_settings, sampler_settings

optuna.logging.set_verbosity(optuna.logging.ERROR)


def arguments(cls: type) -> dict[str, object]:
    """The arguments of a constructor with their defaults."""
    parameters = inspect.signature(cls).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def test_every_argument_of_the_default_sampler_is_recorded() -> None:
    """Those whose default is None are deprecated, but for `multivariate`, whose None means that Optuna chooses."""
    decided = {name for name, default in arguments(optuna.samplers.TPESampler).items() if default is not None}
    assert set(sampler_settings("tpe")) - {"name"} == decided | {"multivariate"}


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("percentile", optuna.pruners.PercentilePruner),
        ("median", optuna.pruners.MedianPruner),
        ("hyperband", optuna.pruners.HyperbandPruner),
    ],
)
def test_every_argument_of_a_pruner_is_recorded(name: str, cls: type) -> None:
    assert set(pruner_settings(name, 40)) - {"name"} == set(arguments(cls))


def test_every_argument_of_the_gaussian_process_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose default is None are an object or a deprecated way to say what `set_constraint` says."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    decided = {name for name, default in arguments(optuna.samplers.GPSampler).items() if default is not None}
    assert set(sampler_settings("gp")) - {"name"} == decided


def test_the_gaussian_process_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SerbenchError, match=r"install the extra serbench\[gp\]"):
        sampler_settings("gp")


def test_every_argument_of_the_prior_sampler_is_recorded() -> None:
    given = {"space", "recipes", "seed"}
    assert set(sampler_settings("prior")) - {"name"} == set(arguments(PriorSampler)) - given


@pytest.mark.parametrize("name", ["tpe", "random", "prior"])
def test_settings_survive_json_and_do_not_share_state(name: str) -> None:
    settings = sampler_settings(name)
    assert json.loads(json.dumps(settings)) == settings
    settings["n_startup_trials"] = 99
    assert sampler_settings(name) != settings


def draws(settings: dict[str, object], seed: int, asks: int = 14) -> list[float]:
    study = optuna.create_study(direction="maximize", sampler=make_sampler(settings, seed))
    values = []
    for _ in range(asks):
        trial = study.ask()
        values.append(trial.suggest_float("x", 0, 1))
        study.tell(trial, -((values[-1] - 0.7) ** 2))
    return values


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["tpe", "random", "gp", "prior"])
def test_a_seed_is_a_sequence(name: str) -> None:
    if name == "gp":
        pytest.importorskip("torch", reason="the gp sampler needs serbench[gp]")
    settings = sampler_settings(name)
    assert draws(settings, 1) == draws(settings, 1)
    assert draws(settings, 1) != draws(settings, 2)


def test_settings_are_what_runs() -> None:
    """TPE draws at random until its start-up trials are over: then it follows what it was told."""
    settings = sampler_settings("tpe")
    control = draws(sampler_settings("random"), 1)
    assert draws(settings | {"n_startup_trials": 14}, 1) == control
    tpe = draws(settings, 1)
    assert tpe[:10] == control[:10]
    assert tpe[10:] != control[10:]


def unpruned_epochs(settings: dict[str, object]) -> int:
    """How many epochs a bad trial runs among eight good ones."""
    study = optuna.create_study(direction="maximize", pruner=make_pruner(settings))
    for _ in range(8):
        good = study.ask()
        for epoch in range(20):
            good.report(0.8, epoch)
        study.tell(good, 0.8)
    bad = study.ask()
    for epoch in range(20):
        bad.report(0.1, epoch)
        if bad.should_prune():
            return epoch
    return 20


@pytest.mark.parametrize(("epochs", "warm_up"), [(40, 10), (20, 5), (3, 1), (1, 1)])
def test_a_bad_trial_is_pruned_after_a_quarter_of_its_epochs(epochs: int, warm_up: int) -> None:
    settings = pruner_settings("median", epochs)
    assert settings["n_warmup_steps"] == warm_up
    assert json.loads(json.dumps(settings)) == settings
    assert unpruned_epochs(settings) == warm_up


def test_none_prunes_nothing() -> None:
    assert unpruned_epochs(pruner_settings("none", 40)) == 20


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown sampler 'randon'; did you mean 'random'"):
        sampler_settings("randon")
    with pytest.raises(UsageError, match="unknown pruner 'mediam'; did you mean 'median'"):
        pruner_settings("mediam", 40)


def test_settings_of_another_version_are_refused_not_replaced() -> None:
    with pytest.raises(UsageError, match="unknown sampler 'cmaes'"):
        make_sampler({"name": "cmaes"}, 0)
    with pytest.raises(UsageError, match="unknown pruner 'wilcoxon'"):
        make_pruner({"name": "wilcoxon"})
