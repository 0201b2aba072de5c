"""`SeedTree`: the source of all random seeds of a study (independent streams by numpy's SeedSequence)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["BATCHES", "COPY_PASTE", "KICKS", "SeedTree", "fit_stream"]

_SAMPLER, _TRIAL, _REFIT, _AUGMENTATION, _PROBE, _FOLD, _CALIBRATION, _RERUN = range(8)

BATCHES, KICKS, COPY_PASTE = 1, 2, 3
"""The random streams of one fit, besides those of Keras."""


@dataclass(frozen=True)
class SeedTree:
    """Seeds of one study.

    >>> tree = SeedTree(0)
    >>> tree.trial(3) == SeedTree(0).trial(3), tree.trial(3) == tree.trial(4), tree.trial(3) == tree.refit(3, 0)
    (True, False, False)
    """

    study_seed: int

    def _draw(self, *path: int) -> int:
        return int(np.random.SeedSequence([self.study_seed, *path]).generate_state(1)[0])

    def sampler(self, number: int) -> int:
        """Returns the seed of the Optuna sampler for a trial, so that a resumed study goes on as if unbroken."""
        return self._draw(_SAMPLER, number)

    def trial(self, number: int) -> int:
        """Returns the seed of the search trial with this stable number."""
        return self._draw(_TRIAL, number)

    def refit(self, number: int, repeat: int) -> int:
        """Returns the seed of a finalist's refit. It never equals the seed of the trial that selected the finalist."""
        return self._draw(_REFIT, number, repeat)

    def probe(self, number: int, draw: int = 0) -> int:
        """Returns the seed of a probe (its weights and batches), or of one draw of its configuration."""
        return self._draw(_PROBE, number, draw)

    def fold(self, number: int, fold: int) -> int:
        """Returns the seed of a shortlisted configuration's fit without one fold."""
        return self._draw(_FOLD, number, fold)

    def rerun(self, split_seed: int, repeat: int) -> int:
        """Returns the seed of an audit's training run on another split. Both protocols of a split seed share it."""
        return self._draw(_RERUN, split_seed, repeat)

    @property
    def augmentation(self) -> int:
        """Seed of the augmented waveforms, which all trials share through the feature cache."""
        return self._draw(_AUGMENTATION)

    @property
    def calibration(self) -> int:
        """Seed of the training clips that an int8 file is calibrated with."""
        return self._draw(_CALIBRATION)


def fit_stream(seed: int, stream: int) -> np.random.Generator:
    """Returns a random stream of a fit, independent of its other ones.

    Args:
        seed: seed of the fit.
        stream: `BATCHES`, `KICKS` or `COPY_PASTE`.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, stream]))
