"""Folds are pooled: every speaker is tested once, and only the whole is a row."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from drawn_results import judge, run_of

from serbench.errors import UsageError
from serbench.records import ReferenceFolder
from serbench.render import render
from serbench.results.selection import best_selected

FOLDS = 3


def folded(build, *, folds=FOLDS, done=None, speakers=4, **parts):
    """A run of several folds; the selected entry of each is its `good` one."""
    for fold in range(1, (done or folds) + 1):
        study = build.study(
            f"run-cnn1d-fold{fold}", family="cnn1d", protocol="speaker-cv", fold=fold, folds=folds,
            test_speakers=speakers, validation_speakers=1,
        )  # fmt: skip
        build.entry(f"good-{fold}", study, skill=0.7, validation=1.0, **parts)
        build.entry(f"other-{fold}", study, skill=0.9, validation=0.2, **parts)


def test_a_run_is_one_row_over_all_speakers(build):
    folded(build)
    (row,) = build.read().board().rows
    assert (row.folds, row.test_speakers, row.study, row.seeds) == (3, 12, "run-cnn1d", 2)
    assert row.test_clips == 12 * 12
    assert row.selected
    assert row.looks == 2, "each test clip was answered by both runs of its fold"
    assert row.uar_low < row.uar < row.uar_high
    assert (row.rank, row.tie_group) == (1, None), "there is nothing to compare it with"


def test_a_choice_between_two_runs_is_by_speakers_whom_other_folds_test(build):
    folded(build)
    for fold in range(1, FOLDS + 1):
        study = build.study(
            f"second-cnn1d-fold{fold}", family="cnn1d", protocol="speaker-cv", fold=fold, folds=FOLDS,
            test_speakers=4, validation_speakers=1,
        )  # fmt: skip
        build.entry(f"second-{fold}", study, skill=0.6, validation=0.5)
    (group,) = build.read().board().groups
    assert any("chosen among 2 by answers to speakers whom other folds test" in note for note in group.notes)


def test_the_score_is_that_of_the_pooled_clips_of_the_selected_entries(build):
    folded(build)
    (tested,) = build.read().board().tested
    for repeat, refit in enumerate(tested.refits):
        right = []
        for fold in range(1, FOLDS + 1):
            frame = build.results.study(f"run-cnn1d-fold{fold}").predictions("refit", run_of(f"good-{fold}", repeat))
            frame = frame[frame["subset"] == "test"]
            guessed = frame.filter(regex="^p_").idxmax(axis=1).str.removeprefix("p_")
            right += (guessed == frame["label"]).tolist()
        assert refit.evaluations["test"].accuracy == pytest.approx(np.mean(right))
    clips = tested.refits[0].test_clips
    assert list(clips) == sorted(clips)
    assert all(
        clip.split("-")[1:3] == [who[4], str(int(who[6:]))] for clip, who in zip(clips, tested.speakers, strict=True)
    )


def test_a_run_that_lacks_a_fold_is_no_row_but_a_note(build):
    folded(build, done=2)
    board = build.read().board()
    assert not board.rows
    assert board.notes == ("run-cnn1d: 2 of 3 folds are tested; repeat the search command to go on",)
    with pytest.raises(UsageError, match="once all folds are tested"):
        build.read().report("good-1")
    assert "2 of 3 folds" in render(board)


def test_a_pooled_entry_has_a_report_and_a_fold_of_it_has_none(build):
    folded(build)
    (row,) = build.read().board().rows
    report = build.read().report(row.entry)
    assert sum(one.support for one in report.per_class) == row.test_clips
    assert report.row == row
    assert "3 folds" in render(report)
    with pytest.raises(UsageError, match=f"is one of 3 folds; {row.entry} pools them"):
        build.read().report("good-1")


def test_a_pooled_entry_is_found_by_its_folds_and_may_be_the_selected_one(build):
    folded(build)
    board = build.read().board()
    assert best_selected(board, ["run-cnn1d-fold1"]) == board.rows[0]
    assert build.read().select() == board.rows[0]


def test_nothing_is_selected_beside_a_run_with_a_damaged_fold(build):
    folded(build)
    for fold in range(1, FOLDS + 1):
        study = build.study(
            f"other-cnn1d-fold{fold}", family="cnn1d", protocol="speaker-cv", fold=fold, folds=FOLDS, test_speakers=4,
            validation_speakers=1,
        )  # fmt: skip
        build.entry(f"weaker-{fold}", study, skill=0.9, validation=0.3)
    assert [row.study for row in build.read().board().rows if row.selected] == ["run-cnn1d"]
    (build.results.study("run-cnn1d-fold2").job_path("refit", run_of("good-2")) / "predictions.parquet").write_text("{")
    (row,) = build.read().board().rows
    assert (row.study, row.selected) == ("other-cnn1d", False)


def test_too_few_speakers_over_all_folds_leave_no_interval(build):
    folded(build, speakers=2)
    (row,) = build.read().board().rows
    assert row.test_speakers == 6
    assert row.uar_low is None
    assert row.tie_group is None


def bagged(build, fold):
    """Gives a fold a bag of its `good` entry's configuration, which cross-validation has judged."""
    folder = build.results.study(f"run-cnn1d-fold{fold}")
    build.entry(f"bag-{fold}", folder.path.name, skill=0.8, refits=1, bag=True)
    judge(folder, f"good-{fold}", f"bag-{fold}")


