"""Spaces loaded from their text."""

from __future__ import annotations

from pathlib import Path

import pytest
from spaces_made import TEXT

from serbench.spaces.file import load_space
from serbench.spaces.space import SearchSpace


@pytest.fixture
def space_of(tmp_path: Path):
    """Loads a space from its text."""

    def load(text: str = TEXT) -> SearchSpace:
        (tmp_path / "space.toml").write_text(text, encoding="utf-8")
        return load_space(tmp_path / "space.toml")

    return load
