"""The clip table: one row for each clip, checked on construction."""

from __future__ import annotations

import unicodedata
from typing import Final

import numpy as np
import pandas as pd

from serbench.errors import SerbenchError
from serbench.records import digest_of

__all__ = ["CLIP_COLUMNS", "UNKNOWN_SPEAKER", "clip_set_digest", "clip_table", "one_spelling", "years"]

CLIP_COLUMNS: Final = ("clip_id", "path", "label", "speaker", "sex", "age", "sentence", "intensity", "votes")
"""Columns of every clip table, in this order. All are text except `age` (years, float). `votes` is the listeners'
majority vote; tied labels are joined by ':'."""

UNKNOWN_SPEAKER: Final = "unknown"
"""The speaker of clips whose speaker is not known."""

_REQUIRED: Final = ("clip_id", "path", "label", "speaker")
_SEXES: Final = ("female", "male")


def clip_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Checks and normalises a table of clips.

    Labels, speakers and other names are brought to composed Unicode. Further columns are kept, after those of
    `CLIP_COLUMNS`. Missing optional columns are added without values.

    >>> rows = pd.DataFrame({"clip_id": ["b", "a"], "path": ["/b", "/a"], "label": "anger", "speaker": "1"})
    >>> clip_table(rows)["clip_id"].tolist()
    ['a', 'b']

    Args:
        frame: a table with at least `clip_id`, `path`, `label`, `speaker`.

    Returns:
        A new table, sorted by `clip_id`, with a RangeIndex.

    Raises:
        SerbenchError: a required column is missing; an id, path, label or speaker is empty; a clip id occurs twice; a
            sex is neither 'female' nor 'male'; or an age is not a number of years.
    """
    absent = [column for column in _REQUIRED if column not in frame.columns]
    if absent:
        raise SerbenchError(f"the clip table has no column {', '.join(absent)}; add it")
    table = frame.copy()
    text = pd.StringDtype(storage="pyarrow", na_value=np.nan)
    for column in CLIP_COLUMNS:
        if column not in table.columns:
            table[column] = np.nan
        if column == "age":
            table["age"] = _ages(table)
        else:
            written = str if column in {"clip_id", "path"} else one_spelling  # two files may differ in form alone
            filled = table[column].map(written, na_action="ignore").astype(text).str.strip()
            table[column] = filled.where(filled != "")
    _check_required(table)
    _check_sexes(table)
    rest = [column for column in table.columns if column not in CLIP_COLUMNS]
    return table[[*CLIP_COLUMNS, *rest]].sort_values("clip_id", kind="stable").reset_index(drop=True)


def one_spelling(text: object) -> str:
    r"""Returns a name in composed Unicode (NFC), so that one name in two forms is one label or one speaker.

    >>> one_spelling("a\u0308rger") == one_spelling("\u00e4rger")
    True
    """
    return unicodedata.normalize("NFC", str(text))


def years(ages: pd.Series) -> pd.Series[float]:
    """Returns ages in years; NaN where one is no number of years from 0 to 150.

    >>> years(pd.Series(["34", " 7.5 ", "20-29", None])).tolist()
    [34.0, 7.5, nan, nan]
    """
    said = ages.map(lambda age: age.strip() or None if isinstance(age, str) else age, na_action="ignore")
    found = pd.to_numeric(said, errors="coerce").astype("float64")
    return found.where(found.between(0, 150))


def clip_set_digest(table: pd.DataFrame) -> str:
    """Returns the SHA-256 (32 hex digits) of what a study depends on: `clip_id`, `label`, `speaker` and audio `digest`.

    The order of the rows and the places of the files do not matter. If the table has a `split`, then `split`, `sex` and
    `sentence` are included: such tables are edited by hand, and the test set depends on these columns.

    Raises:
        ValueError: the table has no `digest` column, so its audio was never inspected.
    """
    if "digest" not in table.columns:
        raise ValueError("the clip table has no digest column; inspect its audio first")
    names = ["clip_id", "label", "speaker", "digest"]
    if "split" in table.columns:  # a stored table may have been edited, and lack the others
        names += [name for name in ("split", "sex", "sentence") if name in table.columns]
    columns = (table[name].astype(str) for name in names)
    return digest_of(sorted(zip(*columns, strict=True)), length=32)


def _check_required(table: pd.DataFrame) -> None:
    for column in _REQUIRED:
        empty = table.index[table[column].isna()]
        if len(empty):
            named = table["clip_id"].get(empty[0])
            who = f"clip '{named}'" if isinstance(named, str) else f"row {empty[0]}"
            raise SerbenchError(f"{who} has no {column}; give every clip one")
    twice = table.loc[table["clip_id"].duplicated(), "clip_id"]
    if len(twice):
        raise SerbenchError(f"the clip id '{twice.iloc[0]}' occurs more than once; make clip ids unique")


def _check_sexes(table: pd.DataFrame) -> None:
    wrong = table.loc[table["sex"].notna() & ~table["sex"].isin(_SEXES)]
    if len(wrong):
        first = wrong.iloc[0]
        raise SerbenchError(
            f"clip '{first['clip_id']}' has the sex '{first['sex']}'; write 'female', 'male' or leave it empty"
        )


def _ages(table: pd.DataFrame) -> pd.Series[float]:
    ages = years(table["age"])
    blank = table["age"].map(lambda age: isinstance(age, str) and not age.strip()).astype(bool)
    wrong = table[table["age"].notna() & ~blank & ages.isna()]
    if len(wrong):
        first = wrong.iloc[0]
        raise SerbenchError(f"clip '{first['clip_id']}' has the age '{first['age']}'; write years or leave it empty")
    return ages