def test_the_bags_of_all_folds_are_an_entry_beside_the_networks(build):
    folded(build)
    for fold in range(1, FOLDS):
        bagged(build, fold)
    assert len(build.read().board().rows) == 1, "a fold has no bag yet"
    bagged(build, FOLDS)
    results = build.read()
    rows = {row.bag: row for row in results.board().rows}
    assert rows.keys() == {0, 5}
    assert rows[0].selected
    assert not rows[5].selected
    (group,) = results.board().groups
    assert not any("chosen among" in note for note in group.notes), "a bag has the score of its members"
    assert (rows[5].seeds, rows[5].folds, rows[5].looks) == (1, 3, 1)
    assert results.report(rows[5].entry).row == rows[5], "a row of the board has a report"
    assert [entry.entry_id for _, entry in results.members(rows[5].entry)] == ["bag-1", "bag-2", "bag-3"]


def change(build, fold, **changes):
    """Writes other facts into the records of a fold's `good` runs."""
    folder = build.results.study(f"run-cnn1d-fold{fold}")
    for job_id in folder.entry(f"good-{fold}").refits:
        record = folder.job("refit", job_id).model_copy(update=changes)
        record.save(folder.job_path("refit", job_id) / "record.json")


def test_a_pooled_row_has_no_number_of_one_fold_alone(build):
    folded(build)
    (row,) = build.read().board().rows
    assert row.parameters == 123456, "all folds agree"
    change(build, 1, peak_memory_mib=100.0)
    change(build, 2, parameters=7, peak_memory_mib=300.0)
    results = build.read()
    (row,) = results.board().rows
    report = results.report(row.entry)
    assert row.parameters is None
    assert {refit.peak_memory_mib for refit in report.refits} == {300.0}
    assert [refit.job_id for refit in report.refits] == ["all folds, refit 0", "all folds, refit 1"]
    assert {(refit.seed, refit.train_clips) for refit in report.refits} == {(None, None)}
    assert report.protocol.subsets == ()
    text = render(report, width=200)
    assert "one for each of 3 folds" in text
    assert "answers" in text
    assert str(build.results.study("run-cnn1d-fold1").job("refit", run_of("good-1")).seed) not in text


def test_runs_that_folds_lost_are_counted_as_pooled_runs(build):
    folded(build, refits=2)
    folder = build.results.study("run-cnn1d-fold2")
    lost = run_of("good-2", 1)
    record = folder.job("refit", lost).model_copy(update={"state": "crashed", "scores": {}, "digests": None})
    shutil.rmtree(folder.job_path("refit", lost))
    folder.publish_job(record, error_text="out of luck")
    entry = folder.entry("good-2")
    folder.save_entry(entry.model_copy(update={"refits": entry.refits[:1], "failed_refits": (lost,), "looks": 1}))
    (row,) = build.read().board().rows
    assert (row.seeds, row.failed_seeds) == (1, 1)
    assert any("1 of 2 runs failed" in text for text in row.warnings), row.warnings


