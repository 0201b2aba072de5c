"""SAVEE: 480 clips of 4 men saying 15 sentences in each of 7 emotions, 30 when neutral (British English)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serbench.corpora.base import Corpus, NameFacts

__all__ = ["SAVEE", "Savee"]

_LABELS: Final = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
_SPEAKERS: Final = ("DC", "JE", "JK", "KL")

_NAME: Final = re.compile(r"(?:(?P<speaker>DC|JE|JK|KL)_)?(?P<emotion>sa|su|[adfhn])(?P<number>\d\d)")


@dataclass(frozen=True, kw_only=True)
class Savee(Corpus):
    """SAVEE (Jackson and Haq). The speaker is a clip's folder or, in flat copies, the start of its name."""

    def parse(self, path: Path) -> NameFacts | None:
        """Reads `<speaker>/<emotion><number>` or `<speaker>_<emotion><number>`.

        >>> SAVEE.parse(Path("AudioData/KL/sa07.wav"))["clip_id"]
        'KL_sa07'
        """
        found = _NAME.fullmatch(path.stem)
        if found is None:
            return None
        speaker, emotion, number = found["speaker"] or path.parent.name, found["emotion"], found["number"]
        if speaker not in _SPEAKERS or not 1 <= int(number) <= _takes(emotion):
            return None
        return {
            "clip_id": f"{speaker}_{emotion}{number}",
            "label": _LABELS[emotion],
            "speaker": speaker,
            "sex": "male",
        }

    def names(self) -> tuple[str, ...]:
        """Returns the ids of the 480 clips."""
        return tuple(
            f"{speaker}_{emotion}{number:02}"
            for speaker in _SPEAKERS
            for emotion in _LABELS
            for number in range(1, _takes(emotion) + 1)
        )


def _takes(emotion: str) -> int:
    return 30 if emotion == "n" else 15


SAVEE: Final = Savee(
    name="savee",
    title="SAVEE",
    labels=tuple(sorted(_LABELS.values())),
    licence="free for research, on registration",
    licence_url="http://kahlan.eps.surrey.ac.uk/savee/Download.html",
    citation=(
        "Jackson, P., & Haq, S. (2014). Surrey Audio-Visual Expressed Emotion (SAVEE) Database. University of Surrey. "
        "http://kahlan.eps.surrey.ac.uk/savee/"
    ),
    homepage="http://kahlan.eps.surrey.ac.uk/savee/",
    expected_clips=480,
    audio_folders=("AudioData",),
    name_form="<speaker>/<emotion><number>, e.g. DC/a01.wav, or DC_a01.wav",
)
"""The registered instance."""
