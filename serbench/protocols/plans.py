"""How each protocol makes its split plans: which units it orders, and how it cuts folds.

numpy and pandas are imported where they are used, so that `serbench --help` can list the protocols without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from serbench.errors import SerbenchError
from serbench.protocols.ratio import Ratio
from serbench.protocols.split import SplitPlan
from serbench.protocols.units import Unit, interleave, sentence_units, speaker_units

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["MakePlans", "TooFewError", "crossed_plans", "emo_superb_plans", "fold_plans", "single_plan"]

_EMO_SUPERB = ((1001, 1018), (1019, 1036), (1037, 1054), (1055, 1072), (1073, 1091))
"""First and last test speaker of each fold, as EMO-SUPERB publishes them (H. Wu et al., 2024, arXiv:2402.13018)."""

_LONGEST_NUMBER = 9  # digits of a speaker; int() refuses a text of thousands with an error of its own

Seed: TypeAlias = "np.random.SeedSequence"
MakePlans: TypeAlias = "Callable[[pd.DataFrame, Ratio, np.random.SeedSequence], tuple[SplitPlan, ...]]"
"""Makes the split plans, one for each fold, from a clip table, the protocol's cores and a seed."""


class TooFewError(Exception):
    """The corpus has too few units to split: `found` of them, where `least` are needed."""

    def __init__(self, found: int, least: int) -> None:
        super().__init__(found, least)
        self.found, self.least = found, least


def single_plan(units: Callable[[pd.DataFrame], list[Unit]]) -> MakePlans:
    """One fold that orders these units."""

    def plans(clips: pd.DataFrame, cores: Ratio, seed: Seed) -> tuple[SplitPlan, ...]:
        return (SplitPlan(_ordered(units(clips), seed, 3), cores),)

    return plans


def crossed_plans(clips: pd.DataFrame, cores: Ratio, seed: Seed) -> tuple[SplitPlan, ...]:
    """One fold that orders speakers and, independently, sentences."""
    speakers, sentences = seed.spawn(2)
    order = _ordered(speaker_units(clips), speakers, 3)
    return (SplitPlan(order, cores, crossed=_ordered(sentence_units(clips), sentences, 3)),)


def fold_plans(count: int | None) -> MakePlans:
    """Folds with as equal numbers of speakers as possible; None makes one fold for each speaker.

    The order of speakers is balanced by sex in every stretch, so each fold is balanced too. For each fold the order
    is rotated until the fold's own speakers come first: they are the test set. The last speakers of the rotated order
    are the validation set. So no fold is selected on the speakers that it is tested on.
    """

    def plans(clips: pd.DataFrame, cores: Ratio, seed: Seed) -> tuple[SplitPlan, ...]:
        folds = count
        order = _ordered(speaker_units(clips), seed, 3 if folds is None else folds + 1)
        folds = len(order) if folds is None else folds
        bounds = [round(fold * len(order) / folds) for fold in range(folds + 1)]
        return tuple(
            SplitPlan((*order[start:], *order[:start]), cores, fold, test_units=end - start)
            for fold, (start, end) in enumerate(pairwise(bounds), start=1)
        )

    return plans


def emo_superb_plans(clips: pd.DataFrame, cores: Ratio, seed: Seed) -> tuple[SplitPlan, ...]:  # noqa: ARG001
    """The published folds; the next fold's test speakers are the validation set of each fold."""
    blocks: list[list[Unit]] = [[] for _ in _EMO_SUPERB]
    for unit in speaker_units(clips):
        number = int(unit.key) if unit.key.isdecimal() and len(unit.key) <= _LONGEST_NUMBER else 0
        places = [place for place, (first, last) in enumerate(_EMO_SUPERB) if first <= number <= last]
        if not places:
            raise SerbenchError(
                f"protocol 'emo-superb' splits CREMA-D by its speakers 1001 to 1091, and speaker '{unit.key}' is none "
                "of them; use --corpus crema-d, or another protocol"
            )
        blocks[places[0]].append(unit)
    if empty := [place for place, block in enumerate(blocks) if not block]:
        first, last = _EMO_SUPERB[empty[0]]
        raise SerbenchError(f"protocol 'emo-superb' needs speakers {first} to {last}, and this corpus has none of them")
    plans = []
    for fold, test in enumerate(blocks):
        development = (fold + 1) % len(blocks)
        train = [unit for place, block in enumerate(blocks) if place not in {fold, development} for unit in block]
        order = (*test, *train, *blocks[development])
        plans.append(SplitPlan(order, cores, fold + 1, len(test), len(blocks[development]), exchangeable=False))
    return tuple(plans)


def _ordered(units: Sequence[Unit], seed: Seed, least: int) -> tuple[Unit, ...]:
    """Shuffles units so that every stretch is balanced.

    Raises:
        TooFewError: there are fewer than `least`.
    """
    if len(units) < least:
        raise TooFewError(len(units), least)
    return tuple(interleave(units, seed))
