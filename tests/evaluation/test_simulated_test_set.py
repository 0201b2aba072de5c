"""The simulation is fair, and on it intervals and comparisons are as often wrong as they say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.simulated_test_set import SimulatedCore


@pytest.mark.parametrize("speakers", [8, 18, 50])
def test_intervals_cover_as_often_as_they_say(speakers: int) -> None:
    covers, _ = SimulatedCore(speakers).coverage(np.random.default_rng(1), 400)
    assert 0.92 <= covers <= 0.98


def test_equal_models_are_seldom_called_different() -> None:
    assert 0.02 <= SimulatedCore(18).rejection_rate(np.random.default_rng(2), 400) <= 0.08


@pytest.mark.long
def test_larger_differences_and_more_speakers_show_more() -> None:
    rng = np.random.default_rng(3)
    few, many = SimulatedCore(18), SimulatedCore(50)
    assert few.rejection_rate(rng, 200, 0.10) > 0.9 > few.rejection_rate(rng, 200, 0.02)
    assert many.rejection_rate(rng, 200, 0.03) > few.rejection_rate(rng, 200, 0.03)
    assert many.detectable(rng, 100) < few.detectable(rng, 100)


def test_the_same_seed_draws_the_same_core() -> None:
    one, other = (SimulatedCore(8).draw(np.random.default_rng(4), 0.0)[0] for _ in range(2))
    assert np.array_equal(one.correct, other.correct)
