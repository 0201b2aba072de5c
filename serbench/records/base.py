"""`Record`: a frozen, versioned, JSON-serialisable pydantic model."""

from __future__ import annotations

import json
import reprlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from serbench.errors import SerbenchError
from serbench.records.files import read_text, write_text_atomic

__all__ = ["UNKNOWN_KEYS", "FileName", "FrozenModel", "Record", "columns_of", "now", "rows_of"]

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$", max_length=200)]
"""A text of a record that files are named after, so it may hold no path: somebody else may have written the record."""

UNKNOWN_KEYS = "unknown_keys"
"""Key of pydantic's validation context: what is done with unknown keys, for a part that chooses its own model."""


def now() -> str:
    """Returns the current time in UTC, as ISO 8601 text to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]] | list[dict[str, Any]]:
    """Turns rows into columns, which name each key once; see `Record.compacted`. Rows with different keys stay rows.

    >>> columns_of([{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    {'a': [1, 3], 'b': [2, 4]}
    >>> columns_of([{"a": 1}, {"a": 3, "b": 4}])
    [{'a': 1}, {'a': 3, 'b': 4}]
    """
    if any(row.keys() != rows[0].keys() for row in rows):
        return rows
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def rows_of(value: Any) -> Any:
    """Turns columns back into rows; anything else is returned as it is.

    Raises:
        ValueError: the columns are no lists of one length.
    """
    if not isinstance(value, dict):
        return value
    if not all(isinstance(column, list) for column in value.values()) or len(set(map(len, value.values()))) > 1:
        raise ValueError("the columns of a table are no lists of one length")
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


_LONGEST_REPR = 180  # characters: one line of a terminal or a debugger, not the pages that a report would fill
_values = reprlib.Repr()
_values.maxlevel = _values.maxtuple = _values.maxlist = _values.maxdict = 2
_values.maxstring, _values.maxother = 50, 70


def _one_line(model: BaseModel) -> str:
    """A `repr` of the first fields, as many as fit on a line."""
    parts: list[str] = []
    left = _LONGEST_REPR - len(type(model).__name__)
    for name, value in model.__repr_args__():
        part = f"{name}={_values.repr(value)}".replace("\n", " ")
        left -= len(part) + 2
        if left < 0:
            parts.append("...")
            break
        parts.append(part)
    return f"{type(model).__name__}({', '.join(parts)})"


class FrozenModel(BaseModel):
    """A part of a record. It is immutable, and refuses unknown field names, so that a typo does not go unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    def __repr__(self) -> str:
        return _one_line(self)


class Record(BaseModel):
    """A JSON file under `results/`, with a schema version.

    Files of the current or an older schema can be read; unknown keys in them are ignored, in nested parts too. A newer
    schema is refused, because its meaning may have changed. JSON has no NaN or infinity: they are written as text and
    read back as numbers.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")

    SCHEMA: ClassVar[int] = 1
    schema_version: int = Field(default=1)

    def __repr__(self) -> str:
        return _one_line(self)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a record from a file.

        Raises:
            SerbenchError: the file is missing or damaged, was written by a newer serbench, or names a plug-in that is
                not installed.
        """
        mend = "restore it or remove its folder"
        try:
            text = read_text(path)
            raw = json.loads(text)
            if "\\ud" in text.lower():
                json.dumps(raw, ensure_ascii=False).encode()  # half a surrogate pair could not be written or shown
        except (ValueError, RecursionError) as error:
            raise SerbenchError(f"{path} is not a serbench record ({error}); {mend}") from None
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if version is None:
            raise SerbenchError(f"{path} is not a serbench record (it has no schema_version); {mend}")
        if not isinstance(version, int) or version > cls.SCHEMA:
            raise SerbenchError(
                f"{path} was written by a newer serbench (schema {version}, this one reads up to "
                f"{cls.SCHEMA}); upgrade serbench or name another --results folder"
            )
        try:
            return cls.model_validate(raw, extra="ignore", context={UNKNOWN_KEYS: "ignore"})
        except SerbenchError as error:
            raise SerbenchError(f"{path} cannot be read here: {error}") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"][0].lower() + first["msg"][1:]
            raise SerbenchError(f"{path} is damaged ({where}: {message}); {mend}") from None

    def save(self, path: Path, *, compact: bool = False) -> None:
        """Writes the record to a file atomically: a crash leaves either the old file or the whole new one.

        Args:
            path: the file.
            compact: whether to write it on one line and without what is empty anyway, in half of the space: see
                `compacted`.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        if not compact:
            write_text_atomic(path, self.model_dump_json(indent=2) + "\n")
            return
        empty = {name for name, field in type(self).model_fields.items() if field.default is None}
        full = json.loads(self.model_dump_json())
        content = self.compacted({key: value for key, value in full.items() if value is not None or key not in empty})
        write_text_atomic(path, json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")

    def compacted(self, content: dict[str, Any]) -> dict[str, Any]:
        """Returns the content of the file in the form that takes the least space and that `load` understands, too.

        Args:
            content: what the file holds otherwise.
        """
        return content
