import subprocess
import sys

import pandas as pd
import pytest
from drawn_results import forge, run_of

from serbench.errors import SerbenchError, UsageError
from serbench.evaluation import evaluate
from serbench.export import export_bundle
from serbench.records import HeardClips, InitFrom, StudyFolder, SubsetFacts, TaughtBy
from serbench.render import render
from serbench.results import why_unranked

BEFORE_TRAINING = ("keras", "tensorflow", "librosa", "optuna", "serbench.training", "serbench.search")


def by_entry(board):
    return {row.entry: row for row in board.rows}


def test_scores_are_means_over_refits_of_the_test_core(build):
    study = build.study()
    build.entry("a", study, refits=3, rest=6)
    folder = build.results.study(study)
    (row,) = build.read().board().rows
    labels = folder.record().corpus.labels
    scores = []
    for job in (run_of("a", repeat) for repeat in range(3)):
        frame = folder.predictions("refit", job).query("subset == 'test'")
        true = [labels.index(label) for label in frame["label"]]
        scores.append(evaluate(true, frame[[f"p_{label}" for label in labels]].to_numpy(), labels))
    assert row.uar == pytest.approx(sum(one.uar for one in scores) / 3)
    assert row.accuracy == pytest.approx(sum(one.accuracy for one in scores) / 3)
    assert row.macro_f1 == pytest.approx(sum(one.macro_f1 for one in scores) / 3)
    assert (row.seeds, row.looks, row.parameters, row.train_seconds) == (3, 3, 123456, 75.0)


def test_differences_are_search_minus_refit_and_validation_minus_test(build):
    build.entry("a", build.study(), values=(0.5, 0.6), search_value=0.7)
    (row,) = build.read().board().rows
    assert row.search_uar == 0.7
    assert row.seed_luck == pytest.approx(0.15)
    assert row.winners_curse is None, "nothing was measured on speakers that did not choose"
    assert row.optimism_gap == pytest.approx(row.validation_uar - row.uar)


def test_another_objective_is_not_called_uar(build):
    build.entry("a", build.study(objective="accuracy"), values=(0.5, 0.6), search_value=0.7)
    (row,) = build.read().board().rows
    assert row.search_uar is None
    assert row.seed_luck == pytest.approx(0.15)
    assert row.winners_curse is None, "nothing was measured on speakers that did not choose"


def test_best_uar_ranks_first_and_rows_are_sorted(build):
    study = build.study()
    build.entry("weak", study, skill=0.4)
    build.entry("strong", study, skill=0.9)
    build.entry("middling", study, skill=0.65)
    rows = build.read().board().rows
    assert [(row.rank, row.entry) for row in rows] == [(1, "strong"), (2, "middling"), (3, "weak")]


def test_tie_groups_follow_what_the_speakers_can_tell_apart(build):
    study = build.study(test_speakers=18)
    build.entry("good", study, skill=0.8)
    build.entry("nearly", study, skill=0.79)
    build.entry("poor", study, skill=0.4)
    build.entry("once", study, skill=0.35, refits=1)
    rows = {row.entry: row for row in build.read().board().rows}
    assert rows["good"].tie_group == rows["nearly"].tie_group == 1
    assert rows["poor"].tie_group == 2
    assert rows["once"].tie_group is None, "one refit is compared with nothing"


def test_rows_that_were_compared_with_nothing_have_no_tie_group(build):
    study = build.study(test_speakers=18)
    build.entry("good", study, skill=0.9, refits=1)
    build.entry("poor", study, skill=0.2, refits=1)
    build.entry("alone", build.study("other", corpus="emo-db"), refits=3)
    board = build.read().board()
    assert [row.tie_group for row in board.rows] == [None, None, None]
    assert [row.rank for row in board.groups[0].rows] == [1, 2]
    assert not any("same tie group" in note for note in board.notes)


def test_an_interval_surrounds_the_score(build):
    build.entry("a", build.study())
    (row,) = build.read().board().rows
    assert 0 <= row.uar_low < row.uar < row.uar_high <= 1


def test_selected_is_chosen_by_validation_even_against_the_test(build):
    study = build.study()
    build.entry("good-on-test", study, skill=0.9, validation=0.4)
    build.entry("good-on-validation", study, skill=0.4, validation=0.9)
    rows = by_entry(build.read().board())
    assert rows["good-on-validation"].selected
    assert not rows["good-on-test"].selected


def test_a_student_is_not_selected_by_scores_on_clips_that_its_teacher_had_heard(build):
    first, second = build.study(), build.study("demo-speaker-taught")
    build.entry("a", first, validation=0.5)
    build.entry("student", second, validation=0.9)
    teach(build.results.study(second), "a", first)
    board = build.read().board()
    rows = by_entry(board)
    assert (rows["a"].selected, rows["student"].selected) == (True, False)
    assert (rows["a"].teacher, rows["student"].teacher) == (None, "a")
    assert any("student: distilled" in note and "its validation score is too high" in note for note in board.notes)
    build.results.remove_study(first)
    assert by_entry(build.read().board())["student"].selected, "there is no other"


