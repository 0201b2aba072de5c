"""Event files as TensorBoard's own reader sees them.

Writing needs no TensorFlow: as quick tests, those without `read` would fail if it was imported.
"""

from __future__ import annotations

import sys
import types

import pytest
from drawn_results import run_of
from tests_shared import needs
from trackers_made import STUDY, retried

from serbench.errors import SerbenchError
from serbench.trackers import push_study, study_runs

pytestmark = needs("tensorboard")


@pytest.fixture
def read(monkeypatch):
    """TensorBoard's reader, by its own switch without TensorFlow."""
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", types.ModuleType("notf"))
    return _read


def _read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    return found


def scalars(found):
    """(step, value) pairs by tag."""
    from tensorboard.util import tensor_util

    tags = [tag for tag in found.Tags()["tensors"] if tag not in {"facts/text_summary", "facts"}]
    tags = [tag for tag in tags if not tag.startswith("_hparams_")]
    return {
        tag: [(one.step, float(tensor_util.make_ndarray(one.tensor_proto))) for one in found.Tensors(tag)]
        for tag in tags
    }


def test_curves_and_scores_come_back_as_recorded(drawn, tmp_path, read):
    runs = {run.name: run for run in study_runs(drawn.read(), STUDY)}
    push_study(drawn.read(), STUDY, "tensorboard", str(tmp_path / "tb"))
    found = scalars(read(tmp_path / "tb" / STUDY / "runs" / run_of("good")))
    assert [step for step, _ in found["validation/uar"]] == list(range(1, 21))
    assert found["validation/uar"] == [(s, pytest.approx(v)) for s, v in runs[run_of("good")].curves["validation/uar"]]
    entry = scalars(read(tmp_path / "tb" / STUDY / "entries" / "good"))
    for name in ("test/uar", "test/uar_low", "test/uar_high"):
        assert entry[name] == [(0, pytest.approx(runs["good"].scores[name]))]


def test_hyperparameters_and_facts_are_in_the_file(drawn, tmp_path, read):
    from tensorboard.plugins.hparams import metadata

    push_study(drawn.read(), STUDY, "tensorboard", str(tmp_path / "tb"))
    found = read(tmp_path / "tb" / STUDY / "entries" / "good")
    content = found.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    hparams = metadata.parse_session_start_info_plugin_data(content).hparams
    assert {name: value.number_value for name, value in hparams.items()} == {
        "learning_rate": 0.001, "batch_size": 32, "layers.depth": 4,
    }  # fmt: skip
    (facts,) = found.Tensors("facts")
    text = facts.tensor_proto.string_val[0].decode()
    assert f"corpus_digest: {drawn.results.study(STUDY).record().corpus.digest}" in text
    assert "protocol: speaker" in text


def test_a_second_push_doubles_nothing_and_takes_what_is_new(drawn, tmp_path):
    place = str(tmp_path / "tb")
    first = push_study(drawn.read(), STUDY, "tensorboard", place)
    assert (first.added, first.updated, first.unchanged) == (11, 0, 0)
    again = push_study(drawn.read(), STUDY, "tensorboard", place)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 11)
    retried(drawn)
    drawn.entry("third", STUDY)
    last = push_study(drawn.read(), STUDY, "tensorboard", place)
    assert (last.added, last.updated, last.unchanged) == (3, 2, 9), "an entry and its two runs; the trial and the study"
    assert all(len(list(path.parent.iterdir())) == 1 for path in (tmp_path / "tb").rglob("events*"))


def test_a_changed_fit_is_one_curve_not_two(drawn, tmp_path, read):
    for _ in range(2):
        push_study(drawn.read(), STUDY, "tensorboard", str(tmp_path / "tb"))
        retried(drawn)
    assert scalars(read(tmp_path / "tb" / STUDY / "trials" / "t3"))["validation/best_uar"] == [(0, 0.25)]


def test_ids_of_strangers_that_are_paths_are_refused(drawn, tmp_path):
    folder = drawn.results.study(STUDY)
    entry = folder.entry("good")
    entry.model_copy(update={"entry_id": "../../../out"}).save(folder.path / "entries" / "good.json")
    with pytest.raises(SerbenchError, match=r"good\.json is damaged"):
        push_study(drawn.read(), STUDY, "tensorboard", str(tmp_path / "a" / "b" / "tb"))
    assert not list(tmp_path.rglob("out*"))


def test_a_folder_that_cannot_be_written_is_one_sentence(drawn, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SerbenchError, match=r"cannot write .*file, not a folder"):
        push_study(drawn.read(), STUDY, "tensorboard", str(tmp_path / "file" / "tb"))
