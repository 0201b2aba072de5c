"""`Results` reads each file once and only where a question needs it; a damaged one costs its own entry."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pytest
from drawn_results import Builder, forge, judge, run_of

from serbench.errors import SerbenchError, UsageError
from serbench.records import StudyFolder, study_folder
from serbench.render import render
from serbench.results import best_refit
from serbench.site import Site

pytestmark = pytest.mark.long


@pytest.fixture
def filled(build):
    """Two studies of one group, one of another, and a folded run; three runs an entry."""
    first, second = build.study("demo-speaker-cnn2d"), build.study("demo-speaker-cnn1d", family="cnn1d")
    build.entry("a", first, skill=0.8, validation=0.8, refits=3)
    build.entry("b", first, skill=0.4, validation=0.4, refits=3)
    build.entry("c", second, skill=0.6, refits=3)
    build.entry("other", build.study("emo", corpus="emo-db"), refits=3)
    for fold in (1, 2):
        study = build.study(
            f"run-cnn1d-fold{fold}", corpus="emo-db", protocol="loso", protocol_hash="hash-loso", fold=fold, folds=2
        )
        build.entry(f"good-{fold}", study, validation=0.8)
        build.entry(f"weak-{fold}", study, validation=0.3)
    build.reference(first, "svm", "SVM")
    return build


@pytest.fixture
def reads(monkeypatch):
    """How often each table was read, by the end of its path."""
    counted = Counter()
    real = study_folder._table

    def table(path, read):
        counted["/".join(path.parts[-2:])] += 1
        return real(path, read)

    monkeypatch.setattr(study_folder, "_table", table)
    return counted


def predictions(reads):
    return {path.split("/")[0] for path in reads if path.endswith("predictions.parquet")}


def refits(*entries):
    return {run_of(entry, repeat) for entry in entries for repeat in range(3)}


def damage(build, study, entry):
    """Spoils the predictions of an entry's second run and names the file as notes do."""
    path = build.results.study(study).job_path("refit", run_of(entry, 1)) / "predictions.parquet"
    path.write_bytes(b"no table")
    return f"studies/{study}/refits/{run_of(entry, 1)}/predictions.parquet"


def test_nothing_is_read_before_it_is_asked_for(filled, reads):
    results = filled.read()
    assert [row.entries for row in results.study_rows()] == [1, 2, 1, 2, 2]
    assert not reads


def test_a_report_reads_its_own_group_and_each_file_once(filled, reads):
    results = filled.read()
    results.report("a")
    assert predictions(reads) == refits("a", "b", "c") | {"svm"}
    results.report("c")
    results.row("b")
    results.board("demo")
    results.study_report("demo-speaker-cnn2d")
    assert predictions(reads) == refits("a", "b", "c") | {"svm"}
    assert set(reads.values()) == {1}


def test_a_scored_entry_and_a_comparison_read_these_entries_alone(filled, reads):
    filled.read().scored_entry("a")
    assert predictions(reads) == refits("a")
    filled.read().comparison(["a", "c"])
    assert predictions(reads) == refits("a", "c")


def test_a_board_of_one_corpus_reads_no_other_and_the_whole_board_shares_what_was_read(filled, reads):
    results = filled.read()
    narrow = results.board("demo")
    assert predictions(reads) == refits("a", "b", "c") | {"svm"}
    assert results.board("demo") is narrow
    whole = results.board()
    assert set(reads.values()) == {1}
    results.board(ensembles=True)  # each ensemble asks for the validation answers of its members, which no board keeps
    twice = {path.split("/")[0] for path, times in reads.items() if times > 1}
    assert twice <= refits("a", "b", "c", "good-1", "good-2", "weak-1", "weak-2")
    assert max(reads.values()) == 3
    assert whole.rows[: len(narrow.rows)] == narrow.rows


def test_of_a_fold_only_the_selected_entry_is_read(filled, reads):
    results = filled.read()
    (row,) = (row for row in results.board("emo-db").rows if row.folds == 2)
    folds = {run_of(f"{entry}-{fold}", repeat) for entry in ("good", "weak") for fold in (1, 2) for repeat in range(2)}
    good = {run_of(f"good-{fold}", repeat) for fold in (1, 2) for repeat in range(2)}
    assert predictions(reads) & folds == good
    assert filled.read().report(row.entry).row == row


def test_an_ensemble_is_found_by_its_name_alone(filled, reads):
    (row,) = (row for row in filled.read().board(ensembles=True).rows if row.origin.startswith("mean of 2 finalists"))
    reads.clear()
    results = filled.read()
    assert results.scored_entry(row.entry).test is not None
    assert predictions(reads) == refits("a", "b")
    assert results.row(row.entry) == row


