"""The shortlist: cross-validation after the trials, final runs on all that is not tested, the bag of fold models."""

from __future__ import annotations

import dataclasses
import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks.simulated import simulated_study
from serbench.errors import UsageError
from serbench.evaluation import evaluate
from serbench.records import ResultsFolder, TrialRecord, now
from serbench.results import Results, verify_results
from serbench.search import Observer, replay_trial, run_search
from serbench.search.finalists import Finalist
from serbench.search.session import Session
from serbench.search.shortlist import compared_before, run_shortlist
from serbench.spaces import load_space

pytestmark = pytest.mark.children


class Watch(Observer):
    def __init__(self) -> None:
        self.told: list[str] = []
        self.announced: list[tuple[int, int, int]] = []
        self.fits: list[str] = []

    def warning(self, text: str) -> None:
        self.told.append(text)

    def shortlist_started(self, configurations: int, folds: int, fits: int, seconds: float) -> None:
        assert seconds > 0
        self.announced.append((configurations, folds, fits))

    def trial_finished(self, record) -> None:
        self.fits.append(record.job_id)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Filled by the first test that needs it: a study of three trials, two of them shortlisted."""
    return {}


@pytest.fixture
def study(searched, make_plan, tmp_path_factory):
    if not searched:
        results = tmp_path_factory.mktemp("shortlist") / "results"
        watch = Watch()
        (name,) = run_search(make_plan(results=results, shortlist=2, finalists=1, repeats=2), watch)
        searched.update(results=results, watch=watch, folder=ResultsFolder(results).study(name))
    return searched


def answers(folder, job_id: str) -> pd.DataFrame:
    return folder.out_of_fold(job_id).set_index("clip_id").filter(regex="^p_")


def test_it_says_what_it_costs_and_fits_each_configuration_once_a_fold(study) -> None:
    (announced,) = study["watch"].announced
    assert announced[0] == 2
    assert announced[2] == 2 * announced[1]
    assert len(study["folder"].job_ids("fold")) == announced[2]


def test_every_clip_outside_the_test_core_has_one_answer_and_no_tested_clip_has_any(study) -> None:
    folder = study["folder"]
    (final,) = [one for one in folder.entries() if not one.bag]
    tested = folder.predictions("refit", final.refits[0]).query("subset == 'test'")["clip_id"]
    table = folder.out_of_fold(final.shortlisted)
    assert sorted(table["clip_id"]) == sorted(set(folder.clips()["clip_id"]) - set(tested))
    for job_id in folder.job_ids("fold"):
        assert not set(folder.predictions("fold", job_id)["clip_id"]) & set(tested)


def test_the_out_of_fold_score_decides_and_is_that_of_the_answers(study) -> None:
    folder = study["folder"]
    records = [folder.shortlisted(job_id) for job_id in folder.shortlisted_ids()]
    labels = folder.record().corpus.labels
    for record in records:
        table = folder.out_of_fold(record.job_id)
        truth = pd.Index(labels).get_indexer(table["label"])
        probabilities = table[[f"p_{label}" for label in labels]].to_numpy()
        assert record.value == pytest.approx(evaluate(truth, probabilities, labels).mean_recall_present)
        assert record.value == max(record.curve) == record.curve[record.epochs - 1]
    best = max(records, key=lambda record: record.value)
    (final,) = [one for one in folder.entries() if not one.bag]
    assert final.shortlisted == best.job_id
    assert final.out_of_fold == best.value


def test_final_runs_hold_no_clip_back_and_choose_no_epoch(study) -> None:
    folder = study["folder"]
    (final,) = [one for one in folder.entries() if not one.bag]
    assert final.finals == "all"
    assert len(final.refits) == 2
    untested = len(folder.out_of_fold(final.shortlisted))
    for job_id in final.refits:
        fit = folder.job("refit", job_id)
        assert fit.train_clips == untested
        assert len(fit.epochs) == folder.shortlisted(final.shortlisted).epochs
        assert fit.best_epoch == len(fit.epochs) - 1
        assert fit.value is None
        assert {epoch.val_uar for epoch in fit.epochs} == {None}


def test_the_bag_is_the_mean_of_its_networks_and_is_tested_once(study) -> None:
    folder = study["folder"]
    (bag,) = [one for one in folder.entries() if one.bag]
    folds = folder.shortlisted(bag.shortlisted).folds
    assert (bag.bag, bag.looks, len(bag.refits)) == (len(folds), 1, 1)
    import keras

    from serbench.families import custom_objects
    from serbench.features import FeatureSpec

    def answers(path):
        known = custom_objects("cnn1d")
        model = keras.models.load_model(path, custom_objects=known, compile=False, safe_mode=True)
        return np.asarray(model(x, training=False))  # `predict` would trace a graph of each

    spec = FeatureSpec.model_validate(folder.record().features)
    x = np.random.default_rng(0).normal(size=(3, *spec.shape)).astype("float32")
    together = answers(folder.model_path(bag.refits[0]))
    alone = [answers(folder.model_path(fold, "fold")) for fold in folds]
    assert np.abs(alone[0] - alone[1]).max() > 1e-4, "they heard other clips"
    assert together == pytest.approx(np.mean(alone, axis=0), abs=1e-6)


def test_the_board_shows_both_and_selects_the_single_network(study) -> None:
    rows = {row.bag: row for row in Results(study["results"]).board().rows}
    bag = rows.pop(max(rows))
    (final,) = rows.values()
    assert (final.selected, bag.selected) == (True, False)
    assert final.winners_curse == pytest.approx(final.search_uar - final.validation_score)
    assert final.seed_luck is None
    assert final.validation_uar == bag.validation_uar == pytest.approx(final.validation_score)


def test_final_runs_and_the_bag_are_counted_with_their_predictions_and_folds_are_not(study) -> None:
    folder = study["folder"]
    lines, unreadable = ResultsFolder(study["results"]).ledger.read()
    final = {(line.job_id, line.predictions) for line in lines if line.kind == "run"}
    assert final == {(fit.job_id, fit.digests["test"]) for fit in folder.jobs("refit")}
    assert len(final) == 3
    assert unreadable == 0
    (group,) = Results(study["results"]).board().groups
    assert (group.counted.entries, group.counted.studies) == (2, 1)


def test_all_that_a_search_writes_passes_its_checks(study) -> None:
    found = verify_results(Results(study["results"]))
    assert found.passed, found
    assert found.studies[0].unchecked == ()
    assert all(fit.digests for kind in ("search", "fold", "refit") for fit in study["folder"].jobs(kind))


def test_the_same_command_fits_nothing_again(study, make_plan) -> None:
    watch = Watch()
    counted = len(ResultsFolder(study["results"]).ledger.read()[0])
    run_search(make_plan(results=study["results"], shortlist=2, finalists=1, repeats=2), watch)
    assert watch.fits == watch.announced == []
    assert len(ResultsFolder(study["results"]).ledger.read()[0]) == counted


@pytest.mark.parametrize("job", ["f1", "a1", "bag"])
@pytest.mark.slow
def test_each_kind_of_fit_replays_to_its_record(study, tone_corpus, job) -> None:
    folder = study["folder"]
    trial = next(one.shortlisted for one in folder.entries())
    results = ResultsFolder(study["results"])
    before = len(results.ledger.read()[0])
    again = replay_trial(results, folder.path.name, f"{trial}-{job}", tone_corpus)
    assert again.repeated
    assert again.largest_difference == 0.0
    new = results.ledger.read()[0][before:]
    assert [line.kind for line in new] == ([] if job == "f1" else ["replay"]), "a fold predicts no test clip"


@pytest.mark.slow
def test_held_out_finals_choose_an_epoch_on_the_validation_clips(make_plan) -> None:
    plan = make_plan(trials=2, shortlist=2, finalists=1, repeats=1, finals="held-out")
    (name,) = run_search(plan)
    folder = ResultsFolder(plan.results).study(name)
    (final,) = [one for one in folder.entries() if not one.bag]
    assert (final.finals, final.shortlisted is not None) == ("held-out", True)
    assert folder.job("refit", final.refits[0]).value is not None


@pytest.mark.slow
def test_without_a_shortlist_all_is_as_it_was(make_plan) -> None:
    plan = make_plan(trials=1, finalists=1, repeats=1)
    (name,) = run_search(plan)
    folder = ResultsFolder(plan.results).study(name)
    assert folder.job_ids("fold") == folder.shortlisted_ids() == []
    (entry,) = folder.entries()
    assert (entry.finals, entry.bag, entry.out_of_fold) == ("held-out", 0, None)


@pytest.mark.slow
def test_a_stop_between_folds_goes_on_where_it_was(make_plan) -> None:
    stop = threading.Event()

    class Stopper(Watch):
        def trial_finished(self, record) -> None:
            super().trial_finished(record)
            if record.kind == "fold":
                stop.set()

    plan = make_plan(trials=1, shortlist=1, finalists=1, repeats=1)
    (name,) = run_search(plan, Stopper(), stop)
    folder = ResultsFolder(plan.results).study(name)
    done = folder.job_ids("fold")
    assert len(done) == 1
    assert not list(folder.entries())
    watch = Watch()
    run_search(plan, watch)
    assert done[0] not in watch.fits
    assert len(list(folder.entries())) == 2


def test_records_of_the_shortlist_that_are_no_longer_among_the_best_are_kept(study) -> None:
    folder = study["folder"]
    first, second = (folder.shortlisted(one) for one in folder.shortlisted_ids())
    chosen = Finalist(first.job_id, first.origin, first.config, first.search_value)
    assert [one.job_id for one in compared_before(folder, [chosen])] == [second.job_id]


@pytest.mark.slow
def test_a_configuration_that_was_compared_before_stays_among_those_to_choose_from(make_plan) -> None:
    plan = make_plan(trials=2, shortlist=2, finalists=1, repeats=1)
    (name,) = run_search(dataclasses.replace(plan, finalists=0))
    folder = ResultsFolder(plan.results).study(name)
    second = min((folder.shortlisted(one) for one in folder.shortlisted_ids()), key=lambda one: one.search_value)
    path = folder.path / "shortlist" / f"{second.job_id}.json"
    path.write_text(second.model_copy(update={"value": 0.99}).model_dump_json())
    run_search(dataclasses.replace(plan, shortlist=1))
    assert {one.shortlisted for one in folder.entries()} == {second.job_id}


@pytest.mark.slow
def test_a_fold_that_fails_leaves_its_configuration_out_and_says_so(make_plan) -> None:
    plan = make_plan(trials=2, shortlist=2, finalists=1, repeats=1)
    (name,) = run_search(dataclasses.replace(plan, finalists=0))
    folder = ResultsFolder(plan.results).study(name)
    first = folder.shortlisted_ids()[0]
    (folder.path / "shortlist" / f"{first}.json").unlink()
    record = folder.job("fold", f"{first}-f1")
    record.model_copy(update={"state": "diverged", "error": "loss not finite"}).save(
        folder.job_path("fold", record.job_id) / "record.json"
    )
    watch = Watch()
    run_search(plan, watch)
    assert any("left out of the shortlist" in text and "diverged" in text for text in watch.told)
    assert {one.shortlisted for one in folder.entries()} == set(folder.shortlisted_ids())


@pytest.mark.slow
def test_little_time_compares_fewer_or_none_and_says_so(make_plan) -> None:
    plan = make_plan(trials=1, shortlist=1, finalists=1, repeats=1)
    run_search(dataclasses.replace(plan, shortlist=0, finalists=0))
    watch = Watch()
    (name,) = run_search(dataclasses.replace(plan, seconds=0.5), watch)
    assert any("--time leaves room to compare 0 of 1" in text for text in watch.told)
    assert ResultsFolder(plan.results).study(name).shortlisted_ids() == []


def test_trials_that_differ_in_their_split_ratio_alone_are_compared_as_one(tmp_path) -> None:
    space, watch = load_space("cnn1d"), Watch()
    with simulated_study(tmp_path, space, sampler="random") as study:
        for number, ratio in enumerate(("70/10/20", "60/10/30")):
            config = space.enqueued[0].config | {"split_ratio": ratio}
            study.folder.publish_job(
                TrialRecord(
                    study="simulated", job_id=f"t000{number}", kind="search", state="completed", value=0.5,
                    config=config, seed=1, started=now(), finished=now(),
                )
            )  # fmt: skip
        late = time.monotonic() - 1
        session = Session.on(SimpleNamespace(workers=1), study, None, watch, threading.Event(), late)
        assert run_shortlist(session, 2) == []
    (told,) = watch.told
    assert "--time leaves room to compare 0 of 1 configurations" in told


def test_finals_on_all_clips_need_a_shortlist(make_plan) -> None:
    with pytest.raises(UsageError, match="--finals all trains for the length that cross-validation found"):
        make_plan(finals="all", shortlist=0)
    with pytest.raises(UsageError, match="finals 'every'"):
        make_plan(finals="every")
