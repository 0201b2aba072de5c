"""What makes two records two studies, and what a later version of serbench may add without doing so."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from serbench.records import StudyRecord
from serbench.search.studies.differences import differences
from serbench.spaces import load_space

SPACE = load_space("cnn1d")
STUDIES = Path(__file__).parents[2] / "results" / "published" / "studies"


def of(space: dict, digest: str):
    some = StudyRecord.load(min(STUDIES.glob("*/study.json")))
    return some.model_copy(update={"space": space, "space_hash": digest})


@pytest.fixture
def earlier():
    """The same space, as a version without one of its hyperparameters described it."""
    space = copy.deepcopy(SPACE.describe())
    for known in space["enqueue"].values():
        del known["parameters"]["speed_perturbation"]
    return of(space, "earlier")


def test_a_hyperparameter_that_came_later_changes_nothing_at_its_default(earlier) -> None:
    assert list(differences(earlier, of(SPACE.describe(), "now"), SPACE.defaults())) == []


def test_at_another_value_it_is_a_difference(earlier) -> None:
    space = copy.deepcopy(SPACE.describe())
    name = next(iter(space["enqueue"]))
    space["enqueue"][name]["parameters"]["speed_perturbation"] = 0.1
    (found,) = differences(earlier, of(space, "now"), SPACE.defaults())
    assert found == f"space enqueue.{name}.parameters.speed_perturbation: absent -> 0.1"


def test_a_value_that_is_known_is_compared_whatever_its_default(earlier) -> None:
    before = copy.deepcopy(earlier.space)
    name = next(iter(before["enqueue"]))
    before["enqueue"][name]["parameters"]["width"] = 16
    assert len(list(differences(of(before, "before"), of(SPACE.describe(), "now"), SPACE.defaults()))) == 1
