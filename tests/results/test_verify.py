"""Numbers that were changed by hand are marked on the board, named by `serbench verify`, and not published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from serbench.cli.main import app
from serbench.errors import SerbenchError
from serbench.export import export_bundle
from serbench.records import ResultsFolder, answers_digest, prediction_digests
from serbench.records.study_folder import StudyFolder
from serbench.render import render
from serbench.results import Results, publish_studies, verify_results

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
OLD = Path(__file__).parent / "old_study"  # published before there was a shortlist; its clips are still among those
STUDY, ENTRY = "crema-d-random-cnn2d", "cnn2d-3620fb"
RUNS = ("t0000-r0", "t0000-r1", "t0000-r2")


@pytest.fixture
def copied(tmp_path) -> StudyFolder:
    """A copy of a study that was published once."""
    root = tmp_path / "results"
    shutil.copytree(OLD / STUDY, root / "studies" / STUDY)
    shutil.copytree(PUBLISHED / "clips", root / "clips")
    shutil.copy(PUBLISHED / "serbench.json", root)
    return ResultsFolder(root).study(STUDY)


def edit(path: Path, change) -> None:
    """Changes a JSON file by hand."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    change(raw)
    path.write_text(json.dumps(raw), encoding="utf-8")


def change_tables(folder: StudyFolder, change) -> None:
    """Changes the predictions of all runs."""
    for run in RUNS:
        path = folder.job_path("refit", run) / "predictions.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)


