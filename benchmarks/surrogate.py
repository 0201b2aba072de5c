"""A surrogate of training: configuration in, learning curve and seconds out, fitted to recorded curves.

    uv run python -m benchmarks.surrogate benchmarks/curves/cnn1d.json

prints how well it predicts configurations that it was not fitted to (ten-fold cross-validation, repeats of a recipe
kept together).
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from serbench.spaces import SearchSpace, read_space

__all__ = ["Curves", "Encoder", "Surrogate", "main", "read_curves"]

_IDLE = -0.25
"""Place of a hyperparameter that a configuration does not use, on a scale on which its range is 0 to 1."""


@dataclass(frozen=True)
class Curves:
    """Recorded curves of one family.

    Attributes:
        space: the space that the configurations come from.
        how: what they were recorded with.
        lines: one dictionary a configuration, as `benchmarks/record_curves.py` writes them.
    """

    space: SearchSpace
    how: dict[str, Any]
    lines: tuple[dict[str, Any], ...]

    @cached_property
    def whole(self) -> tuple[dict[str, Any], ...]:
        """Lines of fits that ran to the end."""
        return tuple(line for line in self.lines if line["state"] == "completed")


def read_curves(path: Path) -> Curves:
    """Reads packed curves, with the space as it was when they were recorded."""
    found = json.loads(path.read_text("utf-8"))
    space = read_space(found["how"]["file"], found["how"]["space"], str(path))
    epochs = found["how"]["epochs"]
    return Curves(space.with_training(epochs=epochs, patience=epochs), found["how"], tuple(found["lines"]))


class Encoder:
    """Turns configurations into vectors of floats.

    Args:
        space: the space; only what it searches is encoded.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._distributions = space.distributions(space.searched)

    def __call__(self, config: Mapping[str, Any]) -> np.ndarray:
        """Returns the vector of a complete configuration, float64 (features,)."""
        return np.array([number for name in self._distributions for number in self._cells(name, config)])

    def _cells(self, name: str, config: Mapping[str, Any]) -> list[float]:
        """One number for ranges and lists of numbers, one for each choice of words."""
        distribution, active = self._distributions[name], self._space.parameters[name].active(config)
        if isinstance(distribution, CategoricalDistribution):
            choices = distribution.choices
            if all(isinstance(choice, int | float) for choice in choices):
                return [
                    choices.index(config[name]) / (len(choices) - 1) if active and config[name] in choices else _IDLE
                ]
            return [float(active and config[name] == choice) for choice in choices]
        if not active:
            return [_IDLE]
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        low, high, value = float(distribution.low), float(distribution.high), float(config[name])
        if distribution.log:
            low, high, value = np.log(low), np.log(high), np.log(max(value, low / 2))
        return [float(np.clip((value - low) / (high - low), -0.1, 1.1))]


def sizes(family: str, config: Mapping[str, Any]) -> np.ndarray:
    """Returns logarithms of what a model's size and cost consist of, float64 (features,)."""
    filters = [max(8, 8 * round(config["width"] * config["growth"] ** place / 8)) for place in range(config["depth"])]
    separable, residual = config["block"] == "separable", config["block"] == "residual"
    area = config["kernel_size"] ** (2 if family == "cnn2d" else 1)
    weights = work = 0.0
    side = 2 if family == "cnn2d" else 1
    for place, (before, after) in enumerate(zip([1 if family == "cnn2d" else 35, *filters], filters, strict=False)):
        inner = area * before * after
        if separable and place:
            inner = area * before + before * after
        if residual and place:
            inner += area * after * after
        weights += inner
        work += inner / 2 ** (place * side)
    frames = 130 / 2 ** (config["depth"] + (config.get("stem_pool") == "both"))
    bands = max(1.0, 64 / 2 ** (config["depth"] + 1)) if family == "cnn2d" else 1.0
    last = filters[-1] * bands
    if config.get("time_filters"):
        weights += 3 * last * config["time_filters"]
        last = config["time_filters"]
    statistics = {"average_max": 2, "average_deviation_max": 3}
    wide = (frames if config["head"] == "flatten" else statistics.get(config["head"], 1)) * last
    weights += wide * max(config["dense_width"], 6)
    return np.log([weights, work, 1 + config["waveform_copies"], config["batch_size"]])


