"""`check_corpus`: each way of breaking the contract of a corpus is named in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serbench.corpora.base import Corpus
from serbench.testing import check_corpus

FACTS = {
    "name": "words", "title": "Words", "labels": ("joy", "sadness"), "licence": "CC0-1.0",
    "name_form": "<speaker>_<label>.wav, such as a_joy.wav",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Words(Corpus):
    def parse(self, path: Path):
        speaker, _, label = path.stem.partition("_")
        return {"label": label, "speaker": speaker} if speaker and label in self.labels else None


class Fragile(Words):
    def parse(self, path: Path):
        return {"label": path.stem.split("_")[1], "speaker": "a"}


class Speakerless(Words):
    def parse(self, path: Path):
        return {"label": "joy", "speaker": ""}


class Misspelt(Words):
    def parse(self, path: Path):
        return {"label": "joy", "speaker": "a", "sex": "F"}


class Renamed(Words):
    def parse(self, path: Path):
        return super().parse(path) and {**super().parse(path), "clip_id": f"clip-{path.stem}"}

    def names(self):
        return ("a_joy",)


class Changing(Words):
    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for speaker in "ab":
        for label in FACTS["labels"]:
            wave = np.random.default_rng(0).normal(scale=0.1, size=4000)
            soundfile.write(tmp_path / f"{speaker}_{label}.wav", wave, 8000)
    return tmp_path


def test_a_good_corpus_passes(folder: Path) -> None:
    check_corpus(Words(**FACTS))
    check_corpus(Words(**FACTS), folder)


@pytest.mark.parametrize(
    ("corpus", "sentence"),
    [
        (object(), "an object of a subclass of serbench.corpora.Corpus, found object"),
        (Words(**FACTS | {"name": "My Words"}), "a name of lower-case letters"),
        (
            Words(**FACTS | {"labels": ("sadness", "joy")}),
            "labels in alphabetical order, each once, found sadness, joy",
        ),
        (Words(**FACTS | {"labels": ("joy",)}), "a tuple of at least two labels"),
        (Words(**FACTS | {"licence": " "}), "a licence, found ' '"),
        (Words(**FACTS | {"suffixes": ("wav",)}), "audio suffixes such as '.wav'"),
        (Fragile(**FACTS), "expected None for the file name 'x.wav', found IndexError"),
        (Speakerless(**FACTS), "a speaker from the name 'x.wav', found ''"),
        (Changing(**FACTS), "an immutable object"),
        (Misspelt(**FACTS), "facts that a table of clips can hold from the name 'x.wav'"),
        (Renamed(**FACTS), "the clip 'a_joy' from 'a_joy.wav', as names\\(\\) calls it, found 'clip-a_joy'"),
    ],
)
def test_a_broken_corpus_is_named(corpus: object, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_corpus(corpus)


def test_a_file_that_is_no_audio_is_named(folder: Path) -> None:
    (folder / "a_joy.wav").write_bytes(b"no audio")
    with pytest.raises(AssertionError, match=r"expected audio in .*a_joy\.wav"):
        check_corpus(Words(**FACTS), folder)


def test_a_folder_without_clips_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"expected to read {tmp_path}"):
        check_corpus(Words(**FACTS), tmp_path)
