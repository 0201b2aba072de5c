"""RAVDESS, speech part: 1,440 clips of 24 actors saying 2 sentences in 8 emotions (North American English)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serbench.corpora.base import Corpus, NameFacts

__all__ = ["RAVDESS", "Ravdess"]

_LABELS: Final = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_MODALITIES: Final = {"01": "audio-video", "02": "video", "03": "audio"}
_CHANNELS: Final = {"01": "speech", "02": "song"}
_INTENSITIES: Final = {"01": "normal", "02": "strong"}

_NAME: Final = re.compile(
    r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<level>0[12])-(?P<text>0[12])-0[12]-"
    r"(?P<actor>0[1-9]|1\d|2[0-4])"
)


@dataclass(frozen=True, kw_only=True)
class Ravdess(Corpus):
    """RAVDESS (Livingstone and Russo 2018). The clips are the audio-only speech; song and video are skipped."""

    def parse(self, path: Path) -> NameFacts | None:
        """Reads `<modality>-<channel>-<emotion>-<intensity>-<sentence>-<repetition>-<actor>`; odd actors are men.

        >>> RAVDESS.parse(Path("03-01-06-01-02-01-12.wav"))["label"]
        'fear'
        """
        found = _NAME.fullmatch(path.stem)
        if found is None or self.non_clip_kind(path) is not None:
            return None
        return {
            "label": _LABELS[found["emotion"]],
            "speaker": found["actor"],
            "sex": "male" if int(found["actor"]) % 2 else "female",
            "sentence": found["text"],
            "intensity": _INTENSITIES[found["level"]],
        }

    def non_clip_kind(self, path: Path) -> str | None:
        """Returns 'song' for song and 'video' for videos, whose sound repeats the audio-only clips; else None.

        >>> RAVDESS.non_clip_kind(Path("03-02-06-01-02-01-12.wav"))
        'song'
        """
        found = _NAME.fullmatch(path.stem)
        if found is None:
            return None
        if _CHANNELS[found["channel"]] == "song":
            return "song"
        return None if _MODALITIES[found["modality"]] == "audio" else "video"

    def names(self) -> tuple[str, ...]:
        """Returns the ids of the 1,440 clips; neutral has no strong intensity."""
        return tuple(
            f"03-01-{emotion}-{level}-{text}-{take}-{actor:02}"
            for actor in range(1, 25)
            for emotion in _LABELS
            for level in ("01", "02")
            for text in ("01", "02")
            for take in ("01", "02")
            if (emotion, level) != ("01", "02")
        )


RAVDESS: Final = Ravdess(
    name="ravdess",
    title="RAVDESS",
    labels=tuple(sorted(_LABELS.values())),
    licence="CC BY-NC-SA 4.0",
    licence_url="https://creativecommons.org/licenses/by-nc-sa/4.0/",
    citation=(
        "Livingstone, S. R., & Russo, F. A. (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song "
        "(RAVDESS). PLoS ONE, 13(5), e0196391. https://doi.org/10.1371/journal.pone.0196391"
    ),
    homepage="https://zenodo.org/records/1188976",
    expected_clips=1440,
    audio_folders=("Audio_Speech_Actors_01-24",),
    name_form=(
        "<modality>-<channel>-<emotion>-<intensity>-<sentence>-<repetition>-<actor>, e.g. 03-01-06-01-02-01-12.wav"
    ),
)
"""The registered instance."""
