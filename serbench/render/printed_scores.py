"""Comparison of entries with scores that others published for the same configuration."""

from __future__ import annotations

from collections.abc import Collection

from serbench.render.document import NOTHING, Column, Sheet, percent
from serbench.results import Leaderboard, ScoredEntry

__all__ = ["beside_printed"]

_COLUMNS = (
    Column("run", 0, "left"), Column("entry", 4, "left"), Column("seeds", 3),
    Column("train acc. %", 2), Column("printed", 2), Column("val. acc. %", 1), Column("printed", 1),
    Column("test acc. %"), Column("printed"), Column("difference"),
)  # fmt: skip


def beside_printed(board: Leaderboard, studies: Collection[str]) -> Sheet | None:
    """Compares entries with the published scores that their space files name.

    Scores are percent and means over refits. A published score is from another split, and usually from a single run.

    Args:
        board: the leaderboard.
        studies: names of the studies whose entries are shown.

    Returns:
        The table; None if no space file names a published score.
    """
    entries = [one for one in board.tested if one.entry.reported and one.study.name in studies]
    if not entries:
        return None
    sources = dict.fromkeys(one.entry.reported.source for one in entries if one.entry.reported)
    notes = (
        "printed: published scores, one run each, on another split. difference: in points of test accuracy",
        *filter(None, sources),
    )
    return Sheet("Comparison with published scores", _COLUMNS, tuple(_cells(one) for one in entries), notes)


def _cells(tested: ScoredEntry) -> tuple[str, ...]:
    reported = tested.entry.reported
    assert reported is not None  # noqa: S101
    here = {subset: tested.mean_score(subset, "accuracy") for subset in ("train", "validation", "test")}
    printed = (reported.train_accuracy, reported.validation_accuracy, reported.test_accuracy)
    cells = []
    for score, figure in zip(here.values(), printed, strict=True):
        cells += [percent(score), _figure(figure)]
    difference = NOTHING
    if here["test"] is not None and reported.test_accuracy is not None:
        difference = f"{100 * here['test'] - reported.test_accuracy:+.1f}"
    return (tested.entry.origin, tested.entry.entry_id, str(len(tested.refits)), *cells, difference)


def _figure(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"
