"""Entries beside what somebody else printed for the same configuration."""

from __future__ import annotations

from serbench.records.schemas import ReportedScores
from serbench.render import beside_printed, render

PRINTED = ReportedScores(validation_accuracy=56.3, test_accuracy=57.1, source="a report")


def with_printed(build, study, entry):
    folder = build.results.study(study)
    record = next(one for one in folder.entries() if one.entry_id == entry)
    folder.save_entry(record.model_copy(update={"reported": PRINTED}))


def test_a_row_has_what_was_reached_what_was_printed_and_the_difference(build):
    study = build.study()
    build.entry("plain", study)
    build.entry("known", study, skill=0.7)
    with_printed(build, study, "known")
    board = build.read().board()
    sheet = beside_printed(board, [study])
    (row,) = sheet.rows
    accuracy = next(one for one in board.rows if one.entry == "known").accuracy
    assert row[:3] == ("trial 12", "known", "2")
    assert row[-3:] == (f"{100 * accuracy:.1f}", "57.1", f"{100 * accuracy - 57.1:+.1f}")
    assert row[4] == "-"  # no training accuracy was printed
    assert "a report" in sheet.notes


def test_there_is_no_table_where_nothing_was_printed(build):
    study = build.study()
    build.entry("plain", study)
    assert beside_printed(build.read().board(), [study]) is None


def test_a_report_says_what_was_printed(build):
    study = build.study()
    build.entry("known", study)
    with_printed(build, study, "known")
    text = render(build.read().report("known"), width=120)
    assert "validation accuracy 56.3 %, test accuracy 57.1 % (a report)" in " ".join(text.split())
