"""`TableCorpus`: clips listed in a table, one row for each clip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from serbench.corpora.base import Listing
from serbench.corpora.user.table_file import read_table
from serbench.corpora.user.user_corpus import UserCorpus
from serbench.errors import SerbenchError
from serbench.printable import printable

__all__ = ["TableCorpus", "inside", "normalise_values"]

_SEXES: Final = {"f": "female", "w": "female", "woman": "female", "m": "male", "man": "male"}
_SPLITS: Final = {
    "train": "train", "training": "train",
    "dev": "validation", "devel": "validation", "development": "validation", "val": "validation", "valid": "validation",
    "validation": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TableCorpus(UserCorpus):
    """A table with the columns `path` and `label`, and optionally `speaker, sex, age, sentence, intensity, split`.

    Paths are relative to the table's folder and must stay inside it, so that a table cannot make serbench open other
    files.
    """

    def rows(self, place: Path) -> tuple[list[dict[str, Any]], Listing]:
        """Reads the table. No audio is opened.

        Raises:
            SerbenchError: the table cannot be read, names files outside its folder, or names a clip twice.
        """
        frame = read_table(place)
        folder = place.resolve().parent
        rows, outside, seen, parents = [], list[str](), set[str](), dict[str, str]()
        for record in _records(frame):
            name = (record.get("path") or "").strip()
            path = inside(folder, name, parents)
            if path is None:
                outside.append(name)
                continue
            relative = path[len(str(folder)) + 1 :].replace(os.sep, "/")
            clip_id = printable((record.get("clip_id") or "").strip() or os.path.splitext(relative)[0])  # noqa: PTH122
            if clip_id in seen:
                raise SerbenchError(
                    f"{place} names the clip '{clip_id}' more than once; keep one row a clip, or add a column 'clip_id'"
                )
            seen.add(clip_id)
            rows.append({**record, "clip_id": clip_id, "path": path, "name": relative})
        if outside:
            shown = f"'{printable(outside[0])[:100]}'" if outside[0] else "an empty one"
            raise SerbenchError(
                f"{len(outside):,} of the {len(frame):,} paths in {place} lie outside its folder, such as {shown}; put "
                "the table into a folder that holds all its audio, and write paths relative to it"
            )
        normalise_values(rows, place)
        return rows, Listing(pd.DataFrame(), (), folder, None)


def _records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = list(frame.columns)
    for values in frame.itertuples(index=False, name=None):
        yield dict(zip(names, values, strict=True))


def inside(folder: Path, name: str, parents: dict[str, str]) -> str | None:
    """Returns the real path of a file named in a table, or None if it is outside the table's folder.

    Links are followed before the check.

    Args:
        folder: of the table, resolved.
        name: the file, as the table writes it.
        parents: cache of the real paths of folders; filled by this function. Large tables have few folders.
    """
    parent, last = os.path.split(os.path.join(folder, name))  # noqa: PTH118
    if not last or last in {".", ".."} or "\x00" in name:
        return None
    try:
        if parent not in parents:
            parents[parent] = os.path.realpath(parent)
        path = os.path.join(parents[parent], last)  # noqa: PTH118
        if os.path.islink(path):  # noqa: PTH114
            path = os.path.realpath(path)
    except (OSError, ValueError):
        return None
    return path if path.startswith(f"{folder}{os.sep}") else None


def normalise_values(rows: list[dict[str, Any]], place: Path) -> None:
    """Replaces spellings of sexes and splits by serbench's own ('f' by 'female', 'dev' by 'validation'), in place.

    Args:
        rows: rows of a clip table.
        place: the table, for messages.

    Raises:
        SerbenchError: a split is unknown, or only some clips have one.
    """
    for row in rows:
        sex = (row.get("sex") or "").strip().lower()
        row["sex"] = _SEXES.get(sex, sex) if sex in {*_SEXES, "female", "male"} else None
        split = (row.get("split") or "").strip().lower()
        if split and split not in _SPLITS:
            raise SerbenchError(
                f"{place} has the split '{printable(split)[:40]}' for clip '{row['clip_id']}'; write train, validation "
                "or test"
            )
        row["split"] = _SPLITS.get(split)
    if rows and not any(row["split"] for row in rows):
        for row in rows:
            del row["split"]
    elif any(row["split"] is None for row in rows):
        missing = next(row["clip_id"] for row in rows if row["split"] is None)
        raise SerbenchError(
            f"{place} gives clip '{missing}' no split, but others have one; give every clip one, or none"
        )
