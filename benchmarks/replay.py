"""Replays searches on a surrogate of training: samplers and pruners, thousands of searches, no training.

    uv run python -m benchmarks.replay benchmarks/curves/cnn1d.json --replays 200 --trials 10 30

Each replay is a whole search with Optuna's own samplers and pruners, asked and told as serbench does it, on a
surrogate that was fitted to a bootstrap sample of the recorded curves (`benchmarks/surrogate.py`). A fit shows the
surrogate's curve with the noise of a seed, and is charged the surrogate's seconds for each epoch. All arms have equal
time: what the default before (TPE, ten start-up draws, percentile pruning) needs on average for so many trials. The
score of a search is the true, noise-free score of the configuration that it would choose, less that of the first
enqueued recipe.

Every arm tries the space's enqueued recipes first. KerasTuner's Hyperband is simulated after its source (1.4.8):
brackets of uniform draws, successive halving by a factor of three, epochs of an earlier round are free. An epoch of its
shorter fits is one of the full-length curve.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from benchmarks.surrogate import Surrogate, read_curves
from serbench.families import InvalidConfiguration
from serbench.search.studies.samplers import make_pruner, make_sampler, pruner_settings, sampler_settings
from serbench.spaces import Enqueued, SearchSpace

__all__ = ["Arm", "Fit", "World", "main", "replay"]

_TIMED = 50
_BASELINE = "TPE, percentile (the default before)"


@dataclass(frozen=True)
class Fit:
    """One fit of a replay.

    Attributes:
        spent: seconds since the search began, this fit included.
        seen: score that the search is told.
        true: score without noise.
        whole: whether it ran to the end; others are never chosen.
    """

    spent: float
    seen: float
    true: float
    whole: bool


@dataclass(frozen=True)
class Arm:
    """A way to search.

    Attributes:
        sampler: recorded settings of one of serbench's samplers.
        pruner: name of a pruner.
        first: settings of the sampler of the first `first_trials` finished trials, if it is another.
        probes: number of draws of the sampler that are fitted for two epochs; the best two are then fitted whole.
        hyperband: KerasTuner's Hyperband instead of all of that.
    """

    sampler: dict[str, Any] = dataclasses.field(default_factory=dict)
    pruner: str = "percentile"
    first: dict[str, Any] | None = None
    first_trials: int = 10
    probes: int = 0
    hyperband: bool = False


def _prior(**changes: Any) -> dict[str, Any]:
    return sampler_settings("prior") | changes


_TPE = sampler_settings("tpe")
_DRAWS = _prior(candidates=1)
ARMS: dict[str, Arm] = {
    _BASELINE: Arm(_TPE),
    "prior, percentile (the default)": Arm(_prior()),
    "random, percentile": Arm(sampler_settings("random")),
    "KerasTuner Hyperband (simulated)": Arm(hyperband=True),
    "the same draws, no model": Arm(_DRAWS),
    "walk: best trial, no model, no uniform draws": Arm(_DRAWS | {"uniform": 0.0, "parents": 1}),
    "prior draws for 10 trials, then TPE": Arm(_TPE | {"n_startup_trials": 10}, first=_DRAWS),
    "prior draws for 20 trials, then TPE": Arm(_TPE | {"n_startup_trials": 20}, first=_DRAWS, first_trials=20),
    "prior draws for 10 trials, then TPE, not multivariate": Arm(
        _TPE | {"multivariate": False, "group": False}, first=_DRAWS
    ),
    "prior draws for 10 trials, then TPE, no group": Arm(_TPE | {"group": False}, first=_DRAWS),
    "TPE, no constant liar": Arm(_TPE | {"constant_liar": False}),
    "TPE, 5 start-up draws": Arm(_TPE | {"n_startup_trials": 5}),
    "prior, no pruner": Arm(_prior(), "none"),
    "prior, hyperband pruner": Arm(_prior(), "hyperband"),
    "TPE, no pruner": Arm(_TPE, "none"),
    "probes: two epochs for all, then the top two": Arm(sampler_settings("random"), "none", probes=1),
    "probes near the recipes, then the top two": Arm(_DRAWS, "none", probes=1),
}
"""All candidates by name."""


class World:
    """Surrogates of one family, with what they said before.

    Args:
        path: packed curves.
        count: number of surrogates; the first is fitted to all curves, the others to bootstrap samples.
    """

    def __init__(self, path: Path, count: int) -> None:
        curves = read_curves(path)
        self.space: SearchSpace = curves.space
        self.epochs = int(curves.how["epochs"])
        lines, rng = len(curves.whole), np.random.default_rng(0)
        samples = [None, *(rng.integers(lines, size=lines).tolist() for _ in range(count - 1))]
        self._surrogates = [Surrogate(curves, rows, seed) for seed, rows in enumerate(samples)]
        self._known: dict[tuple[int, str], tuple[np.ndarray, float, float]] = {}

    def __len__(self) -> int:
        return len(self._surrogates)

    def ask(self, place: int, config: dict[str, Any]) -> tuple[np.ndarray, float, float]:
        """Returns the true curve, the seconds of an epoch and the parameters of a complete configuration."""
        key = (place, json.dumps(config, sort_keys=True))
        if key not in self._known:
            one = self._surrogates[place]
            self._known[key] = (one.curve(config), one.epoch_seconds(config), one.parameters(config))
        return self._known[key]

    def noisy(self, place: int, curve: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns what a fit shows of a curve."""
        return self._surrogates[place].noisy(curve, rng)

    def fits(self, config: dict[str, Any], place: int) -> bool:
        """Whether the model is within the space's limit."""
        return self.ask(place, config)[2] <= self.space.training.max_parameters


