"""How a trial may end, and what follows from it: the one table that search, reports and docs read.

A trial waits, runs, and ends in exactly one named state. Two states say nothing about the configuration; from these
alone a way leads back to waiting, and it can be taken `MAX_REPEATS` times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MAX_REPEATS", "STATES", "TRANSITIONS", "UNCOUNTED_STATES", "StateRule", "TrialState", "is_repeated"]

TrialState = Literal[
    "completed", "pruned", "diverged", "timeout", "memory", "crashed", "invalid", "interrupted", "lost"
]

MAX_REPEATS = 2
"""How often a trial that was broken off is run again, with the same parameters and the same seed."""


@dataclass(frozen=True)
class StateRule:
    """What follows from one way to end.

    Attributes:
        meaning: for people.
        counts: whether it uses up the trial budget.
        repeated: whether the same trial is run again, `MAX_REPEATS` times at the most.
        sampler: what the sampler learns: the `score`, that it was `pruned`, that it is `infeasible`, or `nothing`.
        refit_again: whether a finalist's refit that ended so is tried again by the next command.
    """

    meaning: str
    counts: bool = True
    repeated: bool = False
    sampler: Literal["score", "pruned", "infeasible", "nothing"] = "nothing"
    refit_again: bool = False


STATES: dict[TrialState, StateRule] = {
    "completed": StateRule("trained to the end, or until early stopping", sampler="score"),
    "pruned": StateRule("ended early: its best score so far lay behind the others'", sampler="pruned"),
    "diverged": StateRule("the loss or the outputs were no longer finite"),
    "timeout": StateRule("took longer than the space's trial_timeout_s", refit_again=True),
    "memory": StateRule("went over its memory limit, or the kernel ended it for want of memory", refit_again=True),
    "crashed": StateRule("an error, or a signal from outside; what it said is kept as error.txt", refit_again=True),
    "invalid": StateRule("makes no model within bounds; found before training", counts=False, sampler="infeasible"),
    "interrupted": StateRule("broken off by a stop or a kill of the search", False, True, refit_again=True),
    "lost": StateRule("the worker it ran on is gone", False, True, refit_again=True),
}

TRANSITIONS: dict[str, frozenset[str]] = {
    "waiting": frozenset({"running"}),
    "running": frozenset(STATES),
    **{name: frozenset({"waiting"} if rule.repeated else ()) for name, rule in STATES.items()},
}
"""Which state may follow which. A state without a successor is final: its record is never replaced."""

UNCOUNTED_STATES = frozenset(name for name, rule in STATES.items() if not rule.counts)
"""States that do not use up the trial budget."""


def is_repeated(state: TrialState, attempt: int) -> bool:
    """Whether a trial that ended so in its attempt number `attempt` (from 0) goes back to waiting.

    >>> is_repeated("lost", 0), is_repeated("lost", 2), is_repeated("diverged", 0)
    (True, False, False)
    """
    return "waiting" in TRANSITIONS[state] and attempt < MAX_REPEATS
