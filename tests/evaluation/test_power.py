"""The difference that a test set can show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from serbench.evaluation import SpeakerRecalls, Spread, detectable_difference, paired_spread


@pytest.mark.parametrize("freedom", [7, 17, 49])
def test_a_true_difference_of_this_size_is_significant_in_four_of_five_cases(freedom) -> None:
    spread = Spread(0.02, freedom)
    shift = detectable_difference(spread) / spread.error
    critical = stats.t.ppf(0.975, freedom)
    found = 1 - stats.nct.cdf(critical, freedom, shift) + stats.nct.cdf(-critical, freedom, shift)
    assert found == pytest.approx(0.8, abs=0.02)


@given(st.floats(0.001, 0.2), st.floats(3, 100), st.floats(0.5, 0.95))
def test_more_power_and_larger_errors_need_larger_differences(error, freedom, power) -> None:
    spread = Spread(error, freedom)
    usual = detectable_difference(spread, power=power)
    assert usual < detectable_difference(spread, power=power + 0.03)
    assert detectable_difference(Spread(2 * error, freedom), power=power) == pytest.approx(2 * usual)


@pytest.mark.parametrize("power", [0.0, 1.2])
def test_a_power_lies_between_0_and_1(power) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        detectable_difference(Spread(0.1, 9), power=power)


def test_speakers_who_are_hard_for_both_cost_no_power() -> None:
    rng = np.random.default_rng(0)
    support = np.full((12, 3), 20)
    ease = rng.uniform(0.2, 0.9, (12, 1))
    one = SpeakerRecalls(np.stack([np.round(support * ease)] * 2), support)
    other = SpeakerRecalls(one.correct + 1, support)
    alone = Spread.of(one.without_each(), one)
    assert paired_spread(one, other).error < 0.01 * alone.error
