"""`SeedTree`: every random draw of a study comes from here (numpy's SeedSequence: independent streams)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["SeedTree"]

_SAMPLER, _TRIAL, _REFIT, _AUGMENTATION, _PROBE = range(5)


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
        """Of the Optuna sampler when it proposes this trial, so that a resumed study goes on as if unbroken."""
        return self._draw(_SAMPLER, number)

    def trial(self, number: int) -> int:
        """Of the search trial with this stable number."""
        return self._draw(_TRIAL, number)

    def refit(self, number: int, repeat: int) -> int:
        """Of a finalist's refit: fresh, never that of the trial it was chosen by."""
        return self._draw(_REFIT, number, repeat)

    def probe(self, number: int, draw: int = 0) -> int:
        """Of a short fit: of its weights and batches, and of the draws that its configuration comes from."""
        return self._draw(_PROBE, number, draw)

    @property
    def augmentation(self) -> int:
        """Of the waveform copies, which all trials share through the feature cache."""
        return self._draw(_AUGMENTATION)
