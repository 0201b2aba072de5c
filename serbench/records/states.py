"""The end states of a trial and their consequences: the one table that search, reports and docs read.

A trial waits, runs, and ends in exactly one state. Two states (`interrupted`, `lost`) say nothing about the
configuration. A trial that ends in one of these waits again, at most `MAX_REPEATS` times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MAX_REPEATS", "STATES", "TRANSITIONS", "StateRule", "TrialState", "is_repeated"]

TrialState = Literal[
    "completed", "pruned", "diverged", "timeout", "memory", "crashed", "invalid", "interrupted", "lost"
]

MAX_REPEATS = 2
"""How often an interrupted trial is run again, with the same parameters and the same seed."""


@dataclass(frozen=True)
class StateRule:
    """The consequences of an end state.

    Attributes:
        meaning: the state in words, for people.
        counts: whether the trial counts towards the trial budget.
        repeated: whether the same trial is run again, at most `MAX_REPEATS` times.
        sampler: what the sampler learns: the `score`, that the trial was `pruned` or is `infeasible`, or `nothing`.
        retryable: whether the next command tries a final run or a fold again that ended in this state.
    """

    meaning: str
    counts: bool = True
    repeated: bool = False
    sampler: Literal["score", "pruned", "infeasible", "nothing"] = "nothing"
    retryable: bool = False


STATES: dict[TrialState, StateRule] = {
    "completed": StateRule("trained to the end, or until early stopping", sampler="score"),
    "pruned": StateRule("ended early: its best score so far was behind that of the others", sampler="pruned"),
    "diverged": StateRule("the loss or the outputs were no longer finite"),
    "timeout": StateRule("took longer than the space's trial_timeout_s", retryable=True),
    "memory": StateRule("went over its memory limit, or the memory of the machine or its GPU ran out", retryable=True),
    "crashed": StateRule("an error, or a signal from outside; its message is kept in error.txt", retryable=True),
    "invalid": StateRule(
        "no model within the bounds can be built from it; found before training", counts=False, sampler="infeasible"
    ),
    "interrupted": StateRule("broken off when the search was stopped or killed", False, True, retryable=True),
    "lost": StateRule("the worker it ran on is gone", False, True, retryable=True),
}

TRANSITIONS: dict[str, frozenset[str]] = {
    "waiting": frozenset({"running"}),
    "running": frozenset(STATES),
    **{name: frozenset({"waiting"} if rule.repeated else ()) for name, rule in STATES.items()},
}
"""The states that may follow each state. A state without a successor is final: its record is never replaced."""


def is_repeated(state: TrialState, attempt: int) -> bool:
    """Whether a trial that ended in `state` is run again.

    >>> is_repeated("lost", 0), is_repeated("lost", 2), is_repeated("diverged", 0)
    (True, False, False)

    Args:
        state: how the attempt ended.
        attempt: its number, from 0.
    """
    return "waiting" in TRANSITIONS[state] and attempt < MAX_REPEATS
