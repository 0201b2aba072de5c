"""What makes two records two studies, and what a later version of serbench may add without doing so."""

from __future__ import annotations

import copy
from pathlib import Path

from serbench.records import CorpusFacts, ExcludedClip, StudyRecord
from serbench.search.studies.differences import differences
from serbench.spaces import load_space
from serbench.spaces.file import read_space

SPACE = load_space("cnn1d")
STUDIES = Path(__file__).parents[2] / "results" / "published" / "studies"


def of(space: dict, digest: str) -> StudyRecord:
    some = StudyRecord.load(min(STUDIES.glob("*/study.json")))
    return some.model_copy(update={"space": space, "space_hash": digest})


def with_corpus(record: StudyRecord, corpus: CorpusFacts) -> StudyRecord:
    return record.model_copy(update={"corpus": corpus})


def test_a_hyperparameter_that_came_later_is_no_part_of_the_space_at_its_default() -> None:
    assert SPACE.enqueued
    assert all("pitch_shift" not in known["parameters"] for known in SPACE.describe()["enqueue"].values())
    assert all(known.config["pitch_shift"] == 0.0 for known in SPACE.enqueued)


def test_at_another_value_it_is_a_difference() -> None:
    text = SPACE.text.replace("time_shift = 12.0, feature", "pitch_shift = 1.0, time_shift = 12.0, feature", 1)
    other = read_space(text, "cnn1d", "cnn1d.toml")
    assert other.hash != SPACE.hash
    name = SPACE.enqueued[1].name
    (found,) = differences(of(SPACE.describe(), SPACE.hash), of(other.describe(), other.hash))
    assert found == f"space enqueue.{name}.parameters.pitch_shift: absent -> 1.0"


def test_another_value_of_a_known_one_is_told_by_its_name() -> None:
    before = copy.deepcopy(SPACE.describe())
    name = next(iter(before["enqueue"]))
    before["enqueue"][name]["parameters"]["width"] = 16
    (found,) = differences(of(before, "before"), of(SPACE.describe(), SPACE.hash))
    assert found.startswith(f"space enqueue.{name}.parameters.width: 16 -> ")


def test_clips_that_were_left_out_and_can_be_used_now_are_named() -> None:
    begun = of(SPACE.describe(), SPACE.hash)
    left_out = (ExcludedClip(clip_id="a01", reason="undecodable"), ExcludedClip(clip_id="s01", reason="silent"))
    known = begun.corpus.model_copy(update={"excluded": left_out})
    facts = {"digest": "0" * 32, "clips": known.clips + 1, "excluded": left_out[1:]}
    (found,) = differences(with_corpus(begun, known), with_corpus(begun, known.model_copy(update=facts)))
    assert found.endswith(
        "(or other audio): clips that were left out then can be used now, a01 (undecodable); move them away to go on"
    )
    for other in ({"clips": known.clips}, {"clips": known.clips + 9}, {"excluded": left_out}):
        (found,) = differences(with_corpus(begun, known), with_corpus(begun, known.model_copy(update=facts | other)))
        assert found.endswith("(or other audio)")
