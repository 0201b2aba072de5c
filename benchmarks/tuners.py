"""serbench's search beside KerasTuner's: best validation UAR against minutes, on one space, corpus and training code.

    uv run python benchmarks/tuners.py --corpus crema-d --data DIR --minutes 10 --seeds 0 1 2

Five arms: serbench's default (the sampler `prior`, percentile pruning), serbench with TPE, serbench drawing at random
without pruning, KerasTuner's random search, KerasTuner's Hyperband. All draw from the space `cnn1d` without its
enqueued starts and, so that a fit takes seconds and a search is one of many fits, in narrower nets than the file has.
With `--as-shipped` they draw from the space as it is, and every arm, KerasTuner's too, first fits its enqueued starts.
They train with `serbench.training` in children of one thread, one after the other, and are judged by one validation
core; nothing is tested. The time of an arm is that of the clock from its first fit on, asking and telling included,
less what features took, which only the first to need them would pay. KerasTuner's Hyperband goes on with the weights
of an earlier round; here it fits anew and the epochs of that round are free.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import keras_tuner
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

from serbench.corpora import get_corpus
from serbench.families import InvalidConfiguration
from serbench.features.store import FeatureStore
from serbench.protocols import recorded_plan
from serbench.records import ResultsFolder
from serbench.records.schemas import TrialRecord
from serbench.search import Observer, SearchPlan, run_search
from serbench.search.jobs import JobMaker
from serbench.search.resources import Resources
from serbench.search.studies.recorded import RecordedStudy, recorded_clips
from serbench.spaces import load_space
from serbench.spaces.dimensions import Fixed, IntRange
from serbench.spaces.space import SearchSpace
from serbench.training import FeatureSource, run_job
from serbench.training.seeds import SeedTree

__all__ = ["main"]

Point = tuple[float, float]
"""Minutes spent, and the validation UAR that a fit ended with."""

_SERBENCH = {
    "serbench": ("prior", "percentile"),
    "serbench TPE": ("tpe", "percentile"),
    "serbench random": ("random", "none"),
}
_ARMS = (*_SERBENCH, "KerasTuner random", "KerasTuner Hyperband")


def the_space(name: str, ratio: str, epochs: int, widths: tuple[int, int] | None) -> SearchSpace:
    """Returns the space by name, at a ratio with cores of 20 %.

    Args:
        name: name of the space.
        ratio: split ratio of all fits.
        epochs: epochs of a fit.
        widths: other widths (steps of 8) to draw from, without known configurations; None for the space as shipped.
    """
    space = load_space(name)
    width = {} if widths is None else {"width": IntRange(low=widths[0], high=widths[1], step=8)}
    known = () if widths is not None else space.enqueued
    return dataclasses.replace(
        space.with_training(epochs=epochs, patience=epochs),
        parameters=space.parameters | {"split_ratio": Fixed(value=ratio)} | width,
        validation_core=Decimal(20),
        test_core=Decimal(20),
        enqueued=tuple(dataclasses.replace(one, config={**one.config, "split_ratio": ratio}) for one in known),
    )


class _Clock:
    """The time of one arm, and what its fits had come to by then."""

    def __init__(self, minutes: float) -> None:
        self.minutes, self.points = minutes, list[Point]()
        self._began: float | None = None
        self._free = 0.0

    def begin(self) -> None:
        """The first fit starts the clock."""
        if self._began is None:
            self._began = time.monotonic()

    def ended(self, value: float | None, free: float) -> None:
        """A fit ended, `free` seconds of which are not charged."""
        self._free += free
        if value is not None:
            self.points.append((self.spent, value))

    @property
    def spent(self) -> float:
        """Minutes so far."""
        return 0.0 if self._began is None else (time.monotonic() - self._began - self._free) / 60

    @property
    def over(self) -> bool:
        """Whether no further fit may begin."""
        return self.spent >= self.minutes


class _Watch(Observer):
    """Keeps an arm's time, and stops the search once it is over."""

    def __init__(self, clock: _Clock) -> None:
        self.clock, self.stop = clock, threading.Event()

    def trial_started(self, *_: Any) -> None:
        """See `Observer`."""
        self.clock.begin()

    def trial_finished(self, record: TrialRecord) -> None:
        """Counts a trial, pruned ones included."""
        self.clock.ended(record.value, record.seconds.get("features", 0.0))
        if self.clock.over:
            self.stop.set()


