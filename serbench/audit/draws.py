"""The configuration fitted again under other draws of the speakers: how much does a score owe to the draw?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field

from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.audit.rerun import Rerun, Reruns
from serbench.errors import SerbenchError
from serbench.evaluation import MIN_SPEAKERS
from serbench.protocols import SplitProtocol
from serbench.records import FrozenModel
from serbench.render import percent
from serbench.results import load_entry

__all__ = ["PAIR", "Draw", "Drawn", "draw_again", "over_draws"]

PAIR = ("speaker", "random")
"""Protocols that every draw is split by: speakers kept apart, and shared."""


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