def answered(table: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    columns = [name for name in table if name.startswith("p_")]
    wanted = [columns.index(f"p_{label}") for label in table["label"]]
    return columns, np.array(wanted), table[columns].to_numpy().argmax(axis=1)


def swap_answers(folder: StudyFolder) -> None:
    """Half of the wrong test answers become right: the two probabilities change places."""

    def change(table):
        columns, wanted, given = answered(table)
        rows = np.flatnonzero((table["subset"] == "test").to_numpy() & (wanted != given))[::2]
        shares = table[columns].to_numpy(copy=True)
        shares[rows, wanted[rows]], shares[rows, given[rows]] = shares[rows, given[rows]], shares[rows, wanted[rows]]
        return table.assign(**dict(zip(columns, shares.T, strict=True)))

    change_tables(folder, change)


def replace_labels(folder: StudyFolder) -> None:
    """Half of the wrong test answers of a run become right: the true label is replaced by the answer."""
    first = folder.predictions("refit", RUNS[0])
    columns, wanted, given = answered(first)
    rows = np.flatnonzero((first["subset"] == "test").to_numpy() & (wanted != given))[::2]
    new = {first["clip_id"].iloc[row]: columns[given[row]].removeprefix("p_") for row in rows}

    def change(table):
        pairs = zip(table["clip_id"], table["label"], strict=True)
        return table.assign(label=[new.get(clip, label) for clip, label in pairs])

    change_tables(folder, change)


def drop_hard_clips(folder: StudyFolder) -> None:
    """Test clips that the first run gets wrong are left out of all runs."""
    first = folder.predictions("refit", RUNS[0])
    _, wanted, given = answered(first)
    hard = set(first["clip_id"][(first["subset"] == "test").to_numpy() & (wanted != given)].iloc[:300])
    change_tables(folder, lambda table: table[~table["clip_id"].isin(hard)])


def drop_hard_clips_and_say_so(folder: StudyFolder) -> None:
    """The same, with recorded scores and numbers of clips that fit the fewer clips."""
    drop_hard_clips(folder)
    results = Results(folder.path.parents[1])
    for refit in results.scored_entry(ENTRY).refits:
        path = folder.job_path("refit", refit.record.job_id) / "record.json"
        edit(path, lambda raw, refit=refit: raw["scores"].update(test=refit.scores["test"].model_dump(mode="json")))
    edit(folder.record_path, lambda raw: raw["protocol"].update(test_clips=1933))


def list_the_best_run(folder: StudyFolder) -> None:
    best = best_run(folder)
    edit(folder.path / "entries" / f"{ENTRY}.json", lambda raw: raw.update(refits=[best], looks=1))


def list_the_best_run_and_remove_the_others(folder: StudyFolder) -> None:
    list_the_best_run(folder)
    (best,) = folder.entry(ENTRY).refits
    for run in {*RUNS} - {best}:
        shutil.rmtree(folder.job_path("refit", run))
    if best == RUNS[0]:
        pytest.skip("the best run is the first")


def raise_recorded_score(folder: StudyFolder) -> None:
    edit(
        folder.job_path("refit", RUNS[1]) / "record.json",
        lambda raw: raw["scores"]["test"].update(uar=0.8, accuracy=0.8),
    )


def raise_validation(folder: StudyFolder) -> None:
    edit(folder.job_path("refit", RUNS[1]) / "record.json", lambda raw: raw.update(value=0.9))


def hide_shared_speakers(folder: StudyFolder) -> None:
    edit(folder.record_path, lambda raw: raw["protocol"].update(shares_speakers=False))


def claim_another_seed(folder: StudyFolder) -> None:
    edit(folder.record_path, lambda raw: raw["protocol"].update(split_seed=7))


def claim_another_protocol(folder: StudyFolder) -> None:
    edit(folder.record_path, lambda raw: raw["protocol"].update(name="speaker+sentence"))


def relabel_clips_too(folder: StudyFolder) -> None:
    """Labels are replaced in the predictions and in the table of clips."""
    replace_labels(folder)
    table = folder.predictions("refit", RUNS[0])
    labels = dict(zip(table["clip_id"], table["label"], strict=True))
    clips = folder.clips()
    clips.assign(
        label=[labels.get(clip, label) for clip, label in zip(clips["clip_id"], clips["label"], strict=True)]
    ).to_parquet(folder.clips_path, index=False)


def raise_search_score(folder: StudyFolder) -> None:
    edit(folder.path / "entries" / f"{ENTRY}.json", lambda raw: raw.update(search_value=0.5))


def best_run(folder: StudyFolder) -> str:
    return max(RUNS, key=lambda run: folder.job("refit", run).scores["test"].uar)


def call_the_other_runs_failed(folder: StudyFolder) -> None:
    best = best_run(folder)
    changes = {"refits": [best], "failed_refits": sorted({*RUNS} - {best}), "looks": 1}
    edit(folder.path / "entries" / f"{ENTRY}.json", lambda raw: raw.update(changes))


def call_the_other_runs_crashed(folder: StudyFolder) -> None:
    for run in set(RUNS) - {best_run(folder)}:
        edit(folder.job_path("refit", run) / "record.json", lambda raw: raw.update(state="crashed"))
    call_the_other_runs_failed(folder)


def move_the_other_runs_to_the_attempts(folder: StudyFolder) -> None:
    call_the_other_runs_failed(folder)
    others = set(RUNS) - {best_run(folder)}
    for run in others:
        place = folder.path / "attempts" / f"{run}.0"
        place.parent.mkdir(exist_ok=True)
        shutil.move(folder.job_path("refit", run), place)


def list_a_run_twice(folder: StudyFolder) -> None:
    runs = [*RUNS, best_run(folder)]
    edit(folder.path / "entries" / f"{ENTRY}.json", lambda raw: raw.update(refits=runs, looks=len(runs)))


def list_the_best_run_under_another_name(folder: StudyFolder) -> None:
    best, place = best_run(folder), folder.job_path("refit", "best-r0")
    folder.job_path("refit", best).rename(place)
    edit(place / "record.json", lambda raw: raw.update(job_id="best-r0"))
    edit(folder.path / "entries" / f"{ENTRY}.json", lambda raw: raw.update(refits=["best-r0"], looks=1))


def list_no_run(folder: StudyFolder) -> None:
    edit(folder.path / "entries" / f"{ENTRY}.json", lambda raw: raw.update(refits=[]))


def remove_validation_score(folder: StudyFolder) -> None:
    edit(folder.job_path("refit", RUNS[1]) / "record.json", lambda raw: raw.update(value=None))


def remove_validation_answers(folder: StudyFolder) -> None:
    change_tables(folder, lambda table: table[table["subset"] != "validation"])
    for run in RUNS:
        edit(folder.job_path("refit", run) / "record.json", lambda raw: raw["scores"].pop("validation"))


def claim_another_objective(folder: StudyFolder) -> None:
    edit(folder.record_path, lambda raw: raw.update(objective="accuracy"))


def remove_digests_of_clips(folder: StudyFolder) -> None:
    table = folder.clips().drop(columns="digest")
    (folder.path / "clips.json").unlink()
    table.to_parquet(folder.path / "clips.parquet", index=False)


FORGERIES = {
    swap_answers: "the record says test UAR",
    replace_labels: "true labels differ from clips.parquet",
    drop_hard_clips: "of 2,233, 300 are missing",
    drop_hard_clips_and_say_so: "the record says test_clips = 1933, the clips and the protocol give 2233",
    list_the_best_run: "2 of 3 runs are left out of its list",
    list_the_best_run_and_remove_the_others: "is missing before those that it lists",
    raise_recorded_score: "the record says test UAR 80.0 %",
    raise_validation: "it was chosen by 90.0 %",
    hide_shared_speakers: "shares_speakers = False",
    claim_another_seed: "the split cannot be made again",
    claim_another_protocol: "the split cannot be made again",
    relabel_clips_too: "other clips, labels or speakers than the study began with",
    raise_search_score: "in the search, its trial",
    call_the_other_runs_failed: "is called failed, and its record says completed",
    move_the_other_runs_to_the_attempts: "is called failed, and its record says completed",
    call_the_other_runs_crashed: "is called failed, and its record has a test score (state crashed)",
    list_a_run_twice: "lists a run twice",
    list_the_best_run_under_another_name: "run best-r0 is not named as serbench names runs",
    list_no_run: "it lists no run",
    remove_validation_score: "it was chosen by no score",
    remove_validation_answers: "there are no predictions of its validation clips",
    claim_another_objective: "the search maximised 'accuracy'",
    remove_digests_of_clips: "clips.parquet has no column 'digest'",
}


def test_untouched_files_pass(copied):
    found = verify_results(Results(copied.path.parents[1]))
    assert found.passed
    assert [study.unchecked for study in found.studies] == [()]
    (row,) = Results(copied.path.parents[1]).board().rows
    assert (row.problems, row.rank, row.selected) == ((), 1, True)


@pytest.mark.long
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forgery_is_marked_and_named(copied, forge):
    forge(copied)
    results = Results(copied.path.parents[1])
    (group,) = results.board().groups
    (row,) = group.rows
    assert any(FORGERIES[forge] in text for text in row.problems), row.problems
    assert (row.rank, row.tie_group, row.selected) == (None, None, False)
    assert f"{ENTRY} (FAILS CHECKS)" in render(results.board(), width=200)
    assert any(note.startswith(f"{ENTRY} FAILS CHECKS") for note in group.notes)
    found = verify_results(results)
    assert not found.passed
    assert any(FORGERIES[forge] in text for study in found.studies for text in study.problems)


def test_a_forgery_is_not_published_exported_or_selected(copied, tmp_path):
    swap_answers(copied)
    root = copied.path.parents[1]
    with pytest.raises(SerbenchError, match="fails its checks"):
        list(publish_studies(ResultsFolder(root), [STUDY], tmp_path / "published"))
    assert not (tmp_path / "published").exists()
    with pytest.raises(SerbenchError, match="fails its checks"):
        export_bundle(Results(root), ENTRY, tmp_path / "bundle")
    with pytest.raises(SerbenchError, match="fails its checks"):
        Results(root).select()


SEARCHED, SELECTED = "s26-cnn1d", "cnn1d-6aa967"


@pytest.fixture
def searched(tmp_path) -> StudyFolder:
    """A copy of a study whose entry was selected by cross-validation."""
    root = tmp_path / "results"
    shutil.copytree(PUBLISHED / "studies" / SEARCHED, root / "studies" / SEARCHED)
    shutil.copytree(PUBLISHED / "clips", root / "clips")
    shutil.copy(PUBLISHED / "serbench.json", root)
    return ResultsFolder(root).study(SEARCHED)


def test_an_entry_that_cross_validation_selected_passes(searched):
    assert Results(searched.path.parents[1]).scored_entry(SELECTED).problems == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"out_of_fold": 0.99}, "the entry says 99.0 % out of fold, its cross-validation 64.2 %"),
        ({"shortlisted": None}, "64.2 % out of fold, and names no cross-validation"),
        ({"shortlisted": None, "out_of_fold": None}, "has no score out of fold, and cross-validation decides"),
        ({"search_value": 0.9}, "the entry says 90.0 % in the search, its cross-validation"),
        ({"finals": "held-out"}, "is not of the kind that the entry says"),
        ({"bag": 5}, "is not of the kind that the entry says"),
    ],
)
def test_the_score_that_selects_an_entry_is_that_of_its_cross_validation(searched, change, told):
    edit(searched.path / "entries" / f"{SELECTED}.json", lambda raw: raw.update(change))
    problems = Results(searched.path.parents[1]).scored_entry(SELECTED).problems
    assert any(told in text for text in problems), problems


