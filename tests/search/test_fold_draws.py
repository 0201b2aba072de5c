"""Folds of one search draw for themselves, and studies begun before they did still draw what they drew."""

from __future__ import annotations

import pandas as pd

from serbench.corpora import StudyClips, clip_table, get_corpus
from serbench.protocols import SplitProtocol
from serbench.records.schemas import StudyRecord
from serbench.search import SearchPlan, SearchRequest
from serbench.search.new_record import new_study_record
from serbench.training import SeedTree


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
