"""`ResultsFolder`: where records lie, what is found by name, and what a broken-off fit leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from records_made import entry, study, trial

from serbench.errors import SerbenchError, UsageError
from serbench.records import ResultsFolder, fold_name
from serbench.records.study_folder import read_arrow, read_parquet

PREDICTIONS = pd.DataFrame(
    {"clip_id": ["a", "b"], "subset": "validation", "label": ["x", "y"], "p_x": [0.9, 0.4], "p_y": [0.1, 0.6]}
)


@pytest.fixture
def results(tmp_path: Path) -> ResultsFolder:
    """A folder with the studies `first` and `second` and one entry, `first-t0000`."""
    folder = ResultsFolder(tmp_path / "results")
    folder.prepare()
    for name in ("first", "second"):
        study(name=name).save(folder.study(name).record_path)
    folder.study("first").save_entry(entry(entry_id="first-t0000", study="first"))
    return folder


def test_what_was_saved_is_found(results: ResultsFolder) -> None:
    again = ResultsFolder(results.root)
    assert [record.name for _, record in again.studies()] == ["first", "second"]
    assert again.existing_study("second").record().name == "second"
    assert [found.entry_id for found in again.study("first").entries()] == ["first-t0000"]


def test_the_folds_of_a_run_are_no_study_of_its_name(results: ResultsFolder) -> None:
    for name in ("first-fold2", "first-fold1", "first-small-fold1"):
        study(name=name).save(results.study(name).record_path)
    assert results.folds("first") == [fold_name("first", 1), fold_name("first", 2)]
    assert results.folds("second") == []


def test_a_folder_that_another_command_is_filling_stays(results: ResultsFolder) -> None:
    """`serbench export --to results/bundle` makes it first under another name."""
    filling = results.root / ".bundle.x1y2.tmp"
    filling.mkdir()
    results.prepare()
    assert filling.is_dir()


def test_a_look_whether_a_folder_can_be_written_leaves_it_as_it_was(tmp_path: Path) -> None:
    new, known = tmp_path / "new" / "results", tmp_path / "known"
    known.mkdir()
    (known / "mine.txt").write_text("mine", encoding="utf-8")
    for folder in (new, known):
        ResultsFolder(folder).check_writable()
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["known", "mine.txt"]


def test_an_unknown_study_is_answered_with_the_nearest(results: ResultsFolder) -> None:
    with pytest.raises(UsageError, match="unknown study 'frist'; did you mean 'first'"):
        results.existing_study("frist")


def test_an_empty_folder_says_what_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No studies in .* yet; run `serbench search`, or"):
        ResultsFolder(tmp_path).existing_study("x")
    with pytest.raises(UsageError, match=r"There is no folder .*nowhere yet; run `serbench search`, or"):
        ResultsFolder(tmp_path / "nowhere").existing_study("x")


def test_a_study_is_a_name_and_never_a_path(results: ResultsFolder, tmp_path: Path) -> None:
    study(name="outside").save(tmp_path / "outside" / "study.json")
    study(name="above").save(results.root / "study.json")
    for name in ("../../outside", str(tmp_path / "outside"), "..", ".", "", "first/../second"):
        with pytest.raises(UsageError, match="unknown study"):
            results.remove_study(name)
    assert (tmp_path / "outside" / "study.json").exists()
    assert results.root.exists()


def test_a_removed_study_is_gone_and_the_other_stays(results: ResultsFolder) -> None:
    results.remove_study("first")
    assert [record.name for _, record in results.studies()] == ["second"]


def test_a_newer_folder_is_refused(results: ResultsFolder) -> None:
    (results.root / "serbench.json").write_text(json.dumps({"schema_version": 99}), encoding="utf-8")
    with pytest.raises(SerbenchError, match=r"newer serbench .*upgrade serbench or name another --results folder"):
        ResultsFolder(results.root)


def test_a_file_is_no_results_folder(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("x", encoding="utf-8")
    with pytest.raises(SerbenchError, match="is a file; name a folder with --results"):
        ResultsFolder(tmp_path / "results")


def test_looking_at_a_folder_that_is_not_there_makes_none(tmp_path: Path) -> None:
    assert list(ResultsFolder(tmp_path / "results").studies()) == []
    assert not (tmp_path / "results").exists()


def test_a_fit_is_published_with_all_its_files(results: ResultsFolder) -> None:
    folder = results.study("first")
    record = trial(kind="refit", job_id="t0000-r0")
    folder.publish_job(record, PREDICTIONS, b"model")
    assert folder.has_job("refit", "t0000-r0")
    assert not folder.has_job("search", "t0000-r0")
    assert folder.job("refit", "t0000-r0").model_copy(update={"digests": None}) == record
    pd.testing.assert_frame_equal(folder.predictions("refit", "t0000-r0"), PREDICTIONS)
    assert folder.model_path("t0000-r0").read_bytes() == b"model"


def test_a_crash_keeps_its_text(results: ResultsFolder) -> None:
    folder = results.study("first")
    folder.publish_job(trial(state="crashed", value=None), error_text="Traceback é")
    assert (folder.job_path("search", "t0000") / "error.txt").read_text(encoding="utf-8") == "Traceback é"


@pytest.mark.parametrize("state", ["interrupted", "lost"])
def test_an_attempt_that_was_broken_off_leaves_its_place_to_the_repeat(results: ResultsFolder, state: str) -> None:
    folder = results.study("first")
    for _ in range(2):
        folder.publish_job(trial(state=state, value=None))
    assert not folder.has_job("search", "t0000")
    assert list(folder.jobs("search")) == []
    folder.publish_job(trial())
    assert [record.state for record in folder.jobs("search")] == ["completed"]
    kept = sorted(path.parent.name for path in (folder.path / "attempts").glob("*/record.json"))
    assert kept == ["t0000.0", "t0000.1"]


def test_attempts_of_jobs_with_like_names_are_counted_apart(results: ResultsFolder) -> None:
    folder = results.study("first")
    folder.publish_job(trial(job_id="t0001-r0", kind="refit", state="interrupted"))
    folder.publish_job(trial(job_id="t0001", state="interrupted"))
    assert sorted(path.name for path in (folder.path / "attempts").iterdir()) == ["t0001-r0.0", "t0001.0"]


def test_a_recorded_fit_is_never_overwritten(results: ResultsFolder) -> None:
    folder = results.study("first")
    folder.publish_job(trial(value=0.5))
    with pytest.raises(ValueError, match="holds a record already"):
        folder.publish_job(trial(value=0.9))
    assert folder.job("search", "t0000").value == 0.5


def test_a_folder_that_an_interrupted_copy_left_makes_room_for_the_fit(results: ResultsFolder) -> None:
    folder = results.study("first")
    left = folder.job_path("refit", "t0000-r0")
    left.mkdir(parents=True)
    (left / "model.keras").write_bytes(b"half")
    folder.publish_job(trial(kind="refit", job_id="t0000-r0"), PREDICTIONS)
    assert folder.has_job("refit", "t0000-r0")
    assert sorted(path.name for path in left.iterdir()) == ["predictions.parquet", "record.json"]


def test_fits_come_by_id_and_half_published_ones_not_at_all(results: ResultsFolder) -> None:
    folder = results.study("first")
    for job_id in ("t0002", "t0000", "t0001"):
        folder.publish_job(trial(job_id=job_id))
    killed = folder.path / "trials" / ".t0003.abc.tmp"  # what a kill in the middle of publishing leaves
    trial(job_id="t0003").save(killed / "record.json")
    (folder.path / "trials" / "t0004").mkdir()
    assert [record.job_id for record in folder.jobs("search")] == ["t0000", "t0001", "t0002"]


def test_missing_and_damaged_predictions_are_one_sentence(results: ResultsFolder) -> None:
    folder = results.study("first")
    folder.publish_job(trial())
    with pytest.raises(SerbenchError, match=r"predictions\.parquet does not exist"):
        folder.predictions("search", "t0000")
    (folder.job_path("search", "t0000") / "predictions.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(SerbenchError, match=r"predictions\.parquet is damaged .*run the search again"):
        folder.predictions("search", "t0000")


@pytest.mark.parametrize("read", [read_parquet, read_arrow])
@pytest.mark.parametrize(("rows", "columns"), [(5_000_001, 1), (1, 2_001), (1_000_000, 201)])
def test_a_table_that_unpacks_to_too_much_is_one_sentence(read, rows: int, columns: int, tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    column = pa.nulls(rows, pa.int8())
    pq.write_table(pa.table({f"p_{place}": column for place in range(columns)}), path)
    assert path.stat().st_size < 1 << 21
    with pytest.raises(SerbenchError, match=f"{rows:,} rows of {columns:,} columns are more than serbench writes"):
        read(path)


def test_where_the_data_lay_is_remembered_apart_from_the_record(results: ResultsFolder, tmp_path: Path) -> None:
    folder = results.study("first")
    assert folder.remembered_data() is None
    data = tmp_path / "data"
    folder.remember_data(data)
    assert folder.remembered_data() is None, "it is not there"
    data.mkdir()
    assert folder.remembered_data() == data
    assert str(tmp_path) not in folder.record_path.read_text(encoding="utf-8")
    for damaged in ("[]", "[" * 100_000, "{"):
        (folder.path / "local.json").write_text(damaged, encoding="utf-8")
        assert folder.remembered_data() is None
