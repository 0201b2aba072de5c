"""Folds of one search draw for themselves, and studies begun before they did still draw what they drew."""

from __future__ import annotations

import threading

import pandas as pd
import pytest

from serbench.corpora import StudyClips, clip_table, get_corpus
from serbench.protocols import SplitProtocol
from serbench.records import ResultsFolder
from serbench.records.schemas import StudyRecord
from serbench.search import Observer, SearchPlan, SearchRequest, run_search
from serbench.search.new_record import new_study_record
from serbench.training import SeedTree

OTHER = {"float32": "bfloat16", "bfloat16": "float32"}


def record(protocol: str, fold: int) -> StudyRecord:
    rows = [
        {
            "clip_id": f"{speaker}-{number}-{label}", "path": "/a.wav", "label": label, "speaker": f"s{speaker}",
            "sex": ("female", "male")[speaker % 2], "sentence": str(number), "digest": f"{speaker}{number}{label}",
        }
        for speaker in range(12) for number in range(3) for label in ("joy", "calm")
    ]  # fmt: skip
    clips = clip_table(pd.DataFrame(rows)).assign(duration_s=1.0, sample_rate=16_000, channels=1)
    plan = SearchPlan.of(SearchRequest(spaces=("cnn1d",), run="a"), corpus=get_corpus("demo"))
    used = SplitProtocol(protocol)
    plans = used.plans(clips)
    found = StudyClips(plan.corpus, clips, (), (), digest="d")
    made = new_study_record(
        plan, plan.spaces[0], found, used, plans[fold], folds=len(plans), backend="tensorflow", reads_votes=False
    )
    return StudyRecord.model_validate_json(made.model_dump_json())


def draws(study: StudyRecord) -> tuple[int, ...]:
    tree = SeedTree.of(study)
    return tree.sampler(3), tree.trial(3), tree.refit(3, 1), tree.probe(3, 1), tree.shortlisted(3, 1)


def test_each_fold_draws_for_itself_and_shares_augmented_waveforms() -> None:
    first, second = record("speaker-cv", 0), record("speaker-cv", 1)
    assert not set(draws(first)) & set(draws(second))
    assert SeedTree.of(first).augmentation == SeedTree.of(second).augmentation


def test_without_folds_the_seed_alone_decides() -> None:
    study = record("speaker", 0)
    assert draws(study)[0] == SeedTree(study.seed).sampler(3)


def test_studies_begun_before_keep_their_draws() -> None:
    older = record("speaker-cv", 1).model_dump(mode="json")
    del older["draws_by_fold"]
    study = StudyRecord.model_validate(older)
    assert draws(study)[0] == SeedTree(study.seed).sampler(3)


def begun_config(plan: SearchPlan) -> dict:
    return plan.spaces[0].enqueued[0].config if plan.spaces[0].enqueued else plan.spaces[0].defaults()


@pytest.mark.children
def test_folds_still_to_come_draw_and_train_as_those_before_them(make_plan, made_up_fits) -> None:
    class AfterOneFold(Observer):
        def study_finished(self, record):
            stop.set()

    plan, stop = make_plan(protocol="speaker-cv:3", trials=1, finalists=0), threading.Event()
    (first,) = run_search(plan, AfterOneFold(), stop)
    folder = ResultsFolder(plan.results)
    begun = folder.study(first).record()
    assert (begun.draws_by_fold, begun.late_kicks) == (True, False)
    older = begun.model_dump(mode="json")
    del older["draws_by_fold"], older["late_kicks"]  # as a serbench recorded it that knew neither
    older["warm_start"] = {"study": "gone since", "configs": {"t0003": begun_config(plan)}}
    older |= {"precision": OTHER[begun.precision], "sampler": begun.sampler | {"name": "random"}}  # another machine
    StudyRecord.model_validate(older).save(folder.study(first).record_path)
    all_folds = [folder.study(name).record() for name in run_search(plan)]
    assert [one.protocol.fold for one in all_folds] == [1, 2, 3]
    assert {(one.draws_by_fold, one.late_kicks) for one in all_folds} == {(False, True)}
    assert {one.precision for one in all_folds} == {OTHER[begun.precision]}
    assert {one.sampler["name"] for one in all_folds} == {"random"}
    assert {one.warm_start.study for one in all_folds} == {"gone since"}


@pytest.mark.children
def test_a_study_of_another_protocol_under_the_same_name_is_none_of_its_folds(make_plan, made_up_fits) -> None:
    plan = make_plan(protocol="speaker-cv:3", trials=1, finalists=0, run="same", sampler="random")
    run_search(plan)
    (name,) = run_search(make_plan(results=plan.results, trials=1, finalists=0, run="same"))
    found = ResultsFolder(plan.results).study(name).record()
    assert (found.protocol.folds, found.sampler["name"]) == (1, "prior")
