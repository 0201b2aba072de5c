"""`Corpus`: where clips come from. One module a corpus, found through the entry-point group `serbench.corpora`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from serbench.corpora.folders import corpus_home
from serbench.corpora.inspection.scan import scan_audio
from serbench.corpora.printable import printable
from serbench.corpora.table import clip_table
from serbench.errors import SerbenchError
from serbench.records import CorpusChoice, Progress

__all__ = ["Corpus", "Listing", "NameFacts", "SpeakerFacts"]


NameFacts = Mapping[str, str | float | None]
"""What a file name says: `label` and `speaker`, and any of `clip_id, sex, age, sentence, intensity`."""


@dataclass(frozen=True, kw_only=True)
class SpeakerFacts:
    """What a corpus tells of a speaker: `sex` ('female', 'male' or None), `age` in years or None."""

    sex: str | None = None
    age: float | None = None


@dataclass(frozen=True)
class Listing:
    """The clips that a folder holds, before any of them was opened."""

    table: pd.DataFrame
    """A clip table (see `serbench.corpora.table`)."""
    unparsed: tuple[Path, ...]
    """Audio files whose names say nothing to this corpus."""
    folder: Path
    """The folder that the audio was read from."""
    missing: int | None
    """How many clips of the published corpus are not there; None where their number is not known."""
    shadowed: tuple[Path, ...] = ()
    """Further files of a clip that is already listed, e.g. the FLAC beside a WAV."""
    escaping: tuple[Path, ...] = ()
    """Links that lead out of the folder, which are not followed."""
    expected: int | None = None
    """How many clips the published corpus has, where that is known."""
    absent: tuple[str, ...] = ()
    """Ids of those that are missing, where the corpus can name its clips."""
    non_clips: tuple[tuple[str, Path], ...] = ()
    """Files that are of this corpus and no clips of it, each with what it is, such as 'song'."""


@dataclass(frozen=True, kw_only=True)
class Corpus(ABC):
    """A corpus of labelled speech clips: declared facts, and how its file names are read.

    A new corpus is a subclass with `parse`, of which one instance is registered under the entry-point
    group `serbench.corpora`; the other methods have defaults that fit a corpus whose names say it all.
    """

    name: str
    """The name in the registry, e.g. 'crema-d'."""
    title: str
    labels: tuple[str, ...]
    """All labels, full words, in alphabetical order."""
    licence: str
    licence_url: str = ""
    citation: str = ""
    homepage: str = ""
    """Where a person gets the corpus."""
    synthetic: bool = False
    expected_clips: int | None = None
    """How many clips the published corpus has."""
    suffixes: tuple[str, ...] = (".wav", ".flac", ".ogg", ".mp3", ".m4a")
    """Audio suffixes in lower case; where a clip has several files, the earlier suffix is kept."""
    audio_folders: tuple[str, ...] = field(default=())
    """Names of the folder that holds the audio in the official layout, relative to the corpus's folder."""
    choice: CorpusChoice | None = None
    """How it is made again, where it has no module of its own."""
    name_form: str
    """What a file name looks like, for people, with an example."""

    @abstractmethod
    def parse(self, path: Path) -> NameFacts | None:
        """Reads one audio file's name (never its content).

        Returns:
            At least `label` (one of `labels`) and `speaker`; also any of `sex`, `age` (years), `sentence`,
            `intensity`, and `clip_id` where it is not the name without its suffix. None where the name is not
            one of this corpus.
        """

    def non_clip_kind(self, path: Path) -> str | None:  # noqa: ARG002
        """What a file of this corpus is that is none of its clips, e.g. 'song'; None for every other file."""
        return None

    def names(self) -> tuple[str, ...]:
        """Ids of all clips of the published corpus, where it can name them."""
        return ()

    def speaker_facts(self, folder: Path) -> Mapping[str, SpeakerFacts]:  # noqa: ARG002
        """What is known of each speaker, from files in or beside the audio folder, or from the module itself."""
        return {}

    def votes(self, folder: Path) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """What listeners heard: by clip id the labels that most of them chose, several where they tie.

        Args:
            folder: that holds the audio.
        """
        return {}

    def default_folder(self) -> Path:
        """Where this corpus lies when no folder is named."""
        return corpus_home(self.name)

    def prepare(self, folder: Path | None = None, progress: Progress | None = None) -> Path:  # noqa: ARG002
        """Makes sure that the corpus is there, and returns its folder.

        Args:
            folder: as given by a person; None for the default folder.
            progress: called with (done, total) where preparing takes long.

        Raises:
            SerbenchError: it is not there and cannot be made.
        """
        chosen = self.default_folder() if folder is None else folder
        if not chosen.is_dir():
            raise self._not_there(chosen, named=folder is not None)
        return chosen

    def locate(self, folder: Path) -> Path:
        """Resolves the official layout, a bare audio folder or a flat folder to the one that holds the audio.

        Raises:
            SerbenchError: the folder does not exist.
        """
        if not folder.is_dir():
            raise self._not_there(folder, named=True)
        root = folder.resolve()
        for name in self.audio_folders:
            inner = root / name
            if inner.is_dir() and inner.resolve().is_relative_to(root):
                return inner.resolve()
        return root

    def read(self, folder: Path) -> Listing:
        """Lists the clips in a folder without opening them.

        Raises:
            SerbenchError: the folder is missing, holds no audio, or no name in it is one of this corpus.
        """
        audio = self.locate(folder)
        scan = scan_audio(audio, self.suffixes)
        if not scan.files:
            raise SerbenchError(f"{audio} holds no {self._kinds()} files{_links_note(scan.escaping)}")
        rows: dict[str, dict[str, str | float | None]] = {}
        unparsed: list[Path] = []
        shadowed: list[Path] = []
        non_clips: list[tuple[str, Path]] = []
        speakers = self.speaker_facts(audio)
        for path in sorted(scan.files, key=self._preference):
            facts = self.parse(path)
            if facts is None:
                what = self.non_clip_kind(path)
                if what is None:
                    unparsed.append(path)
                else:
                    non_clips.append((what, path))
                continue
            row = self._row(path, facts, speakers)
            if str(row["clip_id"]) in rows:
                shadowed.append(path)
            else:
                rows[str(row["clip_id"])] = row
        for clip_id, heard in (self.votes(audio) if rows else {}).items():
            if clip_id in rows:
                rows[clip_id]["votes"] = ":".join(heard)
        if not rows:
            if non_clips and not unparsed:
                raise SerbenchError(
                    f"{audio} holds only {' and '.join(sorted({what for what, _ in non_clips}))} of {self.title}, such as "
                    f"'{printable(non_clips[0][1].name)}', and none of its clips, which look like {self.name_form}"
                )
            raise SerbenchError(
                f"no file name in {audio} is one of {self.title}: '{printable(unparsed[0].name)}' should look like "
                f"{self.name_form}"
            )
        missing = None if self.expected_clips is None else max(0, self.expected_clips - len(rows))
        return Listing(
            table=clip_table(pd.DataFrame(list(rows.values()))),
            unparsed=tuple(sorted(unparsed)),
            folder=audio,
            missing=missing,
            shadowed=tuple(sorted(shadowed)),
            escaping=scan.escaping,
            expected=self.expected_clips,
            absent=tuple(sorted(set(self.names()) - rows.keys())),
            non_clips=tuple(sorted(non_clips)),
        )

    def _not_there(self, folder: Path, *, named: bool) -> SerbenchError:
        if folder.exists():
            return SerbenchError(f"{folder} is a file; pass the folder that holds {self.title} with --data DIR")
        if named:
            return SerbenchError(f"the folder {folder} does not exist; pass the one that holds {self.title}")
        source = f" from {self.homepage}" if self.homepage else ""
        return SerbenchError(f"{self.title} is not at {folder}; get it{source} and pass its folder with --data DIR")

    def _row(self, path: Path, facts: NameFacts, speakers: Mapping[str, SpeakerFacts]) -> dict[str, str | float | None]:
        row: dict[str, str | float | None] = {"clip_id": path.stem, **facts, "path": str(path)}
        if row["label"] not in self.labels:
            raise SerbenchError(
                f"the corpus '{self.name}' reads the label '{row['label']}' from {path.name} but declares only "
                f"{', '.join(self.labels)}; mend the plug-in"
            )
        known = speakers.get(str(row["speaker"]))
        if known is not None:
            row.setdefault("sex", known.sex)
            row.setdefault("age", known.age)
        return row

    def _preference(self, path: Path) -> tuple[int, str]:
        return self.suffixes.index(path.suffix.lower()), str(path)

    def _kinds(self) -> str:
        *most, last = (suffix.lstrip(".").upper() for suffix in self.suffixes)
        return f"{', '.join(most)} or {last}" if most else last


def _links_note(escaping: tuple[Path, ...]) -> str:
    if not escaping:
        return "; pass the folder that does"
    return (
        f", only links that lead out of it, such as {printable(escaping[0].name)}, which are not followed; pass the "
        "folder they lead to"
    )
