"""A search on labels that were shuffled over the clips: an honest pipeline falls to chance, one that leaks does not.

    uv run python benchmarks/shuffled_labels.py cnn1d --corpus crema-d --data DIR --trials 2 --epochs 8

Everything else is as in `serbench search`; results go to a temporary folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from importlib import import_module
from pathlib import Path
from unittest import mock

import numpy as np

from serbench.corpora import StudyClips, get_corpus, load_clips
from serbench.records import ResultsFolder
from serbench.search import SearchPlan, run_search
from serbench.spaces import load_space

__all__ = ["search_shuffled"]


def search_shuffled(plan: SearchPlan) -> list[float]:
    """Runs a plan on shuffled labels.

    Returns:
        Accuracy on the test core of every refit.
    """

    def shuffled(*args: object, **kwargs: object) -> StudyClips:
        clips = load_clips(*args, **kwargs)  # type: ignore[arg-type]
        order = np.random.default_rng(np.random.SeedSequence([plan.seed, 77])).permutation(len(clips.table))
        table = clips.table.assign(label=clips.table["label"].to_numpy()[order])
        return dataclasses.replace(clips, table=table, digest="shuffled")

    with mock.patch.object(import_module("serbench.search.run_spaces"), "load_clips", shuffled):
        names = run_search(plan)
    folder = ResultsFolder(plan.results)
    return [refit.scores["test"].accuracy for name in names for refit in folder.study(name).jobs("refit")]


def main() -> None:
    """Prints the accuracies beside chance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("space")
    parser.add_argument("--corpus", default="demo")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=2)
    asked = parser.parse_args()
    corpus = get_corpus(asked.corpus)
    with tempfile.TemporaryDirectory() as folder:
        plan = SearchPlan(
            spaces=(load_space(asked.space).with_training(epochs=asked.epochs),),
            corpus=corpus,
            data=asked.data,
            results=Path(folder),
            trials=asked.trials,
            finalists=1,
            repeats=asked.repeats,
        )
        accuracies = search_shuffled(plan)
    chance = 1 / len(corpus.labels)
    print(f"test accuracy on shuffled labels: {', '.join(f'{a:.1%}' for a in accuracies)}; chance is {chance:.1%}")


if __name__ == "__main__":
    main()
