"""References: on exactly the test core, learned from training clips alone, kept once for all studies."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_results import Builder
from tiers import starts_children

from serbench.corpora import UNKNOWN_SPEAKER, get_corpus, load_clips
from serbench.errors import SerbenchError, UsageError
from serbench.features import FeatureSpec
from serbench.protocols import Split, SplitProtocol
from serbench.records import ResultsFolder
from serbench.records.references import ReferenceFolder
from serbench.references import (
    BASELINES,
    REFERENCES,
    compute_references,
    named_reference,
    reported,
    require_extra,
)
from serbench.references.boosting import boosting
from serbench.references.normalised import by_speaker
from serbench.references.simple import chance, listeners, majority
from serbench.references.svm import acoustic_spec, clip_functionals, svm, svm_on_functionals
from serbench.references.task import ReferenceTask
from serbench.render import render
from serbench.results import Results

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
@starts_children
def core(tone_corpus) -> ReferenceTask:
    clips = load_clips(get_corpus("crema-d"), tone_corpus, sample_rate=8000)
    protocol = SplitProtocol("speaker")
    (plan,) = protocol.plans(clips.table)
    study = _Study(clips.facts(), protocol.facts(clips.table, plan))
    return ReferenceTask(study, clips.table, plan.core_split)


def test_chance_and_majority_hear_nothing(core) -> None:
    answers = chance(core)
    assert answers.rows == core.split.test
    assert np.allclose(answers.shares, 1 / 6)
    relabelled = core.clips.assign(label="sadness")
    assert majority(replace(core, clips=relabelled)).settings == {"class": "sadness"}


@pytest.mark.parametrize("method", [svm, svm_on_functionals, pytest.param(boosting, marks=pytest.mark.slow)])
def test_it_hears_tones_and_its_answers_do_not_hang_on_test_labels(core, method) -> None:
    answers = method(core)
    right = answers.shares.argmax(axis=1) == core.targets(core.split.test)
    assert right.mean() > 0.8
    labels = core.clips["label"].to_numpy(copy=True)
    labels[list(core.split.test)] = "anger"
    blind = method(replace(core, clips=core.clips.assign(label=labels)))
    assert np.array_equal(blind.shares, answers.shares)
    assert blind.settings == answers.settings


def test_vectors_normalised_by_speaker_know_no_speaker_by_level(core) -> None:
    vectors, settings = clip_functionals(core, speaker_normalised=True)
    assert settings["normalised"] == "by speaker"
    for rows in core.clips.groupby("speaker").indices.values():
        assert vectors[rows].mean(axis=0) == pytest.approx(0, abs=1e-6)
    plain, _ = clip_functionals(core)
    assert by_speaker(100 + 3 * plain, core.clips["speaker"]) == pytest.approx(vectors, abs=1e-6)


def test_a_reference_that_is_normalised_by_speaker_is_marked_and_has_no_interval(core, tmp_path) -> None:
    kept, reference = named_reference("functionals-speaker")
    assert reference.transductive
    assert "transductive" in reference.detail
    labels = core.clips["label"].to_numpy(copy=True)
    labels[list(core.split.test)] = "anger"
    blind = reference.answer(replace(core, clips=core.clips.assign(label=labels)))
    assert np.array_equal(blind.shares, reference.answer(core).shares), "it uses no label of a test clip"
    assert not {"functionals-speaker", "boosting-speaker", "egemaps-speaker"} & {*REFERENCES, *BASELINES}
    assert kept == "functionals-speaker"


def test_clips_of_unknown_speakers_are_not_normalised_as_one_person(tmp_path) -> None:
    build = Builder(tmp_path / "results")
    folder = build.results.study(build.study())
    clips = folder.clips()
    tested = clips["clip_id"].str.startswith("test").to_numpy()
    split = Split(tuple(np.flatnonzero(~tested)[12:]), tuple(range(12)), (), tuple(np.flatnonzero(tested)), ())
    task = ReferenceTask(folder.record(), clips, split)
    by_speakers = {"chance-speaker": REFERENCES["chance"]._replace(transductive=True)}
    nameless = clips["speaker"].where(clips.index != 3, UNKNOWN_SPEAKER)
    assert (
        compute_references(build.results.root, replace(task, clips=clips.assign(speaker=nameless)), by_speakers) == []
    )
    assert compute_references(build.results.root, task, by_speakers) == ["chance-speaker"]


def test_the_extra_of_a_variant_is_that_of_its_method(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SerbenchError, match=r"'egemaps-speaker' needs openSMILE; .*serbench\[egemaps\]"):
        require_extra("egemaps-speaker")


def test_settings_are_chosen_on_speakers_apart_and_never_on_tested_clips(core) -> None:
    speakers = core.clips["speaker"].iloc[list(core.split.outside_test)].to_numpy()
    assert not set(speakers) & set(core.clips["speaker"].iloc[list(core.split.test)])
    folds = core.folds(5)
    assert len(folds) == 5
    assert all(not set(speakers[train]) & set(speakers[held_out]) for train, held_out in folds)
    assert sorted(place for _, held_out in folds for place in held_out) == list(range(len(core.split.outside_test)))


def test_listeners_share_a_clip_they_tie_on_and_are_silent_where_nobody_asked(core) -> None:
    assert listeners(core) is None
    rows = core.split.test
    votes = pd.Series([None] * len(core.clips), dtype=object)
    votes.iloc[rows[0]], votes.iloc[rows[1]], votes.iloc[rows[2]] = "fear", "anger:sadness", "boredom:fear"
    asked = replace(core, clips=core.clips.assign(votes=votes))
    answers = listeners(asked)
    assert answers.rows == rows[:3]
    place = {label: index for index, label in enumerate(core.labels)}
    assert answers.shares[0, place["fear"]] == 1.0
    assert answers.shares[1, place["anger"]] == answers.shares[1, place["sadness"]] == 0.5
    core.study.corpus = core.study.corpus.model_copy(update={"label_source": "perceived"})
    assert listeners(asked) is None  # they would be compared with themselves


def test_listeners_who_heard_a_label_that_the_study_lacks_are_wrong(core) -> None:
    few = core.clips[core.clips["label"] != "sadness"].reset_index(drop=True)
    facts = core.study.corpus.model_copy(update={"labels": core.labels[:-1]})
    study = _Study(facts, core.study.protocol)
    (plan,) = SplitProtocol("speaker").plans(few)
    split = plan.core_split
    votes = few["label"].to_numpy(dtype=object, copy=True)
    votes[split.test[0]], votes[split.test[1]] = "sadness", "anger:sadness"
    answers = listeners(ReferenceTask(study, few.assign(votes=votes), split))
    assert answers.shares[0].tolist() == [0.0] * 5
    assert answers.shares[1].tolist() == [0.5, 0.0, 0.0, 0.0, 0.0]


def test_listeners_do_not_answer_to_labels_that_are_their_own_votes(core) -> None:
    heard = core.clips.assign(votes=core.clips["label"])
    assert listeners(replace(core, clips=heard)) is not None
    core.study.corpus = core.study.corpus.model_copy(update={"label_source": "perceived"})
    assert listeners(replace(core, clips=heard)) is None


def test_they_are_made_once_and_anew_where_damaged(core, tmp_path) -> None:
    assert compute_references(tmp_path, core) == ["chance", "majority", "functionals"]
    assert compute_references(tmp_path, core) == []
    folder = ReferenceFolder.of(tmp_path, core.study)
    record, table = folder.load("functionals")
    assert table["clip_id"].tolist() == core.clips["clip_id"].iloc[list(core.split.test)].tolist()
    assert record.settings["C"] > 0
    (folder.path / "functionals" / "predictions.parquet").write_bytes(b"no table")
    shutil.rmtree(folder.path / "chance")
    table_of = folder.load("majority")[1]
    table_of.assign(p_anger=float("nan")).to_parquet(folder.path / "majority" / "predictions.parquet")
    assert compute_references(tmp_path, core) == ["chance", "majority", "functionals"]
    pd.testing.assert_frame_equal(folder.load("functionals")[1], table)


ODD = {
    "p_note": lambda table: table.assign(p_note="a word"),
    "given_anger": lambda table: table.assign(given_anger="a word"),
    "clip_id": lambda table: table.assign(clip_id=table["clip_id"].where(table.index > 0)),
    "speaker": lambda table: table.assign(speaker=3),
}


@pytest.mark.parametrize("column", ODD)
def test_a_reference_with_an_odd_column_is_damaged(core, tmp_path, column) -> None:
    compute_references(tmp_path, core, {"majority": REFERENCES["majority"]})
    folder = ReferenceFolder.of(tmp_path, core.study)
    _, table = folder.load("majority")
    ODD[column](table).to_parquet(folder.path / "majority" / "predictions.parquet", index=False)
    with pytest.raises(SerbenchError, match="damaged"):
        folder.load("majority")


def test_a_reference_of_another_core_or_name_is_not_taken(core, tmp_path) -> None:
    compute_references(tmp_path, core)
    folder = ReferenceFolder.of(tmp_path, core.study)
    shutil.copytree(folder.path / "majority", folder.path / "other")
    with pytest.raises(SerbenchError, match="damaged"):
        folder.load("other")
    moved = ReferenceFolder(folder.path.rename(folder.path.with_name("0-1-fold0")))
    with pytest.raises(SerbenchError, match="damaged"):
        moved.load("functionals")


def test_one_that_somebody_else_makes_meanwhile_is_not_made_again(core, tmp_path, monkeypatch) -> None:
    once, alone = [], ReferenceFolder.exclusively

    @contextlib.contextmanager
    def late(self, progress=None):
        if not once:
            once.append(True)
            assert compute_references(tmp_path, core, {"chance": REFERENCES["chance"]}) == ["chance"]
        with alone(self, progress):
            yield

    monkeypatch.setattr(ReferenceFolder, "exclusively", late)
    assert compute_references(tmp_path, core, {"chance": REFERENCES["chance"]}) == []


def test_a_wait_for_another_search_can_be_stopped(core, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("serbench.records.files._LOCK_WAIT_S", 0.01)

    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt(what)

    with ReferenceFolder.of(tmp_path, core.study).exclusively(), pytest.raises(KeyboardInterrupt, match="waiting for"):
        compute_references(tmp_path, replace(core, progress=stop), {"chance": REFERENCES["chance"]})


def test_predictions_moved_aside_for_new_ones_that_never_came_are_there_again(core, tmp_path) -> None:
    """A kill between the two renames of a replacement; brought predictions cannot be computed again."""
    folder = ReferenceFolder.of(tmp_path, core.study)
    kept = folder.path / ".brought-mine.abc.tmp" / "brought-mine" / "record.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    with folder.exclusively():
        assert (folder.path / "brought-mine" / "record.json").is_file()
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_a_killed_search_left_is_cleared_away(core, tmp_path) -> None:
    folder = ReferenceFolder.of(tmp_path, core.study)
    (folder.path / ".svm.abc.tmp").mkdir(parents=True)
    compute_references(tmp_path, core)
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_reference_stays_until_the_one_that_replaces_it_is_whole(core, tmp_path) -> None:
    """A brought one can be made again by nobody here."""
    compute_references(tmp_path, core, {"majority": REFERENCES["majority"]})
    folder = ReferenceFolder.of(tmp_path, core.study)
    record, table = folder.load("majority")
    with folder.exclusively(), pytest.raises(KeyError, match="clip_id"):
        folder.publish(record, table.drop(columns="clip_id"))
    pd.testing.assert_frame_equal(folder.load("majority")[1], table)
    with folder.exclusively():
        folder.publish(record, table[::-1])
    assert folder.load("majority")[1]["clip_id"].tolist() == table["clip_id"].tolist()[::-1]
    assert not list(folder.path.glob(".majority*"))


def test_an_unknown_reference_gets_the_nearest(core, tmp_path) -> None:
    with pytest.raises(UsageError, match="did you mean 'egemaps'"):
        named_reference("egemap")
    with pytest.raises(UsageError, match="name it with --encoder DIR"):
        named_reference("encoder")


@pytest.mark.skipif(importlib.util.find_spec("opensmile") is not None, reason="openSMILE is installed")
def test_an_extra_that_is_missing_is_named_late(core, tmp_path) -> None:
    name, reference = named_reference("egemaps")
    with pytest.raises(SerbenchError, match=r"serbench\[egemaps\]"):
        compute_references(tmp_path, core, {name: reference})


def test_an_encoder_is_read_from_safetensors_alone_and_known_by_its_weights(core, tmp_path) -> None:
    folder = tmp_path / "my model!"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"has no config.json"):
        named_reference("encoder", folder)
    for file in ("config.json", "preprocessor_config.json", "pytorch_model.bin"):
        (folder / file).write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="no weights as safetensors"):
        named_reference("encoder", folder)
    names = []
    for weights in (b"one", b"another", b"one"):
        (folder / "model.safetensors").write_bytes(weights)
        names.append(named_reference("encoder", folder)[0])
    assert names[0].startswith("encoder-my-model--")
    assert names[0] == names[2] != names[1]


def test_those_of_every_search_have_their_names_too() -> None:
    assert named_reference("functionals") == ("functionals", REFERENCES["functionals"])
    assert named_reference("svm")[0] == "svm"


def test_a_folder_of_an_encoder_is_refused_where_none_is_read(tmp_path) -> None:
    with pytest.raises(UsageError, match="--encoder is read by the reference 'encoder' alone, not by 'egemaps'"):
        named_reference("egemaps", tmp_path)


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
    assert by_name["SepTr"].value_pct == 70.47
    assert reported("crema-d", "perceived") == ()


@pytest.mark.parametrize("corpus", ["crema-d", "emo-db", "ravdess", "savee", "tess"])
def test_every_published_score_has_an_address_and_says_who_chose(corpus) -> None:
    found = reported(corpus)
    assert found
    for row in found:
        assert row.source, row
        at_hand = (Path(__file__).parents[2] / row.address).is_file()
        assert row.address.startswith("https://") or at_hand, row.address
        assert 0 < row.value_pct <= 100
        assert row.metric in {"accuracy", "UAR", "macro-F1"}
        assert row.test_chose is None or row.shown_by, f"{row.system}: no file shows that test clips chose"


def test_what_was_chosen_by_test_clips_is_told_with_the_file_that_shows_it() -> None:
    (row,) = [one for one in reported("ravdess") if one.system == "ResLSTM-SA-h64"]
    assert (row.test_chose, row.speakers_shared, row.source) == (True, False, "Krasnoproshin and Vashkevich 2026")
    assert row.shown_by.startswith("train.ipynb")
    chose = {one.system for one in reported("emo-db") if one.test_chose}
    assert chose == {"Light-SERNet", "TIM-Net before its correction"}


def test_a_search_leaves_them_on_the_leaderboard_in_every_format(searched_board) -> None:
    board = searched_board
    names = [row.name for row in board.groups[0].references]
    assert names == ["chance", "majority", "functionals"]
    (svm_row,) = [row for row in board.references if row.name == "functionals"]
    shown = f"{100 * svm_row.accuracy:.1f}"
    for form in ("table", "markdown", "latex"):
        text = render(board, form, width=120)
        assert "References on the same test clips, not ranked: crema-d, protocol speaker" in " ".join(text.split())
        assert shown in text
        assert "Published results on crema-d, intended labels" in " ".join(text.split())
        assert "76.48" in text  # as published, not rounded
    data = json.loads(render(board, "json"))
    assert [row["name"] for row in data["references"]] == names
    assert any(row["system"] == "SER report 2-D CNN" for row in data["reported"])
    lines = render(board, "csv").splitlines()
    assert sum(line.startswith("reference,") for line in lines) == 3
    assert f"{svm_row.uar}" in next(line for line in lines if ",functionals," in line)


def test_csv_writes_whole_numbers_whole(searched_board) -> None:
    rows = list(csv.DictReader(render(searched_board, "csv").splitlines()))
    entry = next(row for row in rows if row["kind"] == "entry")
    assert (entry["labels"], entry["folds"], entry["test_clips"]) == ("6", "1", "24")
    assert {row["kind"] for row in rows} == {"entry", "reference", "reported"}


def test_a_damaged_reference_is_left_out_and_told_and_hides_no_entry(searched_board, tmp_path) -> None:
    results = ResultsFolder(tmp_path / "results")
    (path,) = (tmp_path / "results" / "references").glob("*/functionals/predictions.parquet")
    path.write_bytes(b"no table")
    board = Results(results.root).board()
    assert [row.entry for row in board.rows] == [row.entry for row in searched_board.rows]
    assert [row.name for row in board.references] == ["chance", "majority"]
    assert any("reference left out" in note for note in board.notes)


def test_answers_to_fewer_clips_than_the_core_has_are_left_out(searched_board, tmp_path) -> None:
    (path,) = (tmp_path / "results" / "references").glob("*/functionals/predictions.parquet")
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    board = Results(tmp_path / "results").board()
    assert "functionals" not in [row.name for row in board.references]
    assert any("has other answers than it was made with" in note for note in board.notes)
    record = path.with_name("record.json")  # as of before its answers had a digest
    record.write_text(json.dumps(json.loads(record.read_text()) | {"answers": None}))
    board = Results(tmp_path / "results").board()
    assert "functionals" not in [row.name for row in board.references]
    assert any("other clips or labels" in note for note in board.notes)
