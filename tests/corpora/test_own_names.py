"""Patterns of file names and maps of labels."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.corpora.base import Listing
from serbench.corpora.table import clip_table
from serbench.corpora.user.label_map import LabelMap, parse_label_map
from serbench.corpora.user.name_pattern import NamePattern
from serbench.errors import SerbenchError, UsageError


@pytest.mark.parametrize(
    ("pattern", "name", "said"),
    [
        ("{speaker}_*", "a/b/1001_IEO_x.wav", {"speaker": "1001"}),
        ("{speaker}/*", "audio/anna/x.flac", {"speaker": "anna"}),
        ("{speaker}/{label}-*", "anna/joy-3.wav", {"speaker": "anna", "label": "joy"}),
        ("s{speaker}-{sentence}", "s07-12.wav", {"speaker": "07", "sentence": "12"}),
        ("{speaker}.{label}", "a.b.wav", {"speaker": "a", "label": "b"}),
        ("{speaker}_*", "nothing.wav", None),
        ("{speaker}/*", "x.wav", None),
        ("{speaker}_{label}", "1_joy_more.wav", {"speaker": "1", "label": "joy_more"}),
    ],
)
def test_patterns_read_the_end_of_a_path(pattern, name, said) -> None:
    assert NamePattern(pattern).read(name) == said


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("*", "names no field"),
        ("{speakr}_*", "did you mean 'speaker'"),
        ("{speaker}{label}", "are not separated"),
        ("{speaker", "lone '{'"),
        ("x" * 1001, "longer than 1,000"),
        ("{speaker}_" + "*_" * 30, "more than 24"),
    ],
)
def test_what_is_no_pattern_is_told(pattern, told) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        NamePattern(pattern)


@given(st.text(alphabet="_-/.{speaker}*a(+)?", max_size=30), st.text(alphabet="_-a/.", max_size=900))
def test_no_pattern_and_no_name_takes_long_or_breaks(pattern: str, name: str) -> None:
    try:
        made = NamePattern(pattern)
    except UsageError:
        return
    said = made.read(f"x{name}")
    assert said is None or set(said) == set(made.fields)


def listing(*labels: str, votes: tuple[str | None, ...] | None = None) -> Listing:
    frame = pd.DataFrame({"clip_id": [f"c{i}" for i in range(len(labels))], "path": "/x", "speaker": "s"})
    frame["label"], frame["votes"] = labels, votes or [None] * len(labels)
    return Listing(clip_table(frame), (), None, None)  # type: ignore[arg-type]


def test_labels_and_votes_get_their_new_names_and_dropped_ones_go() -> None:
    labels = parse_label_map(["happy=happiness", "joy=happiness"], ["surprise"])
    table = labels.apply(
        listing("happy", "joy", "surprise", "fear", votes=("joy:surprise", "surprise", None, "fear"))
    ).table
    assert table["label"].tolist() == ["happiness", "happiness", "fear"]
    # Listeners who heard an emotion that the study leaves out were still not right.
    assert table["votes"].fillna("-").tolist() == ["happiness:surprise", "surprise", "fear"]


def test_a_set_keeps_its_labels_and_knows_their_other_names() -> None:
    table = parse_label_map(["four"], []).apply(listing("angry", "excited", "calm", "sad", "neutral")).table
    assert table["label"].tolist() == ["anger", "happiness", "sadness", "neutral"]


def test_a_label_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(SerbenchError, match=r"no clip is labelled 'surprize'; .*did you mean 'surprise'"):
        LabelMap(drop=("surprize",)).apply(listing("surprise", "fear"))


@pytest.mark.parametrize(
    ("maps", "drops", "told"),
    [
        ([], ["sad"], "'sad'; .*did you mean 'sadness'"),
        ([], ["ps"], "'ps'; .*did you mean 'surprise'"),
        (["happy=joy"], [], "'happy'; .*did you mean 'happiness'"),
        (["four"], ["sad"], "'sad'; .*did you mean 'sadness'"),
    ],
)
def test_another_word_for_a_label_is_no_label_that_is_there(maps, drops, told) -> None:
    with pytest.raises(SerbenchError, match=f"no clip is labelled {told}"):
        parse_label_map(maps, drops).apply(listing("anger", "happiness", "sadness", "surprise"))


def test_a_set_may_lose_a_label_under_either_name() -> None:
    for drop, here in (("sadness", "sad"), ("sad", "sad"), ("sadness", "sadness")):
        assert parse_label_map(["four"], [drop]).apply(listing("anger", here)).table["label"].tolist() == ["anger"]


def test_dropping_everything_is_told() -> None:
    with pytest.raises(SerbenchError, match="no clip is left"):
        LabelMap(drop=("fear",)).apply(listing("fear"))


def test_words_that_a_set_does_not_know_are_told_and_other_emotions_are_not() -> None:
    """`exc` may be excitement; fear and boredom are no other word for one of the four."""
    found = parse_label_map(["four,ecstatic=glad"], ["calm"]).apply(
        listing("angry", "sad", "exc", "exc", "ecstatic", "fear", "bored", "boredom", "calm")
    )
    (told,) = found.remarks
    assert told.startswith("4 clips are left out, since their labels are none of anger, happiness, neutral, sadness (")
    assert all(word in told for word in ("exc 2", "ecstatic 1", "bored 1"))
    assert not parse_label_map([], ["calm"]).apply(listing("angry", "calm")).remarks


@pytest.mark.parametrize("wrong", ["happy", "=x", "x=", "big6,four"])
def test_what_is_no_map_is_told(wrong) -> None:
    with pytest.raises(UsageError, match="--map"):
        parse_label_map([wrong], [])
