"""What each set of a split is made of: clips of each class, speakers, sexes."""

from __future__ import annotations

import pandas as pd

from serbench.corpora import UNKNOWN_SPEAKER
from serbench.protocols.split import Split
from serbench.records import SubsetFacts

__all__ = ["subsets"]

_SEXES = ("female", "male", "unknown")


def subsets(clips: pd.DataFrame, split: Split) -> tuple[SubsetFacts, ...]:
    """Counts what is in each set at the protocol's cores. Empty sets are left out.

    >>> clips = pd.DataFrame({"label": ["joy", "fear", "joy"], "speaker": list("abc"), "sex": ["male", None, "male"]})
    >>> train, *_ = subsets(clips, Split((0, 2), (1,), (), (), ()))
    >>> train.clips, train.speakers, train.speakers_per_sex, train.clips_per_label
    (2, 2, {'male': 2}, {'fear': 0, 'joy': 2})
    """
    out = (*split.validation_rest, *split.test_rest, *split.left_out)
    parts = {"train": split.train, "validation": split.validation, "test": split.test, "left out": out}
    classes = sorted(set(clips["label"]))
    return tuple(_counts(part, clips.iloc[list(rows)], classes) for part, rows in parts.items() if rows)


def _counts(part: str, clips: pd.DataFrame, classes: list[str]) -> SubsetFacts:
    known = not (clips["speaker"] == UNKNOWN_SPEAKER).any()
    sexes = clips["sex"].astype(object).where(clips["sex"].notna(), "unknown")
    people = {sex: int(clips.loc[sexes == sex, "speaker"].nunique()) for sex in _SEXES} if known else {}
    labels = clips["label"].value_counts()
    return SubsetFacts(
        part=part,
        clips=len(clips),
        speakers=int(clips["speaker"].nunique()) if known else None,
        speakers_per_sex={sex: count for sex, count in people.items() if count},
        clips_per_label={label: int(labels.get(label, 0)) for label in classes},
    )