def test_a_shared_table_of_clips_is_the_one_that_it_is_called_after(searched):
    table = pd.read_parquet(searched.clips_path)
    table.assign(votes=None, age=1).to_parquet(searched.clips_path, index=False)
    problems = verify_results(Results(searched.path.parents[1])).studies[0].problems
    assert any("is not the table that it is called after" in text for text in problems), problems


def test_probabilities_that_do_not_sum_to_one_cost_their_entry_alone(copied):
    path = copied.job_path("refit", RUNS[0]) / "predictions.parquet"
    table = pd.read_parquet(path)
    table.loc[0, [name for name in table if name.startswith("p_")]] *= 2
    table.to_parquet(path, index=False)
    shutil.copytree(PUBLISHED / "studies" / SEARCHED, copied.path.parent / SEARCHED)
    results = Results(copied.path.parents[1])
    assert SELECTED in {row.entry for row in results.board().rows}
    assert ENTRY not in {row.entry for row in results.board().rows}
    (study,) = (one for one in verify_results(results).studies if one.study == STUDY)
    assert any("do not sum to 1" in text for text in study.problems), study.problems


@pytest.mark.parametrize("column", ["clip_id", "label", "speaker"])
def test_a_table_of_clips_that_lacks_a_column_is_damaged(copied, column):
    table = copied.clips()
    (copied.path / "clips.json").unlink()
    table.drop(columns=column).to_parquet(copied.path / "clips.parquet", index=False)
    (study,) = verify_results(Results(copied.path.parents[1])).studies
    assert any(f"lacks the column '{column}'" in text for text in study.problems), study.problems


