"""`InnerFold`: one fold of a cross-validation over the clips outside the test core.

A study searches with one validation core. Its best configurations are compared on all clips that are not tested, each
clip answered by a network that never heard it (grouped cross-validation; M. Stone, J. R. Stat. Soc. B 36, 1974).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from serbench.protocols.split import SplitPlan
from serbench.protocols.units import Unit, interleave, speaker_units

__all__ = ["INNER_FOLDS", "LEAST_SPEAKERS", "InnerFold", "inner_folds"]

INNER_FOLDS = 5
LEAST_SPEAKERS = 3
"""Fewest speakers of an inner fold: the recall of one or two people says little about a third."""


@dataclass(frozen=True)
class InnerFold:
    """One fold, as row numbers of the clip table.

    Attributes:
        number: from 1.
        train: all clips outside the test core that are not held out.
        held_out: clips that the fold's network answers and is not trained on.
    """

    number: int
    train: tuple[int, ...]
    held_out: tuple[int, ...]


def inner_folds(
    clips: pd.DataFrame,
    plan: SplitPlan,
    seed: np.random.SeedSequence,
    *,
    speakers_apart: bool,
    count: int = INNER_FOLDS,
) -> tuple[InnerFold, ...]:
    """Cuts the clips outside the test core into folds of about equal size.

    Args:
        clips: the clip table that the plan belongs to.
        plan: split plan of one (outer) fold.
        seed: draws the order of the speakers.
        speakers_apart: whether no speaker may be trained on and held out at once. If so, each fold has at least
            `LEAST_SPEAKERS` speakers, and there are fewer folds if need be. Otherwise the units of the plan stay whole.
        count: number of folds at the most.

    Returns:
        The folds; empty if there are too few speakers for two, or if a fold would have no training clip of a class.
    """
    rows = np.array(plan.core_split.outside_test)
    if speakers_apart:
        units = interleave(_moved(speaker_units(clips.iloc[rows].reset_index(drop=True)), rows), seed)
        count = min(count, len(units) // LEAST_SPEAKERS)
    else:
        inside = set(rows.tolist())
        units = [unit for unit in plan.order if inside.issuperset(unit.rows)]
        count = min(count, len(units))
    if count < 2:
        return ()
    folds = tuple(_fold(units, number, count) for number in range(count))
    classes = set(clips["label"].iloc[rows])
    complete = all(set(clips["label"].iloc[list(fold.train)]) == classes for fold in folds)
    return folds if complete else ()


def _fold(units: Sequence[Unit], number: int, count: int) -> InnerFold:
    start, end = (round(place * len(units) / count) for place in (number, number + 1))
    held_out = sorted(row for unit in units[start:end] for row in unit.rows)
    train = sorted(row for unit in (*units[:start], *units[end:]) for row in unit.rows)
    return InnerFold(number + 1, tuple(train), tuple(held_out))


def _moved(units: Sequence[Unit], rows: np.ndarray) -> list[Unit]:
    """Units of a part of the table, with row numbers of the whole table."""
    return [Unit(unit.key, unit.stratum, tuple(int(rows[row]) for row in unit.rows)) for unit in units]
