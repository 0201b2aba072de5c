"""The demo corpus as a `Corpus`. It is synthesised when it is first used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serbench.corpora.base import Corpus, NameFacts, SpeakerFacts
from serbench.corpora.demo.clips import EMOTION_CODES, DemoClip, demo_clips, render
from serbench.corpora.demo.phones import SENTENCES
from serbench.corpora.demo.recording import wav_bytes
from serbench.corpora.demo.speakers import SPEAKER_IDS, speaker
from serbench.corpora.inspection.processes import map_in_processes
from serbench.errors import SerbenchError
from serbench.records import Progress, publish_folder, usable_cores, write_bytes_atomic

__all__ = ["DEMO", "DemoCorpus", "write_demo"]

VERSION: Final = 3
"""Part of the folder's name. Raise it with every change of the sound, since that makes a different corpus."""

_LABELS: Final = {code: label for label, code in EMOTION_CODES.items()}
_NAME: Final = re.compile(r"(?P<speaker>2\d{3})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_XX")
_CHUNK: Final = 24
_FOLDER: Final = "AudioWAV"
_README: Final = (
    "Synthetic speech, made by serbench from formulas: no person was recorded. It is there to try the program;\n"
    "scores on it say nothing about human speech. Free of rights (CC0 1.0).\n"
)


@dataclass(frozen=True, kw_only=True)
class DemoCorpus(Corpus):
    """960 synthetic clips: 40 invented speakers, four pseudo-sentences each, six emotions."""

    speakers: tuple[int, ...] = SPEAKER_IDS
    """The speakers to synthesise; fewer make a smaller corpus faster."""

    def parse(self, path: Path) -> NameFacts | None:
        """Reads names like CREMA-D's: `<speaker>_<sentence>_<emotion>_XX`.

        >>> DEMO.parse(Path("2001_BAD_ANG_XX.wav"))["label"]
        'anger'
        """
        found = _NAME.fullmatch(path.stem)
        if found is None or int(found["speaker"]) not in SPEAKER_IDS:
            return None
        if found["sentence"] not in SENTENCES or found["emotion"] not in _LABELS:
            return None
        return {
            "label": _LABELS[found["emotion"]],
            "speaker": found["speaker"],
            "sentence": found["sentence"],
        }

    def speaker_facts(self, folder: Path) -> Mapping[str, SpeakerFacts]:  # noqa: ARG002
        """Returns the sex and age of every synthetic speaker."""
        people = [speaker(number) for number in SPEAKER_IDS]
        return {str(one.speaker_id): SpeakerFacts(sex=one.sex, age=float(one.age)) for one in people}

    def default_folder(self) -> Path:
        """Returns a folder in serbench's cache."""
        return super().default_folder() / f"v{VERSION}"

    def prepare(self, folder: Path | None = None, progress: Progress | None = None) -> Path:
        """Synthesises the corpus if it is not there yet.

        In the default folder, which belongs to serbench, missing clips are made again. A folder named by the user is
        created if it does not exist, and otherwise used as it is.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        target = self.default_folder() if folder is None else folder
        if folder is None or not target.exists():
            write_demo(target, self.speakers, progress)
        return super().prepare(target)


def write_demo(
    target: Path,
    speakers: tuple[int, ...] = SPEAKER_IDS,
    progress: Progress | None = None,
    *,
    workers: int | None = None,
    chunk: int = _CHUNK,
) -> None:
    """Writes the clips that are not in `target/AudioWAV` yet.

    A new folder appears complete or not at all. Clips missing from an existing folder are added one by one, each
    atomically. The bytes do not depend on the number of processes.

    Args:
        target: folder of the corpus.
        speakers: ids of the speakers whose clips are written.
        progress: called with (done, total) clips.
        workers: processes; None for all usable cores, or this process alone where there are few clips.
        chunk: clips that a process makes at a time.

    Raises:
        SerbenchError: the folder cannot be written, or a process that makes clips died.
    """
    clips = [clip for clip in demo_clips(speakers) if not (target / _name(clip)).is_file()]
    if not clips:
        return
    if workers is None:
        workers = usable_cores() if len(clips) > 2 * chunk else 1
    sounds = map_in_processes(_speak, clips, on_crash=b"", workers=workers, chunk=chunk, progress=progress)
    if not all(sounds):
        raise SerbenchError("a process that makes the demo corpus died; free some memory and run the command again")
    files = dict(zip(map(_name, clips), sounds, strict=True))
    if target.is_dir():
        for name, sound in files.items():
            write_bytes_atomic(target / name, sound)
        return
    with publish_folder(target) as folder:
        (folder / _FOLDER).mkdir()
        for name, sound in files.items():
            (folder / name).write_bytes(sound)
        (folder / "README.txt").write_text(_README, encoding="utf-8")


def _name(clip: DemoClip) -> str:
    return f"{_FOLDER}/{clip.clip_id}.wav"


def _speak(clips: Sequence[DemoClip]) -> list[bytes]:
    return [wav_bytes(render(clip)) for clip in clips]


DEMO: Final = DemoCorpus(
    name="demo",
    title="serbench demo",
    labels=tuple(sorted(EMOTION_CODES)),
    licence="CC0 1.0 (made by serbench)",
    licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
    citation=(
        "Synthetic speech, made by serbench: the formant synthesis of Klatt, D. H. (1980), "
        "https://doi.org/10.1121/1.383940, with the prosody of emotion after Banse & Scherer (1996), "
        "https://doi.org/10.1037/0022-3514.70.3.614, and Juslin & Laukka (2003), "
        "https://doi.org/10.1037/0033-2909.129.5.770."
    ),
    synthetic=True,
    expected_clips=24 * len(SPEAKER_IDS),
    audio_folders=(_FOLDER,),
    name_form="<speaker>_<sentence>_<emotion>_XX, e.g. 2001_BAD_ANG_XX.wav",
)
"""The registered instance."""