def teach(folder: StudyFolder, entry: str, study: str) -> None:
    """Writes into a study's record that it had a teacher."""
    taught = TaughtBy(entry=entry, study=study, trial="t0", answers="0" * 16, share=0.5, heard=())
    folder.record().model_copy(update={"teacher": taught}).save(folder.record_path)


@pytest.mark.parametrize(("corpus", "chosen"), [("demo", "scratch"), ("emo-db", "heir")])
def test_a_start_from_the_same_corpus_is_not_selected_beside_others(build, corpus, chosen):
    build.entry("scratch", build.study(), validation=0.5)
    folder = build.results.study(build.study("heirs"))
    build.entry("heir", "heirs", validation=0.9)
    record = folder.record()
    init = InitFrom(
        entry="x", study="s", refit="t0000-r0", family="cnn2d", labels=record.corpus.labels, sha256="0",
        heard=(HeardClips(study="s", corpus=corpus, parts=(corpus,), digest="d", protocol="p"),),
    )  # fmt: skip
    record.model_copy(update={"init": init}).save(folder.record_path)
    rows = build.read().board().rows
    assert not any(row.problems for row in rows)
    assert [row.entry for row in rows if row.selected] == [chosen]


@pytest.mark.parametrize(("search_values", "winner"), [((0.6, 0.7), "b"), ((0.7, 0.7), "a"), ((None, 0.1), "b")])
def test_equal_validation_falls_back_on_the_search_value_then_the_id(build, search_values, winner):
    study = build.study()
    build.entry("b", study, validation=1.0, search_value=search_values[1])
    build.entry("a", study, validation=1.0, search_value=search_values[0])
    assert [row.entry for row in build.read().board().rows if row.selected] == [winner]


def test_one_entry_of_each_group_is_selected_whatever_its_study(build):
    build.entry("a", build.study("one"), skill=0.9, validation=0.5)
    build.entry("b", build.study("two", family="cnn1d"), skill=0.5, validation=0.9)
    build.entry("c", build.study("three", corpus="emo-db"), validation=0.3)
    rows = by_entry(build.read().board())
    assert {name for name, row in rows.items() if row.selected} == {"b", "c"}
    assert (rows["a"].rank, rows["b"].rank) == (1, 2)


def test_the_best_of_a_search_is_chosen_among_its_own_studies(build):
    build.entry("a", build.study("one"), validation=0.5)
    build.entry("b", build.study("two", family="cnn1d"), validation=0.9)
    assert build.read().best(["one"]).entry == "a"
    assert build.read().best(["one", "two"]).entry == "b"
    assert build.read().chosen("one").entry.entry_id == "a"


@pytest.mark.parametrize(
    "other", [{"corpus": "emo-db"}, {"protocol_hash": "hash-b"}, {"protocol": "random"}, {"labels": ("joy", "woe")}]
)
def test_rows_that_differ_in_clips_or_split_are_not_ranked_against_each_other(build, other):
    build.entry("a", build.study("one"), skill=0.9)
    build.entry("b", build.study("two", **other), skill=0.5)
    board = build.read().board()
    assert len(board.groups) == 2
    assert [row.rank for row in board.rows] == [1, 1]
    assert len({group.title for group in board.groups}) == 2


def test_a_network_without_convolutions_is_called_so(build):
    study = build.study()
    build.entry("a", study)
    build.entry("b", study, config={"functionals": "alone"})
    (group,) = build.read().board().groups
    assert [note for note in group.notes if "convolutions" in note] == [
        "no convolutions, a dense network on functionals: b"
    ]


@pytest.mark.parametrize("few", [{"test_speakers": 7}, {"validation_speakers": 7}])
def test_few_speakers_in_a_core_leave_no_rank_and_no_interval_but_a_note(build, few):
    build.entry("a", build.study(**few))
    board = build.read().board()
    (row,) = board.rows
    assert (row.rank, row.uar_low, row.uar_high) == (None, None, None)
    assert row.uar is not None
    assert any("no rank and no interval: only 7 " in note for note in board.notes)


def test_shared_speakers_are_ranked_whatever_the_validation_core_holds(build):
    build.entry("a", build.study(protocol="random", shares_speakers=True, validation_speakers=3))
    board = build.read().board()
    assert board.rows[0].rank == 1
    assert board.rows[0].uar_low is not None
    assert any("same people are in training and test" in note for note in board.notes)


