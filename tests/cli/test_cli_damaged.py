"""A damaged file costs its own entry, and every command says which file it is."""

from __future__ import annotations

import json

import pytest
from drawn_results import Builder, run_of

FILE = f"studies/demo-speaker-cnn2d/refits/{run_of('b')}/predictions.parquet"


@pytest.fixture
def root(tmp_path):
    build = Builder(tmp_path / "results")
    study = build.study()
    build.entry("a", study, skill=0.8)
    build.entry("b", study)
    build.entry("c", build.study("other", corpus="emo-db"))
    (build.results.root / FILE).write_bytes(b"no table")
    return build.results.root


def test_the_leaderboard_shows_the_others_and_names_the_file(serbench, root) -> None:
    ran = serbench("leaderboard", "--results", root)
    assert ran.code == 0
    assert FILE in "".join(ran.out.split())
    told = json.loads(serbench("leaderboard", "--results", root, "--format", "json").out)
    assert {row["entry"] for row in told["rows"]} == {"a", "c"}
    assert sum(FILE in note for note in told["notes"]) == 1


def test_a_report_of_it_is_one_sentence_and_of_another_is_whole(serbench, root) -> None:
    ran = serbench("report", "b", "--results", root)
    assert ran.code == 1
    assert str(root / FILE) in ran.sentence
    assert serbench("report", "a", "--results", root).code == 0


def test_export_does_not_choose_beside_it(serbench, root, tmp_path) -> None:
    ran = serbench("export", "--corpus", "demo", "--results", root, "--to", tmp_path / "bundle")
    assert ran.code == 1
    assert str(root / FILE) in ran.sentence
    named = serbench("export", "a", "--results", root, "--to", tmp_path / "bundle")
    assert "the trained model of a is not in" in named.sentence  # as far as drawn results go


def test_where_nothing_can_be_read_the_file_is_named(serbench, root) -> None:
    for path in (root / "studies").glob("*/clips.parquet"):
        path.write_bytes(b"no table")
    ran = serbench("leaderboard", "--results", root)
    assert ran.code == 1
    assert "clips.parquet" in ran.sentence
    assert "run `serbench search`" not in ran.sentence
