"""serbench's search beside KerasTuner's: best validation UAR against minutes, on one space, corpus and training code.

    uv run python benchmarks/tuners.py --corpus crema-d --data DIR --minutes 10 --seeds 0 1 2

Four arms: serbench's default (TPE, percentile pruning), serbench drawing at random without pruning, KerasTuner's
random search, KerasTuner's Hyperband. All draw from the space `cnn1d` without its enqueued start, train with
`serbench.training` in children of one thread, one after the other, and are judged by one validation core; nothing is
tested. The time of an arm is the seconds that its fits took. KerasTuner's Hyperband goes on with the weights of an
earlier round; here it fits anew and is charged for the further epochs alone, which favours it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import keras_tuner
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from serbench.corpora import get_corpus
from serbench.corpora.folders import cache_root
from serbench.families import InvalidConfiguration
from serbench.features.store import FeatureStore
from serbench.records import ResultsFolder
from serbench.records.schemas import TrialRecord
from serbench.search import Observer, SearchPlan, load_space, run_search
from serbench.search.jobs import JobMaker
from serbench.search.resources import Resources
from serbench.search.spaces.dimensions import Fixed
from serbench.search.spaces.space import SearchSpace, defaults
from serbench.search.studies.recorded import RecordedStudy, recorded_clips, recorded_plan
from serbench.training import FeatureSource, run_job
from serbench.training.seeds import SeedTree

__all__ = ["main"]

Point = tuple[float, float]
"""Minutes spent, and the validation UAR that a fit ended with."""

_SERBENCH = {"serbench": ("tpe", "percentile"), "serbench random": ("random", "none")}
_ARMS = (*_SERBENCH, "KerasTuner random", "KerasTuner Hyperband")


def the_space(name: str, ratio: str, epochs: int) -> SearchSpace:
    """The space by name, at one split ratio whose shares are its cores, without known configurations."""
    space = load_space(name)
    return dataclasses.replace(
        space.with_training(epochs=epochs, patience=epochs),
        parameters=space.parameters | {"split_ratio": Fixed(value=ratio)},
        validation_core=Decimal(20),
        test_core=Decimal(20),
        enqueued=(),
    )


class _Clock(Observer):
    """Adds up what fits take, and stops the search once it is enough."""

    def __init__(self, minutes: float) -> None:
        self.minutes, self.spent, self.points = minutes, 0.0, list[Point]()
        self.stop = threading.Event()

    def trial_finished(self, record: TrialRecord) -> None:
        """Counts a trial, pruned ones included."""
        self.spent += record.seconds.get("total", 0.0) / 60
        if record.value is not None:
            self.points.append((self.spent, record.value))
        if self.spent >= self.minutes:
            self.stop.set()


def serbench_arm(plan: SearchPlan, minutes: float) -> list[Point]:
    """Runs a plan until its time is over."""
    clock = _Clock(minutes)
    run_search(plan, clock, clock.stop)
    return clock.points


class _Spent(Exception):  # noqa: N818
    """The time of an arm is over."""


class _Tuner(keras_tuner.engine.base_tuner.BaseTuner):
    """KerasTuner's loop around serbench's training."""

    def __init__(
        self, oracle: Any, folder: Path, fit: Callable[[dict[str, Any], int | None], Any], minutes: float
    ) -> None:
        self._fit, self._minutes = fit, minutes
        self.spent, self.points = 0.0, list[Point]()
        super().__init__(oracle=oracle, hypermodel=lambda hp: hp, directory=str(folder), project_name="arm")

    def pre_create_trial(self) -> None:
        if self.spent >= self._minutes:
            raise _Spent

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:  # noqa: ARG002
        values = trial.hyperparameters.values
        asked = values.get("tuner/epochs")
        config = {name: value for name, value in values.items() if "/" not in name}
        try:
            outcome = self._fit(config, asked)
        except InvalidConfiguration:
            return 0.0
        new = (asked - values["tuner/initial_epoch"]) / asked if asked else 1.0
        self.spent += outcome.seconds["total"] * new / 60
        if outcome.value is not None:
            self.points.append((self.spent, outcome.value))
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
                case IntDistribution(low=low, high=high, step=step):
                    hp.Int(name, low, high, step=step)
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
    """Runs KerasTuner until its time is over."""
    numbers = iter(range(10**6))

    def fit(config: dict[str, Any], epochs: int | None) -> Any:
        number = next(numbers)
        complete = space.complete(defaults(space.family.hyperparameters) | {"split_ratio": ratio_of(space)} | config)
        job = maker.search(f"k{number:04}", number, complete)
        if epochs:
            job = dataclasses.replace(job, settings=job.settings.model_copy(update={"epochs": int(epochs)}))
        return run_job(job, source)

    with tempfile.TemporaryDirectory() as folder:
        tuner = _Tuner(oracle, Path(folder), fit, minutes)
        with contextlib.suppress(_Spent):
            tuner.search(verbose=0)
        return tuner.points


def ratio_of(space: SearchSpace) -> str:
    """The one split ratio."""
    return str(space.parameters["split_ratio"].value)


def best_at(points: list[Point], minutes: float) -> float | None:
    """The best validation UAR up to a time."""
    return max((value for when, value in points if when <= minutes), default=None)


def arms(asked: argparse.Namespace, seed: int, results: Path) -> Iterator[tuple[str, list[Point]]]:
    """Runs the arms asked for with one seed; serbench's own come first, since its record names the clips."""
    space = the_space(asked.space, asked.ratio, asked.epochs)
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
    source = FeatureSource(clips, FeatureStore(cache_root() / "features"))
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
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--arms", nargs="+", default=list(_ARMS), choices=_ARMS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--results", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if not _SERBENCH.keys() & set(asked.arms):
        parser.error("--arms needs one of serbench's, whose record names the clips")
    marks = [share * asked.minutes for share in (0.25, 0.5, 0.75, 1.0)]
    print("| arm | seed | fits |", " | ".join(f"{mark:g} min" for mark in marks), "|")
    print("|---|---|---|", "---|" * len(marks), sep="")
    found: dict[str, dict[int, list[Point]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for seed in asked.seeds:
            for name, points in arms(asked, seed, asked.results or Path(temporary)):
                found.setdefault(name, {})[seed] = points
                scores = [best_at(points, mark) for mark in marks]
                cells = ["-" if score is None else f"{100 * score:.1f}" for score in scores]
                print(f"| {name} | {seed} | {len(points)} |", " | ".join(cells), "|", flush=True)
                if asked.json:
                    asked.json.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