def test_what_holds_for_unknown_speakers_comes_first_within_a_corpus(build):
    build.entry("shared", build.study("one", protocol="random", shares_speakers=True))
    build.entry("apart", build.study("two", protocol="speaker"))
    build.entry("other", build.study("three", corpus="emo-db", protocol="speaker"))
    assert [row.entry for row in build.read().board().rows] == ["apart", "shared", "other"]


def test_shared_speakers_need_test_speakers_too(build):
    build.entry("a", build.study(protocol="random", shares_speakers=True, test_speakers=5))
    (row,) = build.read().board().rows
    assert (row.rank, row.uar_low) == (None, None)


def test_an_absent_class_leaves_uar_open_and_says_so(build):
    build.entry("a", build.study(absent=("fear",)))
    board = build.read().board()
    (row,) = board.rows
    assert (row.uar, row.uar_low, row.optimism_gap, row.rank) == (None, None, None, None)
    assert row.accuracy is not None
    assert any("no clip in the test set" in note for note in board.notes)
    assert row.worst_by_recall != "fear"


def test_trials_counts_completed_and_pruned_ones(build):
    build.entry("a", build.study(trial_states=("completed", "pruned", "pruned", "crashed", "invalid")))
    assert build.read().board().rows[0].trials == 3


def test_best_and_worst_class_by_recall_and_by_count(build):
    build.entry("a", build.study(), spoil=make_anger_perfect_and_fear_hopeless)
    (row,) = build.read().board().rows
    assert (row.best_by_recall, row.worst_by_recall) == ("anger", "fear")
    assert (row.best_by_count, row.worst_by_count) == ("anger", "fear")


def make_anger_perfect_and_fear_hopeless(frame, repeat):
    frame = frame.copy()
    for label, guess in (("anger", "p_anger"), ("fear", "p_sadness")):
        columns = [name for name in frame if name.startswith("p_")]
        frame.loc[frame["label"] == label, columns] = 0.0
        frame.loc[frame["label"] == label, guess] = 1.0
    return frame


def test_warnings_of_the_records_and_failed_refits_are_kept(build):
    build.entry("a", build.study(corpus_warnings=("one speaker is missing",)), failed=("a-r7",))
    (row,) = build.read().board().rows
    assert "one speaker is missing" in row.warnings
    assert any("1 of 3 runs failed" in warning for warning in row.warnings)
    assert row.failed_seeds == 1


def test_an_entry_without_refits_is_shown_without_scores_and_never_selected(build):
    study = build.study()
    build.entry("none", study, refits=0, failed=("none-r0",), looks=0)
    build.entry("some", study)
    rows = by_entry(build.read().board())
    assert (rows["none"].uar, rows["none"].accuracy, rows["none"].selected) == (None, None, False)
    assert rows["some"].selected
    assert (rows["none"].rank, rows["some"].rank) == (None, 1)


def test_filters(build):
    build.entry("a", build.study("one"))
    build.entry("b", build.study("two", corpus="emo-db", protocol="random", shares_speakers=True))
    assert [row.entry for row in build.read().board(corpus="emo-db").rows] == ["b"]
    assert [row.entry for row in build.read().board(protocol="speaker").rows] == ["a"]
    assert build.read().board(corpus="demo", protocol="random").rows == ()


def test_a_mistyped_filter_names_the_nearest(build):
    build.entry("a", build.study())
    with pytest.raises(UsageError, match="did you mean 'demo'"):
        build.read().board(corpus="dmo")


def test_no_entries_yet(build):
    build.study()
    board = build.read().board(corpus="demo")
    assert board.rows == ()
    assert "serbench search" in render(board)
    assert len(render(board, "csv").splitlines()) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda frame, _: frame.drop(columns="p_fear"), "no column 'p_fear'"),
        (lambda frame, _: frame.replace({"label": {"fear": "dread"}}), "the label 'dread'"),
        (lambda frame, _: frame[frame["subset"] != "test"], "no prediction of the test set"),
        (lambda frame, _: frame.assign(p_fear=float("nan")), "not a number"),
        (lambda frame, nth: frame.iloc[nth * 200 :], "different clips"),
        (lambda frame, _: frame.assign(clip_id="x" + frame["clip_id"]), "lacks clip"),
    ],
)
def test_damaged_predictions_are_named(build, spoil, message):
    build.entry("a", build.study(), spoil=spoil)
    results = build.read()
    assert results.board().rows == ()
    assert any(message in note for note in results.board().notes)
    with pytest.raises(SerbenchError, match=message):
        results.report("a")


