"""The demo corpus on disk: it makes itself, whole, once, and mends itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

import pytest
import soundfile
from corpus_contract import CorpusContract

from serbench.corpora.demo import DEMO
from serbench.corpora.demo.clips import demo_clips
from serbench.corpora.demo.corpus import VERSION, write_demo
from serbench.corpora.demo.prosody import EMOTIONS
from serbench.corpora.demo.speakers import SPEAKER_IDS, speaker
from serbench.errors import SerbenchError

pytestmark = pytest.mark.long

SMALL = dataclasses.replace(DEMO, speakers=(2001,), expected_clips=24)


def audio(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "AudioWAV").iterdir()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus of one speaker."""
    folder = tmp_path_factory.mktemp("made") / "demo"
    write_demo(folder, (2001,))
    return folder


class TestDemo(CorpusContract):
    corpus = DEMO
    layout = "AudioWAV"
    good: ClassVar = {
        "2001_BAD_ANG_XX": {"label": "anger", "speaker": "2001", "sentence": "BAD"},
        "2002_TOV_DIS_XX": {"label": "disgust", "speaker": "2002"},
        "2040_NAV_FEA_XX": {"label": "fear", "speaker": "2040"},
        "2020_NAV_HAP_XX": {"label": "happiness"},
        "2020_NAV_NEU_XX": {"label": "neutral"},
        "2020_NAV_SAD_XX": {"label": "sadness"},
    }
    bad = (
        "1001_DFA_ANG_XX",
        "2000_BAD_ANG_XX",
        "2041_BAD_ANG_XX",
        "2001_DFA_ANG_XX",
        "2001_BAD_ANG_HI",
        "2001_BAD_JOY_XX",
    )

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        """Only when it is read: to prepare it is to make it."""
        with pytest.raises(SerbenchError, match="gone does not exist"):
            SMALL.read(tmp_path / "gone")
        assert len(SMALL.read(SMALL.prepare(tmp_path / "gone")).table) == 24

    def test_without_data_the_way_to_get_it_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Here, there is no need of one: it makes itself in the cache."""
        monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path))
        folder = SMALL.prepare()
        assert folder.is_relative_to(tmp_path / "corpora" / "demo")
        assert SMALL.read(folder).missing == 0

    def test_it_is_called_synthetic(self) -> None:
        assert DEMO.synthetic


def test_the_whole_corpus_is_balanced() -> None:
    clips = demo_clips()
    assert len(clips) == len({clip.clip_id for clip in clips}) == DEMO.expected_clips == 960
    for emotion in EMOTIONS:
        assert sum(clip.emotion == emotion for clip in clips) == 160
    for sex in ("female", "male"):
        people = [speaker(number) for number in SPEAKER_IDS if speaker(number).sex == sex]
        assert len(people) == 20
        assert {code for one in people for code in one.sentences} == {clip.sentence for clip in clips}
        assert all(len(set(one.sentences)) == 4 for one in people)


def test_every_clip_is_read_back_with_its_facts(made: Path) -> None:
    listing = SMALL.read(made)
    assert (listing.unparsed, listing.missing) == ((), 0)
    assert list(listing.table["clip_id"]) == [clip.clip_id for clip in demo_clips((2001,))]
    assert list(listing.table["label"]) == [clip.emotion for clip in demo_clips((2001,))]
    assert set(listing.table["sex"]) == {"female"}
    assert listing.table["age"].between(20, 74).all()


def test_files_are_16_khz_16_bit_mono_wav(made: Path) -> None:
    info = soundfile.info(made / "AudioWAV" / "2001_BAD_ANG_XX.wav")
    assert (info.samplerate, info.channels, info.format, info.subtype) == (16000, 1, "WAV", "PCM_16")


def test_the_folder_says_that_it_is_synthetic(made: Path) -> None:
    assert "Synthetic" in (made / "README.txt").read_text(encoding="utf-8")


@pytest.mark.slow
def test_processes_make_the_same_bytes(made: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_demo(tmp_path / "again", (2001,), lambda done, total: told.append((done, total)), workers=2, chunk=8)
    assert audio(tmp_path / "again") == audio(made)
    assert told[-1] == (24, 24)


def test_an_interrupted_synthesis_leaves_nothing_and_is_repeated(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SMALL.prepare(tmp_path / "demo", interrupt)
    assert list(tmp_path.iterdir()) == []
    assert len(audio(SMALL.prepare(tmp_path / "demo"))) == 24


def test_clips_that_are_gone_from_the_cache_are_made_again(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path))
    folder = SMALL.prepare()
    for name in ("2001_BAD_ANG_XX.wav", "2001_BAD_SAD_XX.wav"):
        (folder / "AudioWAV" / name).unlink()
    told: list[tuple[int, int]] = []
    SMALL.prepare(progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 2)]
    assert audio(folder) == audio(made)


def test_a_whole_corpus_is_not_made_again(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path))
    folder = SMALL.prepare()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert SMALL.prepare() == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_persons_own_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert SMALL.prepare(tmp_path) == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_another_version_lies_in_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    here = DEMO.default_folder()
    monkeypatch.setattr("serbench.corpora.demo.corpus.VERSION", VERSION + 1)
    assert DEMO.default_folder() != here


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SerbenchError, match="file"):
        SMALL.prepare(tmp_path / "file")