def serbench_arm(plan: SearchPlan, minutes: float) -> list[Point]:
    """Runs a plan until its time is over."""
    watch = _Watch(_Clock(minutes))
    run_search(plan, watch, watch.stop)
    return watch.clock.points


class _Spent(Exception):  # noqa: N818
    """The time of an arm is over."""


class _Tuner(keras_tuner.engine.base_tuner.BaseTuner):
    """KerasTuner's loop around serbench's training."""

    def __init__(
        self, oracle: Any, folder: Path, fit: Callable[[dict[str, Any], int | None], Any], clock: _Clock
    ) -> None:
        self._fit, self._clock = fit, clock
        super().__init__(oracle=oracle, hypermodel=lambda hp: hp, directory=str(folder), project_name="arm")

    def pre_create_trial(self) -> None:
        if self._clock.over:
            raise _Spent

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:  # noqa: ARG002
        values = trial.hyperparameters.values
        asked = values.get("tuner/epochs")
        config = {name: value for name, value in values.items() if "/" not in name}
        self._clock.begin()
        try:
            outcome = self._fit(config, asked)
        except InvalidConfiguration:
            return 0.0
        earlier = outcome.epochs[: values["tuner/initial_epoch"]] if asked else ()
        self._clock.ended(outcome.value, outcome.seconds["features"] + sum(epoch.seconds for epoch in earlier))
        return outcome.value or 0.0

    def load_model(self, trial: Any) -> None: ...

    def save_model(self, trial_id: str, model: Any, step: int = 0) -> None: ...


def declared(space: SearchSpace) -> keras_tuner.HyperParameters:
    """The space in KerasTuner's words; a hyperparameter under conditions is drawn only where they hold."""
    hp = keras_tuner.HyperParameters()
    for name, distribution in space.distributions(space.searched).items():
        conditions = space.parameters[name].when
        with _scopes(hp, conditions):
            match distribution:
                case CategoricalDistribution(choices=choices):
                    kinds = {type(choice) for choice in choices}
                    hp.Boolean(name) if kinds == {bool} else hp.Choice(name, list(choices), ordered=False)
                case IntDistribution(low=low, high=high, step=step, log=log):
                    hp.Int(name, low, high, step=None if log else step, sampling="log" if log else "linear")
                case FloatDistribution(low=low, high=high, log=log, step=step):
                    hp.Float(name, low, high, step=step, sampling="log" if log else "linear")
    return hp


def _scopes(hp: keras_tuner.HyperParameters, conditions: dict[str, tuple[Any, ...]]) -> Any:
    stack = contextlib.ExitStack()
    for parent, values in conditions.items():
        stack.enter_context(hp.conditional_scope(parent, list(values)))
    return stack


def keras_tuner_arm(
    oracle: Any, space: SearchSpace, maker: JobMaker, source: FeatureSource, minutes: float
) -> list[Point]:
    """Fits the space's known configurations, then runs KerasTuner until its time is over."""
    numbers = iter(range(10**6))

    def fit(config: dict[str, Any], epochs: int | None) -> Any:
        return train(space.complete(space.suggest(FixedTrial(config))), epochs)

    def train(complete: dict[str, Any], epochs: int | None = None) -> Any:
        number = next(numbers)
        job = maker.search(f"k{number:04}", number, complete)
        if epochs:
            job = dataclasses.replace(job, settings=job.settings.model_copy(update={"epochs": int(epochs)}))
        return run_job(job, source)

    with tempfile.TemporaryDirectory() as folder:
        clock = _Clock(minutes)
        for known in space.enqueued:
            clock.begin()
            outcome = train(known.config)
            clock.ended(outcome.value, outcome.seconds["features"])
        tuner = _Tuner(oracle, Path(folder), fit, clock)
        with contextlib.suppress(_Spent):
            tuner.search(verbose=0)
        return clock.points


def best_at(points: list[Point], minutes: float) -> float | None:
    """The best validation UAR up to a time."""
    return max((value for when, value in points if when <= minutes), default=None)


