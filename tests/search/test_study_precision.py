"""The precision of a study: recorded, kept when it goes on, repeated by a replay, and reached by no `keras.json`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from serbench.errors import UsageError
from serbench.records import ResultsFolder
from serbench.search import Observer, run_search
from serbench.search.replay import replay_trial
from serbench.training import choose_precision

NAME = "crema-d-speaker-tiny_cnn1d"


class Warnings(Observer):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warning(self, text: str) -> None:
        self.texts.append(text)


def other(precision: str) -> str:
    return "float32" if precision == "bfloat16" else "bfloat16"


@pytest.mark.children
@pytest.mark.slow
def test_a_study_in_bfloat16_goes_on_in_it_and_replays_to_its_predictions(make_plan) -> None:
    plan = make_plan(precision="bfloat16", trials=1, finalists=0)
    run_search(plan)
    results = ResultsFolder(plan.results)
    assert results.study(NAME).record().precision == "bfloat16"
    watch = Warnings()
    run_search(make_plan(precision="float32", trials=2, finalists=0), watch)
    assert [text.split(";")[0] for text in watch.texts if "bfloat16" in text] == [
        f"study '{NAME}' was begun in bfloat16 and goes on in it"
    ]
    assert results.study(NAME).record().precision == "bfloat16"
    found = replay_trial(results, NAME, "t0001")
    assert found.replayed_uar == found.recorded_uar is not None
    assert found.largest_difference == 0


@pytest.mark.slow
@pytest.mark.children
def test_auto_is_recorded_as_what_it_gives_here(make_plan) -> None:
    plan = make_plan(trials=1, finalists=0)
    run_search(plan)
    record = ResultsFolder(plan.results).study(NAME).record_path
    values = json.loads(record.read_text(encoding="utf-8"))
    assert values["precision"] == choose_precision("auto")
    values["precision"] = other(values["precision"])
    record.write_text(json.dumps(values), encoding="utf-8")
    assert replay_trial(ResultsFolder(plan.results), NAME, "t0000").largest_difference > 0, "a replay reads the record"


def test_an_unknown_precision_is_refused_before_anything_is_written(make_plan) -> None:
    plan = make_plan(precision="float16")
    with pytest.raises(UsageError, match=r"unknown precision 'float16'; did you mean 'b?float"):
        run_search(plan)
    assert not plan.results.exists()


@pytest.mark.slow
@pytest.mark.children
def test_a_keras_json_does_not_reach_a_trial(tone_corpus, tiny_space, tmp_path) -> None:
    """A command beside a hostile file gives what this process, which has no such file, replays."""
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    hostile = {"floatx": "octonion", "epsilon": 0.5, "image_data_format": "channels_first"}
    (home / ".keras" / "keras.json").write_text(json.dumps(hostile), encoding="utf-8")
    results = tmp_path / "results"
    words = [
        "search", str(tiny_space()), "--corpus", "crema-d", "--data", str(tone_corpus), "--trials", "1",
        "--finalists", "0", "--workers", "1", "--results", str(results), "--precision", "float32",
    ]  # fmt: skip
    environment = {**os.environ, "KERAS_HOME": str(home / ".keras"), "KERAS_MAX_EPOCHS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "serbench", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = replay_trial(ResultsFolder(results), NAME, "t0000")
    assert found.recorded_epochs == 3
    assert found.largest_difference == 0
