"""Records as pandas tables whose columns have the type of their field, whatever is missing in them."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin

import pandas as pd
from pydantic import BaseModel

__all__ = ["frame_of", "typed_column"]

_DTYPES = {bool: "boolean", int: "Int64", float: "float64", str: "string"}


def frame_of(model: type[BaseModel], rows: Iterable[BaseModel], leave_out: Iterable[str] = ()) -> pd.DataFrame:
    """A table with a column a field and a row a record.

    Floats are float64 with NaN where there is none, integers Int64, truth values boolean, texts string; tuples of
    texts are joined by '; '. Everything else stays an object.

    Args:
        model: of the records; gives the columns, also where there is no record.
        rows: the records.
        leave_out: fields that make no column.
    """
    listed, unwanted = list(rows), set(leave_out)
    columns = {name: field.annotation for name, field in model.model_fields.items() if name not in unwanted}
    return pd.DataFrame(
        {name: typed_column([getattr(row, name) for row in listed], kind) for name, kind in columns.items()}
    )


def typed_column(values: list[Any], kind: Any) -> pd.Series[Any]:
    """Values of one type, some of them maybe None, as a column.

    >>> str(typed_column([1, None], int | None).dtype), str(typed_column([0.5, None], float).dtype)
    ('Int64', 'float64')
    """
    if get_origin(kind) is tuple and get_args(kind)[:1] == (str,):
        return pd.Series(["; ".join(value) for value in values], dtype="string")
    return pd.Series(values, dtype=_DTYPES.get(_plain(kind), "object"))


def _plain(kind: Any) -> Any:
    """The type itself where it may also be None; `str` for a choice of texts."""
    if get_origin(kind) in {Union, types.UnionType}:
        kinds = [one for one in get_args(kind) if one is not type(None)]
        return _plain(kinds[0]) if len(kinds) == 1 else kind
    return str if get_origin(kind) is Literal else kind
