"""Published copies: every number is rebuilt from them, and they hold nothing heavy, private or of this machine."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from drawn_results import Builder, judge, run_of
from filelock import FileLock, Timeout

from benchmarks.simulated_results import Size, write_results
from serbench.errors import SerbenchError, UsageError
from serbench.records import recorded_evaluations
from serbench.records.results import ResultsFolder
from serbench.render import render
from serbench.results import Results, publish_studies, verify_results


@pytest.fixture
def build(tmp_path):
    return Builder(tmp_path / "results")


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_copy_gives_the_same_leaderboard(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    build.entry("b", study, skill=0.4)
    build.reference(study, "svm", "SVM")
    names = dict(publish_studies(build.results, [study], tmp_path / "published"))
    assert names[study] > 0
    copy = ResultsFolder(tmp_path / "published")
    assert render(Results(copy.root).board(), "json") == render(build.read().board(), "json")


def test_looks_that_audits_took_are_still_counted(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    folder = build.results.study(study)
    again = folder.path / "audits" / "studies" / "a-again"
    shutil.copytree(folder.path, again, ignore=shutil.ignore_patterns("audits"))
    folder.record().model_copy(update={"name": "a-again"}).save(again / "study.json")
    list(publish_studies(build.results, [study], tmp_path / "published"))
    looks = [
        Results(results.root).board().rows[0].looks
        for results in (build.results, ResultsFolder(tmp_path / "published"))
    ]
    assert looks[0] == looks[1] == 2 * next(iter(folder.entries())).looks
    assert not list((tmp_path / "published").rglob("audits/**/*.parquet"))


def test_weights_databases_attempts_and_paths_stay_behind(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    folder = build.results.study(study)
    folder.model_path(run_of("a")).write_bytes(b"weights")
    folder.storage_path.write_bytes(b"database")
    folder.remember_data(tmp_path)
    (folder.path / "attempts" / "t0.0").mkdir(parents=True)
    list(publish_studies(build.results, [study], tmp_path / "published"))
    kinds = {
        name.rsplit("/", 1)[-1] for name in files(tmp_path / "published") if not name.endswith((".lock", ".jsonl"))
    }
    assert len(list((tmp_path / "published" / "clips").iterdir())) == 1
    kinds -= {path.name for path in (tmp_path / "published" / "clips").iterdir()}
    assert kinds == {"serbench.json", "study.json", "clips.json", "record.json", "predictions.parquet", "a.json"}
    assert str(tmp_path) not in "".join(
        path.read_text(encoding="utf-8") for path in (tmp_path / "published").rglob("*.json")
    )


def test_errors_of_fits_come_without_paths(build, tmp_path):
    study = build.study()
    folder = build.results.study(study)
    failed = folder.job("search", "t3").model_copy(update={"error": f"cannot read {tmp_path}/my clips/a.wav: broken"})
    failed.save(folder.job_path("search", "t3") / "record.json")
    list(publish_studies(build.results, [study], tmp_path / "published"))
    copy = ResultsFolder(tmp_path / "published").study(study).job("search", "t3")
    assert copy.error == "cannot read a.wav: broken"
    assert folder.job("search", "t3").error == failed.error, "only the copy is for others"


def test_what_audits_say_comes_without_paths(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    audits = build.results.study(study).path / "audits"
    audits.mkdir()
    finding = {
        "check": "doubtful labels",
        "level": "skipped",
        "verdict": "not checked: /home/ann/results/x.parquet lies",
    }
    condition = {"condition": "gsm", "not_measured": "cannot write /home/ann/y.wav"}
    (audits / "a.json").write_text(json.dumps({"findings": [finding], "robustness": [{"conditions": [condition]}]}))
    (audits / "b.json").write_text('{ "findings": [] }')
    list(publish_studies(build.results, [study], tmp_path / "published"))
    copies = tmp_path / "published" / "studies" / study / "audits"
    assert "/home" not in (copies / "a.json").read_text()
    assert "not checked" in (copies / "a.json").read_text()
    assert (copies / "b.json").read_text() == '{ "findings": [] }'
    (audits / "b.json").write_text("{")
    with pytest.raises(SerbenchError, match=r"b\.json cannot be read .*an audit can be made again"):
        list(publish_studies(build.results, [study], tmp_path / "another"))
    assert not (tmp_path / "another").exists()


def test_predictions_of_training_clips_stay_behind_and_their_scores_do_not(build, tmp_path):
    study = build.study()

    def with_training(frame, _):
        return pd.concat([frame, frame[frame["subset"] == "validation"].assign(subset="train")], ignore_index=True)

    build.entry("a", study, spoil=with_training)
    list(publish_studies(build.results, [study], tmp_path / "published"))
    kept = ResultsFolder(tmp_path / "published").study(study).predictions("refit", run_of("a"))
    assert set(kept["subset"]) == {"validation", "test"}


def test_publishing_again_replaces_the_copy(tmp_path):
    results = write_results(tmp_path / "many", Size(4, 2, 90, 9, 2, 2, sound=False))
    names = [record.name for _, record in results.studies()]
    list(publish_studies(results, names, tmp_path / "published"))
    before = files(tmp_path / "published")
    stray = tmp_path / "published" / "studies" / names[0] / "entries" / "old.json"
    stray.write_text("{}")
    list(publish_studies(results, names[:1], tmp_path / "published"))
    assert files(tmp_path / "published") == before


def test_a_run_that_was_made_again_is_published_with_its_line(build, tmp_path):
    study = build.study()
    build.entry("a", study, refits=2)
    ledger, record = build.results.ledger, build.results.study(study).record()
    ledger.append(recorded_evaluations(build.results.study(study), record))
    list(publish_studies(build.results, [study], tmp_path / "published"))
    shutil.rmtree(build.results.study(study).path / "refits")
    build.entry("a", study, refits=2, skill=0.4)
    for line in recorded_evaluations(build.results.study(study), record):
        ledger.append_once(line.model_copy(update={"id": f"again-{line.job_id}"}))
    list(publish_studies(build.results, [study], tmp_path / "published"))
    (row,) = Results(tmp_path / "published").board().rows
    assert row.problems == ()
    assert len(ResultsFolder(tmp_path / "published").ledger.read()[0]) == 4


def test_a_running_study_is_not_published(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    with (
        FileLock(build.results.study(study).lock_path),
        pytest.raises(UsageError, match=f"study '{study}' is being run by a serbench process, so nothing was"),
    ):
        list(publish_studies(build.results, [study], tmp_path / "published"))
    assert not (tmp_path / "published").exists()


def test_nothing_is_removed_from_the_target_while_a_study_is_copied(build, tmp_path):
    with build.results.replace_study("copy") as temporary:
        with pytest.raises(Timeout), FileLock(temporary.parent / ".lock", blocking=False):
            pass
        (temporary / "study.json").write_text("{}")
    assert (build.results.study("copy").path / "study.json").is_file()


def test_another_study_of_the_same_name_is_not_replaced(tmp_path):
    ours, theirs = Builder(tmp_path / "ours"), Builder(tmp_path / "theirs")
    for one in (ours, theirs):
        one.entry("a", one.study())
    name = ours.read().studies[0].name
    (theirs.results.study(name).path / "study.json").write_text(
        theirs.results.study(name).record().model_copy(update={"identity": "0" * 16}).model_dump_json()
    )
    theirs.results.study(name).model_path(run_of("a")).write_bytes(b"weights")
    before = files(theirs.results.root)
    with pytest.raises(UsageError, match=f"another study named '{name}' already.*study remove {name}"):
        list(publish_studies(ours.results, [name], theirs.results.root))
    assert files(theirs.results.root) == before


def test_an_earlier_copy_stays_until_the_new_one_is_whole(build, tmp_path):
    studies = [build.study(), build.study(name="second")]
    for name, entry in zip(studies, "ab", strict=True):
        build.entry(entry, name)
    to = tmp_path / "published"
    list(publish_studies(build.results, studies, to))
    before = files(to)
    again = publish_studies(build.results, studies, to)
    next(again)
    (build.results.study("second").job_path("refit", run_of("b")) / "predictions.parquet").write_bytes(b"no table")
    with pytest.raises(SerbenchError):
        next(again)
    assert files(to) == before


def test_what_cannot_be_published_is_told_before_anything_is_written(build, tmp_path):
    study = build.study()
    with pytest.raises(UsageError, match=study):
        list(publish_studies(build.results, [study, "demo-speaker-cnn3d"], tmp_path / "published"))
    assert not (tmp_path / "published").exists()
    with pytest.raises(UsageError, match="name another one"):
        list(publish_studies(build.results, [study], build.results.root))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SerbenchError):
        list(publish_studies(build.results, [study], tmp_path / "file"))


def test_the_name_of_a_run_stands_for_all_of_its_folds(build, tmp_path):
    folds = [build.study(f"run-cnn1d-fold{fold}", protocol="speaker-cv", fold=fold, folds=2) for fold in (1, 2)]
    for study in [*folds, build.study(name="other")]:
        build.entry(f"entry-{study}", study)
    copied = [name for name, _ in publish_studies(build.results, ["run-cnn1d", folds[1]], tmp_path / "published")]
    assert copied == folds
    assert ResultsFolder(tmp_path / "published").study_names() == folds


def test_references_are_copied_on_one_line(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    build.reference(study, "svm", "SVM")
    list(publish_studies(build.results, [study], tmp_path / "published"))
    (path,) = (tmp_path / "published" / "references").glob("*/svm/record.json")
    assert len(path.read_text().splitlines()) == 1
    copy, original = (Results(root).board() for root in (tmp_path / "published", build.results.root))
    assert render(copy, "json") == render(original, "json")


def test_studies_of_the_same_clips_share_one_table_as_long_as_one_is_left(build, tmp_path):
    first, second = build.study(), build.study(name="second")
    build.entry("a", first)
    build.entry("b", second)
    published = ResultsFolder(tmp_path / "published")
    list(publish_studies(build.results, [first, second], published.root))
    tables = list((published.root / "clips").iterdir())
    assert len(tables) == 1
    for name in (first, second):
        pd.testing.assert_frame_equal(published.study(name).clips(), build.results.study(name).clips())
    published.remove_study(first)
    assert len(published.study(second).clips())
    published.remove_study(second)
    assert not list((published.root / "clips").iterdir())


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 31, "A" * 32, ""])
def test_a_shared_table_is_named_by_a_digest_and_nothing_else(build, tmp_path, name):
    study = build.study()
    build.entry("a", study)
    list(publish_studies(build.results, [study], tmp_path / "published"))
    folder = ResultsFolder(tmp_path / "published").study(study)
    (folder.path / "clips.json").write_text(json.dumps({"schema_version": 1, "sha256": name}))
    with pytest.raises(SerbenchError, match=r"clips\.json is damaged"):
        folder.clips()


def test_learning_curves_are_rounded_and_what_was_reached_is_not(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    list(publish_studies(build.results, [study], tmp_path / "published"))
    before, after = (
        list(results.study(study).jobs("refit")) for results in (build.results, ResultsFolder(tmp_path / "published"))
    )
    assert [one.value for one in before] == [one.value for one in after]
    for one, other in zip(before, after, strict=True):
        for epoch, short in zip(one.epochs, other.epochs, strict=True):
            assert short.loss == float(f"{epoch.loss:.4g}")
            assert short.learning_rate == epoch.learning_rate


def test_out_of_fold_answers_of_entries_are_copied_and_those_of_other_configurations_are_not(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    folder = build.results.study(study)
    judge(folder, "a")
    other = folder.shortlisted("t0").model_copy(update={"job_id": "t1"})
    folder.save_shortlisted(other, folder.out_of_fold("t0"))
    list(publish_studies(build.results, [study], tmp_path / "published"))
    copy = ResultsFolder(tmp_path / "published").study(study)
    assert {path.name for path in (copy.path / "shortlist").iterdir()} == {"t0.json", "t0.parquet", "t1.json"}
    assert copy.out_of_fold("t0").equals(folder.out_of_fold("t0"))
    assert copy.shortlisted("t1").value == other.value
    assert verify_results(Results(tmp_path / "published")).passed
    again = tmp_path / "again"
    list(publish_studies(ResultsFolder(tmp_path / "published"), [study], again))
    assert files(again / "studies") == files(tmp_path / "published" / "studies")


def test_the_copy_of_an_entrys_configuration_cannot_do_without_its_answers(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    folder = build.results.study(study)
    judge(folder, "a")
    assert verify_results(build.read()).passed
    folder.save_shortlisted(folder.shortlisted("t0"), None)
    (folder.path / "shortlist" / "t0.parquet").unlink()
    assert not verify_results(build.read()).passed


@pytest.mark.parametrize("name", ["../../../evil", "a/b", "/evil", ".hidden", ""])
def test_a_record_is_never_written_to_a_place_that_it_names(build, tmp_path, name):
    study = build.study()
    build.entry("a", study)
    folder = build.results.study(study)
    for path, key in (
        (next(folder.path.glob("refits/*/record.json")), "job_id"),
        (folder.path / "entries/a.json", "entry_id"),
    ):
        text = path.read_text(encoding="utf-8")
        path.write_text(json.dumps(json.loads(text) | {key: name}), encoding="utf-8")
        with pytest.raises(SerbenchError):
            list(publish_studies(build.results, [study], tmp_path / "published"))
        path.write_text(text, encoding="utf-8")
    record = json.loads(folder.record_path.read_text(encoding="utf-8"))
    record["corpus"]["digest"] = name
    folder.record_path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(SerbenchError, match="damaged"):
        list(publish_studies(build.results, [study], tmp_path / "published"))
    assert not (tmp_path / "published").exists()


def test_a_record_that_was_put_under_another_name_is_damaged(build):
    study = build.study()
    build.entry("a", study)
    folder = build.results.study(study)
    (folder.path / "entries" / "a.json").rename(folder.path / "entries" / "b.json")
    with pytest.raises(SerbenchError, match=r"b\.json is damaged: it holds the record of 'a'"):
        folder.entry("b")


@pytest.mark.parametrize("changes", [{"parameters": []}, {"parameters": {"dropout": 3}}, {"training": 3}])
def test_a_described_space_of_other_types_is_damage(build, changes):
    folder = build.results.study(build.study())
    record = json.loads(folder.record_path.read_text(encoding="utf-8"))
    record["space"] |= changes
    folder.record_path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(SerbenchError, match=r"study\.json is damaged \(space"):
        folder.record()


@pytest.mark.parametrize("alike", [True, False])
def test_brought_predictions_of_others_are_not_replaced(tmp_path, alike):
    studies = []
    for place, skill in (("theirs", 0.5), ("mine", 0.5 if alike else 0.9)):
        build = Builder(tmp_path / place)
        studies.append(build.study(f"{place}-study"))
        build.entry("a", studies[-1])
        build.reference(studies[-1], "brought-method", "method (brought)", skill=skill)
    theirs, mine = ResultsFolder(tmp_path / "theirs"), ResultsFolder(tmp_path / "mine")
    shared = ResultsFolder(tmp_path / "shared")
    list(publish_studies(theirs, studies[:1], shared.root))
    before = render(Results(shared.root).board(), "json")
    if alike:
        list(publish_studies(mine, studies[1:], shared.root))
        assert len(Results(shared.root).studies) == 2
        return
    with pytest.raises(UsageError, match=r"other predictions named 'method'.*nothing was published"):
        list(publish_studies(mine, studies[1:], shared.root))
    assert render(Results(shared.root).board(), "json") == before
