"""What is sharing speakers between training and test worth, at the same training size?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from serbench.audit.draws import PAIR, Draw, Drawn
from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.protocols import SplitProtocol
from serbench.render import percent

__all__ = ["leakage"]

_LEVEL = 0.95


def leakage(drawn: Drawn, protocol: SplitProtocol) -> AuditFinding:
    """What sharing speakers between training and test is worth, at the same training size."""
    check = "leakage delta"
    speaker, random = ({draw.split_seed: draw for draw in drawn.of(name)} for name in PAIR)
    seeds = sorted(speaker.keys() & random.keys())
    if not seeds:
        return skipped(check, drawn.reason())
    deltas = [(random[seed].uar or 0.0) - (speaker[seed].uar or 0.0) for seed in seeds]
    mean, half = _mean_and_half(deltas)
    low, high = (None, None) if half is None else (mean - half, mean + half)
    scores = {
        name: _mean_uar([draws[seed] for seed in seeds]) for name, draws in zip(PAIR, (speaker, random), strict=True)
    }
    numbers: dict[str, Cell] = {
        "delta": mean, "low": low, "high": high, "draws": len(seeds), "draws_asked": drawn.asked,
        "speaker_uar": scores["speaker"], "random_uar": scores["random"], "train_clips": speaker[seeds[0]].train_clips,
    }  # fmt: skip
    sure = "" if low is None or high is None else f", {100 * low:+.1f} to {100 * high:+.1f} over draws"
    verdict = (
        f"the same configuration, trained on as many clips, scores {100 * mean:+.1f} points of UAR under 'random' "
        f"beside 'speaker' ({percent(scores['random'])} % and {percent(scores['speaker'])} %, "
        f"{_draws(len(seeds))}{sure})"
        f"{drawn.caveat(len(seeds), [speaker[seed] for seed in seeds])}"
    )
    if protocol.shares_speakers:
        verdict += "; this entry's protocol shares speakers, so its own score holds about that much of them"
        return AuditFinding(check=check, level="warning", verdict=verdict, numbers=numbers)
    return AuditFinding(check=check, level="note", verdict=verdict, numbers=numbers)


def _mean_and_half(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and half of its 95 % interval by Student's t; None for one value."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, float(special.stdtrit(len(values) - 1, (1 + _LEVEL) / 2)) * error


def _mean_uar(draws: Sequence[Draw]) -> float:
    return float(np.mean([draw.uar or 0.0 for draw in draws]))


def _draws(count: int) -> str:
    return "one draw" if count == 1 else f"mean of {count} draws"
