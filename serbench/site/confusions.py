"""The largest confusions of an entry, in words."""

from __future__ import annotations

from dataclasses import dataclass

from serbench.evaluation import SoftEvaluation
from serbench.results import EntryReport

__all__ = ["Confusion", "clips_a_run", "largest_confusions"]

_LEAST = 0.1
_MOST = 5


@dataclass(frozen=True)
class Confusion:
    """A class that is often taken for another one.

    Attributes:
        true: the class.
        predicted: what it is taken for.
        share: share of its clips, mean over runs.
        clips: the same in clips a run, as text.
        support: clips of the class.
        back: share of clips of the other class that are taken for this one; None if it has no clips.
        listeners: share of the listeners' votes with the same confusion; None if there are no listeners.
    """

    true: str
    predicted: str
    share: float
    clips: str
    support: int
    back: float | None
    listeners: float | None


def clips_a_run(report: EntryReport) -> list[list[str]]:
    """The confusion matrix in clips a run: means over runs, with one decimal if there are several."""
    runs = max(1, len(report.refits))
    return [[f"{cell:,}" if runs == 1 else f"{cell / runs:,.1f}" for cell in row] for row in report.confusion]


def largest_confusions(report: EntryReport, listeners: SoftEvaluation | None = None) -> list[Confusion]:
    """Confusions of at least a tenth of a class, the largest first; at most five.

    Args:
        report: the entry.
        listeners: scores of human listeners on the same clips, to stand beside.
    """
    if not report.refits:
        return []
    labels, shares, clips = report.corpus.labels, report.confusion_by_row, clips_a_run(report)
    heard = None if listeners is None else _shares(listeners)
    found = []
    for row, true in enumerate(labels):
        for column, predicted in enumerate(labels):
            share = shares[row][column]
            if row == column or share is None or share < _LEAST:
                continue
            support = report.per_class[row].support
            beside = None if heard is None else heard[row][column]
            found.append(Confusion(true, predicted, share, clips[row][column], support, shares[column][row], beside))
    return sorted(found, key=lambda one: (-one.share, one.true, one.predicted))[:_MOST]


def _shares(listeners: SoftEvaluation) -> list[list[float | None]]:
    """Shares of each row's clips; votes for labels outside the study are in no column."""
    rows = zip(listeners.confusion.tolist(), listeners.support.tolist(), strict=True)
    return [[cell / total if total else None for cell in row] for row, total in rows]
