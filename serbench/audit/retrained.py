"""Checks that train again: labels that mean nothing, other draws of the speakers, and draws that share speakers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field
from scipy import special

from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.audit.rerun import Rerun, Reruns
from serbench.errors import SerbenchError
from serbench.evaluation import MIN_SPEAKERS
from serbench.protocols import SplitProtocol
from serbench.records.base import FrozenModel
from serbench.render.document import percent
from serbench.results.scored_entry import load_entry

__all__ = ["Draw", "Drawn", "draw_again", "leakage", "over_draws", "shuffled_labels"]

PAIR = ("speaker", "random")
_LEVEL = 0.95
_LUCK = 0.15  # three times what a random function of the sound scatters by


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
        asked: how many split seeds were asked for.
        why_not: what ended the drawing early; '' where nothing did.
    """

    draws: tuple[Draw, ...]
    asked: int = 0
    why_not: str = ""

    def of(self, protocol: str) -> list[Draw]:
        """Draws under one protocol that have a UAR, by split seed."""
        return [draw for draw in self.draws if draw.protocol == protocol and draw.uar is not None]

    def reason(self) -> str:
        """Why there is no score to judge."""
        if self.why_not:
            return self.why_not
        undefined = any(draw.uar is None for draw in self.draws)
        return "a class has no clip in these test cores, so there is no UAR" if undefined else "no fit was completed"

    def caveat(self, usable: int, draws: Sequence[Draw]) -> str:
        """What a reader must know of these draws; '' for nothing."""
        said = ""
        if usable < self.asked:
            said = f"; {self.asked - usable} of {self.asked} draws gave none ({self.reason()})"
        few = min(draw.test_speakers for draw in draws)
        return said if few >= MIN_SPEAKERS else f"{said}; {few} test speakers a draw are too few to lean on"


def draw_again(
    reruns: Reruns, protocol: SplitProtocol, seeds: Sequence[int], repeats: int, workers: int | None
) -> Drawn:
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
            return Drawn(tuple(draws), len(seeds), str(error))
        if reruns.stop.is_set():
            return Drawn(tuple(draws), len(seeds), "it was stopped; the same command goes on")
    return Drawn(tuple(draws), len(seeds))


def shuffled_labels(reruns: Reruns, protocol: SplitProtocol, workers: int | None) -> AuditFinding:
    """Trains on labels that mean nothing; the test core keeps the true ones.

    A network trained so is some fixed function of the sound, which fits the truth better or worse by luck: by some
    five points of UAR (simulated), far more than clips that are guessed one by one. Hence the wide bound.
    """
    check = "shuffled labels"
    folder, entry = reruns.fit(Rerun(protocol, shuffled=True), 1, workers)
    if entry is None:
        return skipped(check, "no fit on shuffled labels was completed")
    tested = load_entry(folder, folder.record(), entry)
    uar = tested.mean_score("test", "uar")
    if uar is None:
        return skipped(check, "a class has no clip in the test core, so there is no UAR")
    chance = 1 / len(tested.study.corpus.labels)
    said = percent(chance)
    numbers: dict[str, Cell] = {"uar": uar, "chance": chance, "bound": chance + _LUCK}
    if uar <= chance + _LUCK:
        verdict = f"trained on shuffled labels it scores {percent(uar)} % UAR on the test core, near chance ({said} %)"
        return AuditFinding(check=check, level="ok", verdict=verdict, numbers=numbers)
    verdict = (
        f"trained on shuffled labels it still scores {percent(uar)} % UAR on the test core, far above chance "
        f"({said} %): the true labels reach it by another way than training"
    )
    return AuditFinding(check=check, level="alarm", verdict=verdict, numbers=numbers)


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


def over_draws(drawn: Drawn, own_uar: float | None) -> AuditFinding:
    """How much a score owes to which speakers were drawn for the test."""
    check = "draws of test speakers"
    draws = drawn.of("speaker")
    if not draws:
        return skipped(check, drawn.reason())
    if len(draws) < 2:
        why = "one draw of the test speakers settles little; --split-seeds 3 or more shows how much it decides"
        return skipped(check, why if drawn.asked < 2 else drawn.reason())
    scores = [draw.uar or 0.0 for draw in draws]
    mean, spread = float(np.mean(scores)), float(np.std(scores, ddof=1))
    own = "" if own_uar is None else f"; the entry itself has {percent(own_uar)} %, on all its training clips"
    verdict = (
        f"over {len(scores)} draws of the test speakers UAR is {percent(mean)} % in the mean, from "
        f"{percent(min(scores))} % to {percent(max(scores))} % (standard deviation "
        f"{100 * spread:.1f} points, the luck of seeds included{own}); the "
        "configuration was chosen with most of these speakers, so the mean flatters a little"
        f"{drawn.caveat(len(scores), draws)}"
    )
    numbers: dict[str, Cell] = {
        "draws": len(scores), "draws_asked": drawn.asked, "uar": mean, "sd": spread, "lowest": min(scores),
        "highest": max(scores),
    }  # fmt: skip
    return AuditFinding(check=check, level="note", verdict=verdict, numbers=numbers)


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
