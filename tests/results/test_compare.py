"""Entries compared pair by pair: what is told apart, what is not, and what must not be compared at all."""

from __future__ import annotations

import json

import pytest

from serbench.errors import UsageError
from serbench.evaluation import holm
from serbench.render import render


@pytest.fixture
def study(build):
    return build.study("crema-d-speaker-cnn2d", corpus="crema-d", test_speakers=12)


def test_unlike_entries_are_told_apart_and_like_ones_are_not(build, study) -> None:
    for name, skill in (("cnn2d-a", 0.8), ("cnn2d-b", 0.8), ("cnn2d-c", 0.4)):
        build.entry(name, study, skill=skill, refits=3)
    found = build.read().comparison(["cnn2d-a", "cnn2d-b", "cnn2d-c"])
    separable = {(pair.first, pair.second): pair.separable for pair in found.pairs}
    assert separable == {("cnn2d-a", "cnn2d-b"): False, ("cnn2d-a", "cnn2d-c"): True, ("cnn2d-b", "cnn2d-c"): True}
    assert [pair.p_holm for pair in found.pairs] == holm([pair.p_value for pair in found.pairs])
    for pair in found.pairs:
        assert pair.low < pair.difference < pair.high


def test_the_difference_is_that_of_the_leaderboard_and_turns_with_the_order(build, study) -> None:
    for name, skill in (("cnn2d-a", 0.7), ("cnn2d-b", 0.5)):
        build.entry(name, study, skill=skill)
    (forth,) = build.read().comparison(["cnn2d-a", "cnn2d-b"]).pairs
    (back,) = build.read().comparison(["cnn2d-b", "cnn2d-a"]).pairs
    assert forth.difference == pytest.approx(-back.difference)
    assert (forth.only_first, forth.only_second) == (back.only_second, back.only_first)
    assert forth.mcnemar_p == pytest.approx(back.mcnemar_p)
    assert forth.difference == pytest.approx(forth.low + (forth.high - forth.low) / 2)


@pytest.mark.parametrize("shared", [False, True])
def test_a_comparison_says_what_was_tested(build, shared) -> None:
    study = build.study("x", corpus="crema-d", protocol="random", test_speakers=12, shares_speakers=shared)
    for name, skill in (("cnn2d-a", 0.7), ("cnn2d-b", 0.5)):
        build.entry(name, study, skill=skill)
    found = build.read().comparison(["cnn2d-a", "cnn2d-b"])
    text = render(found, width=200)
    assert "on Crema-D, protocol 'random', split seed 0 (144 test clips, 12 speakers)" in text
    assert ("also trained on" in text) == shared
    said = json.loads(render(found, "json"))
    assert (said["corpus"], said["protocol"], said["test_speakers"]) == ("crema-d", "random", 12)
    assert said["shares_speakers"] == shared


def test_one_refit_is_never_called_different_and_says_why(build, study) -> None:
    build.entry("cnn2d-a", study, skill=0.9, refits=1)
    build.entry("cnn2d-b", study, skill=0.3, refits=1)
    (pair,) = build.read().comparison(["cnn2d-a", "cnn2d-b"]).pairs
    assert pair.separable is None
    text = render(build.read().comparison(["cnn2d-a", "cnn2d-b"]), "table", width=160)
    assert "not tested" in text
    assert " no " not in text.splitlines()[3]
    assert (pair.p_value, pair.low) == (None, None)
    assert pair.difference > 0.3
    assert "single seed" in pair.why_not


def test_other_clips_other_names_and_too_few_are_refused(build, study) -> None:
    build.entry("cnn2d-a", study)
    other = build.study(
        "crema-d-random-cnn2d", corpus="crema-d", protocol="random", protocol_hash="hash-b", test_speakers=12
    )
    build.entry("cnn2d-z", other)
    for names, said in (
        (["cnn2d-a", "cnn2d-z"], "not tested on the same clips (protocol, protocol hash differ)"),
        (["cnn2d-a"], "two or more"),
        (["cnn2d-a", "cnn2d-a"], "two or more"),
        (["cnn2d-a", "cnn2d-q"], "unknown entry 'cnn2d-q'"),
    ):
        with pytest.raises(UsageError) as error:
            build.read().comparison(names)
        assert said in str(error.value)


def test_every_format_has_the_same_numbers(build, study) -> None:
    build.entry("cnn2d-a", study, skill=0.7)
    build.entry("cnn2d-b", study, skill=0.5)
    found = build.read().comparison(["cnn2d-a", "cnn2d-b"])
    (pair,) = json.loads(render(found, "json"))["pairs"]
    shown = f"{100 * pair['difference']:+.1f}"
    for form in ("table", "markdown"):
        assert shown in render(found, form, width=120)
    assert f"{pair['difference']}" in render(found, "csv")
    assert "significant" in render(found, "table", width=40)


def test_a_pair_that_was_not_tested_does_not_count_in_the_correction(build, study) -> None:
    for name, skill in (("cnn2d-a", 0.7), ("cnn2d-b", 0.5)):
        build.entry(name, study, skill=skill)
    build.entry("cnn2d-once", study, refits=1)
    (alone,) = build.read().comparison(["cnn2d-a", "cnn2d-b"]).pairs
    pairs = build.read().comparison(["cnn2d-a", "cnn2d-b", "cnn2d-once"]).pairs
    assert pairs[0].p_holm == alone.p_holm == alone.p_value
    assert [pair.p_holm for pair in pairs[1:]] == [None, None]