@dataclass
class Replay:
    """One search on one surrogate."""

    world: World
    place: int
    arm: Arm
    seed: int
    recipes: Sequence[Enqueued]

    def run(self, seconds: float, most: int) -> list[Fit]:
        """Runs until the time is over or `most` trials count."""
        self.noise = np.random.default_rng([self.seed, 7])
        self.spent, self.fits, self.number = 0.0, list[Fit](), 0
        if self.arm.hyperband:
            self._hyperband(seconds)
        elif self.arm.probes:
            self._probes(seconds)
        else:
            self._search(seconds, most)
        return self.fits

    def _search(self, seconds: float, most: int) -> None:
        pruner = make_pruner(pruner_settings(self.arm.pruner, self.world.epochs))
        study = optuna.create_study(direction="maximize", pruner=pruner)
        waiting = [one.config for one in self.recipes]
        while self.spent < seconds and len(self.fits) < most:
            known = waiting.pop(0) if waiting else None
            if known is not None:
                study.enqueue_trial(self.world.space.proposals(known))
            trial, config = self._ask(study, known)
            if config is None or not self.world.fits(config, self.place):
                trial.set_constraint("valid", 1.0 if config is None else self._excess(config))
                study.tell(trial, state=TrialState.PRUNED)
                continue
            true, cost, _ = self.world.ask(self.place, config)
            seen = self.world.noisy(self.place, true, self.noise)
            pruned = False
            for epoch, value in enumerate(seen):
                self.spent += cost
                trial.report(float(value), epoch)
                if pruned := trial.should_prune() and epoch + 1 < self.world.epochs:
                    break
            study.tell(trial, *((None, TrialState.PRUNED) if pruned else (float(seen[-1]),)))
            self.fits.append(Fit(self.spent, float(value), float(true[-1]), not pruned))

    def _excess(self, config: dict[str, Any]) -> float:
        return math.log2(self.world.ask(self.place, config)[2] / self.world.space.training.max_parameters)

    def _ask(self, study: optuna.Study, known: dict[str, Any] | None) -> tuple[optuna.Trial, dict[str, Any] | None]:
        """Asks with a sampler seeded by the number of the trial, as serbench does; None where there is no model."""
        finished = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))
        first = self.arm.first if finished < self.arm.first_trials else None
        settings = self.arm.sampler if first is None else first
        seed = int(np.random.SeedSequence([self.seed, self.number]).generate_state(1)[0])
        self.number += 1
        study.sampler = make_sampler(settings, seed, self.world.space, [one.config for one in self.recipes])
        trial = study.ask()
        try:
            return trial, self.world.space.complete(self.world.space.suggest(trial, known))
        except InvalidConfiguration:
            return trial, None

    def _draw(self) -> dict[str, Any]:
        """Draws a configuration that makes a model, from nothing but the recipes."""
        while True:
            _, config = self._ask(optuna.create_study(direction="maximize"), None)
            if config is not None and self.world.fits(config, self.place):
                return config

    def _fit(self, config: dict[str, Any]) -> None:
        """Fits a configuration whole."""
        true, cost, _ = self.world.ask(self.place, config)
        self.spent += cost * self.world.epochs
        seen = self.world.noisy(self.place, true, self.noise)
        self.fits.append(Fit(self.spent, float(seen[-1]), float(true[-1]), True))

    def _probes(self, seconds: float) -> None:
        """Fits the recipes, then draws for two epochs as long as there is time for the best two of them."""
        for one in self.recipes:
            self._fit(one.config)
        shown: list[tuple[float, dict[str, Any]]] = []
        while True:
            config = self._draw()
            true, cost, _ = self.world.ask(self.place, config)
            best = sorted([*shown, (0.0, config)], key=lambda one: -one[0])[:2]
            reserved = sum(self.world.ask(self.place, kept)[1] for _, kept in best) * self.world.epochs
            if self.spent + 2 * cost + reserved > seconds:
                break
            self.spent += 2 * cost
            shown.append((float(self.world.noisy(self.place, true, self.noise)[1]), config))
        for _, config in sorted(shown, key=lambda one: -one[0])[:2]:
            self._fit(config)

    def _hyperband(self, seconds: float) -> None:
        """Runs the recipes, then KerasTuner's brackets (`keras_tuner/src/tuners/hyperband.py`), over and over."""
        self.arm = Arm(sampler_settings("random"))
        for one in self.recipes:
            self._fit(one.config)
        epochs = self.world.epochs
        brackets = 1 + math.floor(math.log(epochs, 3) + 1e-9)
        while True:
            for bracket in reversed(range(brackets)):
                end = math.ceil(1 + math.log(epochs, 3)) / (bracket + 1)
                running = [self._draw() for _ in range(math.ceil(end * 3**bracket))]
                before = 0
                for step in range(bracket + 1):
                    until = math.ceil(epochs / 3 ** (bracket - step))
                    scored = []
                    for config in running:
                        if self.spent >= seconds:
                            return
                        true, cost, _ = self.world.ask(self.place, config)
                        self.spent += cost * (until - before)
                        seen = float(self.world.noisy(self.place, true, self.noise)[until - 1])
                        scored.append((seen, config))
                        self.fits.append(Fit(self.spent, seen, float(true[-1]), True))
                    kept = math.ceil(end * 3 ** (bracket - step - 1))
                    running = [config for _, config in sorted(scored, key=lambda one: -one[0])[:kept]]
                    before = until


