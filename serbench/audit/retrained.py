"""Checks that train again: labels that mean nothing, other draws of the speakers, and draws that share speakers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field
from scipy import special

from serbench.audit.finding import Finding
from serbench.errors import SerbenchError
from serbench.protocols import Protocol
from serbench.records.base import FrozenModel
from serbench.report.refits import TestedEntry, load_entry
from serbench.search.rerun import Rerun, Reruns

__all__ = ["Draw", "Drawn", "draw_again", "leakage", "over_draws", "shuffled_labels"]

PAIR = ("speaker", "random")
_LEVEL = 0.95
_SHUFFLED_ERRORS = 3.0


class Draw(FrozenModel):
    """One configuration under one draw of the clips: means over its fits, as fractions."""

    protocol: str
    protocol_hash: str
    split_seed: int
    train_clips: int
    test_clips: int
    test_speakers: int
    seeds: int = Field(description="completed fits, each one look at this draw's test core")
    uar: float | None
    accuracy: float | None
    validation_uar: float | None


@dataclass(frozen=True)
class Drawn:
    """All draws of an audit.

    Attributes:
        draws: what was fitted.
        why_not: why there are fewer than were asked for; '' where there are not.
    """

    draws: tuple[Draw, ...]
    why_not: str = ""

    def of(self, protocol: str) -> list[Draw]:
        """Draws under one protocol that have a UAR, by split seed."""
        return [draw for draw in self.draws if draw.protocol == protocol and draw.uar is not None]


def draw_again(reruns: Reruns, protocol: Protocol, seeds: Sequence[int], repeats: int, workers: int | None) -> Drawn:
    """Fits the configuration under `speaker` and `random` for each split seed, on equally many training clips.

    Args:
        reruns: fits it.
        protocol: whose cores are kept.
        seeds: split seeds.
        repeats: fits of each draw.
        workers: side by side; None for as many as fit.
    """
    draws: list[Draw] = []
    for seed in seeds:
        pair = [replace(protocol, name=name, split_seed=seed) for name in PAIR]
        try:
            size = min(reruns.train_size(one) for one in pair)
            for one in pair:
                draws += _fit(reruns, Rerun(one, size), repeats, workers)
        except SerbenchError as error:
            return Drawn(tuple(draws), str(error))
        if reruns.stop.is_set():
            return Drawn(tuple(draws), "it was stopped; the same command goes on")
    return Drawn(tuple(draws))


def shuffled_labels(reruns: Reruns, protocol: Protocol, repeats: int, workers: int | None) -> Finding:
    """Trains on labels that mean nothing: what it scores above chance comes from somewhere else than the sound."""
    check = "shuffled labels"
    folder, entry = reruns.fit(Rerun(protocol, shuffled=True), repeats, workers)
    if entry is None:
        return Finding(check=check, level="skipped", verdict="no fit on shuffled labels was completed", numbers={})
    tested = load_entry(folder, folder.record(), entry)
    uar = tested.mean_score("test", "uar")
    if uar is None:
        return Finding(check=check, level="skipped", verdict="a class has no clip in the test core", numbers={})
    chance = 1 / len(tested.study.corpus.labels)
    error = _chance_error(tested)
    numbers: dict[str, float | int | str | None] = {
        "uar": uar, "chance": chance, "chance_error": error, "seeds": len(tested.refits)
    }  # fmt: skip
    if uar <= chance + _SHUFFLED_ERRORS * error:
        verdict = f"trained on shuffled labels it scores {uar:.1%} UAR on the test core: chance ({chance:.1%})"
        return Finding(check=check, level="ok", verdict=verdict, numbers=numbers)
    verdict = (
        f"trained on shuffled labels it still scores {uar:.1%} UAR on the test core, above chance ({chance:.1%}): the "
        "labels reach the test by another way than the sound; look for copies across the sets"
    )
    return Finding(check=check, level="alarm", verdict=verdict, numbers=numbers)


def leakage(drawn: Drawn, protocol: Protocol) -> Finding:
    """What sharing speakers between training and test is worth, at the same training size."""
    check = "leakage delta"
    speaker, random = ({draw.split_seed: draw for draw in drawn.of(name)} for name in PAIR)
    seeds = sorted(speaker.keys() & random.keys())
    if not seeds:
        return _skipped(check, drawn)
    deltas = [(random[seed].uar or 0.0) - (speaker[seed].uar or 0.0) for seed in seeds]
    mean, half = _mean_and_half(deltas)
    low, high = (None, None) if half is None else (mean - half, mean + half)
    numbers: dict[str, float | int | str | None] = {
        "delta": mean, "low": low, "high": high, "draws": len(seeds),
        "speaker_uar": float(np.mean([speaker[seed].uar or 0.0 for seed in seeds])),
        "random_uar": float(np.mean([random[seed].uar or 0.0 for seed in seeds])),
        "train_clips": speaker[seeds[0]].train_clips,
    }  # fmt: skip
    sure = "" if low is None or high is None else f", {100 * low:+.1f} to {100 * high:+.1f} over draws"
    verdict = (
        f"the same configuration, trained on as many clips, scores {100 * mean:+.1f} points of UAR under 'random' "
        f"beside 'speaker' ({numbers['random_uar']:.1%} and {numbers['speaker_uar']:.1%}, {_draws(len(seeds))}{sure})"
    )
    if protocol.shares_speakers:
        return Finding(
            check=check,
            level="warning",
            verdict=f"{verdict}; this entry's protocol shares speakers, so its own score holds that much of them",
            numbers=numbers,
        )
    return Finding(check=check, level="note", verdict=verdict, numbers=numbers)


def over_draws(drawn: Drawn, own_uar: float | None) -> Finding:
    """How much a score owes to which speakers were drawn for the test."""
    check = "draws of test speakers"
    scores = [draw.uar or 0.0 for draw in drawn.of("speaker")]
    if not scores:
        return _skipped(check, drawn)
    if len(scores) < 2:
        verdict = "one draw of the test speakers settles little; --split-seeds 3 or more shows how much it decides"
        return Finding(check=check, level="skipped", verdict=verdict, numbers={"draws": 1})
    mean, spread = float(np.mean(scores)), float(np.std(scores, ddof=1))
    own = "" if own_uar is None else f"; the entry itself has {own_uar:.1%}"
    verdict = (
        f"over {len(scores)} draws of the test speakers UAR is {mean:.1%} in the mean, from {min(scores):.1%} to "
        f"{max(scores):.1%} (standard deviation {100 * spread:.1f} points){own}"
    )
    numbers: dict[str, float | int | str | None] = {
        "draws": len(scores), "uar": mean, "sd": spread, "lowest": min(scores), "highest": max(scores)
    }  # fmt: skip
    return Finding(check=check, level="note", verdict=verdict, numbers=numbers)


def _fit(reruns: Reruns, rerun: Rerun, repeats: int, workers: int | None) -> list[Draw]:
    folder, entry = reruns.fit(rerun, repeats, workers)
    if entry is None:
        return []
    tested = load_entry(folder, folder.record(), entry)
    facts = tested.study.protocol
    draw = Draw(
        protocol=facts.name,
        protocol_hash=facts.hash,
        split_seed=facts.split_seed,
        train_clips=tested.refits[0].record.train_clips,
        test_clips=facts.test_clips,
        test_speakers=facts.test_speakers,
        seeds=len(tested.refits),
        uar=tested.mean_score("test", "uar"),
        accuracy=tested.mean_score("test", "accuracy"),
        validation_uar=tested.mean_score("validation", "uar"),
    )
    return [draw]


def _chance_error(tested: TestedEntry) -> float:
    """Standard error of the UAR of one model that guesses: binomial in each class."""
    classes = tested.refits[0].evaluations["test"].per_class
    chance = 1 / len(classes)
    return math.sqrt(sum(chance * (1 - chance) / row.support for row in classes)) / len(classes)


def _mean_and_half(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and half of its 95 % interval by Student's t; None for one value."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, float(special.stdtrit(len(values) - 1, (1 + _LEVEL) / 2)) * error


def _draws(count: int) -> str:
    return "one draw" if count == 1 else f"mean of {count} draws"


def _skipped(check: str, drawn: Drawn) -> Finding:
    return Finding(check=check, level="skipped", verdict=drawn.why_not or "no fit was completed", numbers={})
