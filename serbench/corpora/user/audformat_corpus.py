"""`AudformatCorpus`: a database in audEERING's audformat, read from its header and its CSV or Parquet tables.

The package `audformat` is not used, because it is not safe for untrusted folders: it reads the header with a YAML
loader that can create any Python object, and it unpickles `.pkl` copies of tables. Both can run code (tested with
version 1.4.3). serbench needs only the header as plain YAML, and tables as text.
Format: https://audeering.github.io/audformat/
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from serbench.corpora.base import Listing
from serbench.corpora.table import one_spelling
from serbench.corpora.user.table_corpus import split_lost
from serbench.corpora.user.table_file import read_columns
from serbench.corpora.user.table_paths import TablePaths
from serbench.corpora.user.user_corpus import SPLITS, UserCorpus, stated_label
from serbench.errors import SerbenchError, first_line
from serbench.printable import printable, storable

__all__ = ["HEADER", "AudformatCorpus"]

HEADER: Final = "db.yaml"
_MAX_BYTES: Final = 8 << 20
_MOST_NUMBER: Final = 10**15
"""Whole numbers from here on are left out: Python writes none of thousands of digits."""
_SHOWN: Final = 5
_COLUMNS: Final = ("speaker", "gender", "sex", "age", "sentence", "split")


@dataclass(frozen=True, kw_only=True)
class AudformatCorpus(UserCorpus):
    """An audformat folder with `db.yaml`. Labels are the column `emotion` of its filewise tables.

    Files without a label are left out, unless the pattern of names reads labels.
    """

    def rows(self, place: Path) -> tuple[list[dict[str, Any]], Listing]:
        """Reads the header and the tables. No audio is opened.

        Raises:
            SerbenchError: the database is damaged, names files outside its folder, or has no filewise table with a
                column `emotion`.
        """
        folder = place.resolve()
        header = _header(folder / HEADER)
        tables = {str(name): table for name, table in _part(header, "tables").items()}
        filewise = {name: table for name, table in tables.items() if _text(table, "type") == "filewise"}
        labelled = {name: table for name, table in filewise.items() if "emotion" in _part(table, "columns")}
        if not labelled:
            raise SerbenchError(f"{folder} has no table of whole files with a column 'emotion'")
        found: dict[str, dict[str, Any]] = {}
        divided, labels = set[str](), _Labels()
        for name, table in labelled.items():
            frame, given = read_columns(_file(folder, name), ("file", "emotion")), _split(header, table)
            for file, label in zip(frame["file"], frame["emotion"], strict=True):
                row = found.setdefault(str(file or ""), {})
                labels.add(str(file or ""), label, name)
                split = given or row.get("split")
                if row.get("split") not in {None, "", split}:
                    divided.add(str(file))
                row["split"] = split
        for file, label in labels.read().items():
            found[file]["label"] = label
        gaps = () if self.pattern is not None and "label" in self.pattern.fields else labels.gaps()
        for file in gaps:
            del found[file]
            divided.discard(file)
        for column in _COLUMNS:
            self._add(found, column, folder, filewise)
        people, unread = _people(folder, header)
        _describe(found, people)
        if divided or not all(row.get("split") for row in found.values()):  # a table of all files has no split
            for row in found.values():
                row.pop("split", None)
        paths = TablePaths(folder)
        rows, lost = split_lost([_row(paths, file, row) for file, row in found.items()], folder / HEADER, paths)
        remarks = (*_divided(divided), *unread, *labels.remarks(), *(labels.gap_remarks() if gaps else ()))
        return rows, Listing(pd.DataFrame(), (), folder, None, lost=lost, remarks=remarks)

    @staticmethod
    def _add(found: dict[str, dict[str, Any]], column: str, folder: Path, tables: Mapping[str, Any]) -> None:
        """Adds a column; of several tables that say something of a file, the first one's value."""
        for name, table in tables.items():
            if column in _part(table, "columns"):
                frame = read_columns(_file(folder, name), ("file", column))
                for file, value in zip(frame["file"], frame[column], strict=True):
                    if file in found and value and not found[file].get(column):
                        found[file][column] = value


class _Labels:
    """The label of each file: that of the first table that lists it.

    Two tables may hold different things, such as the intended emotion and what listeners heard. So a label that is
    missing in a table is taken from another one only if the two disagree on no file.
    """

    def __init__(self) -> None:
        self._labels: dict[str, tuple[str, str | None]] = {}
        self._gaps: dict[str, list[tuple[str, str]]] = {}
        self._apart: dict[tuple[str, str], list[str]] = {}

    def add(self, file: str, label: str | None, table: str) -> None:
        """Adds what a table says of a file."""
        label = stated_label(label)
        first, known = self._labels.setdefault(file, (table, label))
        if not label:
            return
        if not known:
            self._gaps.setdefault(file, []).append((table, label))
        elif table != first and one_spelling(label).strip().lower() != one_spelling(known).strip().lower():
            self._apart.setdefault((first, table), []).append(file)

    def read(self) -> dict[str, str | None]:
        """Returns the labels by file; None where no table that may be read has one."""
        labels = {file: label for file, (_, label) in self._labels.items()}
        for file, others in self._gaps.items():
            first = self._labels[file][0]
            agreeing = (label for table, label in others if (first, table) not in self._apart)
            labels[file] = next(agreeing, None)
        return labels

    def gaps(self) -> tuple[str, ...]:
        """Returns the files without a label; none if no file has a label."""
        labels = self.read()
        missing = tuple(file for file, label in labels.items() if label is None)
        return missing if len(missing) < len(labels) else ()

    def gap_remarks(self) -> tuple[str, ...]:
        """Says for each table how many of its files are left out for want of a label."""
        by_table: dict[str, list[str]] = {}
        for file in self.gaps():
            by_table.setdefault(self._labels[file][0], []).append(file)
        return tuple(
            f"{len(files):,} files, such as '{printable(min(files)[:100])}', have no label in table "
            f"'{printable(table[:100])}', which is read, and are left out"
            for table, files in itertools.islice(by_table.items(), _SHOWN)
        )

    def remarks(self) -> tuple[str, ...]:
        """Says which tables are not read for files that they label otherwise."""
        return tuple(
            f"{len(files):,} files, such as '{printable(min(files)[:100])}', have other labels in table "
            f"'{printable(table[:100])}' than in '{printable(first[:100])}', which is read"
            for (first, table), files in itertools.islice(self._apart.items(), _SHOWN)
        )


