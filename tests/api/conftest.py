"""One small search through the API whose fits are made up, and the results and the bundle of one whose fits are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fits_made import made_up_fit
from tiers import starts_children

import serbench

PUBLISHED = Path(__file__).parents[2] / "results" / "published"

SPACE = """
[space]
name = "tiny"
family = "cnn1d"

[features]
sample_rate = 8000
duration_s = 0.6
window_length = 256
hop_length = 128
n_mfcc = 8
n_mels = 24
deltas = false

[training]
epochs = 3
patience = 3

[budget]
shortlist = 0
trials = 1
finalists = 1
repeats = 2

[parameters]
depth = 2
width = 8
dense_width = 16
batch_size = 16
learning_rate = { low = 1e-3, high = 1e-2, log = true }
"""


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "tiny.toml"
    path.write_text(SPACE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
@starts_children
def found(space: Path, tone_corpus: Path, _session_cache: Path, tmp_path_factory) -> serbench.Results:
    """What a search returned that trained nothing."""
    results = tmp_path_factory.mktemp("found") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERBENCH_CACHE", str(_session_cache))
        patch.setattr("serbench.search.engines.local.run_job", made_up_fit)
        return serbench.search(space, "crema-d", tone_corpus, results=results, workers=1, progress=False)


@pytest.fixture(scope="session")
def _bundles() -> dict[str, serbench.Bundle]:
    return {}


@pytest.fixture
def bundle(_bundles, exported, tmp_path_factory) -> serbench.Bundle:
    """A bundle of a real network, loaded once."""
    if not _bundles:
        folder, _ = exported
        copy = shutil.copytree(folder, tmp_path_factory.mktemp("exported") / "bundle")
        _bundles["one"] = serbench.load_bundle(copy)
    return _bundles["one"]


@pytest.fixture(scope="session")
def published() -> serbench.Results:
    return serbench.open_results(PUBLISHED)
