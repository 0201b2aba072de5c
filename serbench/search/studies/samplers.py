"""Samplers and pruners by name. Every argument is explicit and recorded, since Optuna's defaults change."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from serbench.errors import require, unknown
from serbench.search.studies.prior import PriorSampler
from serbench.spaces import SearchSpace

__all__ = [
    "DEFAULT_SAMPLER",
    "PRUNERS",
    "SAMPLERS",
    "make_pruner",
    "make_sampler",
    "pruner_settings",
    "sampler_settings",
]

DEFAULT_SAMPLER = "prior"
SAMPLERS: dict[str, dict[str, Any]] = {
    "prior": {
        "uniform": 0.1,
        "changed": 4,
        "spread": 0.25,
        "parents": 3,
        "candidates": 200,
        "n_startup_trials": 5,
        "exploration": 2.0,
    },
    "tpe": {
        "n_startup_trials": 10,
        "n_ei_candidates": 24,
        "multivariate": True,
        "group": True,
        "constant_liar": True,
    },
    "random": {},
    "gp": {"n_startup_trials": 10, "deterministic_objective": False, "warn_independent_sampling": False},
}
PRUNERS: dict[str, dict[str, Any]] = {
    # Keeps trials within the best 75 % of completed trials at the same epoch; docs/decisions.md says why not 50 %.
    "percentile": {
        "percentile": 75.0,
        "n_startup_trials": 10,
        "warmup_share": 0.25,
        "interval_steps": 1,
        "n_min_trials": 1,
    },
    "median": {"n_startup_trials": 5, "warmup_share": 0.25, "interval_steps": 1, "n_min_trials": 1},
    "hyperband": {"min_share": 0.1, "reduction_factor": 3, "bootstrap_count": 0},
    "none": {},
}


def sampler_settings(name: str) -> dict[str, Any]:
    """Returns the settings of a sampler for the record.

    Raises:
        UsageError: there is no such sampler.
        SerbenchError: a package that it needs is not installed.
    """
    if name not in SAMPLERS:
        raise unknown("sampler", name, SAMPLERS)
    if name == "gp":
        require("sampler 'gp'", {"torch": "PyTorch"}, extra="gp")
    return {"name": name, **SAMPLERS[name]}


def pruner_settings(name: str, epochs: int) -> dict[str, Any]:
    """Returns the settings of a pruner for the record, with shares of the epochs converted to numbers of epochs.

    Raises:
        UsageError: there is no such pruner.
    """
    if name not in PRUNERS:
        raise unknown("pruner", name, PRUNERS)
    settings = {"name": name, **PRUNERS[name]}
    if "warmup_share" in settings:
        settings["n_warmup_steps"] = max(1, round(settings.pop("warmup_share") * epochs))
    if "min_share" in settings:
        settings["min_resource"] = max(1, round(settings.pop("min_share") * epochs))
        settings["max_resource"] = epochs
    return settings


def make_sampler(
    settings: dict[str, Any],
    seed: int,
    space: SearchSpace | None = None,
    recipes: Sequence[Mapping[str, Any]] = (),
) -> optuna.samplers.BaseSampler:
    """Builds a sampler from its settings.

    Args:
        settings: name and arguments, as `sampler_settings` returns them.
        seed: seed of the draws.
        space: the space to draw from, which `prior` needs to propose anything; without it, it draws at random.
        recipes: complete configurations that are known to work, for `prior`.

    Raises:
        UsageError: there is no such sampler, for example because the record comes from another version.
    """
    if settings["name"] not in SAMPLERS:
        raise unknown("sampler", settings["name"], SAMPLERS)
    arguments = {key: value for key, value in settings.items() if key != "name"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if settings["name"] == "tpe":
            return optuna.samplers.TPESampler(seed=seed, **arguments)
        if settings["name"] == "gp":
            return optuna.samplers.GPSampler(seed=seed, **arguments)
        if settings["name"] == "prior" and space is not None:
            return PriorSampler(space, recipes, seed, **arguments)
        return optuna.samplers.RandomSampler(seed=seed)


def make_pruner(settings: dict[str, Any]) -> optuna.pruners.BasePruner:
    """Builds a pruner from its settings.

    Raises:
        UsageError: there is no such pruner.
    """
    if settings["name"] not in PRUNERS:
        raise unknown("pruner", settings["name"], PRUNERS)
    arguments = {key: value for key, value in settings.items() if key != "name"}
    if settings["name"] == "percentile":
        return optuna.pruners.PercentilePruner(**arguments)
    if settings["name"] == "median":
        return optuna.pruners.MedianPruner(**arguments)
    if settings["name"] == "hyperband":
        return optuna.pruners.HyperbandPruner(**arguments)
    return optuna.pruners.NopPruner()
