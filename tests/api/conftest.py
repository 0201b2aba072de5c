"""One small search through the API, with the bundle of what it found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
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
def searched(space: Path, tone_corpus: Path, _session_cache: Path, tmp_path_factory) -> serbench.Results:
    os.environ["SERBENCH_CACHE"] = str(_session_cache)
    results = tmp_path_factory.mktemp("searched") / "results"
    return serbench.search(space, "crema-d", tone_corpus, results=results, workers=1, progress=False)


@pytest.fixture(scope="session")
@starts_children
def bundle(searched: serbench.Results, tmp_path_factory) -> serbench.Bundle:
    return searched.best().export(tmp_path_factory.mktemp("exported") / "bundle")


@pytest.fixture(scope="session")
def published() -> serbench.Results:
    return serbench.open_results(PUBLISHED)
