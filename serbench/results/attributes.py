"""Attributes of clips other than the label: sex and age band of the speaker, sentence, intensity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from serbench.corpora import UNKNOWN_SPEAKER
from serbench.evaluation import Attribute

__all__ = ["OF_PEOPLE", "age_band", "clip_attributes", "clips_in_no_slice", "slice_notes"]

_BANDS: Final = ((30, "under 30"), (45, "30-44"), (60, "45-59"))
_OLDEST: Final = "60 and over"
OF_PEOPLE: Final = ("sex", "age band")
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

    Each attribute has one value per clip, in the order of the rows; None where the value is unknown. Sex and age band
    are compared between whole speakers, so there a value is None, too, if the clip's speaker is unknown or has several.

    >>> table = pd.DataFrame({"sex": ["female", "male"], "age": [25, 26], "sentence": ["a", None]})
    >>> [(attribute.name, attribute.values) for attribute in clip_attributes(table)]
    [('sex', ('female', 'male'))]

    Args:
        clips: clips of the test set. Each of the columns `speaker`, `sex`, `age` (years), `sentence` and `intensity` is
            optional.
    """
    columns = _columns(clips)
    for name in OF_PEOPLE:
        if several := _without_one_value(clips, columns[name]):
            of_clips = zip(_speakers(clips), columns[name], strict=True)
            columns[name] = tuple(None if who in several else value for who, value in of_clips)
    return tuple(
        Attribute(name, values, _ORDERS.get(name, ()))
        for name, values in columns.items()
        if len({value for value in values if value is not None}) > 1
    )


def clips_in_no_slice(clips: pd.DataFrame) -> dict[str, str]:
    """Says why clips with a known sex or age band are in no slice, by attribute; without those where all are in one.

    >>> table = pd.DataFrame({"sex": ["female", "male", "male"], "speaker": ["a", "a", "b"]})
    >>> clips_in_no_slice(table)
    {'sex': "speaker 'a' has several values (female, male)"}

    Args:
        clips: as for `clip_attributes`.
    """
    found = {}
    for name, values in _columns(clips).items():
        several = _without_one_value(clips, values) if name in OF_PEOPLE else {}
        if not several or len({value for value in values if value is not None}) < 2:
            continue
        why = ["the speakers of some clips are unknown"] if several.pop(UNKNOWN_SPEAKER, None) else []
        if several:
            first = min(several)
            who = f"speaker '{first}' has" if len(several) == 1 else f"{len(several)} speakers, '{first}' first, have"
            why.append(f"{who} several values ({', '.join(several[first])})")
        found[name] = " and ".join(why)
    return found


def slice_notes(clips: pd.DataFrame) -> tuple[str, ...]:
    """Says in a sentence for each attribute why clips are in none of its groups; empty if all are in one.

    >>> slice_notes(pd.DataFrame({"sex": ["female", "male", "male"], "speaker": ["a", "a", "b"]}))
    ("by sex, some clips are in no group: speaker 'a' has several values (female, male)",)

    Args:
        clips: as for `clip_attributes`.
    """
    return tuple(f"by {name}, some clips are in no group: {why}" for name, why in clips_in_no_slice(clips).items())


def _columns(clips: pd.DataFrame) -> dict[str, tuple[str | None, ...]]:
    """The value of each clip, by attribute; empty where the table lacks the column."""
    return {
        "sex": _texts(clips, "sex"),
        "age band": tuple(map(age_band, pd.to_numeric(clips["age"], errors="coerce"))) if "age" in clips else (),
        "sentence": _texts(clips, "sentence"),
        "intensity": _texts(clips, "intensity"),
    }


def _speakers(clips: pd.DataFrame) -> list[str]:
    return clips["speaker"].astype(str).tolist()


def _without_one_value(clips: pd.DataFrame, values: Sequence[str | None]) -> dict[str, list[str]]:
    """The values of speakers who have several, and of the unknown ones, who may be several people."""
    known: dict[str, set[str]] = {}
    for who, value in zip(_speakers(clips), values, strict=True) if "speaker" in clips and values else ():
        if value is not None:
            known.setdefault(who, set()).add(value)
    return {who: sorted(had) for who, had in known.items() if len(had) > 1 or who == UNKNOWN_SPEAKER}


def _texts(clips: pd.DataFrame, column: str) -> tuple[str | None, ...]:
    if column not in clips:
        return ()
    return tuple(None if pd.isna(value) else str(value) for value in clips[column])