def _split(header: Mapping[str, Any], table: Any) -> str:
    """The split of a table: the type of its split, whose id is any name; '' if it is neither training nor a test.

    The type `other` is what audformat writes where nobody states one.
    """
    name = _text(table, "split_id")
    kind = _text(_part(_part(header, "splits"), name), "type")
    if kind in {"train", "dev", "test"}:
        return kind
    return "" if kind and name.strip().lower() not in SPLITS else name


def _divided(files: Collection[str]) -> tuple[str, ...]:
    """Says that the splits of a database are not read, if files are in the tables of two of them."""
    if not files:
        return ()
    first = printable(min(files)[:100])
    return (f"splits that are not read: {len(files):,} files, such as '{first}', are in the tables of two of them",)


def _row(paths: TablePaths, file: str, known: dict[str, Any]) -> dict[str, Any]:
    found = paths.find(file)
    if found is None:
        raise SerbenchError(f"{paths.folder} names the file '{file[:100]}', which lies outside its folder")
    audio, there = found
    row = {key: value for key, value in known.items() if key != "gender" and value is not None}
    name = Path(file).as_posix()
    return {
        **row, "sex": known.get("gender") or known.get("sex"), "clip_id": storable(str(Path(name).with_suffix(""))),
        "path": audio.path, "name": name, "there": there,
    }  # fmt: skip


def _describe(found: dict[str, dict[str, Any]], people: Mapping[str, Any]) -> None:
    """Adds facts about each speaker, such as the gender, from the scheme `speaker`."""
    facts = {one_spelling(name): one for name, one in people.items() if isinstance(one, Mapping) and _has_text(name)}
    for row in found.values():
        for key in ("gender", "sex", "age"):
            value = facts.get(one_spelling(row.get("speaker")), {}).get(key)
            if isinstance(value, (str, int, float)) and _has_text(value):
                row.setdefault(key, str(value))


def _people(folder: Path, header: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Facts by speaker, from the scheme `speaker` or the misc table that it names; and why they are not read."""
    scheme = _part(_part(header, "schemes"), "speaker")
    name = _text(scheme, "labels")
    table = _part(_part(header, "misc_tables"), name)
    levels = [str(level) for level in _part(table, "levels") if _has_text(level)]
    columns = [column for column in ("gender", "sex", "age") if column in _part(table, "columns")]
    if len(levels) != 1 or not columns:
        return _part(scheme, "labels"), ()
    try:
        rows = read_columns(_file(folder, name), (levels[0], *columns)).to_dict("records")
    except SerbenchError as error:  # sexes and ages are not needed
        return {}, (f"sexes and ages of speakers are not read: {error}",)
    return {str(row[levels[0]]): {column: row[column] for column in columns} for row in rows}, ()


def _header(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SerbenchError(f"{path} is larger than {_MAX_BYTES >> 20} MiB and is no audformat header")
        text = path.read_text(encoding="utf-8")
        # With YAML aliases a few lines can expand to billions of values; audformat does not use them.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise SerbenchError(f"{path} has YAML aliases, which audformat does not write; remove them")
        header = yaml.safe_load(text)
        if isinstance(header, Mapping):  # a number of thousands of digits has no text
            header = {str(name): one for name, one in header.items()}
            for part in ("tables", "misc_tables", "schemes", "splits"):
                if isinstance(header.get(part), Mapping):
                    header[part] = {str(name): one for name, one in header[part].items()}
    except SerbenchError:
        raise
    except Exception as error:  # PyYAML's own constructors raise whatever a value makes them raise
        reason = first_line(error)[:200]
        raise SerbenchError(f"{path.parent} cannot be read as an audformat database: {reason}") from None
    if not isinstance(header, Mapping) or not isinstance(header.get("tables"), Mapping):
        raise SerbenchError(f"{path.parent} cannot be read as an audformat database: its header names no tables")
    return header


def _part(value: Any, name: str) -> Mapping[str, Any]:
    inner = value.get(name) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


def _has_text(value: object) -> bool:
    return not isinstance(value, int) or abs(value) < _MOST_NUMBER


def _file(folder: Path, table: str) -> Path:
    """Returns the file of a table, which must be inside the folder."""
    for suffix in (".csv", ".parquet"):
        found = TablePaths(folder).find(f"db.{table}{suffix}")
        if found is not None and found[1]:
            file = Path(found[0].path)
            if file.parent == folder and file.is_file():
                return file
    raise SerbenchError(
        f"db.{table[:100]}.csv is not there (nor .parquet); a .pkl is never read, since it may run code"
    )
