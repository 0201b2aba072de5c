"""Votes of listeners, and labels made of them."""

from __future__ import annotations

import csv

import pytest
from corpora_files import write_clips

from serbench.corpora import choose_corpus, get_corpus, load_clips
from serbench.errors import SerbenchError, UsageError

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


@pytest.mark.parametrize("options", [{"text": "crema-d+emo-db"}, {"text": "crema-d", "test": "emo-db"}])
def test_one_of_several_corpora_without_votes_refuses(corpus_folder, tmp_path, options) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "crema-d").symlink_to(corpus_folder)
    write_clips(tmp_path / "data" / "emo-db" / "wav", ["03a01Wa.wav", "03a01Ta.wav", "03a01Aa.wav"])
    corpus, data = choose_corpus(data=tmp_path / "data", **options)
    with pytest.raises(UsageError, match=r"EMO-DB has no listeners' votes, .* or leave it out"):
        load_clips(corpus, data, labels="perceived")


def test_what_is_found_in_a_corpus_is_found_under_the_labels_that_are_used(corpus_folder) -> None:
    """Twins that were meant as two emotions and heard as one are no contradiction, and one class is too few."""
    audio = corpus_folder / "AudioWAV"
    table = corpus_folder / "processedResults" / "summaryTable.csv"
    (audio / "1001_DFA_SAD_XX.wav").write_bytes((audio / "1001_DFA_FEA_XX.wav").read_bytes())
    table.write_text(table.read_text(encoding="utf-8") + "9,1001_DFA_SAD_XX,S,1\n", encoding="utf-8")
    kinds = {
        labels: {one.kind for one in load_clips(get_corpus("crema-d"), corpus_folder, labels=labels).findings}
        for labels in ("intended", "perceived")
    }
    assert "duplicate_labels" in kinds["intended"]
    assert "duplicate_audio" in kinds["perceived"]
    assert "duplicate_labels" not in kinds["perceived"]
    table.write_text(table.read_text(encoding="utf-8").replace(",A,", ",S,"), encoding="utf-8")
    with pytest.raises(SerbenchError, match="labelled 'sadness'"):
        load_clips(get_corpus("crema-d"), corpus_folder, labels="perceived")


def test_ties_alone_decide_nothing(corpus_folder) -> None:
    table = corpus_folder / "processedResults" / "summaryTable.csv"
    table.write_text("FileName,VoiceVote\n1001_DFA_ANG_XX,A:D\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no listeners' vote without a tie"):
        load_clips(get_corpus("crema-d"), corpus_folder, labels="perceived")


def test_votes_decide_before_a_label_map_drops_clips(corpus_folder) -> None:
    table = corpus_folder / "processedResults" / "summaryTable.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("1001_IEO_FEA_XX,Q", "1001_IEO_FEA_XX,N"), encoding="utf-8")
    corpus, _ = choose_corpus("crema-d", corpus_folder, maps=["four"])
    clips = load_clips(corpus, corpus_folder, labels="perceived")
    assert clips.table.set_index("clip_id")["label"].to_dict() == {
        "1001_DFA_ANG_XX": "anger", "1001_DFA_FEA_XX": "sadness", "1001_IEO_FEA_XX": "neutral",
    }  # fmt: skip
    assert dict(clips.excluded)["1001_IEO_ANG_XX"] == "votes tied", "anger or disgust, which is left out"


def test_listeners_who_heard_a_dropped_emotion_are_not_right(corpus_folder) -> None:
    corpus, _ = choose_corpus("crema-d", corpus_folder, maps=["four"])
    votes = corpus.read(corpus_folder).table.set_index("clip_id")["votes"]
    assert votes["1001_IEO_ANG_XX"] == "anger:disgust"
