import pytest
from drawn_results import Builder


@pytest.fixture
def build(tmp_path):
    return Builder(tmp_path / "results")


@pytest.fixture
def drawn(build):
    """A study of four trials and two tested entries, ten test speakers."""
    study = build.study()
    build.entry("good", study, skill=0.7, validation=0.7)
    build.entry("other", study, skill=0.5, validation=0.5)
    return build
