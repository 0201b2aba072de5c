"""The short form of a leaderboard: references in place, what changes a score said, and a screen of 80 columns."""

from __future__ import annotations

import dataclasses
import re

import pytest
from drawn_results import forge

from serbench.render import answer, below_baseline, brief_board, render
from serbench.results import leaderboard

STUDY = "demo-speaker-cnn2d"


@pytest.fixture
def board(build):
    """Two entries, of which the second is selected and below an SVM."""
    study = build.study()
    build.entry("net-one", study, skill=0.65, validation=0.3)
    build.entry("net-two", study, skill=0.5, validation=0.9)
    for name, title, skill in (
        ("chance", "chance", 1 / 6),
        ("majority", "majority class", 1 / 6),
        ("functionals", "SVM on functionals", 0.6),
    ):
        build.reference(study, name, title, skill=skill)
    return build.read().board()


def lines_of(board, **options):
    return render(brief_board(board), width=80, **options).splitlines()


def test_references_stand_in_place_among_the_entries(board):
    found = [row[1] for row in brief_board(board).sheets[0].rows]
    scores = {row.entry: row.uar for row in board.rows} | {one.title: one.uar for one in board.references}
    assert found == sorted(scores, key=lambda name: -scores[name])


def test_the_selected_row_is_bold_and_references_are_dim(board):
    styled = [line for line in lines_of(board, styled=True) if len(re.findall(r"\d\d\.\d", line)) > 3]

    def row(name):
        (found,) = [line for line in styled if name in line]
        return found

    assert "\x1b[1m" in row("net-two")
    assert "\x1b[2m" in row("SVM on functionals")
    assert "\x1b" not in row("net-one")
    assert not any("\x1b" in line for line in lines_of(board))


@pytest.mark.long
def test_a_table_fits_a_screen_of_80_columns(build, board):
    lines = lines_of(board)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    for number in range(30):
        build.entry(f"more-{number}", STUDY, skill=0.3 + number / 100, validation=0.4, refits=1)
    long = lines_of(build.read().board())
    assert len(long) <= 30
    assert any("net-two" in line for line in long), "the selected entry is never left out"
    assert "23 more entries" in " ".join(long), "eight by score and the selected one are shown of 32"


def test_references_that_compare_wrongly_say_why(board):
    group = board.groups[0]
    marked = tuple(
        one.model_copy(update={"transductive": True} if one.name == "functionals" else {"left_out": 7})
        for one in group.references
    )
    text = " ".join(lines_of(dataclasses.replace(board, groups=(dataclasses.replace(group, references=marked),))))
    assert "*: normalised with the test speakers' own clips" in text
    assert "SVM on functionals*" in text
    assert "chance: 7 of 127 test clips have no prediction" in text
    assert "normalised" not in " ".join(lines_of(board))


def test_warnings_stay_and_explanations_are_for_full(build):
    study = build.study("mixed", corpus="crema-d", protocol="random", shares_speakers=True, protocol_hash="b")
    build.entry("once", study, refits=1)
    build.entry("twice", study)
    board = build.read().board()
    text = " ".join(lines_of(board))
    assert "the same people are in training and test" in text
    assert "trained with one seed only" not in text
    assert "trained with one seed only" in " ".join(render(board, width=80).split())


def test_what_is_left_out_is_really_among_the_notes():
    """The beginnings by which explanations are known are those that the leaderboard writes."""
    import inspect

    from serbench.render.brief import _EXPLAINED

    source = inspect.getsource(leaderboard)
    missing = [text for text in _EXPLAINED if text not in source and text != "on these "]
    assert missing == []


def test_a_note_of_several_tables_is_said_once(build):
    for letter in "ab":
        study = build.study(f"s-{letter}", protocol="random", shares_speakers=True, protocol_hash=letter)
        build.entry(f"e-{letter}", study)
    assert " ".join(lines_of(build.read().board())).count("the same people are in training") == 1


def test_an_empty_board_says_what_to_do(build):
    assert "run `serbench search` first" in render(brief_board(build.read().board()))


