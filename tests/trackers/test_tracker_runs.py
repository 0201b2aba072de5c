"""What goes to a tracker: made of records, the same at every push, and no test score where one could choose by it."""

from __future__ import annotations

import math
import shutil

import pytest
from drawn_results import run_of

from serbench.errors import SerbenchError, UsageError
from serbench.trackers import push_study, study_runs, tracker_names
from serbench.trackers.names import named, safe_name

STUDY = "demo-speaker-cnn2d"


def folded(build):
    """A run of three folds with one tested entry each."""
    for fold in (1, 2, 3):
        study = build.study(
            f"run-cnn1d-fold{fold}", family="cnn1d", protocol="speaker-cv", fold=fold, folds=3, test_speakers=4,
            validation_speakers=1,
        )  # fmt: skip
        build.entry(f"good-{fold}", study, skill=0.7, validation=1.0)


def by_name(build, study=STUDY):
    return {run.name: run for run in study_runs(build.read(), study)}


def test_a_study_is_itself_its_fits_and_its_entries(drawn):
    runs = study_runs(drawn.read(), STUDY)
    assert [run.kind for run in runs] == ["study"] + 4 * ["search"] + 4 * ["refit"] + 2 * ["entry"]
    assert {run.parent for run in runs[1:]} == {runs[0].key}
    assert runs[0].parent is None
    assert len({run.key for run in runs}) == len(runs)
    assert {run.experiment for run in runs} == {"serbench/demo/speaker"}


def test_each_run_says_on_which_clips_and_under_which_protocol(drawn):
    digest = drawn.results.study(STUDY).record().corpus.digest
    for run in study_runs(drawn.read(), STUDY):
        tags = {name: run.tags[name] for name in ("study", "corpus", "corpus_digest", "protocol", "protocol_hash")}
        assert tags == {
            "study": STUDY, "corpus": "demo", "corpus_digest": digest, "protocol": "speaker",
            "protocol_hash": "hash-a",
        }  # fmt: skip


def test_a_second_reading_gives_the_same_runs_and_a_study_begun_anew_others(drawn):
    first = study_runs(drawn.read(), STUDY)
    assert [run.content for run in study_runs(drawn.read(), STUDY)] == [run.content for run in first]
    folder = drawn.results.study(STUDY)
    folder.record().model_copy(update={"created": "2027-01-01T00:00:00+00:00"}).save(folder.record_path)
    assert not {run.key for run in first} & {run.key for run in study_runs(drawn.read(), STUDY)}


def test_test_scores_stand_at_entries_only_and_with_their_interval(drawn):
    row = drawn.read().row("good")
    runs = by_name(drawn)
    scores = runs["good"].scores
    assert (scores["test/uar"], scores["test/uar_low"], scores["test/uar_high"]) == (row.uar, row.uar_low, row.uar_high)
    recalls = [value for name, value in scores.items() if name.startswith("test/recall/")]
    assert sum(recalls) / 6 == pytest.approx(row.uar)
    assert (runs["good"].tags["selected"], runs["other"].tags["selected"]) == ("yes", "no")
    for run in runs.values():
        assert run.kind == "entry" or not any("test" in name for name in (*run.scores, *run.curves)), run.name


@pytest.mark.parametrize("few", ["test_speakers", "validation_speakers"])
def test_a_score_without_an_interval_says_why(build, few):
    study = build.study(**{few: 4})
    build.entry("few", study)
    run = by_name(build)["few"]
    assert "test/uar_low" not in run.scores
    assert "speakers" in run.tags["interval"]


def test_a_failed_fit_has_a_state_and_no_number(drawn):
    folder = drawn.results.study(STUDY)
    failed = folder.job("search", "t3").model_copy(update={"value": None, "error": "out of\x1b memory"})
    failed.save(folder.job_path("search", "t3") / "record.json")
    run = by_name(drawn)["t3"]
    assert (run.state, run.tags["error"]) == ("crashed", "out of\x1b memory")
    assert "validation/best_uar" not in run.scores


def test_an_error_comes_without_the_paths_of_this_machine(drawn):
    folder = drawn.results.study(STUDY)
    failed = folder.job("search", "t3").model_copy(update={"error": "no file '/Users/Ann Smith/.cache/x.npy'"})
    failed.save(folder.job_path("search", "t3") / "record.json")
    assert by_name(drawn)["t3"].tags["error"] == "no file 'x.npy'"


def test_an_entry_says_of_shared_speakers_what_its_table_says(build):
    """The record of an older version does not count validation speakers, on whom final runs train."""
    older = build.study("older", protocol="given", validation_speakers=3)
    build.entry("old", older)
    build.entry("new", build.study("newer", protocol="given", shares_speakers=True, validation_speakers=3))
    runs, row = by_name(build, older), build.read().row("old")
    assert row.shares_speakers
    assert {run.tags["shares_speakers"] for run in runs.values()} == {"yes"}
    assert runs["old"].scores["test/uar_low"] == row.uar_low


