"""CopyPaste: a neutral clip of the same speaker before or after an emotional one, whose label stays.

R. Pappagari et al., 2021, https://arxiv.org/abs/2010.14602.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from serbench.training.seeds import COPY_PASTE, fit_stream

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NEUTRAL", "CopyPaste", "beside", "can_paste"]

NEUTRAL: Final = "neutral"
"""Label of the clips that are put beside others."""

_SAME: Final = 1e-6
"""Frames that change by less than this share of the largest value are equal: slopes of silence are rounding noise."""


def can_paste(clips: pd.DataFrame) -> bool:
    """Whether any known speaker of a clip table has both neutral and other clips."""
    from serbench.corpora import UNKNOWN_SPEAKER  # here, since the child of each fit imports this module

    known = clips[clips["speaker"] != UNKNOWN_SPEAKER]
    neutral = known["label"].str.casefold() == NEUTRAL
    return bool(known["speaker"][neutral].isin(known["speaker"][~neutral]).any())


class CopyPaste:
    """Puts neutral training clips beside emotional ones, anew in every batch.

    A clip stays as it is if it is neutral, if its speaker is not known, or if its speaker has no neutral clip among the
    training clips.

    Args:
        share: share of the emotional clips that get a neutral one.
        rows: rows to train on; no other clip is used.
        neutral: whether each clip is neutral, (clips,).
        speakers: number of each clip's speaker, int (clips,); below zero where it is not known.
        time_axis: axis of one clip's array that runs over time.
        seed: seed of all draws.
    """

    def __init__(
        self,
        share: float,
        rows: Sequence[int],
        neutral: np.ndarray,
        speakers: np.ndarray,
        time_axis: int,
        seed: int,
    ) -> None:
        self._share, self._time_axis = share, time_axis
        self._neutral, self._speakers = neutral, speakers
        by_speaker: dict[int, list[int]] = {}
        for row in rows:
            if neutral[row] and speakers[row] >= 0:
                by_speaker.setdefault(int(speakers[row]), []).append(row)
        self._offered = {speaker: np.array(offered) for speaker, offered in by_speaker.items()}
        self._rng = fit_stream(seed, COPY_PASTE)

    def __call__(self, x: np.ndarray, chosen: np.ndarray, read: Callable[[np.ndarray], np.ndarray]) -> None:
        """Changes a batch in place.

        Args:
            x: features of the items, float32 (items, *shape).
            chosen: items (copy, row). The neutral clip is of the same copy, such as the same level of noise.
            read: returns the features of items.
        """
        asked = self._rng.random(len(chosen)) < self._share
        places = [
            place
            for place in np.flatnonzero(asked)
            if not self._neutral[chosen[place, 1]] and self._speakers[chosen[place, 1]] in self._offered
        ]
        if not places:
            return
        partners = [self._rng.choice(self._offered[self._speakers[chosen[place, 1]]]) for place in places]
        pasted = read(np.stack([chosen[places, 0], partners], axis=1))
        before = self._rng.random(len(places)) < 0.5
        for place, other, first in zip(places, pasted, before, strict=True):
            clip, neutral = (np.moveaxis(one, self._time_axis, 0) for one in (x[place], other))
            clip[:] = beside(clip, neutral, neutral_first=bool(first))


def beside(clip: np.ndarray, neutral: np.ndarray, *, neutral_first: bool) -> np.ndarray:
    """Joins two clips along time and brings them into the length that each has.

    Padding between them is left out: frames at either end that repeat each other, as those of digital silence do. What
    is too long is cut at the outer ends, the neutral clip first: the other keeps at least a half of the window.

    Args:
        clip: (frames, features), the clip that gives the label.
        neutral: (frames, features).
        neutral_first: whether the neutral clip comes before the other.

    Returns:
        (frames, features).

    >>> sound, calm = np.array([[1], [2], [0], [0], [0]]), np.array([[7], [8], [9], [9], [9]])
    >>> beside(sound, calm, neutral_first=False).ravel().tolist()
    [1, 2, 0, 7, 8]
    >>> beside(sound, calm, neutral_first=True).ravel().tolist()
    [8, 9, 1, 2, 0]
    """
    window = len(clip)
    own, other = _sounding(clip), _sounding(neutral)
    kept = min(own.stop - own.start, window - min(other.stop - other.start, window // 2))
    added = min(other.stop - other.start, window - kept)
    if neutral_first:
        first, second = neutral[other.stop - added : other.stop], clip[own.start : own.start + kept]
    else:
        first, second = clip[own.stop - kept : own.stop], neutral[other.start : other.start + added]
    left = window - kept - added
    lead = min(own.start, left)
    before, after = np.repeat(first[:1], lead, axis=0), np.repeat(second[-1:], left - lead, axis=0)
    return np.concatenate([before, first, second, after])


def _sounding(clip: np.ndarray) -> slice:
    """Frames from the first change to the last, and one frame more on each side."""
    steps = np.abs(np.diff(clip, axis=0)).max(axis=1)
    changes = np.flatnonzero(steps > _SAME * np.abs(clip).max())
    return slice(int(changes[0]), int(changes[-1]) + 2) if len(changes) else slice(0, len(clip))
