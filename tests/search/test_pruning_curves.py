"""Pruners on recorded learning curves: bad trials are ended, good late bloomers mostly are not.

`curves.json` holds what 36 random configurations of the 1-D family reached epoch by epoch, none of them pruned.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
import pytest

from serbench.search.plan import SearchPlan
from serbench.search.studies.samplers import make_pruner, pruner_settings

optuna.logging.set_verbosity(optuna.logging.ERROR)

pytestmark = pytest.mark.long

CURVES = [np.array(curve) for curve in json.loads((Path(__file__).parent / "curves.json").read_text())["curves"]]
EPOCHS = 24
ORDERS = 20
FINAL = np.array([curve.max() for curve in CURVES])
BEST_FIRST = np.argsort(-FINAL)
BOTTOM = set(BEST_FIRST[-len(CURVES) // 3 :])
TOP = set(BEST_FIRST[: len(CURVES) // 4])
EARLY = np.array([curve[: EPOCHS // 4].max() for curve in CURVES])
LATE = set(sorted(BEST_FIRST[: len(CURVES) // 2], key=lambda place: EARLY[place] - FINAL[place])[: len(CURVES) // 6])
"""Of the better half of the trials, the third that gained most after a quarter of the epochs."""


@dataclass
class Pruned:
    """Shares over all orders: of a group's trials that were pruned, and of the epochs that were run."""

    bottom: float
    top: float
    late: float
    epochs: float


def replayed(name: str) -> Pruned:
    """Plays the curves to a pruner in many orders, as the coordinator does: the running best is reported."""
    settings = pruner_settings(name, EPOCHS)
    shares = []
    for seed in range(ORDERS):
        order = np.random.default_rng(seed).permutation(len(CURVES))
        ended = replay(settings, order)
        judged = list(order[settings.get("n_startup_trials", 0) :])
        groups = [
            np.mean([place in ended for place in judged if place in group] or [0]) for group in (BOTTOM, TOP, LATE)
        ]
        run = sum(ended.get(place, len(curve)) for place, curve in enumerate(CURVES))
        shares.append([*groups, run / sum(map(len, CURVES))])
    return Pruned(*np.mean(shares, axis=0))


def replay(settings: dict, order: np.ndarray) -> dict[int, int]:
    """Epochs after which each pruned trial was ended."""
    study = optuna.create_study(
        direction="maximize", pruner=make_pruner(settings), sampler=optuna.samplers.RandomSampler(seed=0)
    )
    ended: dict[int, int] = {}
    for place in order:
        trial = study.ask()
        for epoch, best in enumerate(np.maximum.accumulate(CURVES[place])):
            trial.report(float(best), epoch)
            if trial.should_prune() and epoch + 1 < EPOCHS:
                ended[place] = epoch + 1
                break
        if place in ended:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, float(FINAL[place]))
    return ended


@pytest.fixture(scope="module")
def default() -> Pruned:
    return replayed(SearchPlan.pruner)


def test_the_groups_are_what_they_are_called() -> None:
    assert not BOTTOM & (TOP | LATE)
    assert all(FINAL[place] - EARLY[place] > 0.07 for place in LATE)


def test_bad_trials_are_pruned(default: Pruned) -> None:
    assert default.bottom > 0.9
    assert default.epochs < 0.85


def test_good_trials_and_late_bloomers_mostly_are_not(default: Pruned) -> None:
    assert default.top < 0.05
    assert default.late < 0.25


@pytest.mark.slow  # what Optuna's own pruners do
def test_the_median_would_end_many_of_the_best() -> None:
    """Why it is not the default: it judges by trials that survived, and among survivors half are below the median."""
    assert replayed("median").top > 0.3


@pytest.mark.slow
def test_hyperband_prunes_bad_trials_too() -> None:
    assert replayed("hyperband").bottom > 0.7


def test_none_ends_nothing() -> None:
    assert replayed("none") == Pruned(0, 0, 0, 1)
