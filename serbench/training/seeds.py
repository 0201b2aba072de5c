"""`SeedTree`: the source of all random seeds of a study (independent streams by numpy's SeedSequence)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serbench.records import StudyRecord

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

    Folds of one search are studies with one seed. Each draws for itself if the tree knows its fold:

    >>> SeedTree(0, fold=1).trial(3) == SeedTree(0, fold=2).trial(3)
    False
    """

    study_seed: int
    fold: int | None = None

    @classmethod
    def of(cls, study: StudyRecord) -> SeedTree:
        """Returns the seeds of a recorded study: those of its fold if its folds draw independently."""
        return cls(study.seed, study.drawing_fold)

    def _draw(self, *path: int) -> int:
        key = () if self.fold is None else (self.fold,)
        return int(np.random.SeedSequence([self.study_seed, *path], spawn_key=key).generate_state(1)[0])

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

    def shortlisted(self, number: int, inner_fold: int) -> int:
        """Returns the seed of a shortlisted configuration's fit without one fold of the cross-validation."""
        return self._draw(_FOLD, number, inner_fold)

    def rerun(self, split_seed: int, repeat: int) -> int:
        """Returns the seed of an audit's training run on another split. Both protocols of a split seed share it."""
        return self._draw(_RERUN, split_seed, repeat)

    @property
    def augmentation(self) -> int:
        """Seed of the augmented waveforms, which all trials of all folds share through the feature cache."""
        return SeedTree(self.study_seed)._draw(_AUGMENTATION)

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
