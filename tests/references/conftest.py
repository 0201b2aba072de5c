"""One small search whose references are looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiers import starts_children

from serbench.corpora import get_corpus
from serbench.results import Leaderboard, Results
from serbench.search import SearchPlan, run_search
from serbench.spaces import load_space


@pytest.fixture(scope="module")
def searched_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one search of the file is kept."""
    return tmp_path_factory.mktemp("searched") / "results"


@pytest.fixture
@starts_children
def searched_board(tone_corpus, tiny_space, searched_once, tmp_path) -> Leaderboard:
    """The leaderboard of a search of one trial, in a copy that a test may damage."""
    if not searched_once.exists():
        plan = SearchPlan(
            spaces=(load_space(tiny_space()),), corpus=get_corpus("crema-d"), data=tone_corpus,
            results=searched_once, trials=1, finalists=1, repeats=1, workers=1,
        )  # fmt: skip
        run_search(plan)
    shutil.copytree(searched_once, tmp_path / "results")
    return Results(tmp_path / "results").board()
