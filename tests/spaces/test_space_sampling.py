"""What a real Optuna study is asked for, and what it is told of known configurations."""

from __future__ import annotations

import math
from dataclasses import replace

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.families import Hyperparameters
from serbench.search.studies.samplers import make_sampler, sampler_settings
from serbench.spaces import SearchSpace, load_space
from serbench.spaces.dimensions import Choice, Fixed, FloatRange, IntRange
from serbench.spaces.space import defaults

SHIPPED = ("cnn1d", "cnn2d", "demo_cnn1d", "demo_cnn2d")
optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture(scope="module")
def spaces() -> dict[str, SearchSpace]:
    return {name: load_space(name) for name in SHIPPED}


def study_of(sampler: str = "random", seed: int = 0, space: SearchSpace | None = None) -> optuna.Study:
    recipes = [] if space is None else [known.config for known in space.enqueued]
    return optuna.create_study(
        direction="maximize", sampler=make_sampler(sampler_settings(sampler), seed, space, recipes)
    )


@pytest.mark.long
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sampler", ["random", "tpe", "prior"])
@pytest.mark.parametrize("name", SHIPPED)
def test_only_active_parameters_are_suggested_and_all_make_a_valid_configuration(
    name: str, sampler: str, spaces: dict[str, SearchSpace]
) -> None:
    space = spaces[name]
    study = study_of(sampler, space=space)
    idle = {parameter: 0 for parameter in space.searched if space.parameters[parameter].when}
    asks = 14 if sampler == "tpe" else 50
    for number in range(asks):
        trial = study.ask()
        config = space.suggest(trial)
        active = {parameter for parameter in space.searched if space.parameters[parameter].active(config)}
        assert set(trial.params) == active
        for parameter, dimension in space.parameters.items():
            if dimension.active(config):
                assert dimension.contains(config[parameter])
            else:
                assert config[parameter] == defaults(space.family.hyperparameters)[parameter]
                idle[parameter] = idle.get(parameter, 0) + 1
        hyperparameters = space.family.hyperparameters.model_validate(config)
        # What a family adds of its own depends on two values at once, which the conditions of a space cannot say.
        unread = Hyperparameters.idle_fields(hyperparameters)
        assert not {*trial.params} & unread, "Optuna was shown a value that is not read"
        assert space.complete(config) == hyperparameters.model_dump(mode="json")
        study.tell(trial, number % 7)
    assert all(0 < times < asks for times in idle.values())


@settings(max_examples=25)
@given(name=st.sampled_from(SHIPPED), seed=st.integers(0, 10_000), free=st.integers(0, 2))
def test_an_enqueued_configuration_comes_back_exactly(
    name: str, seed: int, free: int, spaces: dict[str, SearchSpace]
) -> None:
    space = spaces[name]
    known = space.complete(space.suggest(study_of(seed=seed).ask()))
    study = study_of(seed=20_000)
    study.enqueue_trial(space.proposals(known))
    trial = study.ask()
    assert space.complete(space.suggest(trial, known)) == known
    assert trial.params == space.proposals(known)
    for _ in range(free):
        assert space.suggest(study.ask()) != known


def test_an_enqueued_configuration_may_lie_outside_the_space(spaces: dict[str, SearchSpace]) -> None:
    """What Optuna cannot propose is not told to it, and is fitted all the same."""
    space = spaces["demo_cnn1d"]
    outside = {"depth": 6, "dropout": 0.7, "width": 200, "optimizer": "sgd", "momentum": 0.9, "dense_width": 96}
    known = space.complete(defaults(space.family.hyperparameters) | outside | {"learning_rate": 0.003})
    study = study_of()
    study.enqueue_trial(space.proposals(known))
    trial = study.ask()
    assert space.complete(space.suggest(trial, known)) == known
    assert not trial.params.keys() & outside.keys()
    assert trial.params["learning_rate"] == 0.003


def test_fixed_values_are_used_and_never_suggested(spaces: dict[str, SearchSpace]) -> None:
    space = spaces["demo_cnn1d"]
    both = set()
    for seed in range(30):
        trial = study_of(seed=seed).ask()
        config = space.suggest(trial)
        assert config["batch_size"] == 32
        assert config["noise_snr_db"] == (20 if config["waveform_copies"] else 0.0)
        assert not {"batch_size", "noise_snr_db"} & trial.params.keys()
        both.add(config["waveform_copies"])
    assert both == {0, 1}


