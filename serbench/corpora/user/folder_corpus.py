"""`FolderCorpus`: one folder for each class, or a flat folder whose file names hold all facts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from serbench.audio import scan_audio
from serbench.corpora.base import Listing, others_note
from serbench.corpora.user.user_corpus import SPLITS, UserCorpus
from serbench.errors import SerbenchError
from serbench.printable import storable

__all__ = ["FolderCorpus"]

_SEXES: Final = {"female", "male", "woman", "man", "women", "men", "f", "m"}


@dataclass(frozen=True, kw_only=True)
class FolderCorpus(UserCorpus):
    """One folder for each class: `DIR/anger/a.wav`. The first folder is the label, unless the pattern reads one."""

    def rows(self, place: Path) -> tuple[list[dict[str, Any]], Listing]:
        """Reads the names of all audio files below the folder. No audio is opened.

        Raises:
            SerbenchError: there is no folder, no audio, or no label, or the folders on top are the parts of a split or
                sexes.
        """
        if not place.is_dir():
            raise SerbenchError(f"{place} is no folder; pass one that holds a folder per class")
        root = place.resolve()
        scan = scan_audio(root, self.suffixes)
        if not scan.files:
            raise SerbenchError(f"{root} holds no audio files{others_note(scan)}")
        named = self.pattern is not None and "label" in self.pattern.fields
        rows: list[dict[str, Any]] = []
        loose: list[Path] = []
        seen: dict[str, Path] = {}
        shadowed: list[Path] = []
        for path in sorted(scan.files, key=lambda path: (self.suffixes.index(path.suffix.lower()), str(path))):
            name = path.relative_to(root)
            if len(name.parts) == 1 and not named:
                loose.append(path)
                continue
            clip_id = storable(name.with_suffix("").as_posix()).strip()  # as tables of clips strip it
            if clip_id in seen:
                shadowed.append(path)
                continue
            seen[clip_id] = path
            row = {"clip_id": clip_id, "path": str(path), "name": name.as_posix()}
            rows.append(row if named else row | {"label": name.parts[0]})
        if not rows:
            raise SerbenchError(
                f"{root} holds audio but no folder per class; sort the clips into folders named by "
                "their labels, write a table, or read labels from names with --names '{label}_*'"
            )
        if not named:
            _check_labels(root, sorted({str(row["label"]) for row in rows}))
        found = Listing(
            pd.DataFrame(), tuple(loose), root, None, tuple(shadowed), scan.escaping, passed_over=scan.passed_over
        )
        return rows, found


def _check_labels(root: Path, labels: list[str]) -> None:
    """Refuses folders that are the parts of a split or sexes: as labels, they would ask for these and for no emotion.

    Raises:
        SerbenchError: all folders are such.
    """
    if all(label.lower() in SPLITS for label in labels):
        raise SerbenchError(
            f"the folders in {root} are the parts of a split ({', '.join(labels)}) and no labels; read both from the "
            "paths with --names, such as '{split}/{label}/*' for train/anger/a.wav"
        )
    if all(label.casefold() in _SEXES for label in labels):
        raise SerbenchError(
            f"the folders in {root} are sexes ({', '.join(labels)}) and no emotions; read the label from the names "
            "with --names, such as '{speaker+sex:1}{speaker:2}{label:A=anger,H=happiness}*' for female/F01A02.wav"
        )
