"""What is made of refits on other draws: leakage, spread over draws, and why something is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from serbench.audit.draws import Draw, Draws, over_draws, paired_reruns
from serbench.audit.leakage import leakage
from serbench.errors import SerbenchError
from serbench.protocols import SplitProtocol


def drawn(*scores: tuple[float, float], why_not: str = "") -> Draws:
    """One draw for each pair of UARs under `speaker` and `random`."""
    draws = [
        Draw(
            protocol=name, protocol_hash=f"{name}{seed}", split_seed=seed, train_clips=500, test_clips=100,
            test_speakers=18, seeds=1, uar=uar, accuracy=uar, validation_uar=uar,
        )
        for seed, pair in enumerate(scores)
        for name, uar in zip(("speaker", "random"), pair, strict=True)
    ]  # fmt: skip
    return Draws(tuple(draws), len(scores), why_not)


def test_the_delta_is_paired_by_draw_and_its_interval_is_corrected_for_splits_that_overlap() -> None:
    scores = [(0.50, 0.58), (0.52, 0.61), (0.49, 0.55)]
    found = leakage(drawn(*scores), SplitProtocol("speaker"))
    deltas = [random - speaker for speaker, random in scores]
    error = np.std(deltas, ddof=1) * math.sqrt(1 / 3 + 100 / 500)  # Nadeau and Bengio 2003
    low, high = stats.t.interval(0.95, 2, np.mean(deltas), error)
    assert found.numbers["delta"] == pytest.approx(np.mean(deltas))
    assert (found.numbers["low"], found.numbers["high"]) == (pytest.approx(low), pytest.approx(high))
    assert found.level == "note"
    assert "+7.7 points" in found.verdict


def test_an_entry_that_shares_speakers_is_warned_of() -> None:
    found = leakage(drawn((0.5, 0.6)), SplitProtocol("random"))
    assert found.level == "warning"
    assert found.numbers["low"] is None  # one draw has no spread
    assert "one split" in found.verdict


def test_what_could_not_be_drawn_says_why() -> None:
    for check in (
        leakage(drawn(why_not="too few speakers"), SplitProtocol()),
        over_draws(drawn(why_not="too few speakers"), 0.5),
    ):
        assert (check.level, check.verdict) == ("skipped", "too few speakers")


def test_draws_of_one_protocol_alone_make_no_delta() -> None:
    one = drawn((0.5, 0.6))
    assert leakage(Draws(one.draws[:1], 1, "stopped"), SplitProtocol()).level == "skipped"


def test_the_spread_over_draws_is_told_and_one_draw_is_not_enough() -> None:
    found = over_draws(drawn((0.50, 0.6), (0.54, 0.6), (0.58, 0.6)), 0.55)
    assert found.numbers["uar"] == pytest.approx(0.54)
    assert found.numbers["sd"] == pytest.approx(0.04)
    assert "from 50.0 % to 58.0 %" in found.verdict
    assert over_draws(drawn((0.5, 0.6)), 0.5).level == "skipped"


def test_a_draw_that_is_missing_is_told_and_why() -> None:
    two = drawn((0.5, 0.6), (0.5, 0.7))
    found = leakage(Draws(two.draws, 3, "the disk is full"), SplitProtocol())
    assert "1 of 3 splits have no score (the disk is full)" in found.verdict
    undefined = tuple(draw.model_copy(update={"uar": None}) for draw in two.draws)
    assert "no clip in the test set" in leakage(Draws(undefined, 2), SplitProtocol()).verdict
    few = tuple(draw.model_copy(update={"test_speakers": 2}) for draw in two.draws)
    assert "2 test speakers per split are too few" in over_draws(Draws(few, 2), None).verdict


class _Sizes:
    """As much of `Reruns` as planning asks: two split seeds cannot be split."""

    def train_size(self, protocol: SplitProtocol) -> int:
        if protocol.split_seed in {1, 3}:
            raise SerbenchError(f"seed {protocol.split_seed} cannot be split")
        return 100 if protocol.name == "speaker" else 90


def test_a_seed_that_cannot_be_split_costs_the_later_ones_nothing() -> None:
    planned, why_not = paired_reruns(_Sizes(), SplitProtocol("speaker"), range(5))
    assert [(one.protocol.split_seed, one.protocol.name) for one in planned] == [
        (seed, name) for seed in (0, 2, 4) for name in ("speaker", "random")
    ]
    assert why_not == "seed 1 cannot be split"