def line(name: str, seed: str, runs: list[list[Point]], marks: list[float]) -> str:
    """A row of the table: fits, and the best score at each mark, as means over runs."""
    fits = round(sum(map(len, runs)) / len(runs))
    cells = []
    for mark in marks:
        scores = [score for points in runs if (score := best_at(points, mark)) is not None]
        cells.append(f"{100 * sum(scores) / len(scores):.1f}" if len(scores) == len(runs) else "-")
    return f"| {name} | {seed} | {fits} | {' | '.join(cells)} |"


def arms(asked: argparse.Namespace, seed: int, results: Path) -> Iterator[tuple[str, list[Point]]]:
    """Runs the arms asked for with one seed; serbench's own come first, since its record names the clips."""
    space = the_space(asked.space, asked.ratio, asked.epochs, None if asked.as_shipped else tuple(asked.widths))
    plan = SearchPlan(
        spaces=(space,), corpus=get_corpus(asked.corpus), data=asked.data, results=results, trials=10**5,
        workers=1, threads=1, finalists=0, repeats=1, seed=seed,
    )  # fmt: skip
    for name, (sampler, pruner) in _SERBENCH.items():
        if name in asked.arms:
            run = f"{name.replace(' ', '-')}-{seed}"
            yield name, serbench_arm(dataclasses.replace(plan, run=run, sampler=sampler, pruner=pruner), asked.minutes)
    folder = ResultsFolder(results).study(f"{run}-{space.name}")
    record = folder.record()
    clips = recorded_clips(folder, record, asked.data)
    study = RecordedStudy(folder, record, space, recorded_plan(folder, record, clips), SeedTree(seed))
    maker = JobMaker(study, Resources.choose(1, 1, "tensorflow", 1), "tensorflow")
    source = FeatureSource(clips, FeatureStore.in_cache())
    hp = declared(space)
    oracles = {
        "KerasTuner random": keras_tuner.oracles.RandomSearchOracle(
            keras_tuner.Objective("val_uar", "max"), max_trials=10**5, seed=seed, hyperparameters=hp
        ),
        "KerasTuner Hyperband": keras_tuner.oracles.HyperbandOracle(
            keras_tuner.Objective("val_uar", "max"), max_epochs=asked.epochs, factor=3, hyperband_iterations=10**3,
            seed=seed, hyperparameters=hp,
        ),
    }  # fmt: skip
    for name, oracle in oracles.items():
        if name in asked.arms:
            yield name, keras_tuner_arm(oracle, space, maker, source, asked.minutes)


def main() -> None:
    """Prints a table: the best validation UAR of each arm after shares of the time, one line a seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="cnn1d")
    parser.add_argument("--corpus", default="demo")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--ratio", default="20/20/60", help="its training share; cores are 20 %% each")
    parser.add_argument("--widths", nargs=2, type=int, default=[8, 32], help="from and to; wide nets are dear")
    parser.add_argument("--as-shipped", action="store_true", help="the space's own widths and enqueued starts")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--arms", nargs="+", default=list(_ARMS), choices=_ARMS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--results", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if not _SERBENCH.keys() & set(asked.arms):
        parser.error("--arms needs one of serbench's, whose record names the clips")
    if asked.results and any(asked.results.glob("studies/*")):
        parser.error(f"--results {asked.results} holds studies; each arm must begin with nothing")
    marks = [share * asked.minutes for share in (0.25, 0.5, 0.75, 1.0)]
    print("| arm | seed | fits |", " | ".join(f"{mark:g} min" for mark in marks), "|")
    print("|---|---|---|", "---|" * len(marks), sep="")
    found: dict[str, dict[int, list[Point]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for seed in asked.seeds:
            for name, points in arms(asked, seed, asked.results or Path(temporary)):
                found.setdefault(name, {})[seed] = points
                print(line(name, f"{seed}", [points], marks), flush=True)
                if asked.json:
                    asked.json.write_text(json.dumps({"asked": vars(asked), "found": found}, default=str), "utf-8")
    for name, runs in found.items():
        print(line(name, "mean", list(runs.values()), marks))


if __name__ == "__main__":
    main()
