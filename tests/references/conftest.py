"""One small search whose references are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests_shared import copy_of_one_family

from serbench.results import Leaderboard, Results


@pytest.fixture
def searched_board(searched: Path, tmp_path: Path) -> Leaderboard:
    """The leaderboard of a search of one family, in a copy that a test may damage."""
    return Results(copy_of_one_family(searched, tmp_path / "results")).board()
