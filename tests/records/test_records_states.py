"""The table of trial states: every way to end, what may follow, how often."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from serbench.records.states import MAX_REPEATS, STATES, TRANSITIONS, TrialState, is_repeated

DOCS = Path(__file__).parents[2] / "docs" / "search.md"


def test_every_state_has_its_rule_and_its_row() -> None:
    assert list(STATES) == list(get_args(TrialState))
    assert TRANSITIONS.keys() == {"waiting", "running", *STATES}


def test_every_way_ends() -> None:
    """From waiting, each path reaches a final state once its repeats are used up."""
    assert TRANSITIONS["waiting"] == {"running"}
    assert TRANSITIONS["running"] == set(STATES)
    for state in STATES:
        assert TRANSITIONS[state] <= {"waiting"}
        assert not is_repeated(state, MAX_REPEATS)


def test_only_what_says_nothing_about_a_configuration_is_repeated() -> None:
    repeated = {state for state in STATES if is_repeated(state, 0)}
    assert repeated == {"interrupted", "lost"}
    assert not any(STATES[state].counts for state in repeated)


def test_only_scores_are_learnt_as_scores() -> None:
    assert [state for state, rule in STATES.items() if rule.sampler == "score"] == ["completed"]


@pytest.mark.parametrize("state", STATES)
def test_the_docs_say_how_each_state_comes_about(state: TrialState) -> None:
    rule = STATES[state]
    row = f"| `{state}` | {rule.meaning} | {'yes' if rule.counts else 'no'} | {'yes' if rule.repeated else 'no'} |"
    assert row in DOCS.read_text(encoding="utf-8")
