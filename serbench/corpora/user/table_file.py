"""Reads an untrusted table of clips (CSV, TSV or Parquet) as text, with limits on its size."""

from __future__ import annotations

import codecs
import contextlib
import csv
import difflib
import itertools
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import pandas as pd

from serbench.audio import SUFFIXES
from serbench.errors import SerbenchError, first_line

if TYPE_CHECKING:
    import pyarrow.parquet as pq

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
_MAX_HEADER: Final = 1 << 20
"""Most characters of the line of column names: openSMILE's largest set has 6,373 columns."""

_HEAD_BYTES: Final = 1 << 16
_MAX_LOOKED_AT: Final = 1 << 23
_LOOKED_AT: Final = 100
_LINE_BREAK: Final = re.compile("\r\n?|\n")

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
        return _Opening.of(path, ",").header
    except Exception as error:
        raise _unreadable(path, error) from None


def ignored_columns(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns which columns of an untrusted table `read_table` reads, and which not, as the table names them.

    Raises:
        SerbenchError: the table cannot be read, or has no column of paths.
    """
    try:
        header = table_header(path) if path.suffix.lower() == ".parquet" else _Opening.of(path).header
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
                frame = _bounded(path, file, list(names))
        else:
            frame = _rows(path, _Opening.of(path, ","), list(names))
    except Exception as error:
        raise _unreadable(path, error) from None
    if len(frame) > MAX_ROWS:
        raise SerbenchError(f"{path} has more than {MAX_ROWS:,} rows; split it")
    if missing := [name for name in names if name not in frame]:
        raise SerbenchError(f"{path} has no column '{missing[0]}', though its header says so")
    texts: pd.DataFrame = frame[list(names)].astype(object).map(str, na_action="ignore")
    return texts.astype(object).where(texts.notna() & (texts != ""), None)  # a column of text would hold NaN for None


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
    reason = first_line(error)[:200]
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
        head = file.read(_HEAD_BYTES)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        raise SerbenchError(f"{path} holds zero bytes, as UTF-16 without a byte order mark does; save it as UTF-8")
    return "utf-8-sig"


@dataclass(frozen=True)
class _Opening:
    """How a text begins.

    Attributes:
        separator: between its fields.
        header: the names of its columns. A name may hold line breaks between quotes.
        rows: the fields of the first rows below.
        blank: lines before the header that hold nothing.
    """

    separator: str
    header: list[str]
    rows: list[list[str]]
    blank: int

    @classmethod
    def of(cls, path: Path, separator: str | None = None) -> _Opening:
        """Reads how a text begins. Without a separator, it is the one that the header has most of.

        Raises:
            SerbenchError: the line of column names, or one of them, is too long.
        """
        with path.open(encoding=_encoding(path), newline="") as file:
            head, blank = file.readline(_MAX_HEADER), 0
            while head and not head.strip():
                head, blank = file.readline(_MAX_HEADER), blank + 1
            if len(head) == _MAX_HEADER:
                raise SerbenchError(
                    f"{path}: the line of column names has {_MAX_HEADER:,} characters or more; keep only the columns "
                    "that are needed"
                )
            chosen = separator or max("\t;,", key=head.count)
            rows = csv.reader(_first_lines(file, head), delimiter=chosen)
            try:
                header, first = next(rows, []), list[list[str]]()
            except csv.Error:  # a field of more than 128 KiB
                raise SerbenchError(
                    f"{path}: a column name has more than {csv.field_size_limit():,} characters; begin the table with "
                    "a line of column names such as path,label, and close every quotation mark in it"
                ) from None
            with contextlib.suppress(csv.Error):  # a field of more than 128 KiB
                first += itertools.islice((row for row in rows if any(map(str.strip, row))), _LOOKED_AT)
            return cls(chosen, header, first, blank)

    @property
    def row_names(self) -> bool:
        """Whether rows begin with a name that the header has no column for, as R writes them.

        They may also end in a separator too many, or in remarks: then a path stands in its column.
        """
        longer = all(len(row) == len(self.header) + 1 for row in self.rows)
        if not self.rows or not longer or not any(row[-1].strip() for row in self.rows):
            return False
        return not any(Path(row[place]).suffix.lower() in SUFFIXES for row in self.rows[:1] for place in self.paths)

    @property
    def paths(self) -> list[int]:
        """Places of columns that may hold paths."""
        return [place for place, name in enumerate(self.header) if name.strip().lower() in COLUMNS["path"]]


def _first_lines(file: TextIO, head: str) -> Iterator[str]:
    """Yields the header and lines below it, until these are enough to look at."""
    yield head
    seen = 0
    while seen < _MAX_LOOKED_AT and (line := file.readline(_MAX_HEADER)):
        seen += len(line)
        yield line


def _text(path: Path) -> pd.DataFrame:
    opening = _Opening.of(path)
    found = _chosen(path, opening.header)
    return _renamed(_rows(path, opening, list(found.values())), found)


def _rows(path: Path, opening: _Opening, columns: list[str]) -> pd.DataFrame:
    """Reads columns of a text as text; empty fields are missing.

    Raises:
        SerbenchError: a quote that is no end of a field swallows lines, or some rows have more fields than the header.
    """
    if missing := [name for name in columns if name not in opening.header]:
        raise SerbenchError(f"{path} has no column '{missing[0][:100]}'")
    shift = int(opening.row_names)
    places = {str(opening.header.index(name) + shift): name for name in columns}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)  # of separators at the ends of rows
        frame = pd.read_csv(
            path,
            sep=opening.separator,
            header=0,
            names=[str(place) for place in range(len(opening.header) + shift)],
            usecols=list(places),
            index_col=False,
            skiprows=opening.blank,
            dtype=str,
            encoding=_encoding(path),
            nrows=MAX_ROWS + 1,
            keep_default_na=False,
            na_values=[""],
        )
    if len(frame) <= MAX_ROWS:
        _check_quotes(path, opening, len(frame))
        _check_width(path, opening)
    return frame.rename(columns=places)


def _check_width(path: Path, opening: _Opening) -> None:
    """Refuses a text in which some rows have more fields than the header: `Well, then` without quotes is two.

    What all rows have behind the last column, such as remarks, shifts nothing.
    """
    width, separator = len(opening.header) + opening.row_names, opening.separator
    rows, longer = 0, list[tuple[int, int]]()
    with path.open(encoding=_encoding(path), newline="") as text:
        reader = csv.reader(text, delimiter=separator)
        filled = (row for row in reader if any(map(str.strip, row)))
        try:
            next(filled, None)
            for row in filled:
                rows += 1
                if any(map(str.strip, row[width:])):
                    longer.append((reader.line_num, len(row)))
        except csv.Error:  # a field of more than 128 KiB
            return
    if 0 < len(longer) < rows:
        line, fields = longer[0]
        first, columns = "", "the further column a name"
        if opening.row_names:
            first, columns = " (the first is the name of the row)", "the further column and the first one names"
        raise SerbenchError(
            f"{path}: line {line:,} has {fields:,} fields{first}, the line of names has {len(opening.header):,}; put a "
            f"text that holds '{separator}' between quotes, or give {columns}"
        )


def _check_quotes(path: Path, opening: _Opening, rows: int) -> None:
    """Refuses a text in which a stray quote has joined lines: `"Well` opens a field that ends lines later.

    A quoted field may hold line breaks. It then ends before a separator or at the end of a line, and none of its lines
    is a row of the table.
    """
    with path.open(encoding=_encoding(path), newline=None) as text:
        if sum(bool(line.strip()) for line in text) <= rows + 1:  # with the header
            return
    separator, paths = opening.separator, {place + opening.row_names for place in opening.paths}
    with path.open(encoding=_encoding(path), newline="") as text:
        blanks = re.compile(rf'" +(?={re.escape(separator)}|\r?\n|$)')  # behind a closing quote
        reader, line = csv.reader((blanks.sub('"', one) for one in text), delimiter=separator, strict=True), 1
        while True:
            try:
                row = next(reader, None)
            except csv.Error:
                if reader.line_num > line:
                    raise _stray_quote(path, line, "does not end where a field ends") from None
                row = []  # only this line: `"Hi" he said` is read as it stands
            if row is None:
                return
            if reader.line_num > line and _holds_row(row, separator, paths):
                raise _stray_quote(path, line, "holds a further row of the table")
            line = reader.line_num + 1


def _stray_quote(path: Path, line: int, reason: str) -> SerbenchError:
    return SerbenchError(
        f"{path}: a quotation mark in line {line:,} opens a text that goes on over the next lines and {reason}; remove "
        "it, or write the field between quotes with each quote in it doubled"
    )


def _holds_row(row: list[str], separator: str, paths: set[int]) -> bool:
    """Whether a field with line breaks holds a row of the table: audio files stand where rows have their paths.

    The first line of such a field goes on in the columns behind it, and each further line begins a row.
    """
    for place, field in enumerate(row):
        first, *others = _LINE_BREAK.split(field)
        if not others or place in paths:  # the name of a file may hold a line break
            continue
        lines = [[""] * (place + 1) + first.split(separator)[1:], *(line.split(separator) for line in others)]
        cells = [line[column] for line in lines if len(line) > 1 for column in paths if column < len(line)]
        if any(Path(cell).suffix.lower() in SUFFIXES for cell in cells):
            return True
    return False


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows > MAX_ROWS:
            raise SerbenchError(f"{path} has {file.metadata.num_rows:,} rows, more than {MAX_ROWS:,}; split it")
        found = _chosen(path, [str(name) for name in file.schema_arrow.names])
        frame = _bounded(path, file, list(found.values()))
    return _renamed(frame.astype(object).map(str, na_action="ignore"), found)


def _bounded(path: Path, file: pq.ParquetFile, names: list[str]) -> pd.DataFrame:
    """Reads columns of an untrusted Parquet file batch by batch: a few bytes of it may unpack to many."""
    import pyarrow as pa

    batches, size = [], 0
    for read in file.iter_batches(batch_size=1024, columns=names):
        # As plain values: a dictionary would count again in each batch.
        columns = [one.dictionary_decode() if pa.types.is_dictionary(one.type) else one for one in read.columns]
        batch = pa.RecordBatch.from_arrays(columns, names=read.schema.names)
        size += batch.nbytes
        if size > _MAX_BYTES:
            raise SerbenchError(f"{path} unpacks to more than {_MAX_BYTES >> 20} MiB")
        batches.append(batch)
    schema = batches[0].schema if batches else pa.schema([(name, pa.string()) for name in names])
    frame: pd.DataFrame = pa.Table.from_batches(batches, schema).to_pandas(
        ignore_metadata=True, integer_object_nulls=True
    )  # as floats, speaker 3 would be 3.0 in a table that lacks one
    return frame


def _renamed(frame: pd.DataFrame, found: dict[str, str]) -> pd.DataFrame:
    named = frame.rename(columns={own: column for column, own in found.items()})[list(found)]
    return named.astype(object).where(named.notna(), None)
