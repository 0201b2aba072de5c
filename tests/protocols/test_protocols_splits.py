"""What must hold for every split of every corpus, and the counts on one as large as CREMA-D."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tables_made import SINGLE, clip_tables, crema_like, ratios

from serbench.errors import SerbenchError
from serbench.protocols import Ratio, Split, SplitPlan, SplitProtocol
from serbench.protocols.units import Unit, clip_units, interleave, speaker_units

PARTS = ("train", "validation", "validation_rest", "test", "test_rest", "left_out")
names = st.sampled_from(SINGLE)
seeds = st.integers(0, 20)


def plan_of(clips: pd.DataFrame, protocol: SplitProtocol) -> SplitPlan:
    """The plan, where such clips can be split at all."""
    try:
        (plan,) = protocol.plans(clips)
    except SerbenchError:
        assume(False)
    return plan


def split_of(plan: SplitPlan, ratio: Ratio) -> Split:
    """The split, where the ratio leaves anything to train on."""
    try:
        return plan.split(ratio)
    except SerbenchError:
        assume(False)
    raise AssertionError


def ids(clips: pd.DataFrame, split: Split) -> dict[str, set[str]]:
    return {part: set(clips["clip_id"].iloc[list(getattr(split, part))]) for part in PARTS}


@pytest.mark.long
@settings(max_examples=30)
@given(clip_tables(), names, seeds, ratios())
def test_every_clip_is_in_exactly_one_part(clips: pd.DataFrame, name: str, seed: int, ratio: Ratio) -> None:
    split = split_of(plan_of(clips, SplitProtocol(name, split_seed=seed)), ratio)
    rows = [row for part in PARTS for row in getattr(split, part)]
    assert sorted(rows) == list(range(len(clips)))
    assert split.train
    assert split.validation
    assert split.test


@settings(max_examples=30)
@given(clip_tables(), names, seeds, ratios())
def test_the_cores_are_the_same_for_every_ratio_and_never_trained_on(
    clips: pd.DataFrame, name: str, seed: int, ratio: Ratio
) -> None:
    plan = plan_of(clips, SplitProtocol(name, split_seed=seed))
    cores, split = plan.core_split, split_of(plan, ratio)
    assert (split.test, split.validation) == (cores.test, cores.validation)
    assert cores.test_rest == cores.validation_rest == ()
    assert not set(split.train) & {*cores.test, *cores.validation}


@settings(max_examples=30)
@given(clip_tables(), names, seeds, ratios(), ratios())
def test_a_larger_share_contains_the_smaller_whatever_the_other_share(
    clips: pd.DataFrame, name: str, seed: int, one: Ratio, other: Ratio
) -> None:
    plan = plan_of(clips, SplitProtocol(name, split_seed=seed))
    for part in ("test", "validation"):
        small, large = sorted((one, other), key=lambda ratio: getattr(ratio, part))
        whole = [
            {*getattr(split_of(plan, ratio), part), *getattr(split_of(plan, ratio), f"{part}_rest")}
            for ratio in (small, large)
        ]
        assert whole[0] <= whole[1]


@settings(max_examples=30)
@given(clip_tables(), seeds, ratios())
def test_no_speaker_is_in_two_sets_under_speaker(clips: pd.DataFrame, seed: int, ratio: Ratio) -> None:
    split = split_of(plan_of(clips, SplitProtocol("speaker", split_seed=seed)), ratio)
    speakers = [set(clips["speaker"].iloc[list(getattr(split, part))]) for part in PARTS]
    assert sum(map(len, speakers)) == len(set.union(*speakers))


@pytest.mark.long
@settings(max_examples=30)
@given(clip_tables(), names, seeds, ratios())
def test_byte_identical_clips_stay_together(clips: pd.DataFrame, name: str, seed: int, ratio: Ratio) -> None:
    assume("digest" in clips)
    split = split_of(plan_of(clips, SplitProtocol(name, split_seed=seed)), ratio)
    part_of = {row: part for part in PARTS for row in getattr(split, part)}
    for _, twins in clips.groupby("digest"):
        assert len({part_of[row] for row in twins.index}) == 1


@pytest.mark.long
@settings(max_examples=30)
@given(clip_tables(), names, seeds, ratios(), st.randoms())
def test_the_order_of_the_rows_does_not_matter(clips: pd.DataFrame, name: str, seed: int, ratio: Ratio, random) -> None:
    split = split_of(plan_of(clips, SplitProtocol(name, split_seed=seed)), ratio)
    shuffled = clips.iloc[random.sample(range(len(clips)), len(clips))]
    for table in (shuffled, shuffled.reset_index(drop=True)):
        (plan,) = SplitProtocol(name, split_seed=seed).plans(table)
        assert ids(table, plan.split(ratio)) == ids(clips, split)


def test_missing_digests_are_nobodys_twins() -> None:
    table = pd.DataFrame(
        {"clip_id": list("abcd"), "label": list("xyxy"), "speaker": list("pqrs"), "sex": "male",
         "digest": ["1", None, np.nan, None]}
    )  # fmt: skip
    for digests in (table["digest"], table["digest"].astype("str"), table["digest"].astype("string")):
        assert len(clip_units(table.assign(digest=digests))) == 4
        assert len(speaker_units(table.assign(digest=digests))) == 4


def test_twins_bind_their_speakers_and_their_speakers_other_clips() -> None:
    table = pd.DataFrame(
        {"clip_id": list("abcdef"), "label": "x", "speaker": list("ppqqrr"), "sex": None,
         "digest": ["1", "2", "2", "3", "4", "5"]}
    )  # fmt: skip
    assert [unit.rows for unit in speaker_units(table)] == [(0, 1, 2, 3), (4, 5)]


@pytest.fixture(scope="module")
def crema() -> pd.DataFrame:
    return crema_like()


@pytest.mark.parametrize(
    ("cores", "ratio", "test", "validation"),
    [(("20", "8"), "72/8/20", 1489, 596), (("30", "3.5"), "66.5/3.5/30", 2233, 261), (("20", "10"), None, 1489, 745)],
)
def test_exact_counts_under_random(
    crema: pd.DataFrame, cores: tuple[str, str], ratio: str | None, test: int, validation: int
) -> None:
    (plan,) = SplitProtocol("random", Decimal(cores[0]), Decimal(cores[1])).plans(crema)
    split = plan.split(Ratio.parse(ratio) if ratio else plan.cores)
    assert (len(split.test), len(split.validation)) == (test, validation)
    assert len(split.train) == 7442 - test - validation


@pytest.mark.parametrize("part", ["test", "validation", "train"])
def test_classes_have_their_share_under_random(crema: pd.DataFrame, part: str) -> None:
    (plan,) = SplitProtocol("random").plans(crema)
    rows = list(getattr(plan.core_split, part))
    found = Counter(crema["label"].iloc[rows])
    for label, count in Counter(crema["label"]).items():
        assert abs(found[label] - count * len(rows) / len(crema)) < 2.5


@pytest.mark.parametrize("seed", range(5))
def test_speakers_and_sexes_under_speaker(crema: pd.DataFrame, seed: int) -> None:
    protocol = SplitProtocol("speaker", split_seed=seed)
    (plan,) = protocol.plans(crema)
    facts = protocol.facts(crema, plan)
    assert (facts.test_speakers, facts.validation_speakers, facts.train_speakers) == (18, 9, 64)
    women = {unit.key for unit in plan.order[:18] if unit.stratum == "female"}
    assert len(women) in (8, 9)  # 18 x 43 / 91 = 8.5
    runs = "".join(unit.stratum[0] for unit in plan.order)
    assert "fff" not in runs
    assert "mmmm" not in runs
    assert facts.warnings == ()


@pytest.mark.parametrize("name", SINGLE)
def test_a_seed_is_a_split(crema: pd.DataFrame, name: str) -> None:
    drawn = [plan.core_split.test for seed in range(4) for plan in SplitProtocol(name, split_seed=seed).plans(crema)]
    assert len(set(drawn)) == 4
    assert SplitProtocol(name, split_seed=3).plans(crema)[0].split(SplitProtocol(name).cores).test == drawn[3]


def test_random_shares_speakers_and_says_so(crema: pd.DataFrame) -> None:
    protocol = SplitProtocol("random")
    (plan,) = protocol.plans(crema)
    facts = protocol.facts(crema, plan)
    assert facts.shares_speakers
    assert facts.test_speakers == facts.train_speakers == 91
    assert any("test speakers are also trained on" in warning for warning in facts.warnings)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 1000))
def test_any_prefix_of_an_order_holds_each_stratum_in_its_share(sizes: list[int], seed: int) -> None:
    units = [Unit(f"{s}-{i}", str(s), (0,)) for s, size in enumerate(sizes) for i in range(size)]
    order = interleave(units, np.random.SeedSequence(seed))
    assert sorted(unit.key for unit in order) == sorted(unit.key for unit in units)
    for stratum, size in enumerate(sizes):
        share = size / len(units)
        bound = 1 + share * max(0, len(sizes) - 2)
        met = 0
        for length, unit in enumerate(order, start=1):
            met += unit.stratum == str(stratum)
            assert abs(met - share * length) <= bound + 1e-9
