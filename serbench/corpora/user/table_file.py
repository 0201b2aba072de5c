"""Reads an untrusted table of clips (CSV, TSV or Parquet) as text, with limits on its size."""

from __future__ import annotations

import codecs
import csv
import difflib
from pathlib import Path
from typing import Final, TextIO

import pandas as pd

from serbench.errors import SerbenchError

__all__ = [
    "COLUMNS",
    "MAX_ROWS",
    "TABLE_SUFFIXES",
    "ignored_columns",
    "meant",
    "read_columns",
    "read_table",
    "table_header",
]

TABLE_SUFFIXES: Final = (".csv", ".tsv", ".parquet")

MAX_ROWS: Final = 500_000
"""Most rows of a table."""

_MAX_BYTES: Final = 512 << 20
_MAX_LINE: Final = 1 << 16

_MARKS: Final = (  # the longer ones first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

COLUMNS: Final = {
    "path": ("path", "file", "filename", "filepath", "file_path", "wav"),
    "label": ("label", "emotion", "class"),
    "speaker": ("speaker", "speaker_id", "actor", "subject"),
    "clip_id": ("clip_id",),
    "sex": ("sex", "gender"),
    "age": ("age",),
    "sentence": ("sentence", "text_id"),
    "intensity": ("intensity",),
    "split": ("split", "subset", "partition"),
}
"""The columns that are read, with their accepted names. The first name that the table has is used."""


def read_table(path: Path) -> pd.DataFrame:
    """Reads the known columns of a table as text. Missing values are None.

    Raises:
        SerbenchError: the table cannot be read, is too large, has no rows, or has no column of paths.
    """
    if not path.is_file():
        raise SerbenchError(f"{path} is not a file; pass a CSV, TSV or Parquet table of clips")
    if path.stat().st_size > _MAX_BYTES:
        raise SerbenchError(f"{path} is larger than {_MAX_BYTES >> 20} MiB; keep only the columns that are needed")
    try:
        frame = _parquet(path) if path.suffix.lower() == ".parquet" else _text(path)
    except Exception as error:
        raise _unreadable(path, error) from None
    if len(frame) > MAX_ROWS:
        raise SerbenchError(f"{path} has more than {MAX_ROWS:,} rows; split it")
    frame = frame[frame.map(lambda value: isinstance(value, str) and bool(value.strip())).any(axis="columns")]
    if frame.empty:
        raise SerbenchError(f"{path} has no rows; write one a clip below a line of column names")
    return frame


def table_header(path: Path) -> list[str]:
    """Returns the column names of an untrusted table, whose columns are separated by commas if it is a text.

    Raises:
        SerbenchError: the table cannot be read.
    """
    try:
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            with pq.ParquetFile(path) as file:
                return [str(name) for name in file.schema_arrow.names]
        with path.open(encoding=_encoding(path), newline="") as text:
            return _header(text, ",")
    except Exception as error:
        raise _unreadable(path, error) from None


def ignored_columns(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns which columns of an untrusted table `read_table` reads, and which not, as the table names them.

    Raises:
        SerbenchError: the table cannot be read, or has no column of paths.
    """
    try:
        header = table_header(path) if path.suffix.lower() == ".parquet" else _opened_header(path)[1]
    except Exception as error:
        raise _unreadable(path, error) from None
    read = tuple(_chosen(path, header).values())
    return read, tuple(name for name in header if name not in read and name.strip())


def meant(name: str, read: tuple[str, ...]) -> str | None:
    """Returns the accepted name that a column may have been meant to have; None if it is like none that is missing.

    >>> meant("Speakers", ("path", "label")), meant("arousal", ("path", "label"))
    ('speaker', None)
    """
    taken = {column for column, names in COLUMNS.items() if {one.strip().lower() for one in read} & {column, *names}}
    open_names = {one: column for column, names in COLUMNS.items() if column not in taken for one in (column, *names)}
    near = difflib.get_close_matches(name.strip().lower(), open_names, n=1, cutoff=0.75)
    return open_names[near[0]] if near else None


def read_columns(path: Path, names: tuple[str, ...]) -> pd.DataFrame:
    """Reads these columns of an untrusted table as text. Missing values are None.

    Raises:
        SerbenchError: the table cannot be read, is too large, or lacks a column.
    """
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise SerbenchError(f"{path} is larger than {_MAX_BYTES >> 20} MiB")
    try:
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            with pq.ParquetFile(path) as file:
                if file.metadata.num_rows > MAX_ROWS:
                    raise SerbenchError(f"{path} has {file.metadata.num_rows:,} rows, more than {MAX_ROWS:,}")
                frame = file.read(columns=list(names)).to_pandas(ignore_metadata=True)
        else:
            frame = pd.read_csv(
                path,
                usecols=list(names),
                dtype=str,
                encoding=_encoding(path),
                nrows=MAX_ROWS + 1,
                keep_default_na=False,
            )
    except Exception as error:
        raise _unreadable(path, error) from None
    if len(frame) > MAX_ROWS:
        raise SerbenchError(f"{path} has more than {MAX_ROWS:,} rows; split it")
    if missing := [name for name in names if name not in frame]:
        raise SerbenchError(f"{path} has no column '{missing[0]}', though its header says so")
    texts: pd.DataFrame = frame[list(names)].astype(object).map(str, na_action="ignore")
    return texts.where(texts.notna() & (texts != ""), None)


def _chosen(path: Path, header: list[str]) -> dict[str, str]:
    """Maps each known column to its name in the table."""
    plain = {name.strip().lower(): name for name in reversed(header)}
    found = {
        column: plain[next(name for name in names if name in plain)]
        for column, names in COLUMNS.items()
        if any(name in plain for name in names)
    }
    if "path" not in found:
        shown = ", ".join(name[:40] for name in header[:10])
        raise SerbenchError(f"{path} has no column 'path' (columns: {shown}); rename the column of audio files to it")
    return found


def _unreadable(path: Path, error: Exception) -> SerbenchError:
    """What a reader of files that may be damaged anywhere has raised, in one sentence."""
    if isinstance(error, SerbenchError):
        return error
    if isinstance(error, UnicodeDecodeError):
        return SerbenchError(f"{path} is not UTF-8 text{_first_foreign(path)}; save it as UTF-8")
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return SerbenchError(f"{path} cannot be read as a table: {reason}")


def _first_foreign(path: Path) -> str:
    """Where a text is not UTF-8, as the end of a sentence: what Windows calls ANSI has one byte for each letter."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start : error.start + 1]
                letter = byte.decode("cp1252", "replace")
                return f" (line {number:,}: byte 0x{byte.hex()}, which old Windows programs write for '{letter}')"
    return ""


def _encoding(path: Path) -> str:
    """The encoding of a text: UTF-8, or what its byte order mark says.

    Raises:
        SerbenchError: it holds zero bytes, as UTF-16 does, and no mark.
    """
    with path.open("rb") as file:
        head = file.read(_MAX_LINE)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        raise SerbenchError(f"{path} holds zero bytes, as UTF-16 without a byte order mark does; save it as UTF-8")
    return "utf-8-sig"


def _header(text: TextIO, separator: str) -> list[str]:
    """The names of the columns. A name may hold line breaks between quotes."""
    return next(csv.reader(iter(lambda: text.readline(_MAX_LINE), ""), delimiter=separator), [])


def _opened_header(path: Path) -> tuple[str, list[str]]:
    """The separator of a text, and its column names."""
    with path.open(encoding=_encoding(path), newline="") as file:
        head = file.readline(_MAX_LINE)
        separator = max("\t;,", key=head.count)
        file.seek(0)
        return separator, _header(file, separator)


def _text(path: Path) -> pd.DataFrame:
    separator, header = _opened_header(path)
    found = _chosen(path, header)
    frame = pd.read_csv(
        path,
        sep=separator,
        usecols=list(found.values()),
        dtype=str,
        encoding=_encoding(path),
        nrows=MAX_ROWS + 1,
        keep_default_na=False,
        na_values=[""],
    )
    return _renamed(frame, found)


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows > MAX_ROWS:
            raise SerbenchError(f"{path} has {file.metadata.num_rows:,} rows, more than {MAX_ROWS:,}; split it")
        found = _chosen(path, [str(name) for name in file.schema_arrow.names])
        frame = file.read(columns=list(found.values())).to_pandas(ignore_metadata=True)
    return _renamed(frame.astype(object).map(str, na_action="ignore"), found)


def _renamed(frame: pd.DataFrame, found: dict[str, str]) -> pd.DataFrame:
    named = frame.rename(columns={own: column for column, own in found.items()})[list(found)]
    return named.astype(object).where(named.notna(), None)