def test_folds_with_more_runs_than_others_have_lost_none(build):
    """So it is after `--repeats` was raised and the time ended after the first fold."""
    folded(build, refits=2)
    build.entry("more", "run-cnn1d-fold1", skill=0.7, validation=1.0, refits=4)
    folder = build.results.study("run-cnn1d-fold1")
    (folder.path / "entries" / "good-1.json").unlink()
    for job in folder.entry("more").refits:
        assert folder.has_job("refit", job)
    (row,) = build.read().board().rows
    assert (row.seeds, row.failed_seeds) == (2, 0)
    assert [text for text in row.warnings if "folds have" in text] == [
        "folds have 2 to 4 runs, and as many of each count as all have; the same search command makes the others"
    ]


def test_folds_of_dense_networks_are_called_so_with_their_number(build):
    folded(build, folds=2)
    for fold, kind in ((1, "alone"), (2, "none")):
        folder = build.results.study(f"run-cnn1d-fold{fold}")
        for job in folder.jobs("refit"):
            if job.job_id in folder.entry(f"good-{fold}").refits:
                changed = job.model_copy(update={"config": job.config | {"functionals": kind}})
                changed.save(folder.job_path("refit", job.job_id) / "record.json")
        entry = folder.entry(f"good-{fold}")
        folder.save_entry(entry.model_copy(update={"config": entry.config | {"functionals": kind}}))
    (group,) = build.read().board().groups
    (row,) = group.rows
    assert f"no convolutions, a dense network on functionals: {row.entry} (1 of its 2 networks)" in group.notes


def test_a_pooled_entry_is_not_selected_by_some_of_its_folds(build):
    folded(build)
    for fold in range(1, FOLDS):
        judge(build.results.study(f"run-cnn1d-fold{fold}"), f"good-{fold}", value=0.6)
        change(build, fold, value=None)
    (tested,) = build.read().board().tested
    judged = [build.results.study(f"run-cnn1d-fold{fold}").entry(f"good-{fold}").out_of_fold for fold in (1, 2)]
    own = build.results.study("run-cnn1d-fold3")
    kept = [own.job("refit", job_id).value for job_id in own.entry("good-3").refits]
    assert tested.validation_score == pytest.approx((sum(judged) + np.mean(kept)) / FOLDS)
    (row,) = build.read().board().rows
    assert (row.seed_luck, row.winners_curse) == (None, None), "scores on different clips differ by more than luck"


def edit(build, fold, name, **changes):
    """Writes other facts into an entry of a fold."""
    folder = build.results.study(f"run-cnn1d-fold{fold}")
    folder.save_entry(folder.entry(name).model_copy(update=changes))


def test_an_entry_of_a_fold_that_lists_no_run_is_not_the_one_that_is_pooled(build):
    folded(build)
    edit(build, 1, "good-1", refits=(), out_of_fold=0.99)
    (row,) = build.read().board().rows
    assert [entry.entry_id for _, entry in build.read().members(row.entry)] == ["other-1", "good-2", "good-3"]


def test_a_bag_of_a_fold_that_lists_no_run_is_not_pooled(build):
    folded(build)
    for fold in range(1, FOLDS + 1):
        bagged(build, fold)
    edit(build, 1, "bag-1", refits=())
    assert [row.bag for row in build.read().board().rows] == [0]


def test_a_reference_with_other_labels_in_a_fold_is_left_out(build):
    folded(build)
    for fold in range(1, FOLDS + 1):
        build.reference(f"run-cnn1d-fold{fold}", "svm", "SVM")
    assert [row.name for row in build.read().board().references] == ["svm"]
    folder = ReferenceFolder.of(build.results.root, build.results.study("run-cnn1d-fold2").record())
    record, table = folder.load("svm")
    with folder.exclusively():
        folder.publish(record.model_copy(update={"labels": record.labels[::-1]}), table)
    (group,) = build.read().board().groups
    assert group.references == ()
    assert any("reference 'svm' was made for other clips or labels" in note for note in group.notes), group.notes
