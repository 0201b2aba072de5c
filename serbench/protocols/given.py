"""Splits that a corpus brings along, in the column `split` of its clip table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.errors import SerbenchError
from serbench.protocols.ratio import Ratio
from serbench.protocols.split import SplitPlan
from serbench.protocols.units import Unit, clip_units, interleave, speaker_units

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["cross_corpus_plans", "given_plans"]

_NO_COLUMN = (
    "protocol 'given' takes the split that a corpus brings along, and this one brings none; give its table a column "
    "'split' (train, validation, test), or use another protocol"
)
_NO_OTHER = "protocol 'cross-corpus' tests on another corpus; name it with --test-corpus"


def given_plans(clips: pd.DataFrame, cores: Ratio, seed: np.random.SeedSequence) -> tuple[SplitPlan, ...]:
    """The split as given. Without a validation part, speakers (else clips) of the training part validate.

    Percentages are of the clips that are not tested: a test part may be far larger than the training part.

    Raises:
        SerbenchError: there is no split, or no clip to train on or to test.
    """
    import numpy as np

    if "split" not in clips or clips["split"].isna().any():
        raise SerbenchError(_NO_COLUMN)
    rows = {part: np.flatnonzero(clips["split"] == part) for part in ("train", "validation", "test")}
    for part in ("train", "test"):
        if not len(rows[part]):
            raise SerbenchError(f"no usable clip has the split '{part}'; mend the column 'split'")
    test, train, validation = (
        _ordered(clips, rows[part], child)
        for part, child in zip(("test", "train", "validation"), seed.spawn(3), strict=True)
    )
    given = len(validation) or None
    if given is None and len(train) < 2:
        raise SerbenchError("the training part has nothing to validate on; add a validation part to the column 'split'")
    learnt = sum(len(unit.rows) for unit in (*train, *validation))
    order = (*test, *train, *validation)
    return (SplitPlan(order, cores, test_units=len(test), validation_units=given, ratio_clips=learnt),)


def cross_corpus_plans(clips: pd.DataFrame, cores: Ratio, seed: np.random.SeedSequence) -> tuple[SplitPlan, ...]:
    """All of one corpus is tested on; the others are learned from and validated on, speakers apart.

    Raises:
        SerbenchError: there is no other corpus.
    """
    if "corpus" not in clips or "split" not in clips:
        raise SerbenchError(_NO_OTHER)
    return given_plans(clips, cores, seed)


def _ordered(clips: pd.DataFrame, rows: np.ndarray, seed: np.random.SeedSequence) -> tuple[Unit, ...]:
    """Units of these rows, interleaved: speakers, or clips where no speaker is known or but one."""
    from serbench.corpora import UNKNOWN_SPEAKER

    part = clips.iloc[rows].reset_index(drop=True)
    named = part["speaker"].nunique() > 1 and not (part["speaker"] == UNKNOWN_SPEAKER).any()
    units = speaker_units(part) if named else clip_units(part)
    own = [Unit(unit.key, unit.stratum, tuple(int(rows[row]) for row in unit.rows)) for unit in units]
    return tuple(interleave(own, seed))
