"""`Corpus`: the contract of a corpus. Corpora are found through the entry-point group `serbench.corpora`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from serbench.audio import SUFFIXES, Scan, scan_audio
from serbench.corpora.folders import corpus_home
from serbench.corpora.table import clip_table
from serbench.errors import SerbenchError
from serbench.records import CorpusChoice, Progress

__all__ = ["Corpus", "Listing", "NameFacts", "SpeakerFacts", "others_note"]


NameFacts = Mapping[str, str | float | None]
"""Facts read from a file name: `label` and `speaker`, and any of `clip_id, sex, age, sentence, intensity`."""


@dataclass(frozen=True, kw_only=True)
class SpeakerFacts:
    """Facts about a speaker: `sex` ('female', 'male' or None) and `age` in years, or None."""

    sex: str | None = None
    age: float | None = None


@dataclass(frozen=True)
class Listing:
    """The clips found in a folder. No audio has been opened yet."""

    table: pd.DataFrame
    """A clip table (see `serbench.corpora.table`)."""
    unparsed: tuple[Path, ...]
    """Audio files whose names the corpus cannot read."""
    folder: Path
    """The folder that holds the audio."""
    missing: int | None
    """Number of clips of the published corpus that are not there; None if the full number is unknown."""
    shadowed: tuple[Path, ...] = ()
    """Further files of a listed clip, e.g. the FLAC beside a WAV."""
    escaping: tuple[Path, ...] = ()
    """Links that lead out of the folder; they are not followed."""
    expected: int | None = None
    """Number of clips of the published corpus, if known."""
    absent: tuple[str, ...] = ()
    """Ids of the missing clips, if the corpus knows the ids of all its clips."""
    non_clips: tuple[tuple[str, Path], ...] = ()
    """Files that belong to the corpus but are not clips: (kind, path), where kind is a word such as 'song'."""
    lost: tuple[tuple[str, str], ...] = ()
    """Clips that a table names and whose files do not exist: (clip id, path relative to the folder)."""
    passed_over: tuple[tuple[str, Path], ...] = ()
    """Files and folders that may hold audio but were not looked at: (reason, path)."""
    remarks: tuple[str, ...] = ()
    """Further sentences, such as which columns of a table are not read, or which labels are left out."""


@dataclass(frozen=True, kw_only=True)
class Corpus(ABC):
    """A corpus of labelled speech clips: its declared facts, and how its file names are read.

    To add a corpus, write a subclass with `parse` and register one instance under the entry-point group
    `serbench.corpora`. The defaults of the other methods fit a corpus whose file names hold all facts.
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
    """Web page where people get the corpus."""
    synthetic: bool = False
    expected_clips: int | None = None
    """Number of clips of the published corpus."""
    suffixes: tuple[str, ...] = SUFFIXES
    """Audio suffixes in lower case. If a clip has several files, the one with the earliest suffix is used."""
    audio_folders: tuple[str, ...] = field(default=())
    """Possible names of the audio folder in the official layout, relative to the corpus's folder."""
    choice: CorpusChoice | None = None
    """How to build the corpus again, if it has no module of its own."""
    name_form: str
    """The form of a file name with an example, for error messages."""

    @abstractmethod
    def parse(self, path: Path) -> NameFacts | None:
        """Reads the facts in a file name. The file itself is not opened.

        Args:
            path: of an audio file.

        Returns:
            At least `label` (one of `labels`) and `speaker`; also any of `sex`, `age` (years), `sentence`,
            `intensity`, and `clip_id` if it is not the name without its suffix. None if the name is not one of this
            corpus.
        """

    def non_clip_kind(self, path: Path) -> str | None:  # noqa: ARG002
        """Returns a word such as 'song' for a file that belongs to the corpus but is not a clip; None otherwise."""
        return None

    def names(self) -> tuple[str, ...]:
        """Returns the ids of all clips of the published corpus; empty if they are not known."""
        return ()

    def speaker_facts(self, folder: Path) -> Mapping[str, SpeakerFacts]:  # noqa: ARG002
        """Returns what is known about each speaker, from files in or beside the audio folder or from the module.

        Args:
            folder: that holds the audio.
        """
        return {}

    def votes(self, folder: Path) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Returns the listeners' majority votes: by clip id the winning label, or several labels in a tie.

        Args:
            folder: that holds the audio.
        """
        return {}

    def default_folder(self) -> Path:
        """Returns the folder that is used when the user names none."""
        return corpus_home(self.name)

    def prepare(self, folder: Path | None = None, progress: Progress | None = None) -> Path:  # noqa: ARG002
        """Makes sure that the corpus is on the disk.

        Args:
            folder: named by the user; None for the default folder.
            progress: called with (done, total) if preparing is slow.

        Returns:
            The folder of the corpus.

        Raises:
            SerbenchError: the corpus is not there and cannot be made.
        """
        chosen = self.default_folder() if folder is None else folder
        if not chosen.is_dir():
            raise self._not_there(chosen, named=folder is not None)
        return chosen

    def locate(self, folder: Path) -> Path:
        """Finds the folder that holds the audio: an audio folder of the official layout, or `folder` itself.

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
            SerbenchError: the folder is missing, holds no audio, or holds no file name of this corpus.
        """
        audio = self.locate(folder)
        scan = scan_audio(audio, self.suffixes, within=folder)
        if not scan.files:
            raise SerbenchError(f"{audio} holds no audio files{others_note(scan)}")
        rows: dict[str, dict[str, str | float | None]] = {}
        unparsed: list[Path] = []
        shadowed: list[Path] = []
        non_clips: list[tuple[str, Path]] = []
        speakers = self.speaker_facts(audio)
        for path in sorted(scan.files, key=self._preference):
            facts = self.parse(path)
            if facts is None:
                kind = self.non_clip_kind(path)
                if kind is None:
                    unparsed.append(path)
                else:
                    non_clips.append((kind, path))
                continue
            row = self._row(path, facts, speakers)
            if str(row["clip_id"]) in rows:
                shadowed.append(path)
            else:
                rows[str(row["clip_id"])] = row
        for clip_id, labels in (self.votes(audio) if rows else {}).items():
            if clip_id in rows:
                rows[clip_id]["votes"] = ":".join(labels)
        if not rows:
            if non_clips and not unparsed:
                kinds = sorted({kind for kind, _ in non_clips})
                raise SerbenchError(
                    f"{audio} holds only {' and '.join(kinds)} of {self.title}, such as "
                    f"'{non_clips[0][1].name}', and none of its clips, which look like {self.name_form}"
                )
            raise SerbenchError(
                f"no file name in {audio} is one of {self.title}: '{unparsed[0].name}' should look like "
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
            passed_over=scan.passed_over,
        )

    def _not_there(self, folder: Path, *, named: bool) -> SerbenchError:
        if folder.exists():
            return SerbenchError(f"{folder} is a file; pass the folder that holds {self.title} with --data DIR")
        if named:
            return SerbenchError(f"the folder {folder} does not exist; pass the one that holds {self.title}")
        from serbench.corpora.download import source_names

        where = f"{self.title} is not at {folder}"
        if self.name in source_names():
            return SerbenchError(f"{where}; run `serbench corpus download {self.name}`, or name its folder: --data DIR")
        source = f" from {self.homepage}" if self.homepage else ""
        return SerbenchError(f"{where}; get it{source} and pass its folder with --data DIR")

    def _row(self, path: Path, facts: NameFacts, speakers: Mapping[str, SpeakerFacts]) -> dict[str, str | float | None]:
        row: dict[str, str | float | None] = {"clip_id": path.stem, **facts, "path": str(path)}
        if row["label"] not in self.labels:
            raise SerbenchError(
                f"the corpus '{self.name}' reads the label '{row['label']}' from {path.name} but declares only "
                f"{', '.join(self.labels)}; fix the plug-in"
            )
        known = speakers.get(str(row["speaker"]))
        if known is not None:
            row.setdefault("sex", known.sex)
            row.setdefault("age", known.age)
        return row

    def _preference(self, path: Path) -> tuple[int, str]:
        return self.suffixes.index(path.suffix.lower()), str(path)


def others_note(scan: Scan) -> str:
    """Says what else is there, as the end of a sentence on a folder without audio."""
    if scan.escaping:
        return (
            f", only links that lead out of it, such as {scan.escaping[0].name}, which are not followed; "
            "pass the folder they lead to"
        )
    if scan.passed_over:
        reason, path = scan.passed_over[0]
        return f", but {len(scan.passed_over):,} others, such as {path.name} ({reason})"
    return "; pass the folder that does"
