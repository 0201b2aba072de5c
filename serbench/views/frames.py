"""Records as pandas tables. The type of a column depends on its field only, not on missing values."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin

import pandas as pd
from pydantic import BaseModel

__all__ = ["frame_of", "typed_column"]

_DTYPES = {bool: "boolean", int: "Int64", float: "float64", str: "string"}


def frame_of(model: type[BaseModel], rows: Iterable[BaseModel], leave_out: Iterable[str] = ()) -> pd.DataFrame:
    """Builds a table with one column per field and one row per record.

    Floats become float64 (NaN if missing), integers Int64, booleans boolean, strings string. Tuples of strings are
    joined by '; '. Everything else stays an object.

    Args:
        model: class of the records. It determines the columns, even without records.
        rows: the records.
        leave_out: fields without a column.
    """
    listed, unwanted = list(rows), set(leave_out)
    columns = {name: field.annotation for name, field in model.model_fields.items() if name not in unwanted}
    return pd.DataFrame(
        {name: typed_column([getattr(row, name) for row in listed], kind) for name, kind in columns.items()}
    )


def typed_column(values: list[Any], kind: Any) -> pd.Series[Any]:
    """Builds a column from values of one type, which may include None.

    >>> str(typed_column([1, None], int | None).dtype), str(typed_column([0.5, None], float).dtype)
    ('Int64', 'float64')
    """
    if get_origin(kind) is tuple and get_args(kind)[:1] == (str,):
        return pd.Series(["; ".join(value) for value in values], dtype="string")
    return pd.Series(values, dtype=_DTYPES.get(_plain(kind), "object"))


def _plain(kind: Any) -> Any:
    """Returns the type without None; `str` for a Literal."""
    if get_origin(kind) in {Union, types.UnionType}:
        kinds = [one for one in get_args(kind) if one is not type(None)]
        return _plain(kinds[0]) if len(kinds) == 1 else kind
    return str if get_origin(kind) is Literal else kind