def test_an_entry_has_its_warnings(build):
    study = build.study(corpus_warnings=("3 clips are in two parts",))
    build.entry("odd", study, failed=("odd-r2",))
    run = by_name(build)["odd"]
    assert run.tags["warnings"] == "; ".join(build.read().row("odd").warnings)
    assert "3 clips are in two parts; 1 of 3 runs failed" in run.tags["warnings"]


def test_curves_are_by_epoch_and_hold_numbers_only(drawn):
    folder = drawn.results.study(STUDY)
    fit = folder.job("refit", run_of("good"))
    epochs = [one.model_copy(update={"loss": math.nan if one.epoch == 2 else one.loss}) for one in fit.epochs]
    fit.model_copy(update={"epochs": tuple(epochs)}).save(folder.job_path("refit", run_of("good")) / "record.json")
    curves = by_name(drawn)[run_of("good")].curves
    assert [epoch for epoch, _ in curves["validation/uar"]] == list(range(1, 21))
    assert [epoch for epoch, _ in curves["train/loss"]] == [1, *range(3, 21)]
    assert curves["validation/uar"][0][1] == pytest.approx(0.2)


def test_nested_hyperparameters_get_one_name_each(drawn):
    assert by_name(drawn)["good"].parameters == {"learning_rate": 0.001, "batch_size": 32, "layers.depth": 4}


def test_a_run_with_folds_is_pushed_as_a_whole(build):
    folded(build)
    runs = study_runs(build.read(), "run-cnn1d")
    assert sum(run.kind == "study" for run in runs) == 3
    pooled = runs[-1]
    row = build.read().row(pooled.name)
    assert (pooled.study, pooled.tags["fold"], pooled.scores["test/uar"]) == ("run-cnn1d", "all 3", row.uar)
    assert "test/uar_low" in pooled.scores
    assert {run.study for run in study_runs(build.read(), "run-cnn1d-fold2")} == {"run-cnn1d-fold2"}


def test_a_run_whose_folds_have_no_entry_yet_is_pushed_beside_results_of_other_corpora(build):
    build.entry("elsewhere", build.study())
    build.study("begun-cnn1d-fold1", corpus="emo-db", protocol="loso", fold=1, folds=10)
    runs = study_runs(build.read(), "begun-cnn1d")
    assert {run.kind for run in runs} == {"study", "search"}


def test_a_study_that_fails_its_checks_is_refused(drawn, tmp_path):
    folder = drawn.results.study(STUDY)
    fit = folder.job("refit", run_of("good"))
    better = fit.scores["test"].model_copy(update={"uar": 0.99})
    fit.model_copy(update={"scores": {**fit.scores, "test": better}}).save(
        folder.job_path("refit", run_of("good")) / "record.json"
    )
    with pytest.raises(SerbenchError, match="fails its checks"):
        study_runs(drawn.read(), STUDY)


def test_an_unknown_study_or_tracker_names_the_nearest(drawn):
    with pytest.raises(UsageError, match="did you mean 'demo-speaker-cnn2d'"):
        study_runs(drawn.read(), "demo-speaker-cnn1d")
    with pytest.raises(UsageError, match="did you mean 'mlflow'"):
        push_study(drawn.read(), STUDY, "mlfow")
    assert {"mlflow", "tensorboard", "wandb"} <= set(tracker_names())


def test_a_missing_extra_is_named_before_anything_is_written(drawn, tmp_path, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "wandb" else found(name, *more)
    )
    with pytest.raises(SerbenchError, match=r"needs wandb; .*serbench\[wandb\].*`uv sync --extra wandb`"):
        push_study(drawn.read(), STUDY, "wandb", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_mlflow_asks_for_its_server(drawn, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    pytest.importorskip("mlflow")
    with pytest.raises(UsageError, match="--to http"):
        push_study(drawn.read(), STUDY, "mlflow")


def test_names_of_strangers_lead_nowhere_and_stay_apart():
    assert safe_name("t0003") == "t0003"
    names = [safe_name(name) for name in ("../x", "..\\x", "a/b", "a\nb", "", ".", "..", "a b", "x" * 500, "x" * 501)]
    assert len(set(names)) == len(names)
    assert not any(set(name) & set("/\\\n") or name.startswith(".") or len(name) > 130 for name in names)
    assert list(named({"test/recall/an/ger": 1})) == ["test/recall/an/ger"]


def test_copied_results_give_the_same_keys(drawn, tmp_path):
    """A colleague who pushes the published copy of a study does not double it."""
    first = {run.key for run in study_runs(drawn.read(), STUDY)}
    shutil.copytree(drawn.results.root, tmp_path / "copy")
    from serbench.results import Results

    assert {run.key for run in study_runs(Results(tmp_path / "copy"), STUDY)} == first
