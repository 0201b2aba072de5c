"""One small search whose references are looked at."""

from __future__ import annotations

import pytest
from tiers import starts_children

from serbench.corpora import get_corpus
from serbench.results import Leaderboard, Results
from serbench.search import SearchPlan, run_search
from serbench.spaces import load_space


@pytest.fixture
@starts_children
def searched_board(tone_corpus, tiny_space, tmp_path) -> Leaderboard:
    """The leaderboard of a search of one trial."""
    plan = SearchPlan(
        spaces=(load_space(tiny_space()),), corpus=get_corpus("crema-d"), data=tone_corpus,
        results=tmp_path / "results", trials=1, finalists=1, repeats=1, workers=1,
    )  # fmt: skip
    run_search(plan)
    return Results(tmp_path / "results").board()
