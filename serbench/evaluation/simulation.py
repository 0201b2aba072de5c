"""Simulated test cores: do the intervals cover what they say, and are equal models called different as seldom?

A clip is recognised where a latent value lies above 0: how easy the task is, plus how easy the speaker is for
everyone, plus the model's luck with that speaker, plus the seed's luck with all of them, plus how easy the clip is
(mostly the same for all models). All spreads but the clip's are in points of UAR.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from serbench.evaluation.jackknife import SpeakerRecalls, Spread

__all__ = ["SimulatedCore"]

_LEVEL = 0.95


@dataclass(frozen=True)
class SimulatedCore:
    """A test core and the models that are tested on it.

    Attributes:
        speakers: of the test core.
        refits: of each entry.
        uar: that a model would reach over all speakers there are.
        classes: as many clips of each.
        clips: of each speaker and class.
        speaker_spread: standard deviation of the speakers' ease, the same for all models.
        model_spread: of a model's luck with a speaker.
        seed_spread: of a refit's luck with all speakers.
        shared: how much of a clip's ease is the same for all models and seeds (0-1).
    """

    speakers: int
    refits: int = 3
    uar: float = 0.55
    classes: int = 6
    clips: int = 14
    speaker_spread: float = 0.09
    model_spread: float = 0.05
    seed_spread: float = 0.012
    shared: float = 0.8

    def draw(self, rng: np.random.Generator, *gains: float) -> list[SpeakerRecalls]:
        """Tests one entry for each of `gains` (points of UAR over `uar`, as fractions), on the same clips."""
        slope = math.sqrt(2 * math.pi) * math.exp(special.ndtri(self.uar) ** 2 / 2)
        shape = (self.speakers, self.classes, self.clips)
        support = np.full(shape[:2], self.clips)
        clip, speaker = self.shared * rng.normal(size=shape), rng.normal(0, self.speaker_spread, self.speakers)
        own = math.sqrt(1 - self.shared**2)
        entries = []
        for gain in gains:
            luck = speaker + rng.normal(0, self.model_spread, self.speakers)
            level = special.ndtri(self.uar + gain) + slope * luck[:, np.newaxis, np.newaxis] + clip
            seeds = slope * rng.normal(0, self.seed_spread, self.refits)
            correct = [(level + seed + own * rng.normal(size=shape) > 0).sum(axis=-1) for seed in seeds]
            entries.append(SpeakerRecalls(np.stack(correct), support))
        return entries

    def population_uar(self, rng: np.random.Generator, speakers: int = 40_000) -> float:
        """The UAR over all speakers there are; not quite `uar`, since ease acts on a bent scale."""
        whole = SimulatedCore(speakers, 1, self.uar, self.classes, 1, self.speaker_spread, self.model_spread, 0.0)
        return float(whole.draw(rng, 0.0)[0].per_refit()[0])

    def coverage(self, rng: np.random.Generator, runs: int) -> tuple[float, float]:
        """How often a 95 % interval holds the truth, and the mean of half its width."""
        truth = self.population_uar(rng)
        hits, widths = 0, 0.0
        for _ in range(runs):
            (entry,) = self.draw(rng, 0.0)
            half = Spread.of(entry.without_each(), entry).half_width(_LEVEL)
            hits += abs(float(entry.per_refit().mean()) - truth) <= half
            widths += half
        return hits / runs, widths / runs

    def rejection_rate(self, rng: np.random.Generator, runs: int, gain: float = 0.0) -> float:
        """How often two models that differ by `gain` are called different at 5 %; for 0, how often wrongly."""
        told = 0
        for _ in range(runs):
            one, other = self.draw(rng, 0.0, gain)
            difference = float(one.per_refit().mean() - other.per_refit().mean())
            p_value = Spread.of(one.without_each() - other.without_each(), one, other).p_value(difference)
            told += p_value is not None and p_value < 1 - _LEVEL
        return told / runs

    def detectable(self, rng: np.random.Generator, runs: int, power: float = 0.8) -> float:
        """The smallest difference, in whole points, that is told apart this often."""
        for points in range(1, 41):
            if self.rejection_rate(rng, runs, points / 100) >= power:
                return points / 100
        return math.nan
