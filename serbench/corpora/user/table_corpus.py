"""`TableCorpus`: clips listed in a table, one row for each clip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from serbench.corpora.base import Listing
from serbench.corpora.user.table_file import COLUMNS, ignored_columns, meant, read_table
from serbench.corpora.user.table_paths import TablePaths, is_windows_place
from serbench.corpora.user.user_corpus import UserCorpus, stated_label
from serbench.errors import SerbenchError
from serbench.printable import printable, storable

__all__ = ["TableCorpus", "split_lost"]

_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class TableCorpus(UserCorpus):
    """A table with the columns `path` and `label`, and optionally `speaker, sex, age, sentence, intensity, split`.

    Paths lie in one folder, so that a table cannot make serbench open other files.
    """

    audio: Path | None = None
    """The folder that holds the audio; None for the folder of the table."""

    def rows(self, place: Path) -> tuple[list[dict[str, Any]], Listing]:
        """Reads the table. No audio is opened.

        Args:
            place: the table; or the folder of its audio, if the corpus knows its table.

        Raises:
            SerbenchError: the table cannot be read, names files outside its folder or none that exists, or names a
                clip twice.
        """
        table, audio = (self.home, place) if place.is_dir() and self.home is not None else (place, self.audio)
        frame = read_table(table)
        columns = ignored_columns(table)
        other = _other_paths(columns)
        paths = TablePaths(audio or table.parent, table.parent)
        rows, outside, seen = [], list[str](), set[str]()
        for record in _records(frame):
            name = (record.get("path") or "").strip()
            found = paths.find(name) if name else None
            if found is None:
                outside.append(name)
                continue
            file, there = found
            relative = paths.relative(file.place)
            own = (record.get("clip_id") or "").strip()
            clip_id = storable(own or os.path.splitext(relative)[0]).strip()  # noqa: PTH122
            if clip_id in seen:
                raise SerbenchError(
                    f"{table} names the clip '{clip_id}' more than once; keep one row a clip, or add a column "
                    f"'clip_id'{other}"
                )
            seen.add(clip_id)
            label = stated_label(record.get("label"))
            rows.append(
                {**record, "label": label, "clip_id": clip_id, "path": file.path, "name": relative, "there": there}
            )
        if outside:
            raise SerbenchError(_outside(table, paths.folder, outside, len(frame), apart=audio is not None) + other)
        kept, lost = split_lost(rows, table, paths, other)
        return kept, Listing(pd.DataFrame(), (), paths.folder, None, lost=lost, remarks=_ignored(table, columns))


_Columns = tuple[tuple[str, ...], tuple[str, ...]]
"""The columns of a table that are read, and the others."""


def _other_paths(columns: _Columns) -> str:
    """Says which of several columns of paths is read, as the end of a sentence on paths; '' if there is only one."""
    read, others = columns
    further = [name for name in others if name.strip().lower() in COLUMNS["path"]]
    if not further:
        return ""
    return f" (paths are read from the column '{read[0].strip()}'; to read '{further[0].strip()}', rename it to 'path')"


def _ignored(table: Path, columns: _Columns) -> tuple[str, ...]:
    """Says which columns of a table are not read, if there are any."""
    read, others = columns
    if not others:
        return ()
    named = [
        f"{printable(name[:40])} (did you mean '{near}'?)" if (near := meant(name, read)) else printable(name[:40])
        for name in others[:_SHOWN]
    ]
    more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    return (
        f"columns of {table.name} that are not read: {', '.join(named)}{more} "
        f"(read: {', '.join(name.strip() for name in read)})",
    )


def split_lost(
    rows: list[dict[str, Any]], table: Path, paths: TablePaths, hint: str = ""
) -> tuple[list[dict[str, Any]], tuple[tuple[str, str], ...]]:
    """Separates the rows whose file exists from the ids and names of those whose file is missing.

    Args:
        rows: rows with `clip_id`, `path`, `name` and `there`; the last is removed.
        table: that names the files, for messages.
        paths: of the table.
        hint: added to the message if no file exists.

    Raises:
        SerbenchError: no file exists.
    """
    there = [{key: value for key, value in row.items() if key != "there"} for row in rows if row["there"]]
    lost = [row for row in rows if not row["there"]]
    if rows and not there:
        near = paths.like(lost[0]["path"])
        way = (
            f"; did you mean '{near}'?" if near else "; mend the paths, or name the folder of the audio with --data DIR"
        )
        raise SerbenchError(
            f"all {len(rows):,} files that {table} names are missing: '{lost[0]['name'][:100]}' does not exist in "
            f"{paths.folder}{way}{hint}"
        )
    return there, tuple((row["clip_id"], row["name"]) for row in lost)


def _outside(table: Path, folder: Path, outside: list[str], count: int, *, apart: bool) -> str:
    if empty := sum(not name for name in outside):
        return f"{empty:,} of the {count:,} rows of {table} have no path; fill the column of paths, or remove the rows"
    where = f"outside {folder}" if apart else "outside its folder"
    drive = " (a place on Windows, which serbench cannot look up)" if is_windows_place(outside[0]) else ""
    way = (
        "write paths relative to that folder, or name the folder that holds all of the audio with --data"
        if apart
        else "put the table into a folder that holds all its audio and write paths relative to it, or name the folder "
        "of the audio with --data DIR"
    )
    return f"{len(outside):,} of the {count:,} paths in {table} lie {where}, such as '{outside[0][:100]}'{drive}; {way}"


def _records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = list(frame.columns)
    for values in frame.itertuples(index=False, name=None):
        yield dict(zip(names, values, strict=True))
