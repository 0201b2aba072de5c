"""`TablePaths`: finds the files that a table names, in one folder that they must not leave."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

__all__ = ["TableFile", "TablePaths", "is_windows_place"]

_FILE_ADDRESS: Final = re.compile(r"^file://(localhost)?(?=/)", re.IGNORECASE)
_WINDOWS_PLACE: Final = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def is_windows_place(name: str) -> bool:
    r"""Whether a path begins with a drive letter or a server, as on Windows.

    >>> is_windows_place("C:\\data\\a.wav"), is_windows_place("anger\\a.wav")
    (True, False)
    """
    return _WINDOWS_PLACE.match(name) is not None


class TableFile(NamedTuple):
    """A file that a table names.

    Attributes:
        path: the real path, after all links.
        place: the path in the folder under the name that the table says, be that a link or not. DVC, git-annex and
            Hugging Face keep files under their checksums, and links with names that lead to them.
    """

    path: str
    place: str


class TablePaths:
    """Finds the files that a table names. Links are followed, and every file must lie in the folder.

    Args:
        folder: the folder that holds the audio.
        beside: a second folder that relative paths may start from, such as the table's own; None for none.
    """

    def __init__(self, folder: Path, beside: Path | None = None) -> None:
        self.folder = folder.resolve()
        self._inner = os.path.join(self.folder, "")  # noqa: PTH118 - with a separator, of `/` with one
        self._starts = [self.folder, *([beside.resolve()] if beside is not None else [])]
        self._parents: dict[str, str] = {}  # real paths of folders: large tables have few of them
        self._entries: dict[str, list[str]] = {}
        self._canonical: dict[str, Mapping[str, Sequence[str]]] = {}

    def find(self, name: str) -> tuple[TableFile, bool] | None:
        r"""Finds a file as the table writes it.

        A backslash is read as a separator if there is no file of that very name. If there is none, what is written as
        in web addresses (`file:///data/a%20b.wav`, `a%20b.wav`) is decoded. A name in decomposed Unicode is the file of
        the same name in composed Unicode, and the other way round.

        Returns:
            The file, and whether it exists; None if it lies outside the folder.
        """
        spellings = [name.replace("\\", "/"), name] if "\\" in name and not is_windows_place(name) else [name]
        if name.lower().startswith("file://") or "%" in name:
            spellings.append(unquote(_FILE_ADDRESS.sub("", name)))
        inside = [
            file
            for start in self._starts
            for spelling in spellings
            if (file := self._inside(start, spelling)) is not None
        ]
        for file in inside:
            if os.path.exists(file.path):  # noqa: PTH110
                return file, True
        for file in inside:
            if (found := self._same_name(file.path)) is not None:
                return found, True
        return (inside[0], False) if inside and not is_windows_place(name) else None

    def like(self, path: str) -> str | None:
        """Returns the file in the same folder with the most similar name, relative to the folder; None if none is."""
        parent, last = os.path.split(path)
        names = self._names(parent)
        same = [name for name in names if os.path.splitext(name)[0].casefold() == os.path.splitext(last)[0].casefold()]  # noqa: PTH122
        near = same or difflib.get_close_matches(last, names, n=1, cutoff=0.6)
        return self.relative(os.path.join(parent, near[0])) if near else None  # noqa: PTH118

    def relative(self, path: str) -> str:
        """Returns a path below the folder as relative to it, with `/`."""
        return path[len(self._inner) :].replace(os.sep, "/")

    def _inside(self, start: Path, name: str) -> TableFile | None:
        parent, last = os.path.split(os.path.join(start, name))  # noqa: PTH118
        if not last or last in {".", ".."} or "\x00" in name:
            return None
        try:
            if parent not in self._parents:
                self._parents[parent] = os.path.realpath(parent)
            path = place = os.path.join(self._parents[parent], last)  # noqa: PTH118
            if os.path.islink(place):  # noqa: PTH114
                path = os.path.realpath(place)
        except (OSError, ValueError):
            return None
        if not path.startswith(self._inner):
            return None
        return TableFile(path, place if place.startswith(self._inner) else path)

    def _same_name(self, path: str) -> TableFile | None:
        """Returns the file whose name is canonically the same, folder by folder; None if there is none."""
        here = str(self.folder)
        for part in self.relative(path).split("/"):
            same = self._spellings(here).get(unicodedata.normalize("NFC", part), ())
            if len(same) != 1:
                return None
            here = os.path.join(here, same[0])  # noqa: PTH118
        return self._inside(self.folder, self.relative(here))

    def _spellings(self, folder: str) -> Mapping[str, Sequence[str]]:
        """The names in a folder by their canonical spelling."""
        if folder not in self._canonical:
            found: dict[str, list[str]] = {}
            for name in self._names(folder):
                found.setdefault(unicodedata.normalize("NFC", name), []).append(name)
            self._canonical[folder] = found
        return self._canonical[folder]

    def _names(self, folder: str) -> list[str]:
        if folder not in self._entries:
            try:
                self._entries[folder] = sorted(os.listdir(folder))  # noqa: PTH208
            except OSError:
                self._entries[folder] = []
        return self._entries[folder]
