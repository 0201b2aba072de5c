"""`PriorSampler`: proposes configurations near the best ones known, and lets a model of all trials choose among them.

A search of thirty trials is too short to learn forty hyperparameters from nothing, and it seldom begins with nothing:
a space names configurations that work. N. Mallik et al. (PriorBand, 2023, https://arxiv.org/abs/2306.12370) draw around
such a prior, around the best trial, and uniformly. This sampler draws like that, and of many such draws proposes the
one that a Gaussian process over all trials expects most of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from serbench.families import InvalidConfiguration
from serbench.search.studies.gaussian_process import GaussianProcess
from serbench.search.studies.neighbours import Distribution, Encoding, anywhere, near
from serbench.spaces import SearchSpace

__all__ = ["JOB_ID", "PriorSampler"]

JOB_ID = "job_id"
"""User attribute of an Optuna trial: the id of its job."""

_TRIES = 30
_MODELLED = 200
"""Trials that the model is fitted to: the best and the latest. More would take it seconds and tell it little."""


class PriorSampler(optuna.samplers.RandomSampler):
    """Optuna sampler that starts from known configurations.

    A proposal depends on the finished trials of the Optuna study, the space and the seed only.

    Args:
        space: space to draw from.
        recipes: complete configurations to start from; none for the family's defaults.
        seed: seed of the draws.
        uniform: share of the draws that ignore all that is known: insurance against recipes that are bad.
        changed: largest number of hyperparameters in which a draw differs from its parent.
        spread: standard deviation of a change, as a share of the range.
        parents: number of best trials that a draw may start from.
        candidates: number of draws among which the model chooses; 1 for no model.
        n_startup_trials: number of finished trials from which on the model chooses.
        exploration: standard deviations that the model adds to what it expects.
    """

    def __init__(
        self,
        space: SearchSpace,
        recipes: Sequence[Mapping[str, Any]],
        seed: int,
        *,
        uniform: float,
        changed: int,
        spread: float,
        parents: int,
        candidates: int,
        n_startup_trials: int,
        exploration: float,
    ) -> None:
        super().__init__(seed=seed)
        self._space = space
        self._distributions = cast("dict[str, Distribution]", space.distributions(space.searched))
        self._encode = Encoding(self._distributions)
        self._defaults = space.defaults()
        self._recipes = [dict(recipe) for recipe in recipes] or [self._defaults]
        self._draws = np.random.default_rng(seed)
        self._uniform, self._changed, self._spread, self._parents = uniform, changed, spread, parents
        self._candidates, self._start, self._exploration = candidates, n_startup_trials, exploration
        self._proposal: dict[str, Any] = {}

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Decides on the whole configuration. A trial that was enqueued has one."""
        self._proposal = {}
        if "fixed_params" not in trial.system_attrs:
            trials = study.get_trials(deepcopy=False)
            others = [one for one in trials if one.number != trial.number and not _is_forgotten(one)]
            self._proposal = self._propose(others)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Returns the proposal's value of a hyperparameter; a uniform draw if the proposal has none."""
        if param_name in self._proposal:
            return self._proposal[param_name]
        return super().sample_independent(study, trial, param_name, param_distribution)

    def _propose(self, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
        finished = [one for one in trials if one.state in {TrialState.COMPLETE, TrialState.PRUNED}]
        parents = [one.params for one in _best_first(finished)[: self._parents]]
        # As long as everything is outside the limits, each trial looks further away.
        alike = all(_violation(one) > 0 for one in finished)
        reach = self._changed + (len(finished) if alike else 0)
        choosing = len(finished) >= self._start and not alike and bool(self._distributions)
        count = self._candidates if choosing else 1
        running = [one.params for one in trials if one.state == TrialState.RUNNING and one.params]
        known = {_key(one.params) for one in trials}
        for _ in range(_TRIES):
            drawn = [self._draw(parents, reach) for _ in range(count)]
            promise = self._promise(_telling(finished), running, drawn) if count > 1 else np.zeros(1)
            for place in map(int, np.argsort(-promise, kind="stable")):
                if _key(drawn[place]) not in known and self._accepted(drawn[place]):
                    return drawn[place]
        return drawn[0]

    def _accepted(self, values: Mapping[str, Any]) -> bool:
        """Whether the family makes a model of the values."""
        try:
            self._space.complete(self._space.suggest(optuna.trial.FixedTrial(dict(values))))
        except InvalidConfiguration:
            return False
        return True

    def _promise(
        self,
        finished: Sequence[FrozenTrial],
        running: Sequence[Mapping[str, Any]],
        drawn: Sequence[Mapping[str, Any]],
    ) -> np.ndarray:
        """Returns what a model expects of configurations, float64 (n,). It learns from what makes no model, too."""
        x = self._vectors(drawn)
        promise = np.zeros(len(drawn))
        scored = [one for one in finished if np.isfinite(_score(one))]
        if scored:
            known, scores = self._vectors([one.params for one in scored]), _bounded(np.array(list(map(_score, scored))))
            model = GaussianProcess(known, scores)
            if running:  # they end as expected: so the next proposal lies elsewhere, where less is known
                more = self._vectors(running)
                model = GaussianProcess(np.vstack([known, more]), np.append(scores, model.predict(more)[0]))
            mean, spread = model.predict(x)
            promise = mean + self._exploration * spread
        violations = np.array([_violation(one) or -1.0 for one in finished])
        if (violations > 0).any():
            model = GaussianProcess(self._vectors([one.params for one in finished]), violations)
            excess = np.maximum(model.predict(x)[0], 0.0)
            promise = np.where(excess > 0, promise.min() - 1 - excess, promise)
        return promise

    def _vectors(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        return np.array([self._encode(one) for one in configs])

    def _draw(self, parents: Sequence[Mapping[str, Any]], reach: int) -> dict[str, Any]:
        """Draws the searched, active values of a configuration, up to `reach` of them unlike a parent's."""
        rng = self._draws
        uniform = rng.random() < self._uniform
        if parents:
            weights = 1 / np.arange(1, len(parents) + 1)
            parent = parents[rng.choice(len(parents), p=weights / weights.sum())]
        else:
            parent = self._space.proposals(self._recipes[rng.integers(len(self._recipes))])
        count = min(len(parent), int(rng.integers(1, reach + 1)))
        changed = set(rng.permutation(sorted(parent))[:count].tolist())
        config = dict(self._defaults)
        found: dict[str, Any] = {}
        for name, dimension in self._space.parameters.items():
            if not dimension.active(config):
                continue
            if name in self._distributions:
                distribution = self._distributions[name]
                if uniform or name not in parent:
                    value = self._fresh(name, distribution, uniform)
                else:
                    value = near(distribution, parent[name], rng, self._spread) if name in changed else parent[name]
                found[name] = config[name] = value
            else:
                config[name] = dimension.suggest(optuna.trial.FixedTrial({}), name)
        return found

    def _fresh(self, name: str, distribution: Distribution, uniform: bool) -> Any:
        """Draws a value for a hyperparameter that the parent does not use: that of a recipe, or any."""
        known = [recipe[name] for recipe in self._recipes if name in recipe]
        if uniform or not known or self._draws.random() < 0.5 or not self._space.parameters[name].contains(known[0]):
            return anywhere(distribution, self._draws)
        return known[0]


def _is_forgotten(trial: FrozenTrial) -> bool:
    """Whether a kill left this trial before it had a job. So its number is to propose the same again."""
    return trial.state == TrialState.FAIL and JOB_ID not in trial.user_attrs


def _best_first(finished: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Returns completed trials, the best first; if there are none, those that missed the limits by the least."""
    completed = [one for one in finished if one.state == TrialState.COMPLETE]
    return sorted(completed, key=_score, reverse=True) or sorted(
        (one for one in finished if _violation(one) > 0), key=_violation
    )


def _telling(finished: Sequence[FrozenTrial]) -> Sequence[FrozenTrial]:
    """Returns the trials that the model is fitted to, by number."""
    if len(finished) <= _MODELLED:
        return finished
    latest, earlier = finished[-_MODELLED // 2 :], finished[: -_MODELLED // 2]
    best = sorted(earlier, key=_score, reverse=True)[: _MODELLED // 2]
    return [*sorted(best, key=lambda one: one.number), *latest]


def _violation(trial: FrozenTrial) -> float:
    """Returns how far a trial was outside the limits; 0 if it was within."""
    return sum(max(value, 0.0) for value in trial.constraints.values())


def _score(trial: FrozenTrial) -> float:
    """Returns the score of a trial, of a pruned one the last it reported; -inf without one."""
    if trial.state == TrialState.COMPLETE and trial.value is not None:
        return trial.value
    return max(trial.intermediate_values.values(), default=-np.inf)


def _bounded(scores: np.ndarray) -> np.ndarray:
    """Raises scores far below the median: how bad a bad trial was says little about the good ones."""
    median, best = float(np.median(scores)), float(scores.max())
    raised: np.ndarray = np.maximum(scores, median - 2 * max(best - median, 1e-6))
    return raised


def _key(params: Mapping[str, Any]) -> str:
    return repr(sorted(params.items()))
