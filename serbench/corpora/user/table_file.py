"""Reads an untrusted table of clips (CSV, TSV or Parquet) as text, with limits on its size."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import pandas as pd

from serbench.errors import SerbenchError

__all__ = ["COLUMNS", "MAX_ROWS", "TABLE_SUFFIXES", "read_columns", "read_table", "table_header"]

TABLE_SUFFIXES: Final = (".csv", ".tsv", ".parquet")

MAX_ROWS: Final = 500_000
"""Most rows of a table."""

_MAX_BYTES: Final = 512 << 20
_MAX_LINE: Final = 1 << 16

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
    except UnicodeDecodeError as error:
        raise SerbenchError(f"{path} is not UTF-8 text (byte {error.start:,}); save it as UTF-8") from None
    except SerbenchError:
        raise
    except Exception as error:  # of a reader of files that may be damaged anywhere
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise SerbenchError(f"{path} cannot be read as a table: {reason}") from None
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
        with path.open(encoding="utf-8-sig", newline="") as text:
            return next(csv.reader([text.readline(_MAX_LINE)]), [])
    except Exception as error:  # of a reader of files that may be damaged anywhere
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise SerbenchError(f"{path} cannot be read as a table: {reason}") from None


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
                path, usecols=list(names), dtype=str, encoding="utf-8-sig", nrows=MAX_ROWS + 1, keep_default_na=False
            )
    except SerbenchError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise SerbenchError(f"{path} cannot be read as a table: {reason}") from None
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


def _text(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline(_MAX_LINE)
    separator = max("\t;,", key=head.count)
    header = next(csv.reader([head], delimiter=separator), [])
    found = _chosen(path, header)
    frame = pd.read_csv(
        path,
        sep=separator,
        usecols=list(found.values()),
        dtype=str,
        encoding="utf-8-sig",
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