class Surrogate:
    """Predicts what a fit would show, epoch by epoch, and what it would cost.

    The curve is that of the best validation UAR so far. A mean of trees and a Gaussian process predicts it.

    Args:
        curves: recorded curves.
        rows: numbers of the completed lines to fit to; None for all. A bootstrap sample makes another surrogate
            that the same curves allow.
        seed: seed of the trees.
    """

    def __init__(self, curves: Curves, rows: Sequence[int] | None = None, seed: int = 0) -> None:
        self.curves, self.encode = curves, Encoder(curves.space)
        lines = [curves.whole[row] for row in rows] if rows is not None else list(curves.whole)
        self.epochs = int(curves.how["epochs"])
        x = np.array([self.encode(line["config"]) for line in lines])
        y = np.array([best_so_far(line["val_uar"], self.epochs) for line in lines])
        self._process = gaussian_process(x, y[:, -1])
        self._forest = _Forest(trees(seed).fit(x, y))
        costed = [line for line in curves.lines if len(line["cpu_s"]) > 1]
        family = curves.space.family.name
        self._cost = Ridge(alpha=0.3).fit(
            [self._cost_row(family, line["config"]) for line in costed],
            np.log([float(np.median(line["cpu_s"][1:])) for line in costed]),
        )
        sized = [line for line in curves.lines if line["parameters"]]
        self._size = Ridge(alpha=0.1).fit(
            [self._cost_row(family, line["config"]) for line in sized],
            np.log([line["parameters"] for line in sized]),
        )
        self.noise = seed_noise(curves)

    def _cost_row(self, family: str, config: Mapping[str, Any]) -> np.ndarray:
        return np.concatenate([sizes(family, config), self.encode(config)])

    def curve(self, config: Mapping[str, Any]) -> np.ndarray:
        """Returns the best validation UAR up to each epoch, without noise, float64 (epochs,)."""
        x = self.encode(config)[None]
        curve = self._forest(x[0])
        final = 0.5 * (curve[-1] + float(self._process(x)[0]))
        start = 1 / 6
        # The shape is that of the trees; its end is moved to the mean of both.
        scale = (final - start) / max(curve[-1] - start, 0.02)
        return np.maximum.accumulate(start + np.maximum(curve - start, 0) * max(scale, 0.0))

    def noisy(self, curve: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns what one seed shows of a curve: the curve, and a residual of repeated fits."""
        residual = self.noise[rng.integers(len(self.noise))] * rng.choice([-1, 1])
        # A configuration that learns nothing has no spread either.
        share = np.clip((curve - 1 / 6) / 0.15, 0, 1)
        return np.maximum.accumulate(curve + share * residual)

    def epoch_seconds(self, config: Mapping[str, Any]) -> float:
        """Returns the CPU seconds of one epoch."""
        return float(np.exp(self._linear(self._cost, config)))

    def parameters(self, config: Mapping[str, Any]) -> float:
        """Returns about how many parameters the model has."""
        return float(np.exp(self._linear(self._size, config)))

    def _linear(self, model: Ridge, config: Mapping[str, Any]) -> float:
        return float(self._cost_row(self.curves.space.family.name, config) @ model.coef_ + model.intercept_)


class _Forest:
    """Fitted trees as arrays: one row at a time is predicted a hundred times as fast as by scikit-learn."""

    def __init__(self, forest: ExtraTreesRegressor) -> None:
        all_trees = [tree.tree_ for tree in forest.estimators_]
        most = max(tree.node_count for tree in all_trees)
        self._rows = np.arange(len(all_trees))
        shape = (len(all_trees), most)
        self._feature, self._threshold = np.full(shape, -2), np.zeros(shape)
        self._left, self._right = np.zeros(shape, int), np.zeros(shape, int)
        self._value = np.zeros((*shape, all_trees[0].n_outputs))
        self._depth = max(tree.max_depth for tree in all_trees)
        for place, tree in enumerate(all_trees):
            nodes = slice(tree.node_count)
            self._feature[place, nodes], self._threshold[place, nodes] = tree.feature, tree.threshold
            self._left[place, nodes], self._right[place, nodes] = tree.children_left, tree.children_right
            self._value[place, nodes] = tree.value[:, :, 0]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Returns the mean over all trees for one vector, float64 (outputs,)."""
        x = x.astype(np.float32)
        nodes = np.zeros(len(self._rows), int)
        for _ in range(self._depth):
            feature = self._feature[self._rows, nodes]
            below = x[feature] <= self._threshold[self._rows, nodes]
            after = np.where(below, self._left[self._rows, nodes], self._right[self._rows, nodes])
            nodes = np.where(feature >= 0, after, nodes)
        found: np.ndarray = self._value[self._rows, nodes].mean(axis=0)
        return found


def best_so_far(curve: Sequence[float], epochs: int) -> np.ndarray:
    """Returns the best value up to each epoch, float64 (epochs,); a curve that ended early goes on flat."""
    best = np.maximum.accumulate(np.array(curve))
    return np.concatenate([best, np.full(epochs - len(best), best[-1])])


def trees(seed: int) -> ExtraTreesRegressor:
    """Returns the forest, unfitted."""
    return ExtraTreesRegressor(n_estimators=60, min_samples_leaf=2, max_features=0.5, random_state=seed)


def gaussian_process(x: np.ndarray, y: np.ndarray) -> Any:
    """Fits a Gaussian process and returns its mean as a function of vectors.

    Args:
        x: vectors, float64 (n, features).
        y: scores, float64 (n,).
    """
    mean, spread = float(y.mean()), float(y.std())
    kernel = (
        ConstantKernel(0.3) * DotProduct(1.0)
        + ConstantKernel(1.0) * Matern(3.0, (0.5, 30), nu=2.5)
        + WhiteKernel(0.2, (0.02, 2))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a kernel's part that the curves do not need goes to 0
        process = GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=0)
        process.fit(x, (y - mean) / spread)
    fitted, known, weights = process.kernel_.k1, process.X_train_, process.alpha_
    return lambda rows: mean + spread * (fitted(rows, known) @ weights)


def seed_noise(curves: Curves) -> np.ndarray:
    """Returns how repeated fits of one configuration differ from their mean, float64 (fits, epochs)."""
    groups: dict[str, list[np.ndarray]] = {}
    for line in curves.whole:
        curve = best_so_far(line["val_uar"], int(curves.how["epochs"]))
        groups.setdefault(json.dumps(line["config"], sort_keys=True), []).append(curve)
    found = []
    for group in groups.values():
        if len(group) > 1:
            found += list((np.array(group) - np.mean(group, axis=0)) * np.sqrt(len(group) / (len(group) - 1)))
    return np.array(found)


def cross_validated(curves: Curves, folds: int = 10) -> dict[str, np.ndarray]:
    """Returns held-out predictions of the final score by each model and by their mean, and the truth."""
    lines = curves.whole
    encode = Encoder(curves.space)
    x = np.array([encode(line["config"]) for line in lines])
    y = np.array([max(line["val_uar"]) for line in lines])
    keys = [json.dumps(line["config"], sort_keys=True) for line in lines]
    groups = [sorted(set(keys)).index(key) for key in keys]
    found = {name: np.zeros(len(y)) for name in ("trees", "process", "both")}
    for known, held in GroupKFold(folds, shuffle=True, random_state=0).split(x, y, groups):
        found["trees"][held] = trees(0).fit(x[known], y[known]).predict(x[held])
        found["process"][held] = gaussian_process(x[known], y[known])(x[held])
    found["both"] = (found["trees"] + found["process"]) / 2
    return {**found, "truth": y, "kinds": np.array([line["kind"] for line in lines])}


def main() -> None:
    """Prints the check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path, nargs="+")
    for path in parser.parse_args().curves:
        curves = read_curves(path)
        found = cross_validated(curves)
        truth, kinds = found["truth"], found["kinds"]
        noise = seed_noise(curves)[:, -1]
        print(f"{path.name}: {len(curves.lines)} lines, {len(curves.whole)} completed; one seed against another: "
              f"standard deviation {100 * noise.std():.1f} points ({len(noise)} fits)")  # fmt: skip
        for name in ("trees", "process", "both"):
            text = []
            for kind in (None, "random", "between", "near"):
                of = kinds == kind if kind else np.full(len(truth), True)
                guess, real = found[name][of], truth[of]
                r2 = 1 - np.mean((guess - real) ** 2) / np.var(real)
                text.append(f"{kind or 'all'} R2 {r2:.2f} rank {spearmanr(guess, real)[0]:.2f} "
                            f"error {100 * np.sqrt(np.mean((guess - real) ** 2)):.1f}")  # fmt: skip
            print(f"  {name}: {'; '.join(text)}")
        surrogate = Surrogate(curves)
        costed = [line for line in curves.lines if len(line["cpu_s"]) > 1]
        real = np.log([np.median(line["cpu_s"][1:]) for line in costed])
        guess = np.log([surrogate.epoch_seconds(line["config"]) for line in costed])
        print(f"  seconds an epoch (fitted): {100 * np.std(guess - real):.0f} % off")


if __name__ == "__main__":
    main()
