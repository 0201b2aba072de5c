"""References: on exactly the test core, learned from training clips alone, kept once for all studies."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from serbench.corpora import get_corpus, load_clips
from serbench.errors import SerbenchError, UsageError
from serbench.features import FeatureSpec
from serbench.protocols import Protocol
from serbench.records.references import ReferenceFolder
from serbench.references import compute_references, optional_reference, reported
from serbench.references.core import Core
from serbench.references.simple import chance, listeners, majority
from serbench.references.svm import acoustic_spec, svm

SPEC = FeatureSpec(
    kind="acoustic", sample_rate=8000, duration_s=0.6, window_length=256, hop_length=128, n_mfcc=8, n_mels=24,
    deltas=False,
)  # fmt: skip


class _Study:
    """As much of a study's record as references read."""

    def __init__(self, corpus, protocol) -> None:
        self.corpus, self.protocol = corpus, protocol
        self.features = SPEC.model_dump(mode="json")


@pytest.fixture
def core(tone_corpus) -> Core:
    clips = load_clips(get_corpus("crema-d"), tone_corpus, sample_rate=8000)
    protocol = Protocol("speaker")
    (plan,) = protocol.plans(clips.table)
    study = _Study(clips.facts(), protocol.facts(clips.table, plan))
    return Core(study, clips.table, plan.split(plan.cores))


def test_chance_and_majority_hear_nothing(core) -> None:
    answers = chance(core)
    assert answers.rows == core.split.test
    assert np.allclose(answers.shares, 1 / 6)
    relabelled = core.clips.assign(label="sadness")
    assert majority(replace(core, clips=relabelled)).settings == {"class": "sadness"}


def test_the_svm_hears_tones_and_its_answers_do_not_hang_on_test_labels(core) -> None:
    answers = svm(core)
    right = answers.shares.argmax(axis=1) == core.targets(core.split.test)
    assert right.mean() > 0.8
    labels = core.clips["label"].to_numpy(copy=True)
    labels[list(core.split.test)] = "anger"
    blind = svm(replace(core, clips=core.clips.assign(label=labels)))
    assert np.array_equal(blind.shares, answers.shares)
    assert blind.settings == answers.settings


def test_listeners_share_a_clip_they_tie_on_and_are_silent_where_nobody_asked(core) -> None:
    assert listeners(core) is None
    rows = core.split.test
    votes = pd.Series([None] * len(core.clips), dtype=object)
    votes.iloc[rows[0]], votes.iloc[rows[1]], votes.iloc[rows[2]] = "fear", "anger:sadness", "boredom:fear"
    asked = replace(core, clips=core.clips.assign(votes=votes))
    answers = listeners(asked)
    assert answers.rows == (rows[0], rows[1])
    place = {label: index for index, label in enumerate(core.labels)}
    assert answers.shares[0, place["fear"]] == 1.0
    assert answers.shares[1, place["anger"]] == answers.shares[1, place["sadness"]] == 0.5
    core.study.corpus = core.study.corpus.model_copy(update={"label_source": "perceived"})
    assert listeners(asked) is None  # they would be compared with themselves


def test_they_are_made_once_and_anew_where_damaged(core, tmp_path) -> None:
    assert compute_references(tmp_path, core) == ["chance", "majority", "svm"]
    assert compute_references(tmp_path, core) == []
    folder = ReferenceFolder.of(tmp_path, core.study)
    record, table = folder.load("svm")
    assert table["clip_id"].tolist() == core.clips["clip_id"].iloc[list(core.split.test)].tolist()
    assert record.settings["C"] > 0
    (folder.path / "svm" / "predictions.parquet").write_bytes(b"no table")
    shutil.rmtree(folder.path / "chance")
    assert compute_references(tmp_path, core) == ["chance", "svm"]
    pd.testing.assert_frame_equal(folder.load("svm")[1], table)


def test_what_a_killed_search_left_is_cleared_away(core, tmp_path) -> None:
    folder = ReferenceFolder.of(tmp_path, core.study)
    (folder.path / ".svm.abc.tmp").mkdir(parents=True)
    compute_references(tmp_path, core)
    assert not list(tmp_path.rglob("*.tmp"))


def test_an_unknown_reference_gets_the_nearest(core, tmp_path) -> None:
    with pytest.raises(UsageError, match="did you mean 'egemaps'"):
        optional_reference("egemap")
    with pytest.raises(UsageError, match="name it with --encoder DIR"):
        optional_reference("encoder")


@pytest.mark.skipif(importlib.util.find_spec("opensmile") is not None, reason="openSMILE is installed")
def test_an_extra_that_is_missing_is_named_late(core, tmp_path) -> None:
    name, reference = optional_reference("egemaps")
    with pytest.raises(SerbenchError, match=r"serbench\[egemaps\]"):
        compute_references(tmp_path, core, {name: reference})


def test_an_encoder_is_read_from_safetensors_alone(tmp_path) -> None:
    folder = tmp_path / "my model!"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"has no config.json"):
        optional_reference("encoder", folder)
    for file in ("config.json", "preprocessor_config.json", "pytorch_model.bin"):
        (folder / file).write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="no weights as safetensors"):
        optional_reference("encoder", folder)
    (folder / "model.safetensors").write_bytes(b"1")
    first, _ = optional_reference("encoder", folder)
    (folder / "model.safetensors").write_bytes(b"2")
    second, _ = optional_reference("encoder", folder)
    assert first.startswith("encoder-my-model--")
    assert first != second  # other weights under one name are another reference


def test_the_svm_is_the_same_whatever_the_study_reads(core) -> None:
    assert [acoustic_spec(rate).window_length for rate in (8_000, 11_025, 16_000)] == [512, 512, 1024]
    mel = FeatureSpec(kind="log_mel", sample_rate=8000, duration_s=0.6).model_dump(mode="json")
    first = svm(core)
    core.study.features = mel
    assert np.array_equal(svm(core).shares, first.shares)


def test_the_literature_is_of_one_corpus_and_one_kind_of_labels() -> None:
    found = reported("crema-d")
    assert {row.labels for row in found} == {"intended"}
    by_name = {row.system: row for row in found}
    assert (by_name["SER report 2-D CNN"].value_pct, by_name["SER report 2-D CNN"].speakers_shared) == (57.1, True)
    assert by_name["WavLM large (frozen)"].trained_from_scratch is False
    assert {row.metric for row in reported("crema-d", "perceived")} == {"macro-F1"}
    assert reported("emo-db") == ()


def test_a_search_leaves_them_on_the_leaderboard_in_every_format(searched_board) -> None:
    board = searched_board
    names = [row.name for row in board.groups[0].references]
    assert names == ["chance", "majority", "svm"]
    (svm_row,) = [row for row in board.references if row.name == "svm"]
    shown = f"{100 * svm_row.accuracy:.1f}"
    for form in ("table", "markdown", "latex"):
        text = board.render(form, width=120)
        assert "References on the same test clips" in text
        assert shown in text
    data = json.loads(board.render("json"))
    assert [row["name"] for row in data["references"]] == names
    assert any(row["system"] == "SER report 2-D CNN" for row in data["reported"])
    lines = board.render("csv").splitlines()
    assert sum(line.startswith("reference,") for line in lines) == 3
    assert f"{svm_row.uar}" in next(line for line in lines if ",svm," in line)
