"""Draws from a space before it is searched, to find out whether any configuration of it is valid."""

from __future__ import annotations

import optuna

from serbench.errors import UsageError
from serbench.families import InvalidConfiguration
from serbench.spaces.space import SearchSpace

__all__ = ["check_draws"]

_DRAWS = 200  # even if one configuration in fifty is valid, 98 % of spaces like it pass


def check_draws(space: SearchSpace, trials: int) -> None:
    """Checks that the sampler can draw a valid configuration. It stops at the first one, so it is usually cheap.

    Args:
        space: the space.
        trials: trials of the search. If the enqueued configurations suffice for them, nothing is drawn.

    Raises:
        UsageError: every drawn configuration was invalid. The message gives the reason for the first.
    """
    if trials <= len(space.enqueued):
        return
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    finally:
        optuna.logging.set_verbosity(before)
    first: InvalidConfiguration | None = None
    for _ in range(_DRAWS):
        try:
            space.complete(space.suggest(study.ask()))
        except InvalidConfiguration as error:
            first = first or error
        else:
            return
    raise UsageError(f"space '{space.name}' has no valid configuration among {_DRAWS} drawn ones: {first}")
