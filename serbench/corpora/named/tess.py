"""TESS, the Toronto emotional speech set: 2,800 clips of 2 women saying 200 words in 7 emotions (English)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serbench.corpora.base import Corpus, NameFacts

__all__ = ["TESS", "Tess"]

_LABELS: Final = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}
_AGES: Final = {"OAF": 64.0, "YAF": 26.0}
"""Age in years of the older and the younger woman."""

# One published file of the older woman lacks a letter: OA_bite_neutral.wav.
_NAME: Final = re.compile(
    r"(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>angry|disgust|fear|happy|neutral|ps|sad)"
)


@dataclass(frozen=True, kw_only=True)
class Tess(Corpus):
    """TESS (Pichora-Fuller and Dupuis 2020). It has two speakers, too few for three sets without shared speakers."""

    def parse(self, path: Path) -> NameFacts | None:
        """Reads `<speaker>_<word>_<emotion>` in lower or upper case; the sentence is the word.

        >>> TESS.parse(Path("YAF_back_ps.wav"))["label"]
        'surprise'
        """
        speaker, _, rest = path.stem.partition("_")
        found = _NAME.fullmatch(f"{speaker.upper()}_{rest.lower()}")
        if found is None:
            return None
        who = "OAF" if found["speaker"] == "OA" else found["speaker"]
        return {
            "clip_id": f"{who}_{found['word']}_{found['emotion']}",
            "label": _LABELS[found["emotion"]],
            "speaker": who,
            "sex": "female",
            "age": _AGES[who],
            "sentence": found["word"],
        }


TESS: Final = Tess(
    name="tess",
    title="TESS",
    labels=tuple(sorted(_LABELS.values())),
    licence="CC BY-NC-ND 4.0",
    licence_url="https://creativecommons.org/licenses/by-nc-nd/4.0/",
    citation=(
        "Pichora-Fuller, M. K., & Dupuis, K. (2020). Toronto emotional speech set (TESS). Borealis. "
        "https://doi.org/10.5683/SP2/E8H2MF"
    ),
    homepage="https://doi.org/10.5683/SP2/E8H2MF",
    expected_clips=2800,
    name_form="<speaker>_<word>_<emotion>, e.g. OAF_back_angry.wav",
)
"""The registered instance."""
