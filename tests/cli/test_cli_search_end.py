"""What a search prints at its end: the answer first, in a form that fits a screen."""

from __future__ import annotations

import io
import json
import re

import pytest
from drawn_results import Builder

from serbench.cli.options import TableFormat
from serbench.cli.printing import new_console
from serbench.cli.search import _below, _conclude
from serbench.search import SearchPlan, SearchRequest

STUDY = "demo-speaker-cnn2d"


@pytest.fixture
def plan(tmp_path):
    return SearchPlan.of(SearchRequest(spaces=("demo_cnn2d",), results=tmp_path / "results", trials=8))


@pytest.fixture
def build(tmp_path):
    build = Builder(tmp_path / "results")
    build.study()
    return build


def concluded(plan, capsys, output=TableFormat.table, studies=(STUDY,)):
    stream = io.StringIO()
    _conclude(plan, list(studies), output, new_console(file=stream, width=200))
    return capsys.readouterr().out, stream.getvalue()


def test_the_answer_comes_first_and_the_whole_fits_a_screen(build, plan, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    build.entry("mine", STUDY, skill=0.7)
    build.reference(STUDY, "functionals", "SVM on functionals", skill=0.4)
    out, err = concluded(plan, capsys)
    assert re.match(r"\d\d\.\d % UAR \(\d\d\.\d-\d\d\.\d\) on 10 new speakers: mine; SVM on functionals \d\d\.\d;", out)
    assert len(out.splitlines()) + len(err.splitlines()) <= 30
    assert "What to do" not in err
    assert "serbench report mine --html report.html --results" in err


def test_below_a_baseline_it_says_so_and_what_to_do(build, plan, capsys) -> None:
    build.entry("mine", STUDY, skill=0.4)
    build.reference(STUDY, "functionals", "SVM on functionals", skill=0.7)
    _, err = concluded(plan, capsys)
    said = " ".join(err.split())
    assert "mine is below a baseline: SVM on functionals" in said
    assert "the space for small corpora: `serbench search small` with the same options. What that finds" in said
    assert "chance" not in said, "thirty points on ten speakers"
    assert "tested on the same clips, and counted" in said, "another search is another evaluation of the same clips"


def test_for_a_small_corpus_the_space_made_for_it_is_named(build, tmp_path) -> None:
    build.entry("mine", STUDY, skill=0.4)
    build.reference(STUDY, "functionals", "SVM on functionals", skill=0.7)
    default = SearchPlan.of(SearchRequest(spaces=("cnn1d",), results=tmp_path / "results"))
    results = build.read()
    assert "`serbench search small` with the same options" in " ".join(
        _below(default, results, results.row("mine"), 200)
    )


def test_a_difference_that_may_be_chance_is_called_so(build, plan) -> None:
    build.entry("mine", STUDY, skill=0.5)
    build.reference(STUDY, "functionals", "SVM on functionals", skill=0.51)
    results = build.read()
    row, (reference,) = results.row("mine"), results.group_rows("mine").references
    assert row.uar < reference.uar
    (said,) = _below(plan, results, row, 200)
    assert reference.difference_low <= 0 <= reference.difference_high
    assert "which may be chance (a difference of " in said


def test_on_synthetic_speech_it_says_to_search_recordings(tmp_path, plan) -> None:
    build = Builder(tmp_path / "synthetic")
    study = build.study(synthetic=True)
    build.entry("mine", study, skill=0.4)
    build.reference(study, "functionals", "SVM on functionals", skill=0.7)
    results = build.read()
    (said,) = _below(plan, results, results.row("mine"), 200)
    assert said.endswith("search your own recordings next")


def test_the_printed_export_names_a_folder_that_is_free(build, plan, capsys, tmp_path, monkeypatch) -> None:
    build.entry("mine", STUDY)
    monkeypatch.chdir(tmp_path)
    assert "serbench export mine --to bundle --results" in concluded(plan, capsys)[1]
    (tmp_path / "bundle").mkdir()
    assert "serbench export mine --to bundle-mine --results" in concluded(plan, capsys)[1]


def test_machine_readable_output_has_no_sentence_before_it(build, plan, capsys) -> None:
    build.entry("mine", STUDY)
    out, _ = concluded(plan, capsys, TableFormat.json)
    assert json.loads(out)["rows"][0]["entry"] == "mine"


def test_a_search_without_entries_says_where_its_trials_are(build, plan, capsys) -> None:
    out, err = concluded(plan, capsys)
    assert out == ""
    assert "no entry was tested yet" in err
    out, _ = concluded(plan, capsys, TableFormat.json)
    assert json.loads(out)["rows"] == []


def test_a_search_that_was_stopped_before_its_first_study_says_that_alone(plan, capsys) -> None:
    out, err = concluded(plan, capsys, studies=())
    assert (out, err) == ("", "stopped before a study was opened; run the same command to continue\n")
    out, _ = concluded(plan, capsys, TableFormat.json, studies=())
    assert json.loads(out)["rows"] == []


def test_a_stopped_search_calls_its_answer_provisional_and_names_one_next_command(build, plan, capsys) -> None:
    build.entry("mine", STUDY, skill=0.4)
    build.reference(STUDY, "functionals", "SVM on functionals", skill=0.7)
    stream = io.StringIO()
    _conclude(plan, [STUDY], TableFormat.table, new_console(file=stream, width=200), stopped=True)
    out, err = " ".join(capsys.readouterr().out.split()), stream.getvalue()
    assert out.startswith("Provisional, since the search was stopped: ")
    assert err.rstrip().endswith("run the same command to continue")
    assert "serbench export" not in err
    assert "What to do" not in err


def test_with_few_test_speakers_it_says_to_test_every_speaker(tmp_path, plan) -> None:
    build = Builder(tmp_path / "few")
    study = build.study(test_speakers=3)
    build.entry("mine", study, skill=0.4)
    build.reference(study, "functionals", "SVM on functionals", skill=0.7)
    results = build.read()
    (said,) = _below(plan, results, results.row("mine"), 200)
    assert "`--protocol speaker-cv`" in said
    assert "with the same options" not in said


def test_studies_of_other_protocols_are_named_since_their_table_is_another(build, plan, capsys) -> None:
    build.entry("mine", STUDY)
    other = build.study("other", protocol="random", protocol_hash="hash-b", shares_speakers=True)
    build.entry("mixed", other)
    _, err = concluded(plan, capsys, studies=(STUDY, other))
    assert "random     serbench leaderboard --protocol random --results" in err


def test_the_table_is_that_of_the_first_study_with_an_entry(build, plan, capsys) -> None:
    other = build.study("other", protocol="random", protocol_hash="hash-b", shares_speakers=True)
    build.entry("mixed", other)
    out, err = concluded(plan, capsys, studies=(STUDY, other))
    assert "mixed" in out
    assert "--protocol speaker" not in err, "it has no entry to show"
