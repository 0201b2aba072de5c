"""Splits that come with a corpus, in the column `split` of its clip table."""

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
    "protocol 'given' uses a corpus's own split, and this corpus has none; give its table a column "
    "'split' (train, validation, test), or use another protocol"
)
_NO_OTHER = "protocol 'cross-corpus' tests on another corpus; name it with --test-corpus"


def given_plans(clips: pd.DataFrame, cores: Ratio, seed: np.random.SeedSequence) -> tuple[SplitPlan, ...]:
    """Makes the plan for protocol `given`: the corpus's own split.

    If the split has no validation part, part of the training part is used for validation: whole speakers, or single
    clips if speakers are unknown. Percentages refer to the clips outside the test part, because a test part may be far
    larger than the training part.

    Raises:
        SerbenchError: the corpus or one of several has no split, or no clip to train or test on.
    """
    import numpy as np

    if "split" not in clips or clips["split"].isna().any():
        raise SerbenchError(_without_split(clips))
    rows = {part: np.flatnonzero(clips["split"] == part) for part in ("train", "validation", "test")}
    for part in ("train", "test"):
        if not len(rows[part]):
            raise SerbenchError(f"no usable clip has the split '{part}'; mend the column 'split'")
    test, train, validation = (
        _ordered(clips, rows[part], child)
        for part, child in zip(("test", "train", "validation"), seed.spawn(3), strict=True)
    )
    validation_units = len(validation) or None
    if validation_units is None and len(train) < 2:
        raise SerbenchError(
            "the training part is too small to take validation clips from; add a validation part to the column 'split'"
        )
    not_tested = sum(len(unit.rows) for unit in (*train, *validation))
    order = (*test, *train, *validation)
    return (
        SplitPlan(
            order,
            cores,
            test_units=len(test),
            validation_units=validation_units,
            ratio_clips=not_tested,
            exchangeable=False,
        ),
    )


def cross_corpus_plans(clips: pd.DataFrame, cores: Ratio, seed: np.random.SeedSequence) -> tuple[SplitPlan, ...]:
    """Makes the plan for protocol `cross-corpus`: one corpus is the test set, the others are trained on.

    Training and validation have different speakers.

    Raises:
        SerbenchError: no test corpus was named.
    """
    if "corpus" not in clips or "split" not in clips:
        raise SerbenchError(_NO_OTHER)
    tested = clips["split"] == "test"
    both = set(clips.loc[tested, "corpus"]) & set(clips.loc[~tested, "corpus"])
    if both and clips["corpus"].nunique() > 1:  # the splits that several corpora bring
        raise SerbenchError(_NO_OTHER)
    return given_plans(clips, cores, seed)


def _without_split(clips: pd.DataFrame) -> str:
    """Says that the corpus has no split, or which of several corpora have none."""
    if "split" not in clips or "corpus" not in clips or clips["split"].isna().all():
        return _NO_COLUMN
    without = sorted({str(name) for name in clips.loc[clips["split"].isna(), "corpus"]})
    has = "has" if len(without) == 1 else "have"
    return (
        f"protocol 'given' uses the split that each corpus brings, and {', '.join(without)} {has} none; give every "
        "table a column 'split' (train, validation, test), leave out what has none, or use another protocol"
    )


def _ordered(clips: pd.DataFrame, rows: np.ndarray, seed: np.random.SeedSequence) -> tuple[Unit, ...]:
    """Interleaved units of these rows: speakers, or clips if a speaker is unknown or there is only one."""
    from serbench.corpora import UNKNOWN_SPEAKER

    part = clips.iloc[rows].reset_index(drop=True)
    named = part["speaker"].nunique() > 1 and not (part["speaker"] == UNKNOWN_SPEAKER).any()
    units = speaker_units(part) if named else clip_units(part)
    moved = [Unit(unit.key, unit.stratum, tuple(int(rows[row]) for row in unit.rows)) for unit in units]
    return tuple(interleave(moved, seed))