def chosen(fits: Sequence[Fit], seconds: float) -> float:
    """Returns the true score of the fit that looks best after so many seconds."""
    done = [fit for fit in fits if fit.whole and fit.spent <= seconds] or list(fits[:1])
    return max(done, key=lambda fit: fit.seen).true


def shortlisted(fits: Sequence[Fit], seconds: float) -> float:
    """Returns the best true score among the five fits that look best after so many seconds."""
    done = [fit for fit in fits if fit.whole and fit.spent <= seconds] or list(fits[:1])
    return max(fit.true for fit in sorted(done, key=lambda fit: -fit.seen)[:5])


@cache
def _world(path: Path, count: int) -> World:
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return World(path, count)


@dataclass(frozen=True)
class Task:
    """Replays of one arm that one process runs.

    Attributes:
        seconds: times at which the search is scored; None to run `trials` trials and return their times.
        bad: replace the recipes by one that is bad.
    """

    path: Path
    surrogates: int
    arm: Arm
    seeds: tuple[int, ...]
    trials: tuple[int, ...]
    seconds: tuple[float, ...] | None
    bad: bool = False


def recipes_of(world: World, bad: bool) -> tuple[Enqueued, ...]:
    """Returns the space's recipes, or the middle one of 200 random configurations, which is far worse."""
    if not bad:
        return world.space.enqueued
    lame = Replay(world, 0, Arm(sampler_settings("random")), 99, ())
    lame.number = 0
    drawn = sorted((lame._draw() for _ in range(200)), key=lambda config: world.ask(0, config)[0][-1])
    return (Enqueued("bad", drawn[len(drawn) // 2]),)


def replay(task: Task) -> np.ndarray:
    """Returns, for each replay, the times of its trials, or its scores: float64 (replays, marks, 2)."""
    world = _world(task.path, task.surrogates)
    recipes = recipes_of(world, task.bad)
    found = []
    for seed in task.seeds:
        place = seed % len(world)
        search = Replay(world, place, task.arm, seed, recipes)
        if task.seconds is None:
            fits = search.run(math.inf, max(task.trials))
            found.append([[fits[trials - 1].spent] * 2 for trials in task.trials])
            continue
        reference = world.ask(place, world.space.complete(world.space.enqueued[0].config))[0][-1]
        if task.arm.probes:  # the number of probes depends on the time there is
            runs = [Replay(world, place, task.arm, seed, recipes).run(end, 10**6) for end in task.seconds]
        else:
            runs = [search.run(max(task.seconds), 10**6)] * len(task.seconds)
        found.append(
            [
                [100 * (score(fits, end) - reference) for score in (chosen, shortlisted)]
                for fits, end in zip(runs, task.seconds, strict=True)
            ]
        )
    return np.array(found)


def interval(values: np.ndarray) -> tuple[float, float]:
    """Returns the mean and half the width of its 95 % interval over replays."""
    return float(values.mean()), 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))


def _run(asked: argparse.Namespace, arm: Arm, trials: tuple[int, ...], seconds: tuple[float, ...] | None) -> np.ndarray:
    """Runs the replays of an arm in several processes. How long trials take is known well enough from fifty."""
    replays = min(asked.replays, _TIMED) if seconds is None else asked.replays
    chunks = np.array_split(np.arange(replays), asked.processes)
    tasks = [
        Task(asked.curves, asked.surrogates, arm, tuple(map(int, chunk)), trials, seconds, asked.bad_recipe)
        for chunk in chunks
        if len(chunk)
    ]
    if asked.processes == 1:
        return replay(tasks[0])
    with ProcessPoolExecutor(asked.processes) as pool:
        return np.concatenate(list(pool.map(replay, tasks)))


def rows(asked: argparse.Namespace) -> Iterator[str]:
    """Yields the table, line by line."""
    trials = tuple(asked.trials)
    times = _run(asked, ARMS[_BASELINE], trials, None)[:, :, 0].mean(axis=0)
    yield f"time: {', '.join(f'{n} trials {t / 60:.1f} min' for n, t in zip(trials, times, strict=True))}"
    marks = [f"{n} trials" for n in trials]
    heads = [*marks, *(f"less the default before, {mark}" for mark in marks), f"best of five, {marks[-1]}"]
    yield f"| arm | {' | '.join(heads)} |"
    yield "|---" * (2 + 2 * len(marks)) + "|"
    base: np.ndarray | None = None
    for name in [_BASELINE, *(one for one in ARMS if one != _BASELINE)]:
        if asked.arms and name != _BASELINE and not any(part in name for part in asked.arms):
            continue
        began = time.monotonic()
        scores = _run(asked, ARMS[name], trials, tuple(map(float, times)))
        base = scores if base is None else base
        cells = ["{:+.2f} ± {:.2f}".format(*interval(scores[:, mark, 0])) for mark in range(len(trials))]
        cells += [
            "{:+.2f} ± {:.2f}".format(*interval(scores[:, mark, 0] - base[:, mark, 0])) for mark in range(len(trials))
        ]
        cells.append("{:+.2f} ± {:.2f}".format(*interval(scores[:, -1, 1])))
        yield f"| {name} | {' | '.join(cells)} |" + (f"  {time.monotonic() - began:.0f} s" if asked.timed else "")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--replays", type=int, default=200)
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--surrogates", type=int, default=8)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--arms", nargs="+", help="only arms whose name has one of these in it")
    parser.add_argument("--bad-recipe", action="store_true", help="enqueue one mediocre random configuration instead")
    parser.add_argument("--timed", action="store_true", help="also print how long each arm took")
    for line in rows(parser.parse_args()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
