"""A search plan on the tone corpus, and commands to be killed with what they come to when nobody kills them."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from kills import Command, Nursery, check, result
from tiers import starts_children

from serbench.corpora import get_corpus
from serbench.search import SearchPlan
from serbench.spaces import load_space

KNOWN = """
[[enqueue]]
name = "first"
parameters = { width = 16 }

[[enqueue]]
name = "second"
parameters = { width = 8 }
"""


@pytest.fixture
def make_plan(tone_corpus: Path, tiny_space, tmp_path: Path):
    def make(family: str = "cnn1d", space: Path | None = None, **parts) -> SearchPlan:
        values = {
            "spaces": (load_space(space or tiny_space(family)),),
            "corpus": get_corpus("crema-d"),
            "data": tone_corpus,
            "results": tmp_path / "results",
            "workers": 1,
        }
        return SearchPlan(**(values | parts))

    return make


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("kills")


@pytest.fixture
@starts_children
def real(place, tiny_space, tone_corpus, tmp_path) -> Command:
    """A command whose fits are real and long enough to be broken off."""
    space = place / "real.toml"
    if not space.exists():
        shutil.copy(tiny_space(epochs="16", patience="16"), space)
    return Command(space, tone_corpus, tmp_path / "results", place / "cache", trials=2)


@pytest.fixture
@starts_children
def made_up(place, tiny_space, tone_corpus, tmp_path, own_cache) -> Command:
    """A command of all that a study can have: known configurations, probes, trials that are lost or invalid."""
    space = place / "made_up.toml"
    if not space.exists():
        space.write_text(tiny_space().read_text(encoding="utf-8") + KNOWN, encoding="utf-8")
    more = ("--repeats", "2", "--workers", "1", "--probes", "2")
    return Command(space, tone_corpus, tmp_path / "results", own_cache, 4, more)


@pytest.fixture(scope="session")
def _unbroken() -> dict[str, object]:
    return {}


@pytest.fixture
def unbroken_real(real, place, _unbroken) -> object:
    """What the real search comes to when nobody kills it."""
    if "real" not in _unbroken:
        whole = dataclasses.replace(real, results=place / "whole")
        whole.finish()
        check(whole)
        _unbroken["real"] = result(whole)
    return _unbroken["real"]


@pytest.fixture(scope="module")
@starts_children
def nursery(place, _session_cache):
    lives = Nursery(_session_cache, place)
    yield lives
    lives.close()


@pytest.fixture
def unbroken(made_up, nursery, place, _unbroken) -> object:
    """What the made-up search comes to when nobody kills it."""
    if "made up" not in _unbroken:
        # Its events are counted once the cache is warm, as it is for all lives that follow.
        assert nursery.run(dataclasses.replace(made_up, results=place / "warming")) == 0, nursery.said()
        whole = dataclasses.replace(made_up, results=place / "made_up")
        assert nursery.run(whole, diary=place / "diary") == 0, nursery.said()
        check(whole)
        _unbroken["made up"] = result(whole)
    return _unbroken["made up"]
