"""Measures how much a score gains when training and test set share speakers, at equal training size.

Splits of one corpus overlap, so their differences vary less than those of other speakers would. The interval corrects
the variance of the mean over J splits from s²/J to s² (1/J + test clips / training clips): Nadeau and Bengio, Inference
for the Generalization Error, Machine Learning 52 (2003), https://doi.org/10.1023/A:1024068626366.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from serbench.audit.draws import PAIR, Draw, Draws
from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.evaluation import LEVEL
from serbench.protocols import SplitProtocol
from serbench.render import percent

__all__ = ["leakage"]


def leakage(splits: Draws, protocol: SplitProtocol) -> AuditFinding:
    """Reports the difference in UAR between protocol `random` and protocol `speaker`, at equal training size.

    Args:
        splits: scores of the configuration under both protocols.
        protocol: protocol of the entry. If it shares speakers, the finding is a warning.
    """
    check = "leakage delta"
    speaker, random = ({draw.split_seed: draw for draw in splits.of(name)} for name in PAIR)
    seeds = sorted(speaker.keys() & random.keys())
    if not seeds:
        return skipped(check, splits.reason())
    deltas = [(random[seed].uar or 0.0) - (speaker[seed].uar or 0.0) for seed in seeds]
    overlap = float(np.mean([speaker[seed].test_clips / speaker[seed].train_clips for seed in seeds]))
    mean, half = _mean_and_half(deltas, overlap)
    low, high = (None, None) if half is None else (mean - half, mean + half)
    scores = {
        name: _mean_uar([draws[seed] for seed in seeds]) for name, draws in zip(PAIR, (speaker, random), strict=True)
    }
    numbers: dict[str, Cell] = {
        "delta": mean, "low": low, "high": high, "draws": len(seeds), "draws_asked": splits.asked,
        "speaker_uar": scores["speaker"], "random_uar": scores["random"], "train_clips": speaker[seeds[0]].train_clips,
    }  # fmt: skip
    interval = "" if low is None or high is None else f", 95 % interval {100 * low:+.1f} to {100 * high:+.1f} points"
    verdict = (
        f"trained on equally many clips, the same configuration scores {100 * mean:+.1f} points of UAR under 'random' "
        f"compared with 'speaker' ({percent(scores['random'])} % and {percent(scores['speaker'])} %, "
        f"{_splits(len(seeds))}{interval})"
        f"{splits.caveat(len(seeds), [speaker[seed] for seed in seeds])}"
    )
    if protocol.shares_speakers:
        verdict += "; this entry's protocol shares speakers, so its own score contains about this much leakage"
        return AuditFinding(check=check, level="warning", verdict=verdict, numbers=numbers)
    return AuditFinding(check=check, level="note", verdict=verdict, numbers=numbers)


def _mean_and_half(values: Sequence[float], overlap: float) -> tuple[float, float | None]:
    """Returns the mean and the half-width of its 95 % interval by a corrected Student's t; none for one value.

    Args:
        values: the difference on each split.
        overlap: test clips divided by training clips.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None
    error = float(np.std(values, ddof=1)) * math.sqrt(1 / len(values) + overlap)
    return mean, float(special.stdtrit(len(values) - 1, (1 + LEVEL) / 2)) * error


def _mean_uar(draws: Sequence[Draw]) -> float:
    return float(np.mean([draw.uar or 0.0 for draw in draws]))


def _splits(count: int) -> str:
    return "one split" if count == 1 else f"mean of {count} splits"
