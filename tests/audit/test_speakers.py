"""Speakers are named where the features carry them, and no better than by chance where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from serbench.audit.speakers import clip_summaries, recognise_speakers, speakers_finding

WHO = np.repeat([f"s{index}" for index in range(10)], 20)


def summaries(voice, seed=0):
    """(200, 30): each speaker's own colour, `voice` times as strong as what varies from clip to clip."""
    rng = np.random.default_rng(seed)
    return voice * rng.normal(size=(10, 30))[np.repeat(np.arange(10), 20)] + rng.normal(size=(200, 30))


def test_voices_are_told_apart():
    found = recognise_speakers(summaries(1.0), WHO, np.random.default_rng(0))
    assert found.accuracy > 0.95
    assert (found.chance, found.speakers, found.clips) == (0.1, 10, 100)


def test_without_voices_it_is_chance():
    accuracies = [
        recognise_speakers(summaries(0.0, seed), WHO, np.random.default_rng(seed)).accuracy for seed in range(8)
    ]
    assert np.mean(accuracies) == pytest.approx(0.1, abs=0.03)


def test_the_seed_settles_the_halves():
    given = summaries(0.2)
    one, same, other = (recognise_speakers(given, WHO, np.random.default_rng(seed)).accuracy for seed in (1, 1, 2))
    assert one == same != other


def test_features_of_other_scales_and_constant_ones_make_no_difference():
    given = summaries(0.3)
    scaled = np.concatenate([given * np.logspace(-6, 6, 30), np.full((200, 2), 7.0)], axis=1)
    one, other = (recognise_speakers(rows, WHO, np.random.default_rng(1)) for rows in (given, scaled))
    assert other.accuracy == pytest.approx(one.accuracy, abs=0.02)


def test_clips_that_nothing_tells_apart():
    found = recognise_speakers(np.ones((200, 3)), WHO, np.random.default_rng(0))
    assert found.accuracy == found.chance


def test_speakers_of_one_clip_are_left_out():
    who = np.array(["a"] * 5 + ["b"] * 4 + ["c"])
    found = recognise_speakers(np.random.default_rng(0).normal(size=(10, 4)), who, np.random.default_rng(0))
    assert (found.speakers, found.clips, found.chance) == (2, 4, 0.5)
    assert recognise_speakers(np.zeros((3, 2)), ["a", "a", "b"], np.random.default_rng(0)) is None
    with pytest.raises(ValueError, match="do not fit"):
        recognise_speakers(np.zeros((3, 2)), ["a"], np.random.default_rng(0))


def test_summaries_are_over_time():
    acoustic = np.random.default_rng(0).normal(size=(300, 7, 5)).astype(np.float32)
    found = clip_summaries(acoustic, 0)
    assert found[299] == pytest.approx(
        np.concatenate([acoustic[299].mean(axis=0), acoustic[299].std(axis=0)]), abs=1e-5
    )
    assert clip_summaries(acoustic.swapaxes(1, 2), 1) == pytest.approx(found)


@pytest.mark.parametrize(("shares", "level"), [(True, "warning"), (False, "note")])
def test_what_it_means_depends_on_the_protocol(shares, level):
    found = speakers_finding(recognise_speakers(summaries(1.0), WHO, np.random.default_rng(0)), shares_speakers=shares)
    assert found.level == level
    assert found.numbers["speakers"] == 10


def test_features_that_hide_speakers_are_fine():
    recognition = recognise_speakers(summaries(0.0), WHO, np.random.default_rng(0))
    assert speakers_finding(recognition, shares_speakers=True).level == "ok"
    assert speakers_finding(None, shares_speakers=True).level == "skipped"
