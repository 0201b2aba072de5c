"""`example-tones`: synthetic clips, `<speaker>-<emotion>-<take>.wav`, such as `s03-ang-2.wav`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from serbench.corpora.base import Corpus, NameFacts

__all__ = ["EXAMPLE_TONES", "ExampleTones", "write_corpus"]

_NAME = re.compile(r"(?P<speaker>s\d\d)-(?P<emotion>ang|neu|sad)-(?P<take>\d)")
_LABELS = {"ang": "anger", "neu": "neutral", "sad": "sadness"}
_TONES_HZ = {"ang": 1500, "neu": 700, "sad": 250}
_RATE = 8_000


@dataclass(frozen=True, kw_only=True)
class ExampleTones(Corpus):
    """A corpus whose file names say everything."""

    def parse(self, path: Path) -> NameFacts | None:
        """Reads one file name."""
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        return {"label": _LABELS[match["emotion"]], "speaker": match["speaker"], "sentence": match["take"]}


EXAMPLE_TONES = ExampleTones(
    name="example-tones",
    title="Example tones",
    labels=("anger", "neutral", "sadness"),
    licence="CC0-1.0",
    citation="Made by write_corpus of serbench-plugin-example.",
    name_form="<speaker>-<emotion>-<take>, such as s03-ang-2.wav",
)


def write_corpus(folder: str | Path, speakers: int = 10, takes: int = 3) -> Path:
    """Writes the corpus: a tone in noise for each emotion, so that it is learned in seconds."""
    target, rng = Path(folder), np.random.default_rng(0)
    target.mkdir(parents=True, exist_ok=True)
    time = np.arange(_RATE // 2) / _RATE
    for speaker in range(1, speakers + 1):
        for emotion, tone in _TONES_HZ.items():
            for take in range(1, takes + 1):
                wave = 0.3 * np.sin(2 * np.pi * tone * rng.uniform(0.9, 1.1) * time)
                noisy = wave + 0.05 * rng.standard_normal(len(time))
                soundfile.write(target / f"s{speaker:02}-{emotion}-{take}.wav", noisy, _RATE)
    return target
