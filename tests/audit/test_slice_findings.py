"""Attributes of a clip table, and what the gaps between their slices come to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_results import Builder

from serbench.audit.finding import AuditFinding
from serbench.audit.slices import by_slices, slice_finding
from serbench.corpora.table import UNKNOWN_SPEAKER, clip_table
from serbench.evaluation import Attribute, judge_slices
from serbench.results import load_entry
from serbench.results.attributes import age_band, clip_attributes, clips_in_no_slice

LABELS = ["anger", "fear"]
WHO = np.repeat(np.arange(16), 20)
TRUE = np.tile([0, 1], 160)


def finding(ease, values, name="sex", keep=None):
    """`ease` is how much more easily each clip is recognised than six of ten."""
    rng = np.random.default_rng(1)
    keep = np.ones(len(TRUE), dtype=bool) if keep is None else keep
    guess = np.where(rng.random(len(TRUE)) < 0.6 + ease, TRUE, 1 - TRUE)
    attribute = Attribute(name, tuple(np.asarray(values)[keep].tolist()))
    (judged,) = judge_slices(TRUE[keep], [guess[keep]], WHO[keep], LABELS, [attribute], rng, draws=499)
    return slice_finding(judged)


SEX = np.where(WHO % 2, "female", "male")
SENTENCE = np.where(np.arange(len(TRUE)) % 4 < 2, "DFA", "IEO")


def test_a_model_that_works_less_well_for_some_speakers_is_a_warning():
    found = finding(np.where(SEX == "female", 0.3, 0.0), SEX)
    assert found.level == "warning"
    assert "lower for 'male'" in found.verdict
    assert [row["value"] for row in found.table] == ["female", "male"]
    assert found.table[0]["low"] < found.table[0]["recall"] < found.table[0]["high"]


def test_a_harder_sentence_is_a_note():
    assert finding(np.where(SENTENCE == "DFA", 0.3, 0.0), SENTENCE, "sentence").level == "note"


def test_a_sentence_of_each_speakers_own_is_a_note_as_well():
    own = np.where(WHO % 2, "DFA", "IEO")
    assert finding(np.where(own == "DFA", 0.3, 0.0), own, "sentence").level == "note"


def test_a_difference_that_is_not_significant_is_ok():
    found = finding(0.0, SEX)
    assert found.level == "ok"
    assert "not significant" in found.verdict
    assert found.numbers["gap_points"] < found.numbers["chance_gap_points"]


def test_a_few_speakers_show_nothing():
    found = finding(np.where(SEX == "female", 0.3, 0.0), SEX, keep=WHO < 7)
    assert found.level == "skipped"
    assert "7 speakers are too few" in found.verdict


def test_nothing_to_compare():
    found = finding(0.0, np.where(TRUE, "high", "low"), "intensity")
    assert found.level == "skipped"
    assert "no class" in found.verdict


def test_a_finding_is_what_it_was_after_a_round_trip():
    found = finding(0.0, SEX)
    assert AuditFinding.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("years", "band"),
    [(20, "under 30"), (30, "30-44"), (44.9, "30-44"), (45, "45-59"), (60, "60 and over"), (None, None)],
)
def test_age_bands(years, band):
    assert age_band(years) == band


def test_attributes_of_a_clip_table():
    table = clip_table(
        pd.DataFrame(
            {
                "clip_id": ["a", "b", "c"],
                "path": ["/a", "/b", "/c"],
                "label": "anger",
                "speaker": ["1", "1", "2"],
                "sex": ["male", "male", None],
                "age": [25, 25, 61],
                "sentence": ["DFA", "IEO", "IEO"],
                "intensity": [None, "high", "low"],
            }
        )
    )
    found = {attribute.name: attribute for attribute in clip_attributes(table)}
    assert list(found) == ["age band", "sentence", "intensity"]
    assert found["age band"].values == ("under 30", "under 30", "60 and over")
    assert found["intensity"].values == (None, "high", "low")
    assert found["intensity"].order == ("low", "medium", "high")


def people(**changes):
    """Ten speakers of two clips each; `changes` are columns."""
    frame = pd.DataFrame({"speaker": [f"s{place // 2}" for place in range(20)]})
    frame["sex"] = ["female" if place % 4 < 2 else "male" for place in range(20)]
    return frame.assign(**changes)


def test_a_speaker_with_two_sexes_is_in_no_slice_and_named():
    table = people()
    table.loc[0, "sex"] = "male"
    (sex,) = clip_attributes(table)
    assert sex.values[:2] == (None, None)
    assert sex.values[2:] == tuple(table["sex"][2:])
    assert clips_in_no_slice(table) == {"sex": "speaker 's0' has several values (female, male)"}
    assert clips_in_no_slice(people()) == {}


def test_a_birthday_keeps_a_speaker_out_of_the_age_bands_alone():
    table = people(age=[29, 30] + [25, 25, 50, 50] * 4 + [25, 25], sentence=["a", "b"] * 10)
    found = {one.name: one.values for one in clip_attributes(table)}
    assert found["age band"][:3] == (None, None, "under 30")
    assert None not in found["sex"] + found["sentence"]


def test_unknown_speakers_are_in_no_slice_by_what_people_are():
    table = people(sentence=["a", "b"] * 10)
    table.loc[:3, "speaker"] = UNKNOWN_SPEAKER
    found = {one.name: one.values for one in clip_attributes(table)}
    assert (found["sex"][:4], found["sex"][4:]) == ((None,) * 4, tuple(table["sex"][4:]))
    assert None not in found["sentence"]
    table["speaker"] = UNKNOWN_SPEAKER
    assert [one.name for one in clip_attributes(table)] == ["sentence"]
    assert clips_in_no_slice(table) == {"sex": "the speakers of some clips are unknown"}


def test_findings_say_which_clips_are_in_no_group(tmp_path):
    build = Builder(tmp_path / "results")
    name = build.study()
    build.entry("best", name)
    folder = build.results.study(name)
    tested = load_entry(folder, folder.record(), next(iter(folder.entries())))
    clips = folder.clips()
    place = clips["speaker"].map({who: place for place, who in enumerate(sorted(clips["speaker"].unique()))})
    clips["sex"] = np.where(place % 2, "female", "male")
    twice = clips.index[clips["clip_id"].str.startswith("test")][0]
    clips.loc[twice, "sex"] = "female" if clips.loc[twice, "sex"] == "male" else "male"
    (found,) = by_slices(tested, clips)
    assert found.verdict.endswith(
        f"clips in no group: speaker '{clips.loc[twice, 'speaker']}' has several values (female, male)"
    )
    assert (found.numbers["speakers"], found.numbers["clips_unknown"]) == (9, 12)
    (gone,) = by_slices(tested, clips.assign(speaker=UNKNOWN_SPEAKER))
    assert (gone.check, gone.level) == ("slices by sex", "skipped")
    assert gone.verdict == "not checked: the speakers of some clips are unknown"


def test_a_table_without_intervals_has_no_test_of_slices():
    rng = np.random.default_rng(1)
    guess = np.where(rng.random(len(TRUE)) < np.where(SEX == "female", 0.9, 0.6), TRUE, 1 - TRUE)
    attribute = Attribute("sex", tuple(SEX.tolist()))
    (judged,) = judge_slices(TRUE, [guess], WHO, LABELS, [attribute], rng, draws=99)
    found = slice_finding(judged.without_tests(), untested="no rank and no interval: transductive")
    assert found.level == "skipped"
    assert found.verdict.endswith("; not tested (no rank and no interval: transductive)")
    assert found.numbers["corrected_p_value"] is None
    assert {row["low"] for row in found.table} == {None}
    assert {row["recall"] for row in found.table} != {None}
