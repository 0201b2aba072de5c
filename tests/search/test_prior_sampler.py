"""The sampler that starts from known configurations, and the model that chooses among its draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from serbench.search.studies.gaussian_process import GaussianProcess
from serbench.search.studies.neighbours import Encoding, anywhere, near
from serbench.search.studies.samplers import make_sampler, sampler_settings
from serbench.spaces import SearchSpace, load_space

optuna.logging.set_verbosity(optuna.logging.ERROR)

Score = Callable[[dict[str, Any]], float]


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return load_space("cnn1d")


def search(
    space: SearchSpace,
    score: Score,
    trials: int,
    sampler: str = "prior",
    seed: int = 0,
    study: optuna.Study | None = None,
) -> optuna.Study:
    """Asks as `OptunaHistory` does: the known configurations first, then a sampler seeded for each trial."""
    study = study or optuna.create_study(direction="maximize")
    recipes = [known.config for known in space.enqueued]
    while len(study.trials) < trials:
        number = len(study.trials)
        if number < len(recipes):
            study.enqueue_trial(space.proposals(recipes[number]))
        study.sampler = make_sampler(sampler_settings(sampler), 1000 * seed + number, space, recipes)
        trial = study.ask()
        known = recipes[number] if number < len(recipes) else None
        study.tell(trial, score(space.complete(space.suggest(trial, known))))
    return study


def planted(optimum: dict[str, Any]) -> Score:
    """A score that is highest at an optimum: each hyperparameter costs what it is away from it."""

    def score(config: dict[str, Any]) -> float:
        lost = 0.0
        for name, value in optimum.items():
            if isinstance(value, str | bool):
                lost += config[name] != value
            else:
                lost += min(abs(math.log((config[name] + 1e-3) / (value + 1e-3))), 2.0)
        return -lost

    return score


NEAR = {
    "learning_rate": 0.004,
    "batch_size": 32,
    "mixup": 0.1,
    "pooling": "average",
    "dense_width": 128,
    "head": "average_max",
    "optimizer": "adamw",
    "representation": "sequence",
    "schedule": "cosine",
    "batch_norm": True,
}


def params(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


def test_a_seed_is_a_sequence(space: SearchSpace) -> None:
    one, again, other = (params(search(space, planted(NEAR), 9, seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert one[:3] == other[:3]
    assert all(mine != theirs for mine, theirs in zip(one[3:], other[3:], strict=True))


def test_a_rebuilt_study_goes_on_as_if_unbroken(space: SearchSpace) -> None:
    whole = search(space, planted(NEAR), 12)
    rebuilt = optuna.create_study(direction="maximize")
    rebuilt.add_trials(whole.trials[:8])
    assert params(search(space, planted(NEAR), 12, study=rebuilt)) == params(whole)


def test_no_configuration_is_proposed_twice(space: SearchSpace) -> None:
    """With one hyperparameter left, the space has few configurations near the recipe."""
    kept = {"dense_dropout": space.parameters["dense_dropout"], "pooling": space.parameters["pooling"]}
    small = replace(space, parameters=kept, enqueued=space.enqueued[2:])
    found = params(search(small, lambda config: config["dense_dropout"], 15))
    assert len({repr(one) for one in found}) == 15


@pytest.mark.slow
def test_an_optimum_near_the_recipe_is_found_sooner_than_by_tpe(space: SearchSpace) -> None:
    prior, tpe = (
        np.mean([search(space, planted(NEAR), 14, name, seed).best_value for seed in range(3)])
        for name in ("prior", "tpe")
    )
    assert prior > tpe + 0.3


@pytest.mark.slow
def test_it_recovers_from_recipes_that_are_bad(space: SearchSpace) -> None:
    """All recipes share an optimiser, a head and a schedule that cost a lot."""
    bad = {"optimizer": "sgd", "momentum": 0.0, "head": "flatten", "schedule": "constant", "learning_rate": 1e-4}
    poor = replace(space, enqueued=tuple(replace(one, config=one.config | bad) for one in space.enqueued))
    score = planted(NEAR)
    start = max(score(one.config) for one in poor.enqueued)
    assert search(poor, score, 30).best_value > 0.7 * start


def test_without_recipes_it_starts_from_the_defaults_of_the_family(space: SearchSpace) -> None:
    bare = replace(space, enqueued=())
    near_defaults = 0
    for seed in range(12):
        (drawn,) = params(search(bare, planted(NEAR), 1, seed=seed))
        default = bare.proposals(bare.defaults())
        near_defaults += sum(drawn.get(name) != value for name, value in default.items()) <= 4
    assert near_defaults >= 9, "about one draw in ten is uniform"


@pytest.mark.slow
def test_it_walks_away_from_what_makes_no_model(space: SearchSpace) -> None:
    """The recipes and everything as wide are over the limit: it must find what is not."""
    recipes = [known.config for known in space.enqueued]
    for base in (100, 200):
        study = optuna.create_study(direction="maximize")
        widths: list[int] = []
        for number in range(30):
            study.sampler = make_sampler(sampler_settings("prior"), base + number, space, recipes)
            trial = study.ask()
            widths.append(space.suggest(trial)["width"])
            if widths[-1] > 64:
                trial.set_constraint("valid", math.log2(widths[-1] / 64))
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, 0.5)
        assert min(widths[:20]) <= 64
        assert sum(width <= 64 for width in widths[-10:]) >= 4, "two draws in six are as narrow"


@pytest.mark.long
def test_what_is_pruned_counts_with_its_last_score(space: SearchSpace) -> None:
    """Trials with average pooling are pruned low; those proposed later mostly have maximum pooling."""
    study = optuna.create_study(direction="maximize")
    later = []
    for number in range(30):
        study.sampler = make_sampler(sampler_settings("prior"), number, space, [space.enqueued[0].config])
        trial = study.ask()
        average = space.suggest(trial)["pooling"] == "average"
        trial.report(0.2 if average else 0.5, 3)
        study.tell(trial, None if average else 0.5, TrialState.PRUNED if average else TrialState.COMPLETE)
        later += [average] if number >= 10 else []
    assert sum(later) <= 4


@pytest.mark.long
def test_a_running_trial_makes_its_neighbourhood_less_promising(space: SearchSpace) -> None:
    """A trial that runs beside what would be proposed moves some proposals elsewhere."""
    recipes = [known.config for known in space.enqueued]

    def proposal(seed: int, running: dict[str, Any] | None = None) -> dict[str, Any]:
        study = search(space, planted(NEAR), 10)
        if running is not None:
            study.enqueue_trial(running)
            space.suggest(study.ask())
        study.sampler = make_sampler(sampler_settings("prior"), seed, space, recipes)
        trial = study.ask()
        space.suggest(trial)
        return trial.params

    moved = 0
    for seed in range(4):
        alone = proposal(seed)
        beside = alone | {"dense_dropout": 0.999 * alone["dense_dropout"] + 1e-6}
        moved += proposal(seed, beside) != alone
    assert moved


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(0.0, 0.5),
        FloatDistribution(1e-4, 1e-1, log=True),
        FloatDistribution(0.0, 16.0, step=4.0),
        IntDistribution(48, 128, step=16),
        IntDistribution(1, 1000, log=True),
        CategoricalDistribution((False, True)),
        CategoricalDistribution(("adam", "sgd", "rmsprop")),
        CategoricalDistribution((0, 8, 16)),
    ],
)
def test_draws_lie_in_the_distribution_and_differ_from_where_they_start(distribution) -> None:
    rng = np.random.default_rng(0)
    value = anywhere(distribution, rng)
    seen = set()
    for _ in range(200):
        found = near(distribution, value, rng, 0.2)
        assert distribution._contains(distribution.to_internal_repr(found))
        assert found != value
        assert type(found) is type(value)
        seen.add(value := found)
    assert len(seen) >= 2
    everywhere = {anywhere(distribution, rng) for _ in range(200)}
    assert all(distribution._contains(distribution.to_internal_repr(one)) for one in everywhere)


def test_a_move_is_as_wide_as_its_spread() -> None:
    rng = np.random.default_rng(0)
    wide = FloatDistribution(0.0, 10.0)
    moves = np.array([near(wide, 5.0, rng, 0.1) - 5.0 for _ in range(500)])
    assert moves.std() == pytest.approx(1.0, rel=0.15)


def test_a_value_outside_is_replaced_by_any() -> None:
    rng = np.random.default_rng(0)
    assert 48 <= near(IntDistribution(48, 128, step=16), 32, rng, 0.1) <= 128
    assert near(CategoricalDistribution(("a", "b")), "c", rng, 0.1) in {"a", "b"}


def test_vectors_tell_choices_ranges_and_what_is_idle_apart() -> None:
    encode = Encoding(
        {"rate": FloatDistribution(1e-4, 1e-2, log=True), "kind": CategoricalDistribution(("a", "b")),
         "flag": CategoricalDistribution((False, True)), "size": CategoricalDistribution((0, 8, 16))}
    )  # fmt: skip
    full = encode({"rate": 1e-3, "kind": "a", "flag": True, "size": 8})
    assert full == pytest.approx([0, math.sqrt(0.5), math.sqrt(0.5), 0, 0.5, 0.5])  # flag, kind, rate, size
    other = encode({"rate": 1e-3, "kind": "b", "flag": True, "size": 8})
    assert np.linalg.norm(full - other) == pytest.approx(1)
    assert (encode({}) <= 0).all()


def made(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).uniform(size=(rows, 6))
    return x, 3 * x[:, 0] - np.sin(4 * x[:, 1])


def test_the_process_predicts_what_it_was_not_shown() -> None:
    (x, y), (other, truth) = made(0, 40), made(1, 200)
    mean, spread = GaussianProcess(x, y).predict(other)
    assert np.mean((mean - truth) ** 2) < 0.15 * np.var(truth)
    assert np.mean(np.abs(mean - truth) < 3 * spread + 0.1) > 0.9


def test_the_process_is_sure_where_it_was_shown_much_and_unsure_far_away() -> None:
    x, y = made(0, 40)
    _, spread = GaussianProcess(x, y).predict(np.vstack([x[:1], x[:1] + 5]))
    assert spread[1] > 2 * spread[0]


@pytest.mark.parametrize("scores", [[0.4], [0.4, 0.4, 0.4]])
def test_the_process_bears_equal_scores(scores: Sequence[float]) -> None:
    x = np.random.default_rng(0).uniform(size=(len(scores), 3))
    mean, spread = GaussianProcess(x, np.array(scores)).predict(x)
    assert mean == pytest.approx(scores)
    assert np.isfinite(spread).all()


def test_a_trial_that_a_kill_left_without_a_job_is_proposed_again(space) -> None:
    study = search(space, planted(NEAR), 8)
    recipes = [known.config for known in space.enqueued]

    def proposed() -> optuna.Trial:
        study.sampler = make_sampler(sampler_settings("prior"), 8, space, recipes)
        trial = study.ask()
        space.suggest(trial)
        return trial

    forgotten = proposed()
    study.tell(forgotten, state=TrialState.FAIL)
    again = proposed()
    assert again.params == forgotten.params
    again.set_user_attr("job_id", "t0008")
    study.tell(again, state=TrialState.FAIL)
    assert proposed().params != forgotten.params


def test_a_space_in_which_nothing_varies_goes_on(space) -> None:
    study = search(replace(space, parameters={}), lambda _: 0.5, 8)
    assert all(trial.params == {} for trial in study.trials[3:])
