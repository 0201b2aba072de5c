"""Slices of a test core: scores worked by hand, and differences called as often as their p-values say."""

from __future__ import annotations

import numpy as np
import pytest
from judged_predictions import interval_of

from serbench.evaluation import Attribute, holm, judge_slices, slice_scores

LABELS = ["anger", "fear", "neutral"]
SPEAKERS, CLIPS = 16, 8


def core(ease=0.0, rng=None, skill=0.6, spread=0.12, refits=3):
    """16 speakers with 8 clips of 3 classes; (true, predictions, speakers). `ease` is of each clip, in recall."""
    rng = np.random.default_rng(0) if rng is None else rng
    true = np.tile(np.repeat([0, 1, 2], CLIPS), SPEAKERS)
    who = np.repeat(np.arange(SPEAKERS), 3 * CLIPS)
    chance = skill + rng.normal(0, spread, SPEAKERS)[who] + np.array([0.1, 0.0, -0.1])[true] + ease
    shared = rng.random(len(true))
    guesses = []
    for _ in range(refits):
        # Most of a clip's luck is the same for all refits.
        luck = np.where(rng.random(len(true)) < 0.7, shared, rng.random(len(true)))
        guesses.append(np.where(luck < chance, true, (true + 1) % 3))
    return true, guesses, who


def sexes(who):
    return Attribute("sex", tuple("female" if speaker % 2 else "male" for speaker in who))


def sentences(who, count=4):
    return Attribute("sentence", tuple("ABCDEFGH"[row % count] for row in range(len(who))))


def test_scores_of_slices_worked_by_hand():
    true = np.array([0, 0, 1, 0, 1, 1, 2])
    guesses = [np.array([0, 1, 1, 0, 1, 0, 2]), np.array([0, 0, 1, 0, 0, 0, 0])]
    who = np.array(["a", "a", "a", "b", "b", "b", "b"])
    attribute = Attribute("intensity", ("low", "low", "low", "high", "high", "high", None), ("low", "high"))
    found = slice_scores(true, guesses, who, LABELS, attribute)
    low, high = found.slices
    assert (low.value, low.clips, low.speakers, high.clips) == ("low", 3, 1, 3)
    assert found.classes == ("anger", "fear")
    assert found.unknown == 1
    # low: anger 1/2 and 2/2, fear 1/1 and 1/1; high: anger 1 and 1, fear 1/2 and 0/2.
    assert low.recall == pytest.approx((0.5 + 1 + 1 + 1) / 4)
    assert high.recall == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert low.accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert found.gap == pytest.approx(0.875 - 0.625)
    assert found.of_speakers
    assert "fewer than 8" in low.no_interval


def test_a_class_that_one_slice_lacks_is_compared_in_none():
    """As CREMA-D's intensity, which neutral clips do not have."""
    true, guesses, who = core()
    values = tuple("low" if row % 2 else ("high" if label < 2 else "none") for row, label in enumerate(true))
    known = tuple(None if value == "none" else value for value in values)
    found = slice_scores(true, guesses, who, LABELS, Attribute("intensity", known))
    assert found.classes == ("anger", "fear")
    low = found.slices[1]
    inside = np.array([value == "low" for value in known])
    recalls = [[(guess[inside & (true == label)] == label).mean() for label in (0, 1)] for guess in guesses]
    assert low.recall == pytest.approx(np.mean(recalls))
    accuracy = np.mean([(guess[inside] == true[inside]).mean() for guess in guesses])
    assert low.accuracy == pytest.approx(accuracy)


def test_a_slice_of_all_clips_has_the_interval_of_the_whole():
    true, guesses, who = core()
    whole, _ = interval_of(true, guesses, who, LABELS)
    found = slice_scores(true, guesses, who, LABELS, Attribute("corpus", ("one",) * len(true)))
    assert found.slices[0].interval == whole
    assert found.gap is None


def test_speakers_without_a_clip_of_the_classes_compared_are_not_counted():
    """A speaker with neutral clips alone would else be one more who seems to agree with all others."""
    true, guesses, who = core()
    only_neutral = who < 8
    keep = ~only_neutral | (true == 2)
    values = np.where(true == 2, "x", np.where(np.arange(len(true)) % 2, "x", "y"))[keep]
    found = slice_scores(
        true[keep], [guess[keep] for guess in guesses], who[keep], LABELS, Attribute("side", tuple(values.tolist()))
    )
    assert found.classes == ("anger", "fear")
    both = [part.interval for part in found.slices]
    assert [interval.speakers for interval in both] == [8, 8]
    assert found.slices[0].speakers == 16


def test_values_come_in_their_order_then_by_name():
    attribute = Attribute("intensity", ("z", "high", "low", "a"), ("low", "medium", "high"))
    found = slice_scores([0, 0, 1, 1], [[0, 0, 1, 1]], [1, 2, 3, 4], LABELS, attribute)
    assert [part.value for part in found.slices] == ["low", "high", "a", "z"]
    assert found.classes == ()
    assert found.slices[0].recall is None
    (judged,) = judge_slices([0, 0, 1, 1], [[0, 0, 1, 1]], [1, 2, 3, 4], LABELS, [attribute], np.random.default_rng(0))
    assert judged.p_value is None
    assert judged.corrected is None


