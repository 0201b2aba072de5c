"""Simulated test sets: coverage of the intervals, and how often equal models differ significantly.

A clip is recognised if a latent value is above 0. The value is the sum of the model's mean skill, the speaker's ease
(shared by all models), a model-speaker effect, a seed effect, and the clip's ease (mostly shared by all models). All
standard deviations except the clip's are in fractions of UAR.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from serbench.evaluation import ALPHA, LEVEL, SpeakerRecalls, Spread

__all__ = ["SimulatedCore"]


@dataclass(frozen=True)
class SimulatedCore:
    """Parameters of a simulated test set and the models evaluated on it.

    Attributes:
        speakers: number of test speakers.
        refits: number of refits of each entry.
        uar: the UAR of a model over the whole population of speakers.
        classes: number of classes, with equal numbers of clips.
        clips: number of clips of each speaker and class.
        speaker_spread: standard deviation of the speakers' ease, which is the same for all models.
        model_spread: standard deviation of the model-speaker effect.
        seed_spread: standard deviation of the seed effect, which is the same for all speakers.
        shared: correlation of a clip's ease between models and seeds (0-1).
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
        """Simulates one entry for each of `gains`, all on the same clips.

        Args:
            rng: source of all randomness.
            gains: how much better than `uar` each entry is, in fractions of UAR.
        """
        slope = math.sqrt(2 * math.pi) * math.exp(special.ndtri(self.uar) ** 2 / 2)
        shape = (self.speakers, self.classes, self.clips)
        support = np.full(shape[:2], self.clips)
        clip, ease = self.shared * rng.normal(size=shape), rng.normal(0, self.speaker_spread, self.speakers)
        unshared = math.sqrt(1 - self.shared**2)
        entries = []
        for gain in gains:
            speaker = ease + rng.normal(0, self.model_spread, self.speakers)
            level = special.ndtri(self.uar + gain) + slope * speaker[:, np.newaxis, np.newaxis] + clip
            seeds = slope * rng.normal(0, self.seed_spread, self.refits)
            correct = [(level + seed + unshared * rng.normal(size=shape) > 0).sum(axis=-1) for seed in seeds]
            entries.append(SpeakerRecalls(np.stack(correct), support))
        return entries

    def population_uar(self, rng: np.random.Generator, speakers: int = 40_000) -> float:
        """Returns the UAR of the whole simulated population, estimated from this many speakers.

        It differs slightly from `uar`, because effects are added on the probit scale.
        """
        whole = SimulatedCore(speakers, 1, self.uar, self.classes, 1, self.speaker_spread, self.model_spread, 0.0)
        return float(whole.draw(rng, 0.0)[0].per_refit()[0])

    def coverage(self, rng: np.random.Generator, runs: int) -> tuple[float, float]:
        """Returns how often a 95 % interval contains the population's UAR, and the mean half-width of the intervals."""
        truth = self.population_uar(rng)
        hits, widths = 0, 0.0
        for _ in range(runs):
            (entry,) = self.draw(rng, 0.0)
            half = Spread.of(entry.without_each(), entry).half_width(LEVEL)
            hits += abs(float(entry.per_refit().mean()) - truth) <= half
            widths += half
        return hits / runs, widths / runs

    def rejection_rate(self, rng: np.random.Generator, runs: int, gain: float = 0.0) -> float:
        """Returns how often two models that differ by `gain` differ significantly (5 % level).

        This is the power of the comparison, or for a gain of 0 its false positive rate.
        """
        rejections = 0
        for _ in range(runs):
            one, other = self.draw(rng, 0.0, gain)
            difference = float(one.per_refit().mean() - other.per_refit().mean())
            p_value = Spread.of(one.without_each() - other.without_each(), one, other).p_value(difference)
            rejections += p_value is not None and p_value < ALPHA
        return rejections / runs

    def detectable(self, rng: np.random.Generator, runs: int, power: float = 0.8) -> float:
        """Returns the smallest gain, a multiple of 0.01 UAR, that is detected with this power; NaN above 0.40."""
        for points in range(1, 41):
            if self.rejection_rate(rng, runs, points / 100) >= power:
                return points / 100
        return math.nan
