"""Configurations that a space begins with say on whom they were chosen; a study that tests these people is marked."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.simulated import simulated_study
from serbench.errors import UsageError
from serbench.protocols import SplitProtocol
from serbench.records import ResultsFolder
from serbench.results import Results
from serbench.search.chosen_on import chosen_on, warn_of_choice
from serbench.search.studies.study import Study
from serbench.search.transfer.heard import StudySplit
from serbench.spaces import load_space, read_space

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
SHIPPED = ("cnn1d", "cnn2d")
SPACE = """
[space]
family = "cnn1d"
[parameters]
width = 16
[[enqueue]]
name = "known"
chosen_on = {}
"""


@pytest.fixture(scope="module")
def published() -> Results:
    """The published results, each file read once for all tests."""
    return Results(PUBLISHED)


@pytest.fixture(scope="module")
def crema(published):
    folder = published.folder.study("s24-cnn2d")
    return folder.record(), folder.clips()


def split_of(crema, protocol, fold=0, **changes):
    record, clips = crema
    protocol = SplitProtocol(protocol, **changes)
    plans = protocol.plans(clips)
    plan = next(plan for plan in plans if plan.fold == fold)
    return StudySplit(record.model_copy(update={"protocol": protocol.facts(clips, plan, len(plans))}), clips, plan)


def marked(space, crema, protocol, fold=0, **changes):
    split = split_of(crema, protocol, fold, **changes)
    found = chosen_on(space, crema[1], crema[0].corpus)
    return warn_of_choice(StudySplit(split.record.model_copy(update={"chosen_on": found}), split.clips, split.plan))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_configuration_of_the_shipped_spaces_says_who_chose(name, crema):
    space = load_space(name)
    found = chosen_on(space, crema[1], crema[0].corpus)
    assert found.keys() == {known.name for known in space.enqueued}
    assert {len(speakers) for speakers in found.values()} == {18, 73}


@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_ones_are_marked_where_their_speakers_are_tested(name, crema):
    space = load_space(name)
    assert marked(space, crema, "speaker") == ""
    folds = [bool(marked(space, crema, "speaker-cv", fold)) for fold in range(1, 6)]
    assert folds == [False] + [True] * 4
    assert "18 test speakers of fold 5 (1005, 1012, 1018, ...)" in marked(space, crema, "speaker-cv", 5), name
    assert all(marked(space, crema, "emo-superb", fold) for fold in range(1, 6))
    assert "73 test speakers (" in marked(space, crema, "random")


def test_another_corpus_is_not_marked(crema):
    record, clips = crema
    other = record.corpus.model_copy(update={"name": "emo-db"})
    assert chosen_on(load_space("cnn1d"), clips, other) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["crema-d/1005", "crema-d/1001", "emo-db/03"]', ["crema-d/1001", "crema-d/1005"]),
        ('[{ corpus = "crema-d", speakers = ["1005", "9999"] }]', ["crema-d/1005"]),
    ],
)
def test_speakers_are_named_one_by_one(crema, text, expected):
    found = chosen_on(read_space(SPACE.format(text), "s", "s"), crema[1], crema[0].corpus)
    assert list(found["known"]) == expected


@pytest.mark.parametrize("text", ['["crema-d"]', '[{ corpus = "crema-d" }]'])
def test_a_corpus_alone_is_all_of_its_speakers(crema, text):
    found = chosen_on(read_space(SPACE.format(text), "s", "s"), crema[1], crema[0].corpus)
    assert len(found["known"]) == 91


def test_a_protocol_is_its_validation_speakers(crema):
    text = '[{ corpus = "crema-d", protocol = "speaker", validation_core = 20 }]'
    found = chosen_on(read_space(SPACE.format(text), "s", "s"), crema[1], crema[0].corpus)
    shipped = chosen_on(load_space("cnn1d"), crema[1], crema[0].corpus)
    assert found["known"] == shipped["first recipe"]


def test_a_part_of_several_corpora_is_recognised(crema):
    record, clips = crema
    merged = clips.assign(corpus="crema-d", speaker="crema-d/" + clips["speaker"])
    facts = record.corpus.model_copy(update={"name": "crema-d+emo-db"})
    assert len(chosen_on(load_space("cnn1d"), merged, facts)["first recipe"]) == 18


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"crema-d/1001"', "must be a list"),
        ("[7]", "holds 7"),
        ('[{ speakers = ["1001"] }]', "corpus"),
        ('[{ corpus = "crema-d", protocol = "speakr" }]', "did you mean 'speaker'"),
        ('[{ corpus = "crema-d", seed = 1 }]', "seed"),
    ],
)
def test_a_slip_is_told_with_its_place(text, message):
    with pytest.raises(UsageError, match=message) as error:
        read_space(SPACE.format(text), "s", "s.toml")
    assert "enqueued 'known': chosen_on" in str(error.value) or "did you mean" in str(error.value)


def test_speakers_beside_a_protocol_are_refused_and_recorded_studies_with_both_can_be_read():
    text = SPACE.format('[{ corpus = "crema-d", protocol = "speaker", speakers = ["1001"] }]')
    with pytest.raises(UsageError, match="chosen_on names speakers and a protocol of crema-d; write two tables"):
        read_space(text, "s", "s.toml")
    assert read_space(text, "s", "s.toml", recorded=True).enqueued[0].chosen_on


def test_a_study_that_goes_on_keeps_everyone_who_chose(tmp_path):
    with simulated_study(tmp_path, load_space("cnn1d"), sampler="random") as study:
        pass

    def reopened(chosen):
        record = study.record.model_copy(update={"chosen_on": chosen})
        again = Study.open(ResultsFolder(tmp_path), record, study.space, study.clips, study.plan)
        with contextlib.closing(again):
            return again.folder.record().chosen_on

    first = {"known": ("crema-d/1001", "crema-d/1002"), "other": ("crema-d/1005",)}
    assert reopened(first) == first
    assert reopened({"known": ("crema-d/1002", "crema-d/1003"), "new": ("crema-d/1009",)}) == {
        "known": ("crema-d/1001", "crema-d/1002", "crema-d/1003"),
        "other": ("crema-d/1005",),
        "new": ("crema-d/1009",),
    }


def test_who_chose_is_no_part_of_the_hash():
    told, silent = SPACE.format('["crema-d/1001"]'), SPACE.format("[]")
    assert read_space(told, "s", "s").hash == read_space(silent, "s", "s").hash


@pytest.mark.long
@pytest.mark.parametrize(("study", "speakers"), [("crema-d-random-cnn1d", 73), ("crema-d-random-cnn2d", 73)])
def test_published_results_are_marked(published, study, speakers):
    for entry in published.study(study).entry_ids:
        row = published.row(entry)
        assert row.chosen_on_tested == speakers
        assert any(f"chosen on {speakers} of the test speakers" in text for text in row.warnings)
        (group,) = (group for group in published.board("crema-d", "random").groups if row in group.rows)
        assert any(entry in note and f"chosen on {speakers} of these" in note for note in group.notes)


def test_speakers_who_are_not_tested_mark_nothing(published):
    rows = published.board("crema-d", "speaker").rows
    assert {row.chosen_on_tested for row in rows} == {0}
    assert pd.Series([row.problems for row in rows]).map(len).eq(0).all()
    assert json.loads((PUBLISHED / "studies/s24-cnn2d/study.json").read_text())["chosen_on"]
