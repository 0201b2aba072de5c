"""Per-channel energy normalisation (PCEN): each mel band divided by its own recent level, then compressed.

Y. Wang et al., 2017, https://arxiv.org/abs/1607.05666, and V. Lostanlen et al., 2019,
https://doi.org/10.1109/LSP.2018.2878620. Definition and parameters are those of `librosa.pcen`, which a test compares.
"""

from __future__ import annotations

import math
from typing import Any, Final, Protocol

from serbench.features.frontends.graph import GraphOps

__all__ = ["pcen"]

_GAIN: Final = 0.98
_BIAS: Final = 2.0
_EPS: Final = 1e-6
_TIME_CONSTANT_S: Final = 0.4
_SCALE: Final = 2.0**31
"""The parameters are for samples of 32-bit integers, and ours have full scale at 1."""

_FORGOTTEN: Final = 1e-10


class _Settings(Protocol):
    @property
    def sample_rate(self) -> int: ...

    @property
    def hop_length(self) -> int: ...

    @property
    def frames(self) -> int: ...


def pcen(ops: GraphOps, magnitudes: Any, settings: _Settings) -> Any:
    """Normalises and compresses mel bands.

    The square root of a band's value over its level, with an offset of 2 inside that is taken off again: no value is
    negative, and silence is 0.

    Args:
        ops: operations of NumPy or of an exported graph: both compute it alike.
        magnitudes: mel bands of magnitudes (not of powers) of samples with full scale at 1, (batch, frames, bands).
        settings: sample rate, hop length and number of frames.

    Returns:
        (batch, frames, bands).
    """
    scaled = ops.multiply(magnitudes, _SCALE)
    level = _smoothed(ops, scaled, settings)
    gain = ops.exponential(ops.multiply(ops.logarithm(ops.add(level, _EPS)), -_GAIN))
    ratio = ops.multiply(scaled, gain)
    # The same as sqrt(ratio + bias) - sqrt(bias), without the digits that this loses where the ratio is small.
    return ops.divide(ratio, ops.add(ops.square_root(ops.add(ratio, _BIAS)), math.sqrt(_BIAS)))


def _smoothed(ops: GraphOps, values: Any, settings: _Settings) -> Any:
    """A first-order low-pass over time, which begins at a level of 1.

    Each step adds what lies twice as far back, so a graph needs a few operations instead of one for each frame.
    """
    periods = _TIME_CONSTANT_S * settings.sample_rate / settings.hop_length
    share = (math.sqrt(1 + 4 * periods**2) - 1) / (2 * periods**2)
    frames = settings.frames
    level = ops.multiply(values, share)
    begun = ops.add(ops.part(level, 1, 0, 1), 1 - share)
    level = ops.joined([begun, ops.part(level, 1, 1, frames)], axis=1) if frames > 1 else begun
    step = 1
    while step < frames and (kept := (1 - share) ** step) > _FORGOTTEN:
        earlier = ops.multiply(ops.part(level, 1, 0, frames - step), kept)
        nothing = ops.multiply(ops.part(level, 1, 0, step), 0.0)
        level = ops.add(level, ops.joined([nothing, earlier], axis=1))
        step *= 2
    return level
