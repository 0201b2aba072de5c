"""Folded and crossed protocols: every speaker is tested once, no fold is chosen by whom it tests, nothing leaks."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tables_made import clip_tables, crema_like, ratios

from serbench.errors import SerbenchError, UsageError
from serbench.protocols import Ratio, SplitPlan, SplitProtocol

CORES = Ratio.parse("70/10/20")
FOLDED = ("speaker-cv:3", "loso")


@pytest.fixture(scope="module")
def crema() -> pd.DataFrame:
    return crema_like()


def plans_of(clips: pd.DataFrame, protocol: SplitProtocol) -> tuple[SplitPlan, ...]:
    try:
        return protocol.plans(clips)
    except SerbenchError:
        assume(False)
    raise AssertionError


def who(clips: pd.DataFrame, rows: tuple[int, ...]) -> set[str]:
    return set(clips["speaker"].iloc[list(rows)])


@pytest.mark.long
@settings(max_examples=30)
@given(clip_tables(min_speakers=5), st.sampled_from(FOLDED), st.integers(0, 9), ratios())
def test_every_clip_is_tested_in_exactly_one_fold(clips, name, seed, ratio) -> None:
    plans = plans_of(clips, SplitProtocol(name, split_seed=seed))
    tested = Counter(row for plan in plans for row in plan.split(CORES).test)
    assert tested == Counter(range(len(clips)))
    assert [plan.fold for plan in plans] == list(range(1, len(plans) + 1))


@pytest.mark.long
@settings(max_examples=30)
@given(clip_tables(min_speakers=5), st.sampled_from(FOLDED), st.integers(0, 9), ratios())
def test_no_fold_trains_on_or_is_chosen_by_whom_it_tests(clips, name, seed, ratio) -> None:
    for plan in plans_of(clips, SplitProtocol(name, split_seed=seed)):
        try:
            split = plan.split(ratio)
        except UsageError:
            continue
        cores = plan.split(CORES)
        assert (split.test, split.validation) == (cores.test, cores.validation)
        groups = [who(clips, part) for part in (split.train, split.validation, split.test, split.test_rest)]
        assert sum(map(len, groups)) == len(set.union(*groups))


def test_leave_one_speaker_out_has_a_fold_for_each_and_trains_on_the_rest(crema) -> None:
    plans = SplitProtocol("loso").plans(crema)
    assert len(plans) == 91
    for plan in plans[:5]:
        split = plan.split(CORES)
        assert len(who(crema, split.test)) == 1
        assert len(who(crema, split.train)) + len(who(crema, split.validation)) == 90
        smaller = plan.split(Ratio.parse("60/10/30"))
        assert len(smaller.train) < len(split.train)
        assert set(smaller.train) <= set(split.train)


@pytest.mark.parametrize(("name", "folds"), [("speaker-cv", 5), ("speaker-cv:10", 10), ("speaker-cv:7", 7)])
def test_folds_are_as_equal_as_can_be_and_hold_both_sexes(crema, name, folds) -> None:
    plans = SplitProtocol(name).plans(crema)
    assert len(plans) == folds
    sizes = [len(who(crema, plan.split(CORES).test)) for plan in plans]
    assert max(sizes) - min(sizes) <= 1
    for plan in plans:
        sexes = Counter(crema.loc[list(plan.split(CORES).test)].drop_duplicates("speaker")["sex"])
        assert abs(sexes["female"] / sum(sexes.values()) - 43 / 91) < 0.12


def test_emo_superb_is_the_published_split(crema) -> None:
    plans = SplitProtocol("emo-superb").plans(crema)
    blocks = [range(1001, 1019), range(1019, 1037), range(1037, 1055), range(1055, 1073), range(1073, 1092)]
    for fold, plan in enumerate(plans):
        split = plan.split(CORES)
        assert {int(speaker) for speaker in who(crema, split.test)} == set(blocks[fold])
        assert {int(speaker) for speaker in who(crema, split.validation)} == set(blocks[(fold + 1) % 5])
        assert len(who(crema, split.train)) == 91 - len(blocks[fold]) - len(blocks[(fold + 1) % 5])


def test_emo_superb_is_for_crema_d_only(crema) -> None:
    for strangers in ("p" + crema["speaker"], crema["speaker"].replace("1001", 5000 * "9")):
        with pytest.raises(SerbenchError, match="splits CREMA-D by its speakers 1001 to 1091"):
            SplitProtocol("emo-superb").plans(crema.assign(speaker=strangers))
    with pytest.raises(SerbenchError, match="needs speakers 1019 to 1036"):
        SplitProtocol("emo-superb").plans(crema[~crema["speaker"].astype(int).between(1019, 1036)])


@settings(max_examples=30)
@given(clip_tables(min_speakers=5), st.integers(0, 9), ratios())
def test_neither_speaker_nor_sentence_is_shared_where_both_are_kept_apart(clips, seed, ratio) -> None:
    (plan,) = plans_of(clips, SplitProtocol("speaker+sentence", split_seed=seed, every_class=False))
    try:
        split = plan.split(ratio)
    except UsageError:
        assume(False)
    cores = plan.split(CORES)
    assert (split.test, split.validation) == (cores.test, cores.validation)
    for column in ("speaker", "sentence"):
        groups = [
            set(clips[column].iloc[list(rows)])
            for rows in (split.train, (*split.validation, *split.validation_rest), (*split.test, *split.test_rest))
        ]
        assert sum(map(len, groups)) == len(set.union(*groups)), column


def test_what_is_left_out_is_told(crema) -> None:
    protocol = SplitProtocol("speaker+sentence")
    (plan,) = protocol.plans(crema)
    split = plan.split(CORES)
    facts = protocol.facts(crema, plan)
    assert f"{len(split.left_out):,} of 7,442 clips are left out" in facts.warnings[0]
    assert not facts.shares_speakers


def test_a_sentence_protocol_says_that_it_shares_speakers(crema) -> None:
    protocol = SplitProtocol("sentence")
    (plan,) = protocol.plans(crema)
    assert protocol.facts(crema, plan).shares_speakers
    split = plan.split(CORES)
    assert not set(crema["sentence"].iloc[list(split.train)]) & set(crema["sentence"].iloc[list(split.test)])


@pytest.mark.parametrize("name", ["sentence", "speaker+sentence"])
def test_a_corpus_without_sentences_is_told_so(crema, name) -> None:
    for clips in (crema.drop(columns="sentence"), crema.assign(sentence=None)):
        with pytest.raises(SerbenchError, match="does not say which sentence"):
            SplitProtocol(name).plans(clips)


@pytest.mark.parametrize(
    "name",
    [
        "speaker-cv:1",
        "speaker-cv:05",
        "speaker-cv:x",
        "speaker-cv:",
        "loso:3",
        "speaker-cv:1000",
        pytest.param(f"speaker-cv:{5000 * '9'}", id="5,000 digits"),
    ],
)
def test_a_number_of_folds_that_cannot_be_is_refused(name) -> None:
    with pytest.raises(UsageError, match="goes as speaker-cv:10"):
        SplitProtocol(name)


def test_too_few_speakers_for_the_folds_are_told(crema) -> None:
    five = crema[crema["speaker"].isin(["1001", "1002", "1003", "1004", "1005"])]
    with pytest.raises(SerbenchError, match=r"needs at least 6 speakers .* has 5; use loso"):
        SplitProtocol("speaker-cv").plans(five)
    assert len(SplitProtocol("loso").plans(five)) == 5
