"""The protocols by name: which units each one orders, in how many folds, and what it keeps apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from serbench.errors import SerbenchError, UsageError, unknown
from serbench.protocols.given import cross_corpus_plans, given_plans
from serbench.protocols.ratio import Ratio
from serbench.protocols.split import SplitPlan
from serbench.protocols.units import Unit, clip_units, interleave, sentence_units, speaker_units

__all__ = ["Kind", "get_kind", "protocol_names"]

_DEFAULT_FOLDS = 5
_MOST_FOLDS = 100
_EMO_SUPERB = ((1001, 1018), (1019, 1036), (1037, 1054), (1055, 1072), (1073, 1091))
"""Test speakers of the five folds, as EMO-SUPERB publishes them (H. Wu et al., 2024, arXiv:2402.13018)."""

Seed = np.random.SeedSequence


class Kind(NamedTuple):
    """A way of splitting.

    Attributes:
        shares_speakers: whether test speakers are also trained on; None where that depends on the clips.
        summary: what it does, in a few words.
        unit: what is never split, in the plural.
        way_out: what to do where there are too few of them.
        plans: the folds (one, where it is not folded), from clips, cores and a seed.
        folded: whether every speaker is tested in one of several folds.
    """

    shares_speakers: bool | None
    summary: str
    unit: str
    way_out: str
    plans: Callable[[pd.DataFrame, Ratio, Seed], tuple[SplitPlan, ...]]
    folded: bool = False


def protocol_names() -> list[str]:
    """Names of all protocols, the default first."""
    return list(_KINDS)


def get_kind(name: str) -> Kind:
    """The protocol of this name; `speaker-cv:10` is `speaker-cv` in ten folds.

    Raises:
        UsageError: there is none, or a number of folds that cannot be.
    """
    base, colon, text = name.partition(":")
    if base not in _KINDS:
        raise unknown("protocol", name, _KINDS)
    if not colon:
        return _KINDS[base]
    if base != "speaker-cv" or not text.isdecimal() or not 2 <= int(text) <= _MOST_FOLDS:
        raise UsageError(f"unknown protocol '{name}'; a number of folds goes as speaker-cv:10 (2 to {_MOST_FOLDS})")
    return _speaker_folds(int(text))


def _single(
    units: Callable[[pd.DataFrame], list[Unit]],
) -> Callable[[pd.DataFrame, Ratio, Seed], tuple[SplitPlan, ...]]:
    def plans(clips: pd.DataFrame, cores: Ratio, seed: Seed) -> tuple[SplitPlan, ...]:
        return (SplitPlan(_ordered(units(clips), seed, 3), cores),)

    return plans


def _crossed(clips: pd.DataFrame, cores: Ratio, seed: Seed) -> tuple[SplitPlan, ...]:
    speakers, sentences = seed.spawn(2)
    order = _ordered(speaker_units(clips), speakers, 3)
    return (SplitPlan(order, cores, crossed=_ordered(sentence_units(clips), sentences, 3)),)


def _folds(count: int | None) -> Callable[[pd.DataFrame, Ratio, Seed], tuple[SplitPlan, ...]]:
    """Folds of as many speakers each as can be; a stretch of the order is balanced, and so is each fold.

    The order is turned until a fold's own speakers lead it: they are tested, and the last ones before them
    validate. So no fold is chosen by speakers that it is tested on.
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


def _emo_superb(clips: pd.DataFrame, cores: Ratio, seed: Seed) -> tuple[SplitPlan, ...]:  # noqa: ARG001
    blocks: list[list[Unit]] = [[] for _ in _EMO_SUPERB]
    for unit in speaker_units(clips):
        places = [
            place
            for place, (first, last) in enumerate(_EMO_SUPERB)
            if unit.key.isdecimal() and first <= int(unit.key) <= last
        ]
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
        plans.append(SplitPlan(order, cores, fold + 1, len(test), len(blocks[development])))
    return tuple(plans)


def _ordered(units: Sequence[Unit], seed: Seed, least: int) -> tuple[Unit, ...]:
    """Interleaved units.

    Raises:
        _TooFewError: there are fewer than `least`.
    """
    if len(units) < least:
        raise TooFewError(len(units), least)
    return tuple(interleave(units, seed))


class TooFewError(Exception):
    """Too few units to split: how many there are, and how many it takes."""

    def __init__(self, found: int, least: int) -> None:
        super().__init__(found, least)
        self.found, self.least = found, least


def _speaker_folds(count: int) -> Kind:
    return Kind(
        False, f"every speaker is tested in one of {count} folds and trained on in others", "speakers",
        "use loso, or fewer folds (speaker-cv:3)", _folds(count), folded=True,
    )  # fmt: skip


_KINDS = {
    "speaker": Kind(
        False, "no speaker is both trained and tested on", "speakers",
        "use --protocol random, whose scores share speakers", _single(speaker_units),
    ),
    "random": Kind(
        True, "clips are drawn at random: test speakers are also trained on", "clips that differ",
        "give it more clips", _single(clip_units),
    ),
    "sentence": Kind(
        True, "no sentence is both trained and tested on; test speakers are also trained on", "sentences",
        "use --protocol speaker", _single(sentence_units),
    ),
    "speaker+sentence": Kind(
        False, "neither a speaker nor a sentence is both trained and tested on", "speakers and sentences",
        "use --protocol speaker", _crossed,
    ),
    "speaker-cv": _speaker_folds(_DEFAULT_FOLDS),
    "loso": Kind(
        False, "leave one speaker out: a fold for each speaker", "speakers",
        "use --protocol random, whose scores share speakers", _folds(None), folded=True,
    ),
    "emo-superb": Kind(
        False, "the five folds of EMO-SUPERB for CREMA-D", "speakers", "use --protocol speaker-cv", _emo_superb,
        folded=True,
    ),
    "given": Kind(
        None, "the split that the corpus brings along", "speakers", "use another protocol", given_plans,
    ),
    "cross-corpus": Kind(
        None, "learned from one corpus, tested on all of another", "speakers", "use another protocol",
        cross_corpus_plans,
    ),
}  # fmt: skip
