"""Every core has every class where some order of the units sees to that."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.corpora import UNKNOWN_SPEAKER
from serbench.errors import SerbenchError
from serbench.protocols import Ratio, SplitPlan, SplitProtocol, complete
from serbench.protocols.complete import Completion
from serbench.protocols.units import Unit, speaker_units


def table(spoken: dict[str, str], clips: int = 2, sexes: dict[str, str] | None = None) -> pd.DataFrame:
    """Clips of each speaker: `clips` of each class whose letter is in the speaker's text."""
    rows = [
        {"clip_id": f"{speaker}{label}{number}", "speaker": speaker, "label": label}
        for speaker, labels in spoken.items()
        for label in labels
        for number in range(clips)
    ]
    frame = pd.DataFrame(rows)
    frame["sex"] = [(sexes or {}).get(speaker) for speaker in frame["speaker"]]
    return frame


def absent(clips: pd.DataFrame, plan: SplitPlan, parts: tuple[str, ...]) -> set[tuple[str, str]]:
    split = plan.core_split
    return {
        (part, label)
        for part in parts
        for label in set(clips["label"])
        if label not in set(clips["label"].iloc[list(getattr(split, part))])
    }


RARE = {f"s{i:02}": "ab" + ("c" if i in {3, 7, 11} else "") for i in range(20)}


@pytest.mark.parametrize("seed", range(5))
def test_a_class_of_three_speakers_is_in_all_three_sets(seed: int) -> None:
    clips = table(RARE)
    protocol = SplitProtocol("speaker", split_seed=seed)
    (plan,) = protocol.plans(clips)
    assert not absent(clips, plan, ("train", "validation", "test"))
    assert plan.reordered == (protocol.facts(clips, plan).hash != protocol.hash)


def test_the_order_of_the_seed_stays_where_it_is_complete() -> None:
    clips = table({f"s{i:02}": "ab" for i in range(20)})
    (plan,) = SplitProtocol("speaker").plans(clips)
    (earlier,) = SplitProtocol("speaker", every_class=False).plans(clips)
    assert plan == earlier
    assert not plan.reordered


def test_a_study_of_earlier_versions_is_split_as_it_was() -> None:
    clips = table(RARE)
    plans = [SplitProtocol("speaker", split_seed=seed, every_class=False).plans(clips)[0] for seed in range(5)]
    assert any(absent(clips, plan, ("train", "validation", "test")) - {("train", "c")} for plan in plans)


def test_another_order_keeps_the_sexes_balanced_where_it_can() -> None:
    sexes = {f"s{i:02}": "female" if i % 2 else "male" for i in range(20)}
    clips = table({f"s{i:02}": "ab" + ("c" if i < 8 else "") for i in range(20)}, sexes=sexes)
    for seed in range(10):
        (plan,) = SplitProtocol("speaker", split_seed=seed).plans(clips)
        tested = clips.iloc[list(plan.core_split.test)].drop_duplicates("speaker")
        counts = tested["sex"].value_counts()
        assert abs(counts.get("female", 0) - counts.get("male", 0)) <= 1


def test_what_no_order_can_do_is_refused_with_the_ways_out() -> None:
    clips = table({f"s{i:02}": "ab" + ("c" if i in {3, 7} else "") for i in range(20)})
    with pytest.raises(SerbenchError) as told:
        SplitProtocol("speaker").plans(clips)
    for words in ("no order of the speakers", "c by 2", "--drop c", "--map c=OTHER", "speaker-cv", "--protocol random"):
        assert words in str(told.value)


@pytest.fixture
def counted(monkeypatch):
    """Limits how many times plans may be looked through for missing classes, which is what a search of orders costs."""

    lacks = Completion.lacks

    def at_most(limit: int) -> None:
        looks = itertools.count(1)

        def counting(self, plans):
            assert next(looks) <= limit
            return lacks(self, plans)

        monkeypatch.setattr(Completion, "lacks", counting)

    return at_most


