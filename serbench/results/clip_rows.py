"""`clips_by_id`: a clip table to look clips up in."""

from __future__ import annotations

import pandas as pd

__all__ = ["clips_by_id"]


def clips_by_id(clips: pd.DataFrame) -> pd.DataFrame:
    """Returns a clip table indexed by clip id; the column stays. Of a clip that is listed twice, the first row counts.

    >>> table = clips_by_id(pd.DataFrame({"clip_id": ["a", "b", "a"], "label": ["joy", "fear", "anger"]}))
    >>> table["label"].to_dict()
    {'a': 'joy', 'b': 'fear'}

    Args:
        clips: clip table with `clip_id`.
    """
    return clips.drop_duplicates("clip_id").set_index("clip_id", drop=False)