MISSING = {
    "clip_id": lambda column: column.where(column.index > 0),
    "speaker": lambda column: column.where(column.index > 0),
    "label": lambda _: 3,
}


@pytest.mark.parametrize("column", MISSING)
def test_a_table_of_clips_that_lacks_a_value_is_damaged(copied, column):
    table = copied.clips()
    (copied.path / "clips.json").unlink()
    table.assign(**{column: MISSING[column](table[column])}).to_parquet(copied.path / "clips.parquet", index=False)
    results = Results(copied.path.parents[1])
    assert results.board().rows == ()
    (study,) = verify_results(results).studies
    assert any(f"has a clip whose {column} is missing or no text" in text for text in study.problems), study.problems


def test_a_table_of_clips_with_lists_is_damaged(copied):
    table = copied.clips()
    (copied.path / "clips.json").unlink()
    table.assign(sex=[["female", "male"]] * len(table)).to_parquet(copied.path / "clips.parquet", index=False)
    (study,) = verify_results(Results(copied.path.parents[1])).studies
    assert any("has lists in column 'sex'" in text for text in study.problems), study.problems


def test_the_record_of_a_run_that_claims_another_kind_is_damaged(copied):
    """Which clips are tested is not checked of a fold, and a run that is called one would pass."""
    edit(copied.job_path("refit", RUNS[0]) / "record.json", lambda raw: raw.update(kind="fold"))
    results = Results(copied.path.parents[1])
    assert results.board().rows == ()
    (study,) = verify_results(results).studies
    assert any("it holds the record of a fold" in text for text in study.problems), study.problems


def test_a_copied_study_is_no_second_one(copied):
    shutil.copytree(copied.path, copied.path.with_name("copy"))
    results = Results(copied.path.parents[1])
    assert [row.study for row in results.board().rows] == [STUDY]
    assert any(f"copy holds the study '{STUDY}'" in text for text in verify_results(results).problems)


def test_answers_of_a_reference_cannot_be_changed_without_its_record(build):
    study = build.study()
    build.entry("a", study)
    build.reference(study, "svm", "SVM")
    (path,) = build.results.root.glob("references/*/svm/predictions.parquet")
    table = pd.read_parquet(path)
    shares = [name for name in table if name.startswith("p_")]
    right = pd.get_dummies(table["label"]).reindex(columns=[name[2:] for name in shares]).to_numpy(dtype=float)
    table[shares] = right
    table.to_parquet(path, index=False)
    (group,) = build.read().board().groups
    assert group.references == ()
    assert any("has other answers than it was made with" in note for note in group.notes), group.notes