def test_probabilities_do_as_well_as_indices():
    true, guesses, who = core()
    probabilities = [np.eye(3)[guess] * 0.5 + 1 / 6 for guess in guesses]
    assert slice_scores(true, probabilities, who, LABELS, sexes(who)) == slice_scores(
        true, guesses, who, LABELS, sexes(who)
    )


def rejections(attribute_of, runs=300, draws=199, **kwargs):
    """How often a difference is called at 5 % where there is none."""
    rng, called = np.random.default_rng(3), 0
    for _ in range(runs):
        true, guesses, who = core(rng=rng, **kwargs)
        (found,) = judge_slices(true, guesses, who, LABELS, [attribute_of(who)], rng, draws=draws)
        called += found.p_value <= 0.05
    return called / runs


@pytest.mark.long
@pytest.mark.parametrize("attribute_of", [sexes, sentences], ids=["of speakers", "of clips"])
def test_nothing_is_found_about_as_often_as_alpha_says(attribute_of):
    """With much spread between speakers, which alone would set two groups of eight apart."""
    assert 0.025 <= rejections(attribute_of) <= 0.08


def test_swapping_clips_would_take_the_spread_of_speakers_for_a_difference(monkeypatch):
    from serbench.evaluation import slices

    def as_one_speaker(right, true, who, *rest):
        return slices.permute_clips(right, true, 0 * who, *rest)

    monkeypatch.setattr(slices, "permute_speakers", as_one_speaker)
    assert rejections(sexes, runs=100, spread=0.2) > 0.3


def test_a_difference_between_sexes_is_found():
    true, _, who = core()
    ease = np.where(who % 2, 0.25, 0.0)
    true, guesses, who = core(ease)
    found, other = judge_slices(
        true, guesses, who, LABELS, [sexes(who), sentences(who)], np.random.default_rng(0), draws=999
    )
    assert found.gap > found.by_chance
    assert found.p_value < 0.01
    assert other.p_value > 0.05
    assert [part.value for part in sorted(found.slices, key=lambda part: part.recall)] == ["male", "female"]


def test_a_hard_sentence_is_found_in_spite_of_speakers():
    true, _, who = core()
    ease = np.where(np.arange(len(true)) % 4 == 0, -0.3, 0.0)
    true, guesses, who = core(ease)
    (found,) = judge_slices(true, guesses, who, LABELS, [sentences(who)], np.random.default_rng(0), draws=999)
    assert found.p_value < 0.01
    assert not found.of_speakers


def test_p_values_are_corrected_together_and_reproducible():
    true, guesses, who = core()
    attributes = [sexes(who), sentences(who), sentences(who, 2)]
    one = judge_slices(true, guesses, who, LABELS, attributes, np.random.default_rng(5), draws=99)
    assert one == judge_slices(true, guesses, who, LABELS, attributes, np.random.default_rng(5), draws=99)
    assert [part.corrected for part in one] == holm([part.p_value for part in one])
    assert [part.attribute for part in one] == ["sex", "sentence", "sentence"]


def test_the_least_p_value_is_one_draw():
    true, _, who = core()
    right = np.where(np.arange(len(true)) % 2, true, (true + 1) % 3)
    (found,) = judge_slices(
        true, [right], who, LABELS, [Attribute("side", tuple("ab"[row % 2] for row in range(len(true))))],
        np.random.default_rng(0), draws=19,
    )  # fmt: skip
    assert found.gap == pytest.approx(1)
    assert found.p_value == 1 / 20


def test_what_swapping_cannot_change_is_no_difference():
    """Each speaker has one value for each class, so nothing can be swapped."""
    true, guesses, who = core()
    values = tuple("ab"[(speaker + label) % 2] for speaker, label in zip(who, true, strict=True))
    (found,) = judge_slices(true, guesses, who, LABELS, [Attribute("side", values)], np.random.default_rng(0), draws=50)
    assert found.p_value == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictions": []}, "no refit"),
        ({"values": ("a",)}, "differ in length"),
        ({"values": (None,) * 4}, "no clip has a value of side"),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    given = {"predictions": [[0, 0, 1, 1]], "values": ("a", "a", "b", "b")} | change
    with pytest.raises(ValueError, match=message):
        slice_scores([0, 0, 1, 1], given["predictions"], [1, 1, 2, 2], LABELS, Attribute("side", given["values"]))


def test_an_attribute_of_too_few_speakers_does_not_count_in_the_correction():
    who = np.repeat(np.arange(6), 20)
    rng = np.random.default_rng(0)
    true = np.tile([0, 1], 60)
    guesses = [np.where(rng.random(120) < 0.7, true, 1 - true)]
    alone, with_sex = (
        judge_slices(true, guesses, who, LABELS, attributes, np.random.default_rng(1), draws=99)
        for attributes in ([sentences(who)], [sentences(who), sexes(who)])
    )
    assert with_sex[0].corrected == alone[0].corrected == alone[0].p_value
    assert with_sex[1].corrected is None, "six speakers are too few for a test"