def many(clips: int) -> pd.DataFrame:
    """Clips of two classes by unknown speakers, and one clip of a third class."""
    frame = pd.DataFrame({"clip_id": [f"c{i:04}" for i in range(clips)], "speaker": UNKNOWN_SPEAKER, "sex": None})
    frame["label"] = ["c" if i == clips // 2 else "ab"[i % 2] for i in range(clips)]
    return frame


def test_a_stray_label_among_thousands_of_clips_is_refused_at_once(counted) -> None:
    counted(10)
    with pytest.raises(SerbenchError, match="no order of the clips that differ was found") as told:
        SplitProtocol("random").plans(many(3000))
    assert "--drop c" in str(told.value)


def test_two_clips_of_a_class_are_refused_at_once_and_three_are_found(counted) -> None:
    clips = many(300)
    clips.loc[0, "label"] = "c"
    counted(10)
    with pytest.raises(SerbenchError, match="no order of the clips that differ was found"):
        SplitProtocol("random").plans(clips)
    clips.loc[1, "label"] = "c"
    counted(500)
    (plan,) = SplitProtocol("random").plans(clips)
    assert not absent(clips, plan, ("train", "validation", "test"))


def test_a_stray_label_of_a_given_training_part_takes_few_looks(counted) -> None:
    """Each of 62 orders tries sizes of the validation set: some ten of 200, not all."""
    clips = many(600).assign(split="train")
    clips.loc[clips.index[-20:], "split"] = "test"
    counted(1_200)
    with pytest.raises(SerbenchError, match="gives every class"):
        SplitProtocol("given").plans(clips)


def grown_by_trying_all(completion: Completion, plan: SplitPlan) -> SplitPlan:
    """The plan with the fewest validation units that leave no class lacking."""
    sizes = range(completion.least, len(plan.order) // 3 + 1)
    plans = [plan.with_validation_units(count) for count in (completion.least, *sizes)]
    return next((one for one in plans if not completion.lacks((one,))), plans[0])


@pytest.mark.parametrize("every", [2, 3, 5])
def test_validation_grows_no_further_than_it_must(every: int) -> None:
    clips = table({f"s{i:02}": "ab" + ("c" if i % every == 0 else "") for i in range(30)})
    completion = Completion(clips["label"].tolist(), ("train", "validation"))
    grown = 0
    for seed in range(4):
        plans = SplitProtocol("loso", split_seed=seed, every_class=False, least_validation=1).plans(clips)
        assert completion.grown(plans) == tuple(grown_by_trying_all(completion, plan) for plan in plans)
        grown += sum(one != plan for one, plan in zip(completion.grown(plans), plans, strict=True))
    assert grown


@pytest.mark.parametrize("name", ["speaker-cv", "loso"])
def test_validation_of_every_fold_has_every_class(name: str) -> None:
    clips = table({f"s{i:02}": "ab" + ("c" if i % 3 == 0 else "") for i in range(12)})
    protocol = SplitProtocol(name)
    plans = protocol.plans(clips)
    for plan in plans:
        assert not absent(clips, plan, ("train", "validation"))
    tested = [row for plan in plans for row in plan.core_split.test]
    assert sorted(tested) == list(range(len(clips)))


def test_a_fold_validates_on_more_speakers_before_its_test_speakers_change() -> None:
    clips = table({f"s{i:02}": "ab" + ("c" if i % 2 else "") for i in range(24)})
    kept = 0
    for seed in range(5):
        plans = SplitProtocol("loso", split_seed=seed).plans(clips)
        earlier = SplitProtocol("loso", split_seed=seed, every_class=False).plans(clips)
        if not plans[0].reordered:
            kept += 1
            assert [plan.order for plan in plans] == [plan.order for plan in earlier]
    assert kept >= 3, "other test speakers are the last resort"


def test_a_given_split_stays_as_it_is_given() -> None:
    clips = table({f"s{i:02}": "ab" for i in range(9)})
    clips["split"] = ["train", "validation", "test"] * (len(clips) // 3)
    clips.loc[clips["split"] == "validation", "label"] = "a"
    (plan,) = SplitProtocol("given").plans(clips)
    assert absent(clips, plan, ("validation",)) == {("validation", "b")}


def test_validation_that_is_taken_from_a_given_training_part_has_every_class() -> None:
    clips = table({f"s{i:02}": "a" + ("b" if i % 4 == 0 else "") for i in range(24)})
    clips["split"] = ["test" if speaker < "s08" else "train" for speaker in clips["speaker"]]
    for seed in range(5):
        (plan,) = SplitProtocol("given", split_seed=seed).plans(clips)
        split = plan.core_split
        assert not absent(clips, plan, ("train", "validation", "test"))
        assert set(clips["speaker"].iloc[list(split.test)]) == {f"s{i:02}" for i in range(8)}


def test_a_large_given_test_part_does_not_keep_validation_from_growing() -> None:
    clips = table({f"s{i:02}": "ab" if i % 2 else "bc" for i in range(12)}, clips=5)
    tested = table({f"t{i:02}": "abc" for i in range(60)}, clips=3)
    clips = pd.concat([clips.assign(split="train"), tested.assign(split="test")], ignore_index=True)
    (plan,) = SplitProtocol("given").plans(clips)
    split = plan.core_split
    assert not absent(clips, plan, ("train", "validation", "test"))
    assert 2 <= clips["speaker"].iloc[list(split.validation)].nunique() <= 4
    assert set(clips["split"].iloc[list(split.test)]) == {"test"}


def test_each_clip_of_a_rare_class_is_exchanged_and_not_the_first_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many pairs are tried as a class of three clips has among thousands: all with the first of the three."""
    monkeypatch.setattr(complete, "_DRAWS", 0)
    monkeypatch.setattr(complete, "_EXCHANGES", 6)
    clips = table({"s0": "a", "s1": "b"}, clips=30)
    clips = pd.concat([clips, table({"s2": "c"}, clips=3)], ignore_index=True)
    for seed in range(12):
        (plan,) = SplitProtocol("random", split_seed=seed).plans(clips)
        assert not absent(clips, plan, ("train", "validation", "test"))


def test_the_classes_are_listed_once() -> None:
    class Labels(list[str]):
        listed = 0

        def __iter__(self) -> Iterator[str]:
            self.listed += 1
            return super().__iter__()

    labels = Labels("abab")
    completion = Completion(labels, ("train", "test"))
    plan = SplitPlan(tuple(Unit(key, "x", (row,)) for row, key in enumerate("abcd")), Ratio.parse("50/25/25"))
    assert completion.lacks((plan,)) == completion.lacks((plan,))
    assert labels.listed == 1


spoken = st.lists(st.sets(st.sampled_from("abc"), min_size=1), min_size=4, max_size=6)


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(spoken, st.integers(0, 3))
def test_an_order_is_found_exactly_where_there_is_one(groups: list[set[str]], seed: int) -> None:
    clips = table({f"s{i}": "".join(sorted(labels)) for i, labels in enumerate(groups)}, clips=1)
    cores = Ratio.parse("50/25/25")
    completion = Completion(clips["label"].tolist(), ("train", "validation", "test"))
    orders = itertools.permutations(speaker_units(clips))
    possible = any(not completion.lacks((SplitPlan(order, cores),)) for order in orders)
    protocol = SplitProtocol("speaker", test_core=25, validation_core=25, split_seed=seed)
    try:
        (plan,) = protocol.plans(clips)
    except SerbenchError:
        assert not possible
        return
    assert possible
    assert not absent(clips, plan, ("train", "validation", "test"))
    assert plan == protocol.plans(clips.sample(frac=1, random_state=seed).sort_values("clip_id", ignore_index=True))[0]
