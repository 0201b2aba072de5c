"""`AudformatCorpus`: a database in audEERING's audformat, read through the package of that name (an extra)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from serbench.corpora.base import Listing
from serbench.corpora.own.own_corpus import OwnCorpus
from serbench.corpora.own.table_corpus import inside
from serbench.corpora.plain import plain
from serbench.errors import SerbenchError

__all__ = ["HEADER", "AudformatCorpus"]

HEADER: Final = "db.yaml"
_COLUMNS: Final = ("emotion", "speaker", "gender", "sex", "age", "sentence", "split")


@dataclass(frozen=True, kw_only=True)
class AudformatCorpus(OwnCorpus):
    """A folder with `db.yaml`. The label is the scheme or column `emotion` of a table of whole files."""

    def rows(self, place: Path) -> tuple[list[dict[str, Any]], Listing]:
        """Reads the header and the tables; media are not opened."""
        folder = place.resolve()
        frame = _frame(folder)
        rows: list[dict[str, Any]] = []
        for file, record in zip(frame.index.astype(str), frame.to_dict("records"), strict=True):
            path = inside(folder, file)
            if path is None:
                raise SerbenchError(f"{place} names the file '{plain(file)[:100]}', which lies outside its folder")
            row: dict[str, Any] = {str(column): str(value) for column, value in record.items() if not pd.isna(value)}
            row["label"], row["sex"] = row.pop("emotion", None), row.pop("gender", row.get("sex"))
            name = Path(file).as_posix()
            rows.append({**row, "clip_id": plain(str(Path(name).with_suffix(""))), "path": str(path), "name": name})
        return rows, Listing(pd.DataFrame(), (), folder, None)


def _frame(folder: Path) -> pd.DataFrame:
    """One row a file with what is known of it, indexed by the file's path.

    Raises:
        SerbenchError: the extra is not installed, the database is damaged, or no table has emotions of whole files.
    """
    try:
        import audformat
    except ImportError:
        raise SerbenchError(
            "reading an audformat database takes the extra 'audformat'; install it with "
            "`uv pip install 'serbench[audformat]'`"
        ) from None
    try:
        database = audformat.Database.load(str(folder))
        tables = [table for table in database.tables.values() if table.type == audformat.define.IndexType.FILEWISE]
        emotions = [table for table in tables if "emotion" in table.columns]
        if not emotions:
            raise SerbenchError(f"{folder} has no table of whole files with a column 'emotion'")
        frame: pd.DataFrame = pd.concat([table.get() for table in emotions])[["emotion"]]
        frame = frame[~frame.index.duplicated()]
        for name in _COLUMNS[1:]:
            values = _values(tables, name, frame.index)
            if values is not None:
                frame[name] = values
        return frame
    except SerbenchError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise SerbenchError(f"{folder} cannot be read as an audformat database: {reason}") from None


def _values(tables: list[Any], name: str, files: pd.Index) -> pd.Series | None:
    """A column, or what the labels of a speaker's scheme say under that name, of whichever table has it."""
    for table in tables:
        for column in table.columns.values():
            found: pd.Series | None = None
            if column._id == name:
                found = table[name].get()
            elif name in _described(column):
                found = table[column._id].get(map=name)
            if found is not None:
                return found.reindex(files)
    return None


def _described(column: Any) -> set[str]:
    """What the labels of a column's scheme say more of each, such as the gender of a speaker."""
    labels = getattr(column.scheme, "labels", None) if column.scheme is not None else None
    if not isinstance(labels, dict):
        return set()
    return {key for facts in labels.values() if isinstance(facts, dict) for key in facts}