def test_predictions_with_digests_cannot_be_changed_without_their_record(copied):
    """Even where the scores stay the same."""
    path = copied.job_path("refit", RUNS[0])
    table = pd.read_parquet(path / "predictions.parquet")
    edit(path / "record.json", lambda raw: raw.update(digests=prediction_digests(table)))
    assert verify_results(Results(copied.path.parents[1])).passed
    columns = [name for name in table if name.startswith("p_")]
    table[columns] = (table[columns] + 0.001) / (1 + 0.001 * len(columns))
    table.to_parquet(path / "predictions.parquet", index=False)
    (row,) = Results(copied.path.parents[1]).board().rows
    assert any("digest differs" in text for text in row.problems)


def test_a_digest_is_of_the_content_whatever_the_order(copied):
    table = copied.predictions("refit", RUNS[0])
    assert answers_digest(table.sample(frac=1, random_state=1)) == answers_digest(table)
    assert answers_digest(table.assign(label=table["label"].to_numpy()[::-1])) != answers_digest(table)


def test_a_run_under_another_number_has_the_wrong_seed(copied):
    best, other = copied.job_path("refit", RUNS[2]), copied.job_path("refit", RUNS[0])
    shutil.rmtree(other)
    shutil.copytree(best, other)
    edit(other / "record.json", lambda raw: raw.update(job_id=RUNS[0]))
    problems = verify_results(Results(copied.path.parents[1])).studies[0].problems
    assert any("which is not that of its number" in text for text in problems)


@pytest.mark.parametrize(("crops", "told"), [(1, ""), (2, "is not of the entry's study and configuration")])
def test_a_run_of_a_later_version_has_hyperparameters_that_the_entry_does_not_know(copied, crops, told):
    record = copied.job_path("refit", RUNS[0]) / "record.json"
    edit(record, lambda raw: raw["config"].update(prediction_crops=crops))
    (row,) = Results(copied.path.parents[1]).board().rows
    assert (told in row.problems[0]) if told else row.problems == ()


def test_references_with_other_labels_are_left_out_with_a_note(copied):
    root = copied.path.parents[1]
    shutil.copytree(PUBLISHED / "references", root / "references")
    (group,) = Results(root).board().groups
    assert len(group.references) == 7
    (path,) = root.glob("references/*-0e0488c0c031d3f2-*/svm/predictions.parquet")
    table = pd.read_parquet(path)
    table.assign(label=table["label"].iloc[::-1].to_numpy()).to_parquet(path, index=False)
    (group,) = Results(root).board().groups
    assert [row.name for row in group.references] == [
        "chance",
        "majority",
        "functionals",
        "boosting",
        "egemaps",
        "listeners",
    ]
    assert not verify_results(Results(root)).passed


def test_a_start_from_trained_weights_cannot_be_hidden(tmp_path):
    root, name = tmp_path / "results", "s30-init-small-fold1"
    shutil.copytree(PUBLISHED / "studies" / name, root / "studies" / name)
    shutil.copytree(PUBLISHED / "clips", root / "clips")
    shutil.copy(PUBLISHED / "serbench.json", root)

    def problems() -> list[str]:
        study = Results(root).study(name)
        return [text for entry in study.entry_ids for text in study.scored(entry).problems]

    assert not problems()
    edit(root / "studies" / name / "study.json", lambda raw: raw.pop("init"))
    assert any("began with the weights of another network" in text for text in problems()), problems()


def test_the_command_prints_every_problem_and_fails(copied):
    root = str(copied.path.parents[1])
    assert CliRunner().invoke(app, ["verify", root]).exit_code == 0
    swap_answers(copied)
    done = CliRunner().invoke(app, ["verify", root])
    assert done.exit_code == 1
    assert " ".join(done.output.split()).count("the record says test UAR") == 3
    found = json.loads(CliRunner().invoke(app, ["verify", root, "--format", "json"]).stdout)
    assert not found["passed"]
    assert len(found["studies"][0]["problems"]) == 3


def test_a_study_of_another_version_is_told_to_be_unchecked(copied):
    def older(raw):
        raw["environment"]["serbench"] = "0.0.1"
        raw["protocol"]["hash"] = "0" * 16

    edit(copied.record_path, older)
    (group,) = Results(copied.path.parents[1]).board().groups
    assert group.rows[0].problems == ()
    assert any(note.startswith(f"not checked for {ENTRY}: the split cannot be made again") for note in group.notes)
    drop_hard_clips(copied)
    (row,) = Results(copied.path.parents[1]).board().rows
    assert any("the record says 2,233 test clips" in text for text in row.problems)
