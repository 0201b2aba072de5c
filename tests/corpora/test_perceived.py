"""Votes of listeners, and labels made of them."""

from __future__ import annotations

import csv

import pytest

from serbench.corpora import get_corpus, load_clips
from serbench.errors import UsageError

VOTES = {"1001_DFA_ANG_XX": "A", "1001_IEO_ANG_XX": "D:A", "1001_DFA_FEA_XX": "S", "1001_IEO_FEA_XX": "Q"}


@pytest.fixture
def corpus_folder(tone_corpus, tmp_path):
    """A few clips of one speaker with a table of votes beside them."""
    audio = tmp_path / "AudioWAV"
    audio.mkdir()
    for name in (*VOTES, "1001_DFA_SAD_XX"):
        (audio / f"{name}.wav").write_bytes((tone_corpus / f"{name}.wav").read_bytes())
    (tmp_path / "processedResults").mkdir()
    with (tmp_path / "processedResults" / "summaryTable.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["", "FileName", "VoiceVote", "VoiceLevel"])
        writer.writerows([i, name, vote, 50] for i, (name, vote) in enumerate(VOTES.items()))
        writer.writerow(["x", "rubbish", "A", 1])
    return tmp_path


def test_votes_are_read_and_rubbish_is_passed_over(corpus_folder) -> None:
    table = get_corpus("crema-d").read(corpus_folder).table.set_index("clip_id")
    votes = table["votes"].dropna().to_dict()
    assert votes == {"1001_DFA_ANG_XX": "anger", "1001_IEO_ANG_XX": "anger:disgust", "1001_DFA_FEA_XX": "sadness"}


def test_perceived_labels_are_what_most_heard_and_ties_are_left_out_and_counted(corpus_folder) -> None:
    clips = load_clips(get_corpus("crema-d"), corpus_folder, labels="perceived")
    assert clips.table.set_index("clip_id")["label"].to_dict() == {
        "1001_DFA_ANG_XX": "anger", "1001_DFA_FEA_XX": "sadness",
    }  # fmt: skip
    assert dict(clips.excluded) == {
        "1001_IEO_ANG_XX": "votes tied", "1001_IEO_FEA_XX": "no votes", "1001_DFA_SAD_XX": "no votes",
    }  # fmt: skip
    assert any("1 on whose emotion listeners tied and 2 that nobody voted on" in f.message for f in clips.findings)
    facts = clips.facts()
    assert facts.label_source == "perceived"
    assert facts.digest != load_clips(get_corpus("crema-d"), corpus_folder).digest


def test_a_corpus_without_votes_refuses(tone_corpus) -> None:
    with pytest.raises(UsageError, match="has no listeners' votes"):
        load_clips(get_corpus("crema-d"), tone_corpus, labels="perceived")
