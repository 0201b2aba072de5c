"""EMO-DB, the Berlin Database of Emotional Speech: 535 clips of 10 actors in 7 emotions (German)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serbench.corpora.base import Corpus, NameFacts, SpeakerFacts

__all__ = ["EMO_DB", "EmoDb"]

# Letters of the German words: Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
_LABELS: Final = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "N": "neutral",
    "T": "sadness",
}

# Sex and age from the corpus's own site (emodb.bilderbar.info, section Emo-DB).
_SPEAKERS: Final = {
    "03": SpeakerFacts(sex="male", age=31),
    "08": SpeakerFacts(sex="female", age=34),
    "09": SpeakerFacts(sex="female", age=21),
    "10": SpeakerFacts(sex="male", age=32),
    "11": SpeakerFacts(sex="male", age=26),
    "12": SpeakerFacts(sex="male", age=30),
    "13": SpeakerFacts(sex="female", age=32),
    "14": SpeakerFacts(sex="female", age=35),
    "15": SpeakerFacts(sex="male", age=25),
    "16": SpeakerFacts(sex="female", age=31),
}

_NAME: Final = re.compile(r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[WLEAFTN])[a-z]")


@dataclass(frozen=True, kw_only=True)
class EmoDb(Corpus):
    """EMO-DB (Burkhardt et al. 2005). It holds only clips that at least 80 % of the listeners recognised."""

    def parse(self, path: Path) -> NameFacts | None:
        """Reads `<speaker><text><emotion><version>`, e.g. `03a01Fa`; the sentence is the text's code.

        >>> EMO_DB.parse(Path("03a01Fa.wav"))["label"]
        'happiness'
        """
        found = _NAME.fullmatch(path.stem)
        if found is None or found["speaker"] not in _SPEAKERS:
            return None
        return {
            "label": _LABELS[found["emotion"]],
            "speaker": found["speaker"],
            "sentence": found["text"],
        }

    def speaker_facts(self, folder: Path) -> Mapping[str, SpeakerFacts]:  # noqa: ARG002
        """Returns the sex and age of the ten actors."""
        return _SPEAKERS


EMO_DB: Final = EmoDb(
    name="emo-db",
    title="EMO-DB",
    labels=tuple(sorted(_LABELS.values())),
    # The original site asks for a citation and names no licence; audEERING's publication of it states CC0.
    licence="CC0 1.0, as stated by audEERING's publication of the corpus; the original site asks for a citation",
    licence_url="https://github.com/audeering/emodb",
    citation=(
        "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F., & Weiss, B. (2005). A database of German "
        "emotional speech. Proc. Interspeech 2005, 1517-1520. https://doi.org/10.21437/Interspeech.2005-446"
    ),
    homepage="http://emodb.bilderbar.info",
    expected_clips=535,
    audio_folders=("wav",),
    name_form="<speaker><text><emotion><version>, e.g. 03a01Fa.wav",
)
"""The registered instance."""
