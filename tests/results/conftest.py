import pytest
from drawn_results import Builder


@pytest.fixture
def build(tmp_path):
    return Builder(tmp_path / "results")
