"""The honesty test: on labels that say nothing, nothing is learnt that shows on the test set."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.shuffled_labels import search_shuffled
from serbench.corpora import get_corpus
from serbench.corpora.demo.corpus import write_demo
from serbench.corpora.demo.speakers import SPEAKER_IDS
from serbench.records import ResultsFolder
from serbench.search import SearchPlan, run_search
from serbench.spaces import load_space


@pytest.fixture(scope="module")
def small_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten speakers of the demo corpus: 240 clips."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    write_demo(folder, SPEAKER_IDS[:10])
    return folder


@pytest.fixture
def plan(small_demo: Path, tmp_path: Path) -> SearchPlan:
    return SearchPlan(
        spaces=(load_space("demo_cnn1d").with_training(epochs=20, patience=20),), corpus=get_corpus("demo"),
        data=small_demo, results=tmp_path / "results", trials=4, finalists=1, repeats=2, workers=2,
    )  # fmt: skip


@pytest.mark.slow
def test_shuffled_labels_fall_to_chance(plan) -> None:
    accuracies = search_shuffled(plan)
    assert len(accuracies) == 3  # two final runs and the bag of the folds' models
    assert sum(accuracies) / 3 < 0.30  # chance is 1/6; 48 test clips a refit


@pytest.mark.slow
def test_true_labels_do_not(plan) -> None:
    (name,) = run_search(plan)
    refits = list(ResultsFolder(plan.results).study(name).jobs("refit"))
    assert sum(refit.scores["test"].accuracy for refit in refits) / len(refits) > 0.30
