"""A search plan on the tone corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from serbench.corpora import get_corpus
from serbench.search import SearchPlan, load_space


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
