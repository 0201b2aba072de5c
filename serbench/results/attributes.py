"""Attributes of clips other than the label: sex and age band of the speaker, sentence, intensity."""

from __future__ import annotations

from typing import Final

import pandas as pd

from serbench.evaluation import Attribute

__all__ = ["age_band", "clip_attributes"]

_BANDS: Final = ((30, "under 30"), (45, "30-44"), (60, "45-59"))
_OLDEST: Final = "60 and over"
_ORDERS: Final = {
    "age band": (*(name for _, name in _BANDS), _OLDEST),
    "intensity": ("low", "medium", "high"),
}


def age_band(years: float | None) -> str | None:
    """Returns the age band of an age in years; None if the age is unknown.

    >>> age_band(29), age_band(30), age_band(74), age_band(None)
    ('under 30', '30-44', '60 and over', None)
    """
    if years is None or pd.isna(years):
        return None
    return next((name for below, name in _BANDS if years < below), _OLDEST)


def clip_attributes(clips: pd.DataFrame) -> tuple[Attribute, ...]:
    """Returns the attributes of a clip table that have at least two different values.

    Each attribute has one value per clip, in the order of the rows; None where the value is unknown.

    >>> table = pd.DataFrame({"sex": ["female", "male"], "age": [25, 26], "sentence": ["a", None]})
    >>> [(attribute.name, attribute.values) for attribute in clip_attributes(table)]
    [('sex', ('female', 'male'))]

    Args:
        clips: clips of the test set. Each of the columns `sex`, `age` (years), `sentence` and `intensity` is optional.
    """
    columns = {
        "sex": _texts(clips, "sex"),
        "age band": tuple(map(age_band, pd.to_numeric(clips["age"], errors="coerce"))) if "age" in clips else (),
        "sentence": _texts(clips, "sentence"),
        "intensity": _texts(clips, "intensity"),
    }
    return tuple(
        Attribute(name, values, _ORDERS.get(name, ()))
        for name, values in columns.items()
        if len({value for value in values if value is not None}) > 1
    )


def _texts(clips: pd.DataFrame, column: str) -> tuple[str | None, ...]:
    if column not in clips:
        return ()
    return tuple(None if pd.isna(value) else str(value) for value in clips[column])
