"""CREMA-D: 7,442 clips of 91 actors saying 12 sentences in 6 emotions (English)."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serbench.corpora.base import Corpus, NameFacts, SpeakerFacts
from serbench.corpora.named.manifest import manifest

__all__ = ["CREMA_D", "CremaD"]

_LABELS: Final = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
_SENTENCES: Final = frozenset(("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI"))
_INTENSITIES: Final = {"LO": "low", "MD": "medium", "HI": "high", "XX": None}

# One official file is called 1040_ITH_SAD_X.wav, while the official tables say 1040_ITH_SAD_XX.
_NAME: Final = re.compile(r"(?P<actor>\d{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>XX?|LO|MD|HI)")

_ACTORS: Final = range(1001, 1092)

# The sex of the actors, from the official VideoDemographics.csv, for copies without that file.
_FEMALE: Final = frozenset(
    (
        1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025,
        1028, 1029, 1030, 1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060,
        1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078, 1079, 1082, 1084, 1089, 1091,
    )
)  # fmt: skip

_DEMOGRAPHICS: Final = "VideoDemographics.csv"
_VOTES: Final = "processedResults/summaryTable.csv"
_TABLE_LIMIT: Final = 4 << 20
_VOTED: Final = {code[0]: label for code, label in _LABELS.items()}


@dataclass(frozen=True, kw_only=True)
class CremaD(Corpus):
    """CREMA-D (Cao et al. 2014). The labels are the emotions that the actors intended."""

    def parse(self, path: Path) -> NameFacts | None:
        """Reads `<actor>_<sentence>_<emotion>_<level>`; the level XX means unspecified.

        >>> CREMA_D.parse(Path("1001_IEO_ANG_HI.wav"))["intensity"]
        'high'
        """
        found = _NAME.fullmatch(path.stem)
        if found is None or int(found["actor"]) not in _ACTORS:
            return None
        if found["sentence"] not in _SENTENCES or found["emotion"] not in _LABELS:
            return None
        level = "XX" if found["level"] == "X" else found["level"]
        return {
            "clip_id": f"{found['actor']}_{found['sentence']}_{found['emotion']}_{level}",
            "label": _LABELS[found["emotion"]],
            "speaker": found["actor"],
            "sentence": found["sentence"],
            "intensity": _INTENSITIES[level],
        }

    def names(self) -> tuple[str, ...]:
        """Returns the ids of the 7,442 clips."""
        parsed = (self.parse(Path(file.name)) for file in manifest(self.name))
        return tuple(str(facts["clip_id"]) for facts in parsed if facts is not None)

    def speaker_facts(self, folder: Path) -> Mapping[str, SpeakerFacts]:
        """Returns sex and age from VideoDemographics.csv in or beside the audio folder; without it, only the sex."""
        facts = {str(actor): SpeakerFacts(sex="female" if actor in _FEMALE else "male") for actor in _ACTORS}
        return facts | _read_demographics(_rows(folder, _DEMOGRAPHICS))

    def votes(self, folder: Path) -> Mapping[str, tuple[str, ...]]:
        """Returns the majority votes on the voice alone: VoiceVote of summaryTable.csv in or beside the folder."""
        votes: dict[str, tuple[str, ...]] = {}
        for row in _rows(folder, _VOTES):
            found = self.parse(Path(f"{(row.get('FileName') or '').strip()}.wav"))
            letters = (row.get("VoiceVote") or "").strip().split(":")
            if found is not None and all(letter in _VOTED for letter in letters):
                votes[str(found["clip_id"])] = tuple(sorted({_VOTED[letter] for letter in letters}))
        return votes


def _rows(folder: Path, name: str) -> list[dict[str, str | None]]:
    """Rows of an official table in or beside the audio folder; empty if it is missing or cannot be read."""
    for place in (folder, folder.parent):
        table = place / name
        try:
            if table.is_file() and table.stat().st_size <= _TABLE_LIMIT:
                lines = table.read_text(encoding="utf-8-sig", errors="replace").splitlines()
                return list(csv.DictReader(lines))
        except (OSError, csv.Error):
            continue
    return []


def _read_demographics(rows: list[dict[str, str | None]]) -> dict[str, SpeakerFacts]:
    """Reads `ActorID,Age,Sex,...`; invalid rows are skipped."""
    facts: dict[str, SpeakerFacts] = {}
    for row in rows:
        actor = (row.get("ActorID") or "").strip()
        sex = (row.get("Sex") or "").strip().lower()
        age = (row.get("Age") or "").strip()
        if actor.isdecimal() and sex in {"female", "male"}:
            plausible = age.isdecimal() and int(age) <= 120
            facts[actor] = SpeakerFacts(sex=sex, age=float(age) if plausible else None)
    return facts


CREMA_D: Final = CremaD(
    name="crema-d",
    title="CREMA-D",
    labels=tuple(sorted(_LABELS.values())),
    licence="ODbL 1.0 (database), DbCL 1.0 (contents)",
    licence_url="https://opendatacommons.org/licenses/odbl/1-0/",
    citation=(
        "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., & Verma, R. (2014). CREMA-D: "
        "Crowd-sourced Emotional Multimodal Actors Dataset. IEEE Transactions on Affective Computing, 5(4), "
        "377-390. https://doi.org/10.1109/TAFFC.2014.2336244"
    ),
    homepage="https://github.com/CheyneyComputerScience/CREMA-D",
    expected_clips=7442,
    audio_folders=("AudioWAV",),
    name_form="<actor>_<sentence>_<emotion>_<level>, e.g. 1001_DFA_ANG_XX.wav",
)
"""The registered instance."""
