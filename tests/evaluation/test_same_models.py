"""The loss of the same models on altered clips: paired over speakers, refit by refit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from serbench.evaluation import SpeakerRecalls, compare_recalls, compare_same_models

LABELS = ["anger", "fear"]


def counted(errors: list[list[int]]) -> SpeakerRecalls:
    """Ten clips of each class and speaker; `errors[r][s]` clips of anger of speaker s are wrong in refit r."""
    speakers = len(errors[0])
    true = np.tile(np.repeat([0, 1], 10), speakers)
    guesses = []
    for refit in errors:
        guess = true.copy()
        for speaker, wrong in enumerate(refit):
            guess[20 * speaker : 20 * speaker + wrong] = 1
        guesses.append(guess)
    return SpeakerRecalls.count(true, guesses, np.repeat(np.arange(speakers), 20), len(LABELS))


BEFORE, AFTER = [1, 2, 0, 3, 1, 2, 0, 1, 4], [3, 2, 1, 3, 4, 2, 2, 1, 5]


def test_with_one_refit_it_is_the_paired_t_test_over_speakers():
    found, why = compare_same_models(counted([BEFORE]), counted([AFTER]), LABELS)
    recalls = [1 - np.array(errors) / 20 for errors in (BEFORE, AFTER)]
    expected = stats.ttest_rel(*recalls)
    assert why == ""
    assert found.difference == pytest.approx(np.mean(recalls[0] - recalls[1]))
    assert found.p_value == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_a_seed_that_is_bad_on_both_versions_adds_nothing():
    worse = [[one + 3 for one in errors] for errors in (BEFORE, AFTER)]
    before, after = counted([BEFORE, worse[0]]), counted([AFTER, worse[1]])
    paired, _ = compare_same_models(before, after, LABELS)
    as_others, _ = compare_recalls(before, after, LABELS)
    one_refit, _ = compare_same_models(counted([BEFORE]), counted([AFTER]), LABELS)
    assert paired.high - paired.low == pytest.approx(one_refit.high - one_refit.low)
    assert paired.high - paired.low < 0.8 * (as_others.high - as_others.low)


def test_seeds_that_lose_differently_widen_it():
    much = [one + 5 for one in AFTER]
    agreeing, _ = compare_same_models(counted([BEFORE, BEFORE]), counted([AFTER, AFTER]), LABELS)
    differing, _ = compare_same_models(counted([BEFORE, BEFORE]), counted([AFTER, much]), LABELS)
    assert differing.high - differing.low > 2 * (agreeing.high - agreeing.low)


def test_equal_answers_are_no_loss():
    found, _ = compare_same_models(counted([BEFORE]), counted([BEFORE]), LABELS)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, None)


def test_few_speakers_and_other_clips_are_named():
    found, why = compare_same_models(counted([BEFORE[:7]]), counted([AFTER[:7]]), LABELS)
    assert found is None
    assert why == "no interval: 7 speakers, fewer than 8"
    with pytest.raises(ValueError, match="not of the same clips"):
        compare_same_models(counted([BEFORE]), counted([AFTER[:8]]), LABELS)
    with pytest.raises(ValueError, match="not of the same clips"):
        compare_same_models(counted([BEFORE]), counted([AFTER, AFTER]), LABELS)
