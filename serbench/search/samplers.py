"""Samplers and pruners by name. Every argument is explicit and recorded, since defaults change with Optuna."""

from __future__ import annotations

import warnings
from typing import Any

import optuna

from serbench.errors import unknown

__all__ = ["PRUNERS", "SAMPLERS", "make_pruner", "make_sampler", "pruner_settings", "sampler_settings"]

SAMPLERS: dict[str, dict[str, Any]] = {
    "tpe": {
        "n_startup_trials": 10,
        "n_ei_candidates": 24,
        "multivariate": True,
        "group": True,
        "constant_liar": True,
    },
    "random": {},
}
PRUNERS: dict[str, dict[str, Any]] = {
    "median": {"n_startup_trials": 5, "warmup_share": 0.25, "interval_steps": 1, "n_min_trials": 1},
    "none": {},
}


def sampler_settings(name: str) -> dict[str, Any]:
    """What a record says of a sampler.

    Raises:
        UsageError: no such sampler.
    """
    if name not in SAMPLERS:
        raise unknown("sampler", name, SAMPLERS)
    return {"name": name, **SAMPLERS[name]}


def pruner_settings(name: str, epochs: int) -> dict[str, Any]:
    """What a record says of a pruner; its warm-up is a share of the epochs.

    Raises:
        UsageError: no such pruner.
    """
    if name not in PRUNERS:
        raise unknown("pruner", name, PRUNERS)
    settings = {"name": name, **PRUNERS[name]}
    if "warmup_share" in settings:
        settings["n_warmup_steps"] = max(1, round(settings.pop("warmup_share") * epochs))
    return settings


def make_sampler(settings: dict[str, Any], seed: int) -> optuna.samplers.BaseSampler:
    """Builds a sampler from its settings.

    Raises:
        UsageError: no such sampler; a record's may be of another version.
    """
    if settings["name"] not in SAMPLERS:
        raise unknown("sampler", settings["name"], SAMPLERS)
    arguments = {key: value for key, value in settings.items() if key != "name"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if settings["name"] == "tpe":
            return optuna.samplers.TPESampler(seed=seed, **arguments)
        return optuna.samplers.RandomSampler(seed=seed)


def make_pruner(settings: dict[str, Any]) -> optuna.pruners.BasePruner:
    """Builds a pruner from its settings.

    Raises:
        UsageError: no such pruner.
    """
    if settings["name"] not in PRUNERS:
        raise unknown("pruner", settings["name"], PRUNERS)
    arguments = {key: value for key, value in settings.items() if key != "name"}
    if settings["name"] == "median":
        return optuna.pruners.MedianPruner(**arguments)
    return optuna.pruners.NopPruner()