def test_damaged_predictions_cost_their_own_entry(filled):
    file = damage(filled, "demo-speaker-cnn2d", "b")
    whole = filled.read().board("demo")
    (group,) = whole.groups
    assert [row.entry for row in group.rows] == ["a", "c"]
    (note,) = [note for note in group.notes if file in note]
    assert note.startswith("left out, entry b: ")
    assert str(filled.results.root) not in note
    assert file in render(whole, width=300)
    assert any(file in said for said in whole.notes)  # what JSON holds
    (lost,) = whole.damaged
    assert (lost.study, lost.entry, lost.group) == ("demo-speaker-cnn2d", "b", group.group)
    results = filled.read()
    with pytest.raises(SerbenchError, match=file):
        results.report("b")
    with pytest.raises(SerbenchError, match=file):
        results.comparison(["a", "b"])
    assert results.damaged == ()  # nobody has asked for the others
    assert results.report("other").row.rank == 1


def test_who_is_selected_is_told_by_validation_even_where_predictions_are_damaged(filled):
    damage(filled, "demo-speaker-cnn2d", "a")
    rows = {row.entry: row for row in filled.read().board("demo").rows}
    assert rows.keys() == {"b", "c"}
    assert not any(row.selected for row in rows.values()), "validation chose a"


def test_nothing_is_selected_where_a_validation_score_cannot_be_read(filled):
    (filled.results.study("demo-speaker-cnn2d").job_path("refit", run_of("b")) / "record.json").write_text("{")
    rows = {row.entry: row.selected for row in filled.read().board("demo").rows}
    assert rows == {"a": False, "c": False}


def test_export_refuses_to_choose_beside_a_damaged_entry(filled):
    file = damage(filled, "demo-speaker-cnn2d", "b")
    with pytest.raises(SerbenchError, match=f"cannot choose an entry.*{file}.*name an entry"):
        filled.read().select("demo")
    assert filled.read().select("emo-db", "speaker").entry == "other"
    assert filled.read().best(corpus="demo").entry == "a"


@pytest.mark.parametrize("name", ["study.json", "clips.parquet", "entries/b.json"])
def test_any_damaged_file_is_named_and_costs_no_other_study(filled, name):
    (filled.results.study("demo-speaker-cnn2d").path / name).write_text("{")
    results = filled.read()
    board = results.board()
    left = {"study.json": {"c", "other"}, "clips.parquet": {"c", "other"}, "entries/b.json": {"a", "c", "other"}}
    assert {row.entry for row in board.rows if row.folds == 1} == left[name]
    assert sum(f"studies/demo-speaker-cnn2d/{name}" in note for note in board.notes) == 1
    with pytest.raises(SerbenchError, match=f"demo-speaker-cnn2d/{name}"):
        results.report("b")
    with pytest.raises(SerbenchError, match=f"demo-speaker-cnn2d/{name}"):
        filled.read().select("demo")


def test_a_damaged_table_of_clips_costs_no_other_study_of_its_group(filled):
    (filled.results.study("demo-speaker-cnn1d").path / "clips.parquet").write_text("{")
    assert filled.read().report("b").row.entry == "b"


def test_of_a_study_the_best_entry_that_passes_its_checks_is_chosen(filled):
    assert filled.read().chosen("demo-speaker-cnn2d").entry.entry_id == "a"
    forge(filled.results.study("demo-speaker-cnn2d"), "a")
    assert filled.read().chosen("demo-speaker-cnn2d").entry.entry_id == "b"
    forge(filled.results.study("demo-speaker-cnn2d"), "b")
    assert filled.read().chosen("demo-speaker-cnn2d").entry.entry_id == "a"


@pytest.fixture
def trials_read(monkeypatch):
    """How often the record of each trial was read."""
    counted = Counter()
    real = StudyFolder.job

    def job(folder, kind, job_id):
        counted[folder.path.name, job_id] += kind == "search"
        return real(folder, kind, job_id)

    monkeypatch.setattr(StudyFolder, "job", job)
    return counted


def test_a_board_counts_trials_once_and_keeps_none(filled, trials_read):
    results = filled.read()
    shown = [row.trials for row in results.board("demo").rows]
    assert set(trials_read.values()) == {0, 1}
    for study in results.studies:
        assert not [key for key in study._read if key[0] == "search"], study.name
    assert shown == [sum(trial.state in {"completed", "pruned"} for trial in results.studies[0].trials)] * 3


def test_one_who_shows_all_trials_reads_each_once(filled, trials_read):
    results = filled.read()
    results.keep_trials()
    results.board("demo")
    results.study_rows()
    assert max(trials_read.values()) == 1


