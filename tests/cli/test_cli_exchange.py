"""`serbench submit` on a published run of ten folds, without its audio."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
RUN = "s35-small"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The published run on EMO-DB alone."""
    root = tmp_path / "results"
    shutil.copytree(PUBLISHED, root, ignore=lambda _, names: [name for name in names if name.startswith("crema")])
    return root


@pytest.fixture
def answers(published: Path, tmp_path: Path) -> Path:
    """What the SVM of all folds answered, as somebody else's tool would write it."""
    tables = []
    for path in sorted((published / "references").glob("*/functionals/record.json")):
        if json.loads(path.read_text(encoding="utf-8"))["corpus"] == "emo-db":
            table = pd.read_parquet(path.with_name("predictions.parquet"))
            told = table.filter(regex="^p_").idxmax(axis=1).str.removeprefix("p_")
            tables.append(pd.DataFrame({"clip_id": table["clip_id"], "label": told}))
    pd.concat(tables).to_csv(tmp_path / "answers.csv", index=False)
    return tmp_path / "answers.csv"


@pytest.mark.long
@pytest.mark.parametrize("study", [RUN, f"{RUN}-fold3"])
def test_one_file_for_all_folds_becomes_one_row(serbench, published, answers, study) -> None:
    done = serbench("submit", answers, "--study", study, "--name", "mine", "--results", published, "--format", "json")
    assert done.code == 0, done.err
    rows = {row["name"]: row for row in json.loads(done.out)["references"]}
    assert rows["brought-mine"]["uar"] == pytest.approx(rows["functionals"]["uar"])
    assert rows["brought-mine"]["clips"] == 535


def test_answers_of_one_fold_are_not_enough(serbench, published, answers) -> None:
    pd.read_csv(answers).iloc[:50].to_csv(answers, index=False)
    done = serbench("submit", answers, "--study", RUN, "--name", "mine", "--results", published)
    assert done.code == 1
    assert "485 of 535 test clips have no prediction" in done.sentence


def test_a_run_without_all_its_folds_is_told(serbench, published, answers) -> None:
    shutil.rmtree(published / "studies" / f"{RUN}-fold7")
    done = serbench("submit", answers, "--study", RUN, "--name", "mine", "--results", published)
    assert "has 9 of 10 folds so far" in done.sentence


def test_an_unknown_study_gets_the_nearest(serbench, published, answers) -> None:
    done = serbench("submit", answers, "--study", "s35-smal", "--name", "mine", "--results", published)
    assert done.code == 2
    assert f"did you mean '{RUN}" in done.sentence


def test_predictions_for_a_test_set_without_entries_are_kept_and_told(serbench, published, answers) -> None:
    for folder in (published / "studies").glob("*small-fold*"):
        shutil.rmtree(folder / "entries", ignore_errors=True)
    words = ["submit", answers, "--study", RUN, "--name", "mine", "--results", published, "--format", "json"]
    done = serbench(*words)
    assert done.code == 0, done.err
    assert "brought-mine is kept; the leaderboard shows it once an entry is tested" in done.err
    assert json.loads(done.out)["rows"] == []
    assert len(list((published / "references").glob("*/brought-mine/record.json"))) == 10
