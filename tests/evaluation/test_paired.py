"""Comparisons of two entries: against hand-worked cases and scipy, and as often wrong as they say."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_predictions import comparison_of
from scipy import stats

from serbench.evaluation import (
    PairedComparison,
    SpeakerRecalls,
    compare_all,
    compare_recalls,
    evaluate,
    holm,
    mcnemar,
    tie_groups,
)

LABELS = ["anger", "fear"]


def speakers_with_errors(errors):
    """Speakers with ten clips of each class; `errors[s]` clips of anger of speaker s are wrong."""
    true = np.tile(np.repeat([0, 1], 10), len(errors))
    predicted = true.copy()
    for speaker, wrong in enumerate(errors):
        predicted[20 * speaker : 20 * speaker + wrong] = 1
    return true, predicted, np.repeat(np.arange(len(errors)), 20)


def test_equal_supports_make_it_the_paired_t_test():
    """With as many clips of each class for each speaker, the jackknife of the mean is the standard error of a mean."""
    first, second = [1, 2, 0, 3, 1, 2, 0, 1, 4], [3, 2, 1, 3, 4, 2, 2, 1, 5]
    true, a, who = speakers_with_errors(first)
    _, b, _ = speakers_with_errors(second)
    found, reason = comparison_of(true, [a, a], [b, b], who, LABELS)
    recalls = [1 - np.array(errors) / 20 for errors in (first, second)]
    expected = stats.ttest_rel(*recalls)
    assert reason == ""
    assert found.difference == pytest.approx(np.mean(recalls[0] - recalls[1]))
    assert found.p_value == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_the_seeds_of_both_entries_widen_it():
    true, a, who = speakers_with_errors([1, 2, 0, 3, 1, 2, 0, 1])
    _, b, _ = speakers_with_errors([3, 2, 1, 3, 4, 2, 2, 1])
    _, c, _ = speakers_with_errors([6, 5, 4, 6, 7, 5, 5, 4])
    agreeing, _ = comparison_of(true, [a, a], [b, b], who, LABELS)
    several, _ = comparison_of(true, [a, a], [b, c], who, LABELS)
    assert several.high - several.low > 2 * (agreeing.high - agreeing.low)
    mean_b = np.mean([evaluate(true, guess, LABELS).uar for guess in (b, c)])
    assert several.difference == pytest.approx(evaluate(true, a, LABELS).uar - mean_b)


def test_the_other_way_round_is_the_same_with_another_sign():
    true, a, who = speakers_with_errors([1, 2, 0, 3, 1, 2, 0, 1])
    _, b, _ = speakers_with_errors([3, 2, 1, 3, 4, 2, 2, 1])
    one, _ = comparison_of(true, [a, b], [b, b], who, LABELS)
    other, _ = comparison_of(true, [b, b], [a, b], who, LABELS)
    assert (one.difference, one.low, one.p_value) == pytest.approx((-other.difference, -other.high, other.p_value))


def test_what_does_not_vary_has_no_p_value():
    true, a, who = speakers_with_errors([1] * 8)
    found, _ = comparison_of(true, [a, a], [a, a], who, LABELS)
    assert found.difference == 0
    assert found.p_value is None


def test_one_refit_is_no_comparison():
    true, a, who = speakers_with_errors([1, 2, 0, 3, 1, 2, 0, 1])
    found, reason = comparison_of(true, [a], [a, a], who, LABELS)
    assert found is None
    assert "single seed" in reason


def test_seven_speakers_and_rare_classes_are_no_comparison():
    true, a, who = speakers_with_errors([1] * 7)
    assert comparison_of(true, [a], [a], who, LABELS) == (None, "no comparison: 7 test speakers, fewer than 8")
    true, a, who = speakers_with_errors([1] * 8)
    true[20:] = 0
    found, reason = comparison_of(true, [a], [a], who, LABELS)
    assert found is None
    assert "'fear'" in reason


def test_equal_models_are_called_different_about_as_often_as_alpha_says():
    """Clips and speakers are hard or easy for both; each model has luck with speakers, each seed with all."""
    rng = np.random.default_rng(7)
    runs, n_speakers, clips = 400, 18, 40
    true, who = np.tile([0, 1], n_speakers * clips // 2), np.repeat(np.arange(n_speakers), clips)

    def refits(easy):
        mine = easy + rng.normal(0, 0.1, n_speakers)[who]
        seeds = (mine + rng.normal(0, 0.04) + rng.normal(0, 0.6, len(true)) for _ in range(3))
        return [np.where(one > 0, true, 1 - true) for one in seeds]

    wrong = 0
    for _ in range(runs):
        easy = 0.25 + rng.normal(0, 0.25, n_speakers)[who] + rng.normal(0, 0.8, len(true))
        found, _ = comparison_of(true, refits(easy), refits(easy), who, LABELS)
        wrong += found.p_value < 0.05
    assert 0.025 <= wrong / runs <= 0.075


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_order_and_never_lowers_a_p_value(values):
    adjusted = holm(values)
    assert all(new >= old - 1e-12 for new, old in zip(adjusted, values, strict=True))
    assert max(adjusted) <= 1
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= -1e-12).all()
    assert min(adjusted) == pytest.approx(min(1.0, len(values) * min(values)))


def found(p_value):
    return PairedComparison(0.1, 0.0, 0.2, p_value, 18)


def groups(count, p_values):
    """Tie groups where the pairs named have these p-values; all others are far from separable."""
    return tie_groups(count, lambda leader, other: found(p_values.get((leader, other), 0.9)))


def test_an_entry_joins_unless_it_differs_from_the_leader():
    """Each step is small, yet the third differs from the first: it leads a group of its own."""
    assert groups(3, {(0, 1): 0.3, (1, 2): 0.3, (0, 2): 0.001}) == [1, 1, 2]
    assert groups(4, {(0, 2): 0.001, (0, 3): 0.001}) == [1, 1, 2, 2]
    assert groups(4, {(0, 2): 0.001, (0, 3): 0.001, (2, 3): 0.001}) == [1, 1, 2, 3]


def test_many_comparisons_with_a_leader_must_each_say_more():
    assert groups(2, {(0, 1): 0.04}) == [1, 2]
    assert groups(5, {(0, 1): 0.04}) == [1, 1, 1, 1, 1]


def test_what_was_compared_with_nothing_is_in_no_group():
    assert tie_groups(2, lambda *_: None) == [None, None]
    assert tie_groups(1, lambda *_: None) == [None]
    assert tie_groups(0, lambda *_: None) == []


@pytest.mark.parametrize(
    ("untested", "expected"),
    [({0}, [None, 1, 2, 2]), ({1}, [1, None, 2, 2]), ({3}, [1, 1, 2, None]), ({0, 1, 2}, [None] * 4)],
)
def test_an_entry_that_cannot_be_compared_neither_leads_nor_joins(untested, expected):
    """The third differs from whoever leads; the others do not."""

    def comparison(leader, other):
        return None if {leader, other} & untested else found(0.001 if other == 2 else 0.9)

    assert tie_groups(4, comparison) == expected


def test_a_difference_without_any_spread_is_a_tie():
    assert tie_groups(2, lambda *_: found(None)) == [1, 1]


def test_mcnemar_is_the_binomial_test_of_what_only_one_has_right():
    true = np.zeros(20, dtype=int)
    first, second = true.copy(), true.copy()
    first[:2], second[2:11] = 1, 1
    found_, p = mcnemar(true, first, second, 2), 2 * sum(math.comb(11, k) for k in range(3)) / 2**11
    assert (found_.only_first, found_.only_second) == (9, 2)
    assert found_.p_value == pytest.approx(p)
    assert mcnemar(true, first, first, 2).p_value == 1


@pytest.mark.parametrize("refits", [(3, 3, 2, 4), (3, 1, 2, 2)])
def test_all_pairs_at_once_are_what_each_pair_is_by_itself(refits):
    rng = np.random.default_rng(4)
    true, who = np.tile(np.repeat([0, 1], 6), 10), np.repeat(np.arange(10), 12)
    entries = [
        SpeakerRecalls.count(true, [np.where(rng.random(120) < skill, true, 1 - true) for _ in range(count)], who, 2)
        for skill, count in zip((0.8, 0.7, 0.5, 0.75), refits, strict=True)
    ]
    found = compare_all(entries, LABELS)
    pairs = list(itertools.combinations(entries, 2))
    assert len(found) == len(pairs)
    for (together, why), (one, other) in zip(found, pairs, strict=True):
        alone, reason = compare_recalls(one, other, LABELS)
        assert why == reason
        if alone is not None:
            assert dataclasses.astuple(together) == pytest.approx(dataclasses.astuple(alone))


def test_one_entry_has_no_pair():
    assert compare_all([], LABELS) == []