def test_a_condition_on_a_step_of_a_range_holds_where_optuna_draws_that_step(space_of) -> None:
    space = space_of(
        '[space]\nfamily = "cnn1d"\n[parameters]\ndropout = { low = 0.0, high = 0.4, step = 0.1 }\n'
        "mixup = { value = 0.5, when = { dropout = 0.3 } }\n"
    )
    drawn = [space.suggest(study_of(seed=seed).ask()) for seed in range(40)]
    held = [config["mixup"] == 0.5 for config in drawn]
    assert held == [math.isclose(config["dropout"], 0.3) for config in drawn]
    assert set(held) == {True, False}


@given(
    low=st.integers(-50, 50), steps=st.integers(1, 60), step=st.none() | st.integers(1, 9), value=st.integers(-200, 900)
)
def test_a_range_of_whole_numbers_contains_what_it_counts(low: int, steps: int, step: int | None, value: int) -> None:
    dimension = IntRange(low=low, high=low + steps * (step or 1), step=step)
    values = range(low, dimension.high + 1, step or 1)
    assert dimension.contains(value) == (value in values)
    assert set(dimension.probes()) <= set(values)
    assert {low, dimension.high} <= set(dimension.probes())


@settings(max_examples=40)
@given(
    low=st.integers(0, 40),
    steps=st.integers(1, 30),
    step=st.sampled_from([0.05, 0.1, 0.2, 0.3]),
    seed=st.integers(0, 99),
)
def test_a_stepped_range_contains_what_optuna_draws_from_it(low: int, steps: int, step: float, seed: int) -> None:
    dimension = FloatRange(low=low / 10, high=round(low / 10 + steps * step, 10), step=step)
    value = dimension.suggest(study_of(seed=seed).ask(), "x")
    assert dimension.contains(value)
    assert all(dimension.contains(probe) for probe in dimension.probes())
    assert not dimension.contains(value + step / 2)
    assert not dimension.contains(dimension.high + step)


@pytest.mark.parametrize(
    "dimension",
    [
        IntRange(low=2, high=9),
        IntRange(low=8, high=64, step=8),
        IntRange(low=8, high=64, log=True),
        FloatRange(low=0.1, high=0.5),
        FloatRange(low=0.1, high=0.5, step=0.1),
        FloatRange(low=0.1, high=0.5, log=True),
    ],
    ids=str,
)
def test_optuna_is_told_the_range_that_is_written(dimension: IntRange | FloatRange) -> None:
    trial = study_of().ask()
    dimension.suggest(trial, "x")
    told = trial.distributions["x"]
    step = dimension.step or (1 if isinstance(dimension, IntRange) else None)
    assert (told.low, told.high, told.step, told.log) == (dimension.low, dimension.high, step, dimension.log)


def test_a_choice_tells_switches_from_numbers() -> None:
    assert Choice(choices=(0, 1)).contains(1.0)
    assert not Choice(choices=(0, 1)).contains(True)
    assert Choice(choices=(False, True)).contains(True)
    assert not Choice(choices=("1",)).contains(1)
    assert Fixed(value=20).contains(20.0)
    assert not IntRange(low=0, high=3).contains(True)
    assert not FloatRange(low=0, high=3).contains(True)
    assert not FloatRange(low=0, high=3).contains(math.nan)


@pytest.mark.parametrize(
    ("dimension", "text"),
    [
        (Fixed(value=3), "3"),
        (Choice(choices=("a", "b")), "a | b"),
        (IntRange(low=1, high=9, step=2), "1 ... 9 (step 2)"),
        (FloatRange(low=0.001, high=0.1, log=True), "0.001 ... 0.1 (log)"),
    ],
)
def test_a_dimension_is_shown_in_short(dimension: object, text: str) -> None:
    assert str(dimension) == text


def test_two_conditions_must_both_hold(spaces: dict[str, SearchSpace]) -> None:
    """`l2` depends on two parameters, one of which is itself conditional."""
    when = {"regulariser": ("l2",), "optimizer": ("sgd", "adam")}
    parameters = {
        "optimizer": Choice(choices=("sgd", "adam", "adamw")),
        "regulariser": Choice(choices=("l1", "l2"), when={"optimizer": ("sgd", "adamw")}),
        "l2": FloatRange(low=1e-5, high=1e-3, log=True, when=when),
    }
    space, study = replace(spaces["cnn1d"], parameters=parameters), study_of()
    seen = set()
    for _ in range(60):
        trial = study.ask()
        config = space.suggest(trial)
        holds = config["optimizer"] == "sgd" and config["regulariser"] == "l2"
        assert ("l2" in trial.params) == holds
        assert ("regulariser" in trial.params) == (config["optimizer"] != "adam")
        seen.add((config["optimizer"], config["regulariser"]))
    assert seen == {("sgd", "l1"), ("sgd", "l2"), ("adamw", "l1"), ("adamw", "l2"), ("adam", "none")}
