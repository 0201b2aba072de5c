"""Ensembles: the mean of the finalists' probabilities, judged as any entry, never chosen, only where asked for."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_results import judge, run_of
from sklearn.metrics import balanced_accuracy_score

import serbench
from serbench.errors import UsageError
from serbench.export import export_bundle
from serbench.records import StudyRecord
from serbench.render import render
from serbench.results.selection import best_selected
from serbench.site import Site
from serbench.site.sources import find_sources
from serbench.site.words import entry_commands


@pytest.fixture
def study(build):
    name = build.study()
    for entry in ("a", "b", "c"):
        build.entry(entry, name, skill=0.5, validation=0.5, refits=3)
    return name


def ensemble(board):
    return next(one for one in board.tested if one.entry.members)


def test_there_is_none_unless_it_is_asked_for(build, study):
    assert len(build.read().board().rows) == 3
    assert len(build.read().board(ensembles=True).rows) == 4


def test_its_answers_are_the_mean_of_its_members_refit_by_refit(build, study):
    board = build.read().board(ensembles=True)
    together = ensemble(board)
    members = [one for one in board.tested if not one.entry.members]
    assert together.entry.members == ("a", "b", "c")
    assert len(together.refits) == 3
    scores = []
    for repeat, refit in enumerate(together.refits):
        expected = np.mean([one.refits[repeat].test_probabilities for one in members], axis=0)
        assert refit.test_probabilities == pytest.approx(expected)
        scores.append(balanced_accuracy_score(refit.test_true, expected.argmax(axis=1)))
    row = next(row for row in board.rows if row.ensemble_of)
    assert row.uar == pytest.approx(np.mean(scores))
    assert row.uar > max(one.uar for one in board.rows if not one.ensemble_of)  # their errors are drawn apart
    assert row.uar_low < row.uar < row.uar_high
    assert row.validation_uar > 0.5


def test_it_changes_no_number_of_the_table(build, study):
    (without,), (group,) = (build.read().board(ensembles=asked).groups for asked in (False, True))
    assert group.power == without.power


def test_it_costs_what_all_its_members_cost(build, study):
    row = next(row for row in build.read().board(ensembles=True).rows if row.ensemble_of)
    single = build.read().board().rows[0]
    assert row.parameters == 3 * single.parameters
    assert row.model_bytes == 3 * single.model_bytes
    assert row.train_seconds == pytest.approx(3 * single.train_seconds)
    assert row.ms_per_clip == pytest.approx(1.25 + 3 * 2.5)  # features once
    assert row.looks == 3 * single.looks


def test_the_best_entry_of_each_family_makes_one_whatever_their_test_scores(build):
    flat = build.study("demo-speaker-cnn1d", family="cnn1d")
    build.entry("a", flat, skill=0.3, validation=0.6, refits=3)
    build.entry("b", flat, skill=0.7, validation=0.4, refits=3)
    states = ("completed", "completed", "pruned", "crashed", "completed")
    wide = build.study("demo-speaker-cnn2d", family="cnn2d", trial_states=states)
    build.entry("c", wide, skill=0.4, validation=0.5, refits=2)
    results = build.read()
    rows = {row.ensemble_of: row for row in results.board(ensembles=True).rows if row.family == "ensemble"}
    together = next(one for one in results.board(ensembles=True).tested if one.entry.members == ("a", "c"))
    assert "the best of 2 families by validation" in together.entry.origin
    parts = [results.scored_entry(one).refits for one in ("a", "c")]
    assert len(together.refits) == 2
    for repeat, refit in enumerate(together.refits):
        expected = np.mean([one[repeat].test_probabilities for one in parts], axis=0)
        assert refit.test_probabilities == pytest.approx(expected)
    assert rows[2].trials == 7, "three and four trials count"
    assert rows[2].study == f"{flat} and {wide}"
    sources = find_sources(results, [together])[together.entry.entry_id]
    assert sources.names == (flat, wide)
    assert sources.counted == {flat: 4, wide: 5}, "each is searched again with its own number of trials"
    commands = [text for _, text in entry_commands(rows[2], together.together, "", sources.counted)]
    assert ["--trials 4" in commands[0], "--trials 5" in commands[1]] == [True, True], commands
    fresh = build.read()
    assert fresh.scored_entry(together.entry.entry_id).entry == together.entry
    assert not rows[2].selected


def test_what_any_member_began_with_is_told(build):
    flat, wide = build.study("demo-speaker-cnn1d", family="cnn1d"), build.study("demo-speaker-cnn2d", family="cnn2d")
    build.entry("a", flat)
    build.entry("c", wide)
    record = build.results.study(wide).record()
    raw = record.model_dump(mode="json") | {
        "teacher": {"entry": "taught", "study": "s", "trial": "t0000", "answers": "d", "share": 0.5}
    }
    StudyRecord.model_validate(raw).save(build.results.study(wide).record_path)
    rows = {row.entry: row.teacher for row in build.read().board(ensembles=True).rows}
    assert {rows[name] for name in rows if name.startswith("ensemble")} == {"taught"}
    assert (rows["a"], rows["c"]) == (None, "taught")


def test_front_ends_that_differ_are_both_paid_for(build):
    build.entry("a", build.study("demo-speaker-cnn1d", family="cnn1d"))
    build.entry("c", build.study("demo-speaker-cnn2d", family="cnn2d"))
    board = build.read().board(ensembles=True)
    row = next(row for row in board.rows if row.ensemble_of)
    assert row.ms_per_clip == pytest.approx(sum(one.ms_per_clip for one in board.rows if not one.ensemble_of))


def test_it_is_not_exported(build, study, tmp_path):
    name = ensemble(build.read().board(ensembles=True)).entry.entry_id
    with pytest.raises(UsageError, match=f"'{name}' is not a single trained model"):
        export_bundle(build.read(), name, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_it_is_never_selected(build, study):
    board = build.read().board(ensembles=True)
    assert [row.selected for row in board.rows if row.ensemble_of] == [False]
    assert best_selected(board).entry == build.read().select().entry


def test_one_finalist_makes_none(build):
    build.entry("alone", build.study())
    assert len(build.read().board(ensembles=True).rows) == 1


def folded(build, *, finalists=("a", "b"), folds=(1, 2)):
    for fold in folds:
        name = build.study(f"demo-loso-cnn1d-fold{fold}", protocol="loso", fold=fold, folds=2)
        for one in finalists:
            build.entry(f"{one}{fold}", name)


def test_the_finalists_of_each_fold_are_averaged_and_pooled(build):
    folded(build)
    board = build.read().board(ensembles=True)
    (row,) = [row for row in board.rows if row.ensemble_of]
    assert (row.ensemble_of, row.folds, row.selected) == (2, 2, False)
    tested = ensemble(board)
    fold = build.results.study("demo-loso-cnn1d-fold1")
    members = [fold.predictions("refit", run_of(f"{one}1")) for one in ("a", "b")]
    tests = [one[one["subset"] == "test"].set_index("clip_id").filter(like="p_") for one in members]
    mean = sum(tests) / 2
    answers = dict(zip(tested.refits[0].test_clips, tested.refits[0].test_probabilities, strict=True))
    for clip, answer in mean.iterrows():
        assert answers[clip] == pytest.approx(answer.to_numpy())
    report = build.read().report(row.entry)
    assert "the mean of its finalists" in render(report, width=120)


def test_folds_with_one_finalist_make_none(build):
    folded(build, finalists=("a",), folds=(1,))
    folded(build, folds=(2,))
    assert not any(row.ensemble_of for row in build.read().board(ensembles=True).rows)


def test_it_has_a_report_and_is_compared_by_its_name(build, study):
    name = ensemble(build.read().board(ensembles=True)).entry.entry_id
    report = build.read().report(name)
    assert report.row.ensemble_of == 3
    assert "mean of 3 finalists" in render(report, width=120)
    (pair,) = build.read().comparison([name, "a"]).pairs
    assert pair.difference == pytest.approx(report.row.uar - build.read().report("a").row.uar)
    with pytest.raises(UsageError, match="ensemble-nope"):
        build.read().report("ensemble-nope")


@pytest.mark.long
def test_its_page_says_what_it_is_and_offers_no_export(build, study, tmp_path):
    site = Site.build(build.read(), tmp_path / "site", ensembles=True)
    (page,) = (site.index.parent / "entries").glob("ensemble-*.html")
    text = page.read_text(encoding="utf-8")
    assert "ensemble of 3" in text
    assert "serbench export" not in text
    assert "an ensemble (mean of 3 finalists) of" in text


@pytest.mark.long
def test_an_ensemble_of_families_has_predictions_and_its_page_searches_both(build, tmp_path):
    for family, entry in (("cnn1d", "a"), ("cnn2d", "c")):
        build.entry(entry, build.study(f"demo-speaker-{family}", family=family))
    results = build.read()
    name = next(one.entry.entry_id for one in results.board(ensembles=True).tested if one.entry.members == ("a", "c"))
    opened = serbench.Results(build.results.root)
    assert name in opened.leaderboard(ensembles=True).index
    assert name not in opened.leaderboard().index
    table = opened.entry(name).predictions()
    assert set(table["subset"]) == {"validation", "test"}
    assert table["speaker"].notna().all()
    Site.build(results, tmp_path / "site", ensembles=True)
    page = (tmp_path / "site" / "entries" / f"{name}.html").read_text(encoding="utf-8")
    assert "Search cnn1d again" in page
    assert "Search cnn2d again" in page


def test_a_bag_is_no_member(build, study):
    build.entry("d", study, refits=1, bag=True)
    judge(build.results.study(study), "a", "d")
    results = build.read()
    together = ensemble(results.board(ensembles=True))
    assert together.entry.members == ("a", "b", "c")
    assert len(together.refits) == 3
    assert results.scored_entry(together.entry.entry_id).entry == together.entry


def test_a_study_without_out_of_fold_answers_is_not_chosen_beside_one_with_them(build, study):
    other = build.study("demo-speaker-cnn1d", family="cnn1d")
    build.entry("judged", other, validation=0.4)
    judge(build.results.study(other), "judged", value=0.45)
    assert build.read().select().entry == "judged", "0.5 on the validation core is of the speakers that chose"


def test_the_cost_of_all_members_may_be_above_the_limit_of_one(build, study):
    folder = build.results.study(study)
    for record in folder.jobs("refit"):
        cost = record.cost.model_copy(update={"model_bytes": 2**63, "model_ms": 1e12})
        record.model_copy(update={"cost": cost}).save(folder.job_path("refit", record.job_id) / "record.json")
    (row,) = [row for row in build.read().board(ensembles=True).rows if row.ensemble_of]
    assert row.model_bytes == 3 * 2**63
