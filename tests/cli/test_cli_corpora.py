"""Corpora of one's own on the command line: from a folder to a leaderboard, a report and a bundle without code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from corpora_files import write_clips

FOLDERS = {"ANG": "anger", "HAP": "happy", "SAD": "sadness"}


@pytest.fixture
def mine(tone_corpus: Path, tmp_path: Path, monkeypatch) -> Path:
    """A folder per class of the tones of three emotions."""
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    for path in sorted(tone_corpus.glob("*.wav")):
        if (label := FOLDERS.get(path.stem.split("_")[2])) is not None:
            (tmp_path / "mine" / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "mine" / label / path.name)
    return tmp_path / "mine"


@pytest.mark.slow
@pytest.mark.children
def test_from_a_folder_to_a_bundle(serbench, mine, tiny_space, tmp_path) -> None:
    added = serbench("corpus", "add", "mine", mine, "--names", "{speaker}_*", "--licence", "internal")
    assert (added.code, "72 clips of 12 speakers" in added.out) == (0, True)
    assert "mine" in serbench("corpus", "list").out
    shown = json.loads(serbench("corpus", "show", "mine", "--format", "json", "--html", tmp_path / "mine.html").out)
    assert (shown["licence"], shown["labels"]) == ("internal", ["anger", "happy", "sadness"])
    assert "<h1>mine</h1>" in (tmp_path / "mine.html").read_text(encoding="utf-8")
    checked = serbench("corpus", "check", "mine", "--format", "json")
    assert (checked.code, json.loads(checked.out)["usable"]) == (0, 72)

    results = ("--results", tmp_path / "results")
    words = ("--corpus", "mine", "--map", "happy=happiness", "--trials", 1, "--repeats", 1, "--workers", 1)
    ran = serbench("search", tiny_space(), *words, *results, "--format", "json")
    assert ran.code == 0, ran.err
    (row,) = json.loads(ran.out)["rows"]
    assert (row["protocol"], row["shares_speakers"]) == ("speaker", False)
    record = next((tmp_path / "results" / "studies").glob("*/study.json")).read_text(encoding="utf-8")
    assert str(mine) not in record
    assert json.loads(record)["corpus"]["labels"] == ["anger", "happiness", "sadness"]
    assert serbench("corpus", "remove", "mine").code == 0
    assert serbench("report", row["entry"], *results).code == 0
    exported = serbench("export", row["entry"], "--to", tmp_path / "bundle", *results)
    assert exported.code == 0, exported.err
    study = next((tmp_path / "results" / "studies").iterdir()).name
    assert "the score repeats" in serbench("study", "replay", study, "t0000", *results).out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--corpus", "./gone.csv"], 2, "does not exist"),
        pytest.param(
            ["--corpus", "MINE"], 1, "names none; give its table a column 'speaker'", marks=pytest.mark.children
        ),
        (["--corpus", "MINE", "--map", "happy"], 2, "--map 'happy' is neither"),
        (["--corpus", "MINE", "--drop", "hapy", "--protocol", "random"], 1, "did you mean 'happy'?"),
        (["--corpus", "MINE", "--names", "speaker_*"], 2, "names no field"),
        (["--corpus", "MINE", "--names", "{speaker}-*"], 1, "do not match the pattern"),
        pytest.param(["--corpus", "MINE", "--protocol", "given"], 1, "corpus has none", marks=pytest.mark.children),
        (["--corpus", "crema-d", "--test-corpus", "crema"], 2, "did you mean 'crema-d'?"),
        pytest.param(
            ["--corpus", "MINE", "--names", "{speaker}_*", "--protocol", "cross-corpus"],
            1,
            "--test-corpus",
            marks=pytest.mark.children,
        ),
        (["--split-ratio", "70/30"], 2, "ratio"),
    ],
)
def test_wrong_words_are_answered(serbench, mine, tiny_space, tmp_path, arguments, code, told) -> None:
    words = [mine if word == "MINE" else word for word in arguments]
    ran = serbench("search", tiny_space(), *words, "--results", tmp_path / "results")
    assert ran.code == code, ran.err
    assert told in ran.sentence
    assert not (tmp_path / "results" / "studies").exists()


def test_an_added_corpus_comes_with_commands_that_run_as_they_are_printed(serbench, mine, monkeypatch) -> None:
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    ran = serbench("corpus", "add", "mine", mine, "--names", "{speaker}_*")
    assert "next: uv run serbench corpus check mine; uv run serbench search --corpus mine" in ran.out


@pytest.mark.parametrize("rate", [0, -16_000, 3_999, 96_001])
def test_a_sample_rate_that_no_front_end_has_is_refused(serbench, mine, rate) -> None:
    assert serbench("corpus", "check", mine, "--sample-rate", rate).code == 2


def test_a_broken_plug_in_hides_no_other_corpus(serbench, tmp_path, monkeypatch) -> None:
    info = tmp_path / "broken_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[serbench.corpora]\nbroken = no_such_module_at_all:X\n")
    monkeypatch.syspath_prepend(tmp_path)
    ran = serbench("corpus", "list", "--format", "json")
    names = {row["name"] for row in json.loads(ran.out)}
    assert names >= {"demo", "crema-d"}
    assert "broken" not in names
    assert "note: corpus 'broken' (no_such_module_at_all:X of package broken-package) cannot be loaded" in ran.err


def test_a_table_that_is_a_link_is_added_where_it_lies(serbench, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    place = write_clips(tmp_path / "audio", ["a.wav", "b.wav"]) / "clips.csv"
    (tmp_path / "stored.csv").write_text("path,label,speaker\na.wav,joy,a\nb.wav,fear,b\n")
    place.symlink_to(tmp_path / "stored.csv")
    assert serbench("corpus", "add", "mine", place).code == 0
    shown = serbench("corpus", "show", "mine", "--format", "json")
    assert (shown.code, json.loads(shown.out)["clips"]) == (0, 2)


def test_what_is_wrong_with_a_corpus_is_said_when_it_is_added(serbench, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    place = write_clips(tmp_path / "audio", ["a.wav", "b.wav"]) / "clips.csv"
    place.write_text("path,label,mood\na.wav,joy,x\nb.wav,fear,y\ngone.wav,fear,z\n")
    ran = serbench("corpus", "add", "mine", place)
    assert ran.code == 0
    assert ran.out.startswith("mine: 2 clips of 1 speaker, or none named; fear 1, joy 1\n")
    said = ran.err.splitlines()
    assert any(line.startswith("note: no clip names its speaker") for line in said)
    assert "note: 1 clip left out as missing: gone ('gone.wav' does not exist)" in said
    assert any(line.startswith("note: columns of clips.csv that are not read: mood") for line in said)


def test_loose_files_beside_the_folders_of_an_added_corpus_are_named(serbench, mine) -> None:
    write_clips(mine, ["loose.wav"])
    ran = serbench("corpus", "add", "mine", mine, "--names", "{speaker}_*")
    assert ran.err.splitlines() == ["note: 1 file skipped, because their names are not those of this corpus: loose.wav"]
    assert "72 clips of 12 speakers; " in ran.out