@pytest.mark.children
def test_nothing_that_trains_is_imported():
    code = (
        "import sys, serbench.results as face\n"
        "assert all(hasattr(face, name) for name in face.__all__)\n"
        f"print([name for name in {BEFORE_TRAINING} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_core_of_unknown_speakers_is_not_said_to_have_one(build) -> None:
    facts = build.results.study(build.study(shares_speakers=False)).record().protocol
    counts = {"clips": 10, "speakers_per_sex": {}, "clips_per_label": {}}
    nameless = SubsetFacts(part="validation", speakers=None, **counts)
    protocol = facts.model_copy(update={"validation_speakers": 1, "subsets": (nameless,)})
    assert why_unranked(protocol).startswith("no rank and no interval: the speakers of validation clips are unknown")
    assert why_unranked(protocol.model_copy(update={"shares_speakers": True})) == ""
    one = protocol.model_copy(update={"subsets": (nameless.model_copy(update={"speakers": 1}),)})
    assert "only 1 validation speaker;" in why_unranked(one)


def facts(build, study, **changes):
    """Writes other facts of the protocol into a study's record."""
    folder = build.results.study(study)
    record = folder.record()
    changed = record.model_copy(update={"protocol": record.protocol.model_copy(update=changes)})
    changed.save(folder.record_path)


def test_a_transductive_row_has_no_rank_no_interval_and_no_export(build, tmp_path):
    study = build.study(test_speakers=18)
    build.entry("a", study)
    build.entry("b", study, skill=0.4)
    facts(build, study, speaker_normalisation=True)
    board = build.read().board()
    assert {(row.rank, row.tie_group, row.uar_low) for row in board.rows} == {(None, None, None)}
    assert "transductive" in board.groups[0].title
    with pytest.raises(SerbenchError, match="cannot label a single file"):
        export_bundle(build.read(), "a", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_damaged_study_that_sorts_first_does_not_decide_for_its_table(build):
    forged, sound = build.study("a-study"), build.study("b-study")
    build.entry("bad", forged)
    build.entry("good", sound)
    forge(build.results.study(forged), "bad")
    facts(build, forged, test_speakers=3, shares_speakers=True)
    (group,) = build.read().board().groups
    assert [(row.entry, row.rank) for row in group.rows] == [("good", 1), ("bad", None)]
    assert group.rows[0].uar_low is not None
    assert "speakers shared" not in group.title
    assert not any("only 3 test speakers" in note for note in group.notes)


def test_where_one_sound_study_shares_speakers_the_whole_table_does(build):
    """Records of older versions did not count the speakers of validation, on whom final runs train."""
    build.entry("old", build.study("a-study", protocol="given"))
    build.entry("new", build.study("b-study", protocol="given", shares_speakers=True))
    results = build.read()
    (group,) = results.board().groups
    assert "speakers shared" in group.title
    assert any("the same people are in training and test" in note for note in group.notes)
    assert all(row.shares_speakers for row in group.rows)
    assert results.report("old").protocol.shares_speakers


def test_an_entry_says_of_shared_speakers_what_its_table_says(build):
    """Export, audit and comparison take the entry from here; with three validation speakers the record has no rank."""
    older = build.study("a-study", protocol="given", validation_speakers=3)
    build.entry("old", older)
    build.entry("new", build.study("b-study", protocol="given", shares_speakers=True, validation_speakers=3))
    assert why_unranked(build.results.study(older).record().protocol)
    results = build.read()
    for tested in (results.scored_entry("old"), results.chosen("a-study")):
        assert tested.entry.entry_id == "old"
        assert tested.study.protocol.shares_speakers
    for names in (["old", "new"], ["new", "old"]):
        (pair,) = build.read().comparison(names).pairs
        assert pair.why_not == ""


def test_an_entry_that_fails_its_checks_shares_no_speakers_of_others(build):
    build.entry("old", build.study("a-study", protocol="given"))
    forged = build.study("b-study", protocol="given", shares_speakers=True)
    build.entry("bad", forged)
    forge(build.results.study(forged), "bad")
    assert not build.read().scored_entry("old").study.protocol.shares_speakers


def test_damaged_entries_do_not_move_the_difference_that_can_be_shown(build):
    study = build.study(test_speakers=18)
    build.entry("best", study, skill=0.8, validation=0.9)
    build.entry("good", study, skill=0.7, validation=0.5)
    before = build.read().board().groups[0].power
    build.entry("bad", study, skill=0.1, validation=0.4, refits=3)
    forge(build.results.study(study), "bad")
    assert build.read().board().groups[0].power == before


@pytest.mark.parametrize("tested", [True, False])
def test_a_reference_with_other_speakers_is_left_out_and_named(build, tested):
    study = build.study()
    build.entry("a", study, refits=2 if tested else 0)
    build.reference(study, "svm", "SVM")
    (path,) = build.results.root.glob("references/*/svm/predictions.parquet")
    table = pd.read_parquet(path)
    table.loc[table["speaker"] == table["speaker"][0], "speaker"] = "somebody"
    table.to_parquet(path, index=False)
    (group,) = build.read().board().groups
    assert group.references == ()
    assert any("reference 'svm' has another speaker for test clip" in note for note in group.notes), group.notes
