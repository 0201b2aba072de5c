"""The split that a corpus brings along."""

from __future__ import annotations

import pandas as pd
import pytest

from serbench.corpora.table import UNKNOWN_SPEAKER, clip_table
from serbench.errors import SerbenchError
from serbench.protocols import Ratio, SplitProtocol


def table(splits: str, speakers: str | None = None) -> pd.DataFrame:
    names = {"t": "train", "v": "validation", "e": "test"}
    frame = pd.DataFrame({"clip_id": [f"c{i:02}" for i in range(len(splits))], "path": "/x"})
    frame["label"] = ["joy", "fear"] * (len(splits) // 2)
    frame["speaker"] = list(speakers) if speakers else UNKNOWN_SPEAKER
    frame["split"] = [names[letter] for letter in splits]
    return clip_table(frame)


def parts(clips: pd.DataFrame, ratio: str = "70/10/20"):
    protocol = SplitProtocol("given")
    (plan,) = protocol.plans(clips)
    split = plan.split(Ratio.parse(ratio))
    named = {part: clips["split"].iloc[list(getattr(split, part))].tolist() for part in ("train", "validation", "test")}
    return named, protocol.facts(clips, plan), split


def test_the_three_parts_are_as_given() -> None:
    found, facts, _ = parts(table("ttttttvvee", "aabbccddee"))
    assert found == {"train": ["train"] * 6, "validation": ["validation"] * 2, "test": ["test"] * 2}
    assert not facts.shares_speakers


def test_without_a_validation_part_speakers_of_the_training_part_validate() -> None:
    clips = table("tttttttteeee", "aabbccddeeff")
    _, facts, split = parts(clips)
    speakers = [set(clips["speaker"].iloc[list(rows)]) for rows in (split.train, split.validation, split.test)]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 6
    assert set(clips["split"].iloc[list(split.test)]) == {"test"}
    assert not facts.shares_speakers


def test_a_speaker_in_both_parts_is_said() -> None:
    _, facts, _ = parts(table("tttttteeee", "aabbccaadd"))
    assert facts.shares_speakers
    assert any("also trained on" in warning for warning in facts.warnings)


def test_a_speaker_of_validation_is_trained_on_in_the_end_and_a_nameless_one_may_be() -> None:
    _, facts, _ = parts(table("ttttttvvvveeee", "aabbccddeeddee"))
    assert facts.shares_speakers
    _, facts, _ = parts(table("ttttttvvee", ["unknown"] * 6 + list("ddee")))
    assert facts.shares_speakers


def test_without_speakers_nothing_is_promised() -> None:
    found, facts, _ = parts(table("tttttttttttttttttttteeee"))
    assert found["test"] == ["test"] * 4
    assert facts.shares_speakers
    assert facts.test_speakers == 1
    assert any("no speaker is known" in warning for warning in facts.warnings)


@pytest.mark.parametrize(("splits", "told"), [("tttt", "the split 'test'"), ("eeee", "the split 'train'")])
def test_a_missing_part_is_told(splits, told) -> None:
    with pytest.raises(SerbenchError, match=told):
        SplitProtocol("given").plans(table(splits, "abcd"))


def test_a_table_without_splits_is_told() -> None:
    with pytest.raises(SerbenchError, match="a column 'split'"):
        SplitProtocol("given").plans(table("tteett", "abcdef").drop(columns="split"))


def test_those_of_several_corpora_that_have_no_split_are_named() -> None:
    clips = table("tteettee", "abcdefgh").assign(corpus=["mine"] * 4 + ["crema-d"] * 2 + ["emo-db"] * 2)
    for lacking, told in ((["crema-d"], "crema-d has none"), (["crema-d", "emo-db"], "crema-d, emo-db have none")):
        partly = clips.assign(split=clips["split"].where(~clips["corpus"].isin(lacking)))
        with pytest.raises(SerbenchError, match=f"and {told}; give every table a column 'split'"):
            SplitProtocol("given").plans(partly)
    with pytest.raises(SerbenchError, match="this corpus has none"):
        SplitProtocol("given").plans(clips.assign(split=None))


def test_speakers_are_asked_for_where_a_protocol_keeps_them_apart() -> None:
    with pytest.raises(SerbenchError, match=r"this corpus names none; .*--names"):
        SplitProtocol("speaker").plans(table("tttttttteeee"))


def crossed(train: int, test: int, clips: int = 6) -> pd.DataFrame:
    """Speakers of one corpus to learn from and of another to be tested on."""
    rows = [
        {"clip_id": f"{corpus}-{who}-{n}", "path": "/x", "label": ("joy", "fear", "rage")[n % 3],
         "speaker": f"{corpus}/{who}", "split": split, "corpus": corpus}
        for corpus, split, people in (("a", "train", train), ("b", "test", test))
        for who in range(people) for n in range(clips)
    ]  # fmt: skip
    return clip_table(pd.DataFrame(rows))


@pytest.mark.parametrize("test", [3, 10, 40, 90])
def test_the_size_of_the_other_corpus_moves_nothing_in_the_training_corpus(test) -> None:
    clips = crossed(10, test)
    (plan,) = SplitProtocol("cross-corpus").plans(clips)
    for ratio, sizes in (("70/10/20", (54, 6, 0)), ("60/10/30", (48, 6, 6))):
        split = plan.split(Ratio.parse(ratio))
        assert (len(split.train), len(split.validation), len(split.test_rest)) == sizes
        assert set(clips["corpus"].iloc[list(split.test)]) == {"b"}
        assert set(clips["corpus"].iloc[[*split.train, *split.validation, *split.test_rest]]) == {"a"}


def test_splits_that_corpora_bring_name_no_other_corpus() -> None:
    clips = crossed(10, 10)
    clips["split"] = ["train", "test"] * (len(clips) // 2)
    with pytest.raises(SerbenchError, match="--test-corpus"):
        SplitProtocol("cross-corpus").plans(clips)


def test_recordings_in_two_parts_are_told() -> None:
    clips = table("ttttttvvee", "aabbccddee").assign(digest=[*"0123456789"])
    clips.loc[8, "digest"] = "0"
    _, facts, _ = parts(clips)
    assert any("1 recordings of the test part are byte for byte" in warning for warning in facts.warnings)


@pytest.mark.parametrize("name", ["speaker", "speaker-cv", "loso"])
def test_speakers_of_some_clips_are_not_enough_to_keep_them_apart(name) -> None:
    clips = table("tttttttteeee", "aabbccddeeff")
    clips.loc[0, "speaker"] = UNKNOWN_SPEAKER
    with pytest.raises(SerbenchError, match=r"names those of 11 of 12 clips only; .*--names"):
        SplitProtocol(name).plans(clips)


def test_unknown_speakers_are_never_enough_for_an_interval() -> None:
    clips = crossed(10, 20)
    clips.loc[clips.index[-1], "speaker"] = UNKNOWN_SPEAKER
    protocol = SplitProtocol("cross-corpus")
    facts = protocol.facts(clips, protocol.plans(clips)[0])
    assert (facts.test_speakers, facts.shares_speakers) == (1, False)
    assert any("the speakers of 1 clips are unknown: no interval" in warning for warning in facts.warnings)


def test_an_unknown_speaker_who_is_only_trained_on_takes_no_interval_away() -> None:
    clips = table("t" * 40 + "e" * 20, [f"s{place % 10}" for place in range(60)])
    protocol = SplitProtocol("random")
    (plan,) = protocol.plans(clips)
    split = plan.core_split
    for row, words in ((split.train[0], "may be trained on"), (split.test[0], "and no interval can be given")):
        some = clips.copy()
        some.loc[row, "speaker"] = UNKNOWN_SPEAKER
        facts = protocol.facts(some, plan)
        assert next(one for one in facts.warnings if "unknown" in one).endswith(words)
        assert (facts.test_speakers == 1) == (row in split.test)


def test_few_speakers_are_no_matter_where_they_are_shared() -> None:
    clips = table("tttttttteeee", "ababababcbca")
    protocol = SplitProtocol("random")
    warnings = protocol.facts(clips, protocol.plans(clips)[0]).warnings
    assert any("also trained on" in warning for warning in warnings)
    assert not any("under 8" in warning for warning in warnings)


def test_a_speaker_in_both_parts_is_judged_by_the_clips_of_each_part() -> None:
    """Tested on joy alone, trained on both: the training part lacks nothing."""
    clips = table("t" * 32 + "e" * 8, "aabbccddeeffgghh" * 2 + "abcdefgh")
    clips.loc[clips["split"] == "test", "label"] = "joy"
    found, _, _ = parts(clips)
    assert found["test"] == ["test"] * 8


def test_a_class_that_is_only_tested_is_told() -> None:
    clips = table("t" * 32 + "e" * 8, "aabbccddeeffgghh" * 2 + "abcdefgh")
    clips.loc[clips["split"] == "test", "label"] = "sad"
    with pytest.raises(SerbenchError, match="sad"):
        parts(clips)