def test_a_damaged_trial_costs_its_count_alone(filled):
    before = filled.read().row("a")
    (filled.results.study("demo-speaker-cnn2d").job_path("search", "t0") / "record.json").write_text("{")
    board = filled.read().board("demo")
    (row,) = (row for row in board.rows if row.entry == "a")
    assert row == before.model_copy(update={"trials": before.trials - 1})
    assert any("trials/t0/record.json" in note and "not counted" in note for note in board.notes)
    assert filled.read().select("demo").entry == "a"


def test_a_damaged_fold_is_not_told_as_a_missing_one(filled):
    (row,) = (row for row in filled.read().board("emo-db").rows if row.folds == 2)
    file = damage(filled, "run-cnn1d-fold2", "good-2")
    results = filled.read()
    assert [one.entry for one in results.board("emo-db").rows] == ["other"]
    assert any(file in note for note in results.board("emo-db").notes)
    assert results.board("emo-db").incomplete == ()
    with pytest.raises(SerbenchError, match=file):
        results.report(row.entry)
    weak = damage(filled, "run-cnn1d-fold1", "weak-1")  # which no row is made of
    assert not any(weak in note for note in filled.read().board("emo-db").notes)


def test_an_unknown_entry_is_told_with_the_nearest(filled):
    with pytest.raises(UsageError, match="did you mean 'other'"):
        filled.read().report("othr")
    with pytest.raises(UsageError, match="one of 2 folds"):
        filled.read().scored_entry("good-1")


def test_an_entry_of_an_empty_folder_is_told_with_what_to_run_first(build):
    with pytest.raises(UsageError, match=r"No entries in .* yet; run `serbench search`, or"):
        build.read().report("othr")


@pytest.mark.slow
def test_a_site_names_what_is_damaged_and_shows_the_rest(filled, tmp_path):
    file = damage(filled, "demo-speaker-cnn2d", "b")
    site = Site.build(filled.read(), tmp_path / "site")
    assert any(file in note for note in site.notes)
    assert file in site.index.read_text(encoding="utf-8")
    assert (tmp_path / "site" / "entries" / "a.html").is_file()
    assert not (tmp_path / "site" / "entries" / "b.html").exists()


@pytest.mark.slow
def test_a_site_reads_each_table_once(filled, reads, tmp_path):
    Site.build(filled.read(), tmp_path / "site")
    assert set(reads.values()) == {1}


def test_out_of_fold_answers_of_no_clip_cost_their_own_entry(filled):
    folder = filled.results.study("demo-speaker-cnn2d")
    judge(folder, "a")
    path = folder.path / "shortlist" / "t0.parquet"
    pd.read_parquet(path).iloc[:0].to_parquet(path, index=False)
    board = filled.read().board()
    assert {"b", "c"} <= {row.entry for row in board.rows}
    assert "a" not in {row.entry for row in board.rows}
    assert any("shortlist/t0.parquet has no row" in note for note in board.notes)


def test_a_clip_that_is_listed_twice_ends_no_report(filled):
    folder = filled.results.study("demo-speaker-cnn2d")
    clips = folder.clips().assign(votes=lambda table: table["label"])
    clips["sex"] = clips["speaker"].str[-1].isin(list("02468")).map({True: "female", False: "male"})
    twice = clips[clips["clip_id"].str.startswith("test")].head(1)
    pd.concat([clips, twice]).to_parquet(folder.clips_path, index=False)
    results = filled.read()
    report = results.report("a")
    assert report.votes is not None
    assert any("lists a clip twice" in text for text in report.row.problems)
    assert results.reference_report("demo-speaker-cnn2d", "svm").slices


def test_a_negative_seed_is_damage_of_its_study_alone(filled):
    path = filled.results.study("demo-speaker-cnn1d").record_path
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"seed": -1}), encoding="utf-8")
    results = filled.read()
    assert {"a", "b", "other"} <= {row.entry for row in results.board().rows}
    with pytest.raises(SerbenchError, match="seed"):
        results.study("demo-speaker-cnn1d")


@pytest.mark.parametrize(
    ("values", "best"),
    [((0.4, 0.6, 0.5), "t0000-r1"), ((None,) * 11, "t0000-r10"), ((0.5,) * 11, "t0000-r10")],
)
def test_the_run_that_is_kept_is_the_best_on_validation_else_the_last(values, best):
    runs = [
        Builder._trial("s", "refit", f"t0000-r{repeat}", "completed", None, value)
        for repeat, value in enumerate(values)
    ]
    assert best_refit(runs).job_id == best
    assert best_refit(runs[::-1]).job_id == best
