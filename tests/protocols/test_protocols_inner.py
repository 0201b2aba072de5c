"""The cross-validation inside a study: who is held out together, and that nobody tested is in it."""

from __future__ import annotations

import pandas as pd
import pytest

from serbench.protocols import SplitProtocol


def recordings(speakers: int, twins: bool = False) -> pd.DataFrame:
    rows = [
        {
            "clip_id": f"{speaker:02}_{label}_{take}",
            "label": label,
            "speaker": f"s{speaker:02}",
            "sex": "female" if speaker % 2 else "male",
            "sentence": f"t{take}",
            "digest": f"{speaker // 2 if twins and take == 0 else speaker}{label}{take}",
        }
        for speaker in range(speakers)
        for label in ("anger", "fear")
        for take in range(3)
    ]
    return pd.DataFrame(rows)


def folds_of(name: str, clips: pd.DataFrame, **parts):
    protocol = SplitProtocol(name, **parts)
    plan = protocol.plans(clips)[0]
    return protocol.inner_folds(clips, plan), plan.core_split


@pytest.mark.parametrize("name", ["speaker", "random", "sentence", "loso", "speaker-cv"])
def test_every_clip_outside_the_test_core_is_held_out_once_and_none_inside(name) -> None:
    clips = recordings(30)
    folds, split = folds_of(name, clips)
    held = sorted(row for fold in folds for row in fold.held_out)
    assert held == sorted({*range(len(clips))} - {*split.test, *split.left_out})
    for fold in folds:
        assert not {*fold.train} & ({*fold.held_out} | {*split.test})
        assert {*fold.train} | {*fold.held_out} == {*held}


@pytest.mark.parametrize("twins", [False, True])
def test_no_speaker_is_trained_on_and_held_out(twins) -> None:
    clips = recordings(30, twins)
    folds, _ = folds_of("speaker", clips)
    assert len(folds) == (4 if twins else 5), "speakers who share a clip are one unit"
    for fold in folds:
        trained, held = (set(clips["speaker"].iloc[list(rows)]) for rows in (fold.train, fold.held_out))
        assert not trained & held
        assert len(held) >= 3
        shared = set(clips["digest"].iloc[list(fold.train)]) & set(clips["digest"].iloc[list(fold.held_out)])
        assert not shared, "identical clips stay together"


def test_few_speakers_make_fewer_folds_of_three() -> None:
    clips = recordings(10)
    folds, split = folds_of("loso", clips)
    assert [clips["speaker"].iloc[list(fold.held_out)].nunique() for fold in folds] == [3, 3, 3]
    assert clips["speaker"].iloc[list(split.validation)].nunique() == 3, "nor does one speaker alone judge the search"


def test_too_few_speakers_make_no_folds() -> None:
    assert folds_of("loso", recordings(6))[0] == ()


def test_a_class_that_a_fold_would_not_train_on_makes_no_folds() -> None:
    clips = recordings(30)
    _, split = folds_of("speaker", clips)
    lone = clips["speaker"].iloc[split.train[0]]
    clips["label"] = ["joy" if speaker == lone else "anger" for speaker in clips["speaker"]]
    assert folds_of("speaker", clips, every_class=False)[0] == ()


def test_the_split_seed_alone_draws_the_folds() -> None:
    clips = recordings(30)
    shuffled = clips.sample(frac=1, random_state=1).reset_index(drop=True)

    def sets(table: pd.DataFrame, seed: int) -> list[list[str]]:
        folds, _ = folds_of("speaker", table, split_seed=seed)
        return [sorted(table["clip_id"].iloc[list(fold.held_out)]) for fold in folds]

    assert sets(clips, 0) == sets(shuffled, 0) != sets(clips, 1)


def test_a_study_of_before_keeps_its_validation_speakers() -> None:
    clips = recordings(10)
    _, split = folds_of("loso", clips, least_validation=1)
    assert clips["speaker"].iloc[list(split.validation)].nunique() == 1
    assert SplitProtocol("loso", least_validation=1).hash == SplitProtocol("loso").hash