def test_the_answer_has_score_interval_baselines_and_classes(build, board):
    results = build.read()
    row = results.row("net-two")
    text = answer(results.group_rows("net-two"), row)
    assert text.startswith(f"{100 * row.uar:.1f} % UAR ({100 * row.uar_low:.1f}-{100 * row.uar_high:.1f}) on 10 new ")
    for part in (
        "net-two",
        "SVM on functionals",
        "chance",
        f"best {row.best_by_recall}",
        f"worst {row.worst_by_recall}",
    ):
        assert part in text


def test_any_entry_is_held_against_the_best_baseline(build, board):
    results = build.read()
    group = results.group_rows("net-two")
    svm = next(one.uar for one in group.references if one.name == "functionals")
    for row in group.rows:
        assert bool(below_baseline(group, row)) == (row.uar < svm), row.entry
    assert "SVM on functionals" in below_baseline(group, results.row("net-two"))
    assert below_baseline(group, results.row("net-two").model_copy(update={"shares_speakers": True})) == ""


def test_the_answer_invents_no_interval_and_names_shared_speakers(build):
    study = build.study("few", test_speakers=3, shares_speakers=True)
    build.entry("alone", study)
    results = build.read()
    text = answer(results.group_rows("alone"), results.row("alone"))
    assert "(" not in text
    assert "speakers who were also trained on" in text


def test_test_sets_that_share_speakers_have_one_line_each_where_others_do_not(build):
    build.entry("apart", build.study())
    for letter in "ab":
        study = build.study(f"s-{letter}", protocol="random", shares_speakers=True, protocol_hash=letter)
        build.entry(f"good-{letter}", study, skill=0.8, validation=0.9)
        build.entry(f"poor-{letter}", study, skill=0.3, validation=0.1)
    board = build.read().board()
    first, shared = brief_board(board, gathered=True).sheets
    assert [row[1] for row in first.rows] == ["apart"]
    assert [row[2] for row in shared.rows] == ["good-a", "good-b"]
    assert "--protocol random" in shared.title
    assert len(brief_board(board).sheets) == 3
    alone = dataclasses.replace(board, groups=tuple(one for one in board.groups if one.rows[0].shares_speakers))
    assert len(brief_board(alone, gathered=True).sheets) == 2, "nothing else to show, so nothing is gathered"


def test_a_line_of_a_test_set_without_a_selected_entry_says_so(build, board):
    study = build.study("shared", protocol="random", protocol_hash="hash-r", shares_speakers=True)
    build.entry("lucky", study, validation=0.9)
    assert "(not selected)" not in render(brief_board(build.read().board(), gathered=True), width=120)
    forge(build.results.study("shared"), "lucky")
    text = render(brief_board(build.read().board(), gathered=True), width=120)
    assert "lucky (FAILS CHECKS) (not selected)" in text


def test_an_entry_that_fails_its_checks_stands_last(build, board):
    folder = build.results.study(STUDY)
    forge(folder, "net-one")
    forged = build.read().board()
    assert forged.rows[-1].problems
    assert brief_board(forged).sheets[0].rows[-1][1] == "net-one (FAILS CHECKS)"


def test_the_short_form_says_how_many_entries_it_leaves_out(build, board):
    for number in range(7):
        build.entry(f"more-{number}", STUDY, skill=0.7, validation=0.4, refits=1)
    text = " ".join(lines_of(build.read().board()))
    assert "more entr" not in text, "eight by score and the selected ninth are all"
    build.entry("more-7", STUDY, skill=0.1, validation=0.1, refits=1)
    assert "adds 1 more entry" in " ".join(lines_of(build.read().board()))


def test_a_note_that_one_table_lacks_stays_with_the_others(build):
    for letter, synthetic in (("a", True), ("b", True), ("c", False)):
        build.entry(f"e-{letter}", build.study(f"s-{letter}", protocol_hash=letter, synthetic=synthetic))
    document = brief_board(build.read().board())
    told = {sheet.rows[0][1]: any("synthetic corpus" in note for note in sheet.notes) for sheet in document.sheets}
    assert told == {"e-a": True, "e-b": True, "e-c": False}
    assert not any("synthetic corpus" in note for note in document.notes)
