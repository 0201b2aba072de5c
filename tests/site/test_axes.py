"""Axes of figures: round ticks, whole numbers, powers of ten, numbers in their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.site.plots.axis import amount, linear, log, of_values, words


def texts(axis):
    return [text for _, text in axis.ticks]


def test_numeric_choices_are_in_their_order_and_words_follow():
    assert words([128, 8, 16, 8]).names == ("8", "16", "128")
    assert words(["none", 32, True, False]).names == ("32", "false", "none", "true")
    assert of_values([64, 32, 128], choice=True, logarithmic=False).names == ("32", "64", "128")


def test_whole_numbers_have_whole_ticks():
    axis = of_values([3, 4], choice=False, logarithmic=False)
    assert texts(axis) == ["3", "4"]
    assert all(float(text).is_integer() for text in texts(linear([1, 34], whole=True)))


def test_powers_of_ten_are_written_as_such():
    assert texts(log([3e-5, 2e-2])) == ["10⁻⁴", "10⁻³", "10⁻²"]
    assert texts(of_values([1e-4, 1e-2], choice=False, logarithmic=True)) == ["10⁻⁴", "10⁻³", "10⁻²"]
    assert texts(log([0.0012, 0.004])) == ["0.0012", "0.004"], "a single tick would show no scale"
    assert texts(log([123456, 400000])) == ["1.2·10⁵", "4·10⁵"]
    assert texts(log([0.0005, 0.004])) == ["5·10⁻⁴", "10⁻³", "2·10⁻³"]
    assert texts(log([0.005, 0.3])) == ["10⁻²", "10⁻¹"]


def test_a_value_of_zero_keeps_an_axis_linear():
    assert of_values([0.0, 0.1], choice=False, logarithmic=True).kind == "linear"
    assert amount([100, 300_000]).kind == "log"
    assert amount([200_000, 300_000]).kind == "linear"
    assert amount([0, 300_000]).kind == "linear"


@pytest.mark.parametrize("value", [float("inf"), float("nan"), pytest.param(10**400, id="401 digits")])
def test_a_number_that_no_axis_can_place_is_a_word(value):
    axis = of_values([0.1, value, 0.2], choice=False, logarithmic=True)
    assert axis.names[:2] == ("0.1", "0.2")
    assert axis.at(value) == 1


def test_small_differences_look_small():
    axis = linear([67.02, 67.04], least=5)
    assert axis.high - axis.low >= 5
    assert axis.at(67.04) - axis.at(67.02) < 0.01


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=6), st.booleans())
def test_every_value_lies_on_the_axis_in_order(values, whole):
    axis = linear(values, whole=whole)
    hair = 1e-6 * max(map(abs, [1.0, *values]))  # less than any screen shows
    assert axis.low <= min(values) + hair
    assert axis.high >= max(values) - hair
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert 2 <= len(axis.ticks) <= 12


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=6))
def test_logarithms_keep_the_order_too(values):
    axis = log(values)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert len(axis.ticks) <= 7


@pytest.mark.parametrize("values", [[5.0], [0.0], [-3, -3]])
def test_a_single_value_has_an_axis(values):
    axis = linear(values)
    assert axis.low <= values[0] <= axis.high
    assert axis.low < axis.high
