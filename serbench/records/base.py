"""`Record`: a frozen, versioned, JSON-serialisable pydantic model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serbench.errors import SerbenchError
from serbench.records.files import read_text, write_text_atomic

__all__ = ["FrozenModel", "Record"]


class FrozenModel(BaseModel):
    """A part of a record: immutable, and strict about names so that a typo cannot pass for a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(BaseModel):
    """A file under `results/`, readable for as long as its schema version is not newer than this program's.

    Unknown keys of an equal or older schema are ignored; a newer schema is refused, since its meaning
    may have changed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    SCHEMA: ClassVar[int] = 1
    schema_version: int = Field(default=1)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a record.

        Raises:
            SerbenchError: the file is missing, damaged, or written by a newer serbench.
        """
        text = read_text(path)
        try:
            raw = json.loads(text)
            version = raw["schema_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise SerbenchError(
                f"{path} is not a serbench record ({error}); restore it or remove its folder"
            ) from None
        if not isinstance(version, int) or version > cls.SCHEMA:
            raise SerbenchError(
                f"{path} was written by a newer serbench (schema {version}, this one reads up to "
                f"{cls.SCHEMA}); upgrade serbench or name another --results folder"
            )
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise SerbenchError(f"{path} is damaged: {where}: {first['msg']}") from None

    def save(self, path: Path) -> None:
        """Writes the record atomically: either the whole new file is there, or the old one."""
        write_text_atomic(path, self.model_dump_json(indent=2) + "\n")
