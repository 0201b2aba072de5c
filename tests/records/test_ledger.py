"""Evaluations of a test set are counted once and for all: whatever is removed, renamed, published or killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest
from drawn_results import Builder, run_of
from records_made import study, trial

from serbench.errors import SerbenchError
from serbench.records import JobId, Ledger, LedgerLine, count_evaluations, recorded_evaluations
from serbench.results import Results, publish_studies


@pytest.fixture
def build(tmp_path):
    return Builder(tmp_path / "results")


def count(lines, record):
    found = count_evaluations(lines, record.corpus.digest, record.protocol.hash)
    return found.entries, found.studies, found.evaluations, found.split_seeds


def with_protocol(record, **changes):
    return record.model_copy(update={"protocol": record.protocol.model_copy(update=changes)})


def counted_in(root):
    """What the heading of the only group counts."""
    (group,) = Results(root).board().groups
    return group.counted


def test_lines_are_added_and_read_again(tmp_path):
    ledger, record = Ledger(tmp_path / "ledger"), study(identity="one")
    assert ledger.read() == ([], 0)
    for job in ("t0-r0", "t0-r1", "t3-bag"):
        ledger.append([LedgerLine.of(record, job, predictions="p")])
    lines, unreadable = ledger.read()
    assert ([line.job_id for line in lines], unreadable) == (["t0-r0", "t0-r1", "t3-bag"], 0)
    assert count(lines, record) == (2, 1, 3, 1)
    (file,) = ledger.root.glob("*.jsonl")
    assert '"fold"' not in file.read_text(), "what is as usual is not written"


def test_a_run_that_was_killed_before_its_record_counts_once_unless_it_answers_otherwise(tmp_path):
    ledger, record = Ledger(tmp_path / "ledger"), study(identity="one")
    for answers in ("same", "same", "other"):
        ledger.append_once(LedgerLine.of(record, "t0000-r0", predictions=answers))
    ledger.append_once(LedgerLine.of(record, "t0000-r1", predictions="same"))
    ledger.append_once(LedgerLine.of(record, "t0000-r1", "audit", predictions="same"))
    lines, _ = ledger.read()
    assert [(one.job_id, one.predictions, one.kind) for one in lines] == [
        ("t0000-r0", "same", "run"),
        ("t0000-r0", "other", "run"),
        ("t0000-r1", "same", "run"),
        ("t0000-r1", "same", "audit"),
    ]


def test_a_run_that_answered_otherwise_is_missing_and_one_whose_answers_are_not_told_is_not(tmp_path):
    ledger, record = Ledger(tmp_path / "ledger"), study(identity="one")
    ledger.append([LedgerLine.of(record, "t0000-a0", predictions="first"), LedgerLine.of(record, "t0001-a0")])
    lines = [
        LedgerLine.of(record, job, predictions=answers)
        for job, answers in (("t0000-a0", "first"), ("t0000-a0", "other"), ("t0000-a0", None), ("t0001-a0", "first"))
    ]
    assert list(ledger.missing(lines)) == [lines[1]]


@pytest.mark.parametrize("kind", ["a folder", "a dangling link"])
def test_what_is_no_file_in_a_ledger_counts_as_unreadable(tmp_path, kind):
    ledger = Ledger(tmp_path / "ledger")
    ledger.append([LedgerLine.of(study(identity="one"), "t0000-r0")])
    odd = ledger.root / "a.jsonl"
    odd.mkdir() if kind == "a folder" else odd.symlink_to("gone")
    lines, unreadable = ledger.read()
    assert ([line.job_id for line in lines], unreadable) == (["t0000-r0"], 1)


def test_a_number_of_thousands_of_digits_is_no_run():
    line = LedgerLine.of(study(identity="one"), f"t0-r{'9' * 5000}")
    assert line.entry[1] == line.job_id
    with pytest.raises(SerbenchError, match="is not the name of a trial"):
        _ = JobId.parse("t" + "9" * 5000).number


def test_another_name_counts_on_and_another_split_seed_is_told(tmp_path):
    record = study(identity="one")
    other = study(name="b", identity="two")
    seed = with_protocol(study(name="c", identity="three"), split_seed=5, hash="5" * 16)
    lines = [LedgerLine.of(one, "t0-r0") for one in (record, other, seed)]
    assert count(lines, record) == (2, 2, 2, 2)
    assert count(lines, seed) == (1, 1, 1, 2)
    smaller = with_protocol(study(name="d", identity="four"), split_seed=6, hash="6" * 16, test_core="30")
    assert count([*lines, LedgerLine.of(smaller, "t0-r0")], record) == (2, 2, 2, 2), (
        "another protocol, not another seed"
    )


def test_folds_are_counted_by_the_fold_with_the_most():
    record = study(identity="one")
    lines = [LedgerLine.of(with_protocol(record, fold=fold), f"t{job}-r0") for fold, job in ((1, 0), (2, 0), (2, 1))]
    assert count(lines, record) == (2, 1, 2, 1)


@pytest.mark.parametrize(("fold", "changes"), [(0, {}), (1, {"test_core": "40"})], ids=["a core", "a fold"])
def test_the_same_test_clips_are_one_test_set_whatever_validates(fold, changes):
    record = with_protocol(study(identity="one"), fold=fold)
    other = with_protocol(
        study(name="b", identity="two"),
        fold=fold,
        hash="9" * 16,
        validation_core="33",
        speaker_normalisation=True,
        **changes,
    )
    lines = [LedgerLine.of(one, "t0-r0") for one in (record, other)]
    assert count(lines, record) == count(lines, other) == (2, 2, 2, 1)


def test_audits_and_replays_are_evaluations_and_no_entries():
    record = study(identity="one")
    lines = [LedgerLine.of(record, "t0-r0", kind) for kind in ("run", "audit", "replay")]
    found = count_evaluations(lines, record.corpus.digest, record.protocol.hash)
    assert (found.entries, found.studies, found.evaluations, found.audits, found.replays) == (1, 1, 3, 1, 1)


def test_a_run_that_was_made_again_is_an_evaluation_more(build):
    name = build.study()
    build.entry("a", name, refits=2)
    record = build.results.study(name).record()
    own = build.results.study(name).job("refit", run_of("a")).digests["test"]
    assert build.read().row("a").looks == 2
    build.results.ledger.append([LedgerLine.of(record, run_of("a"), predictions=one) for one in (own, "others")])
    assert build.read().row("a").looks == 3, "the other run is of before there was a ledger"


def test_a_line_that_a_kill_cut_off_costs_itself_only(tmp_path):
    ledger, record = Ledger(tmp_path / "ledger"), study(identity="one")
    ledger.append([LedgerLine.of(record, "t0-r0")])
    (path,) = ledger.root.glob("*.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    ledger.append([LedgerLine.of(record, "t0-r1")])
    lines, unreadable = ledger.read()
    assert [line.job_id for line in lines] == ["t0-r0", "t0-r1"]
    assert unreadable == 1


def _write(root: Path, name: str) -> None:
    for number in range(50):
        Ledger(root).append([LedgerLine.of(study(name=name, identity=name), f"t{number}-r0")])


@pytest.mark.children
def test_several_processes_lose_no_line(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path / "ledger", name)) for name in "abc"]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    lines, unreadable = Ledger(tmp_path / "ledger").read()
    assert unreadable == 0
    assert {(line.study, line.job_id) for line in lines} == {(name, f"t{n}-r0") for name in "abc" for n in range(50)}


def test_a_write_that_fails_is_told_with_the_path(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger")
    monkeypatch.setattr(os, "write", lambda *_: 0)
    with pytest.raises(Exception, match=r"cannot write .*ledger.*the disk is full"):
        ledger.append([LedgerLine.of(study(), "t0-r0")])


def test_results_without_a_ledger_are_counted_from_their_records(build):
    build.entry("a", build.study("one"), refits=3)
    build.entry("b", build.study("two"), refits=2)
    found = counted_in(build.results.root)
    assert (found.entries, found.studies, found.evaluations, found.split_seeds) == (2, 2, 5, 1)
    assert not build.results.ledger.root.exists(), "reading writes nothing"


def test_what_stands_in_ledger_and_record_is_counted_once(build):
    name = build.study("one")
    build.entry("a", name, refits=2)
    record = build.results.study(name).record()
    build.results.ledger.append([LedgerLine.of(record, run_of("a")), LedgerLine.of(record, run_of("a"))])
    found = counted_in(build.results.root)
    assert found.entries == 1
    assert found.evaluations == 3, "r0 twice, since a killed run was made again, and r1"


def test_removing_a_study_takes_back_no_evaluation(build):
    for name in ("one", "two"):
        build.entry(f"entry-of-{name}", build.study(name))
    before = counted_in(build.results.root)
    build.results.remove_study("one")
    assert counted_in(build.results.root) == before
    assert before.studies == 2


@pytest.mark.long
def test_of_ten_studies_the_published_one_still_says_ten(build, tmp_path):
    for number in range(10):
        build.entry(f"e{number}", build.study(f"study{number}"), skill=0.3 + 0.05 * number)
    build.results.remove_study("study0")
    list(publish_studies(build.results, ["study9"], tmp_path / "published"))
    (group,) = Results(tmp_path / "published").board().groups
    assert (group.counted.entries, group.counted.studies, group.counted.evaluations) == (10, 10, 20)
    assert "tested so far: 10 entries of 10 studies (20 evaluations) under 1 split seed" in group.heading
    list(publish_studies(build.results, ["study9"], tmp_path / "published"))
    assert counted_in(tmp_path / "published") == group.counted


def test_audits_of_older_results_are_counted(build):
    name = build.study()
    build.entry("a", name)
    folder = build.results.study(name)
    again = folder.path / "audits" / "studies" / "a-again"
    shutil.copytree(folder.path, again, ignore=shutil.ignore_patterns("audits"))
    folder.record().model_copy(update={"name": "a-again", "identity": "audit"}).save(again / "study.json")
    found = counted_in(build.results.root)
    assert (found.entries, found.evaluations, found.audits) == (1, 4, 2)
    (row,) = build.read().board().rows
    assert row.looks == 4


@pytest.mark.parametrize("mark", ["damaged", '{"schema_version": 99}'])
def test_audits_in_a_folder_that_cannot_be_read_cost_no_other_entry(build, mark):
    build.entry("a", build.study("one"))
    build.entry("b", build.study("two"))
    audits = build.results.study("one").path / "audits"
    audits.mkdir()
    (audits / "serbench.json").write_text(mark, encoding="utf-8")
    assert {row.entry for row in build.read().board().rows} == {"a", "b"}


def test_a_replay_counts_for_its_entry(build):
    name = build.study()
    build.entry("a", name)
    build.results.ledger.append([LedgerLine.of(build.results.study(name).record(), run_of("a", 1), "replay")])
    (row,) = build.read().board().rows
    assert row.looks == 3
    assert counted_in(build.results.root).replays == 1


def test_a_run_that_the_ledger_knows_and_the_entry_hides_is_found(build):
    name = build.study()
    build.entry("a", name, refits=2)
    folder = build.results.study(name)
    lines = recorded_evaluations(folder, folder.record())
    build.results.ledger.append([*lines, LedgerLine.of(folder.record(), run_of("a", 2))])
    (row,) = build.read().board().rows
    assert any(f"{run_of('a', 2)} (counted in the ledger)" in text for text in row.problems)


def test_a_run_that_the_ledger_knows_and_the_entry_calls_failed_is_found(build):
    name = build.study()
    build.entry("a", name, refits=2, failed=(run_of("a", 2),))
    folder = build.results.study(name)
    (row,) = build.read().board().rows
    assert row.problems == ()
    build.results.ledger.append([LedgerLine.of(folder.record(), run_of("a", 2))])
    (row,) = build.read().board().rows
    assert row.problems == (f"run {run_of('a', 2)} is called failed, and the ledger counts its test predictions",)
    done = folder.job("refit", run_of("a", 1))
    broken_off = {"job_id": run_of("a", 2), "state": "interrupted", "scores": {}, "value": None, "digests": None}
    folder.publish_job(done.model_copy(update=broken_off))
    (row,) = build.read().board().rows
    assert row.problems == (), "it was broken off before its record was written, and will be repeated"


def test_a_run_with_a_huge_number_is_told_at_once(build):
    """Numbers up to it are gone through, and not laid down."""
    build.entry("a", build.study(), refits=1, failed=(run_of("a", 999_999_999),))
    (row,) = build.read().board().rows
    assert any(f"run {run_of('a', 1)} is missing before" in text for text in row.problems), row.problems


def test_predictions_that_the_ledger_did_not_count_are_found(build):
    name = build.study()
    build.entry("a", name, refits=2)
    record = build.results.study(name).record()
    build.results.ledger.append([LedgerLine.of(record, run_of("a"), predictions="of other predictions")])
    (row,) = build.read().board().rows
    assert row.problems == (f"run {run_of('a')}: the ledger counted other test predictions",)


def test_the_board_says_it_in_json(build):
    build.entry("a", build.study())
    from serbench.render import render

    (group,) = json.loads(render(build.read().board(), "json"))["groups"]
    assert group["tested"] == {
        "entries": 1, "studies": 1, "evaluations": 2, "audits": 0, "replays": 0, "split_seeds": 1,
    }  # fmt: skip
    assert group["corpus"] == "demo"


def test_a_record_keeps_the_digests_of_its_predictions_and_an_older_one_has_none(build):
    name = build.study()
    build.entry("a", name)
    assert set(build.results.study(name).job("refit", run_of("a")).digests) == {"test", "validation"}
    assert trial().digests is None
