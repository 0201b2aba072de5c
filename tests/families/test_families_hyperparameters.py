from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from serbench.errors import UsageError
from serbench.families import (
    ConvHyperparameters,
    Hyperparameters,
    InvalidConfiguration,
    get_family,
    parse_hyperparameters,
)


@pytest.mark.parametrize("ratio", ["70/10/20", "66.5/3.5/30", "72/8/20", "65/15/20", "33.3/33.3/33.4"])
def test_split_ratio_of_100_percent_is_kept(ratio):
    assert Hyperparameters(split_ratio=ratio).split_ratio == ratio


@pytest.mark.parametrize("ratio", ["", "70/30", "70/10/10", "0/50/50", "-10/90/20", "a/b/c", "70/10/20/0", "70 /10/20"])
def test_other_split_ratios_are_refused(ratio):
    with pytest.raises(ValidationError, match="train/validation/test in percent"):
        Hyperparameters(split_ratio=ratio)


@given(st.integers(1, 9998), st.integers(1, 9998))
def test_split_ratio_sums_exactly(first, second):
    rest = 10_000 - first - second
    if rest > 0:
        Hyperparameters(split_ratio="/".join(str(part / 100) for part in (first, second, rest)))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"learning_rate": 5.0}, "cnn2d: learning_rate = 5.0 should be less than or equal to 1"),
        ({"noise_snr_db": 12}, "cnn2d: noise_snr_db = 12 should be one of 0, 10, 15, 20, 25, 30"),
        ({"shift_s": 0.5}, "cnn2d: shift_s = 0.5 should be one of 0, 0.1, 0.2, 0.3"),
        ({"kernel_size": 4}, "cnn2d: kernel_size = 4 should be odd, so that a kernel has a middle"),
        ({"dropout": float("nan")}, "cnn2d: dropout = nan should be a finite number"),
        (
            {"waveform_copies": 2},
            "cnn2d: waveform_copies = 2 would repeat clips unchanged: set noise_snr_db, shift_s, "
            "room_rt60_s, telephone or level_db, or waveform_copies = 0",
        ),
    ],
)
def test_a_bad_value_is_answered_in_one_sentence(values, sentence):
    with pytest.raises(InvalidConfiguration) as caught:
        parse_hyperparameters(get_family("cnn2d"), values)
    assert str(caught.value) == sentence


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="unknown hyperparameter 'learning_rat'; did you mean 'learning_rate'"):
        parse_hyperparameters(get_family("cnn1d"), {"learning_rat": 0.1})


@pytest.mark.parametrize(
    "values", [{"noise_snr_db": 20}, {"shift_s": 0.1}, {"room_rt60_s": 0.3}, {"telephone": True}, {"level_db": 12}]
)
def test_copies_need_one_kind_of_change(values):
    assert Hyperparameters(waveform_copies=1, **values).waveform_copies == 1


def test_they_are_frozen_and_survive_json():
    hp = parse_hyperparameters(get_family("cnn1d"), {"width": 24, "optimizer": "sgd"})
    assert type(hp).model_validate_json(hp.model_dump_json()) == hp
    with pytest.raises(ValidationError, match="frozen"):
        hp.width = 8


def test_nothing_is_activated_or_penalised_on_functionals_without_a_hidden_layer():
    model, hidden = get_family("cnn1d").hyperparameters, {"activation", "regulariser", "l1", "l2"}
    assert hidden <= model(functionals="alone", dense_width=0, regulariser="l1_l2").idle_fields()
    for used in ({"functionals": "alone", "dense_width": 8}, {"functionals": "branch", "dense_width": 0}):
        assert not hidden & model(regulariser="l1_l2", **used).idle_fields()


@pytest.mark.parametrize(("used", "idle"), [({}, True), ({"projection": 8}, False), ({"dense_width": 8}, False)])
def test_nothing_is_activated_in_a_head_of_one_layer(used, idle):
    hp = get_family("head").hyperparameters(**{"projection": 0, "dense_width": 0} | used)
    assert ("activation" in hp.idle_fields()) == idle


def test_idle_fields_follow_their_conditions():
    hp = ConvHyperparameters(optimizer="sgd", schedule="constant", regulariser="l1")
    assert hp.idle_fields() == {
        "weight_decay",
        "warmup",
        "plateau_patience",
        "plateau_factor",
        "escape_patience",
        "escape_strength",
        "noise_kind",
        "noise_snr_db",
        "room_rt60_s",
        "shift_s",
        "telephone",
        "l2",
        "level_db",
    }
