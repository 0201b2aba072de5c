"""`GraphOps`: the few operations that a front end needs inside an exported model, and frames and levels made of them.

A front end that is part of an exported graph is written down once, in these operations. Each runtime has its own
implementation of them (`serbench.export`); the one here is of NumPy, for tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["GraphOps", "NumpyOps", "graph_decibels", "graph_frames", "graph_power"]

_MOST_PIECES = 32

Array = npt.NDArray[np.float32]


class FrameSettings(Protocol):
    """What is read of a front end's settings to cut a waveform into frames, in samples."""

    @property
    def window_length(self) -> int: ...

    @property
    def hop_length(self) -> int: ...

    @property
    def n_samples(self) -> int: ...

    @property
    def frames(self) -> int: ...


class GraphOps(Protocol):
    """Operations on float32 tensors of one runtime. The first axis is the batch; axes count from it.

    A tensor may be anything that the runtime takes. Numbers and arrays of NumPy become constants; they are broadcast.
    """

    def add(self, a: Any, b: Any) -> Any:
        """Returns a + b."""
        ...

    def subtract(self, a: Any, b: Any) -> Any:
        """Returns a - b."""
        ...

    def multiply(self, a: Any, b: Any) -> Any:
        """Returns a * b."""
        ...

    def divide(self, a: Any, b: Any) -> Any:
        """Returns a / b."""
        ...

    def maximum(self, a: Any, b: Any) -> Any:
        """Returns the larger of both, elementwise."""
        ...

    def less(self, a: Any, limit: float) -> Any:
        """Returns 1.0 where a < limit and 0.0 elsewhere."""
        ...

    def absolute(self, a: Any) -> Any:
        """Returns |a|."""
        ...

    def square_root(self, a: Any) -> Any:
        """Returns the square root."""
        ...

    def logarithm(self, a: Any) -> Any:
        """Returns the natural logarithm."""
        ...

    def exponential(self, a: Any) -> Any:
        """Returns e to the power of a."""
        ...

    def matmul(self, a: Any, matrix: Array) -> Any:
        """Multiplies the last axis by a constant matrix (inputs, outputs)."""
        ...

    def total(self, a: Any) -> Any:
        """Returns the sum over the last axis, which stays with length 1."""
        ...

    def largest(self, a: Any, axes: Sequence[int]) -> Any:
        """Returns the maximum over axes, which stay with length 1."""
        ...

    def part(self, a: Any, axis: int, start: int, stop: int, step: int = 1) -> Any:
        """Returns a slice along one axis; 0 <= start < stop <= size, step above 0."""
        ...

    def joined(self, parts: Sequence[Any], axis: int) -> Any:
        """Returns the concatenation along one axis."""
        ...

    def padded(self, a: Any, before: int, after: int) -> Any:
        """Adds zeros to axis 1 of a tensor (batch, size)."""
        ...

    def reshaped(self, a: Any, shape: Sequence[int]) -> Any:
        """Returns (batch, *shape)."""
        ...

    def swapped(self, a: Any) -> Any:
        """Swaps axes 1 and 2 of three."""
        ...

    def taken(self, a: Any, places: np.ndarray[Any, Any]) -> Any:
        """Returns the values of (batch, size) at whole-number places (x, y): (batch, x, y)."""
        ...


def graph_frames(ops: GraphOps, samples: Any, settings: FrameSettings, *, before: int = 0) -> Any:
    """Returns the frames around every hop, (batch, frames, window_length), with zeros beyond the ends.

    Args:
        ops: operations of the runtime.
        samples: (batch, n_samples - before).
        settings: settings of the front end.
        before: further zeros at the beginning.
    """
    window, hop, frames = settings.window_length, settings.hop_length, settings.frames
    half = window // 2
    step = gcd(window, hop)
    if window // step > _MOST_PIECES:
        padded = ops.padded(samples, half + before, half)
        return ops.taken(padded, np.arange(frames)[:, None] * hop + np.arange(window))
    # Whole pieces are moved instead of single samples: every frame is a row of pieces that follow each other.
    pieces, stride = window // step, hop // step
    needed = (frames - 1) * stride + pieces
    after = max(needed * step - settings.n_samples - half, 0)
    padded = ops.padded(samples, half + before, after)
    rows = ops.reshaped(ops.part(padded, 1, 0, needed * step), (needed, step))
    last = (frames - 1) * stride + 1
    return ops.joined([ops.part(rows, 1, place, place + last, stride) for place in range(pieces)], axis=2)


def graph_power(ops: GraphOps, frames: Any, hann: Array) -> Any:
    """Returns the squared magnitudes (batch, frames, 1 + window_length // 2) of Hann-windowed frames.

    The discrete Fourier transform is a product with a matrix of cosines and one of sines.

    Args:
        ops: operations of the runtime.
        frames: (batch, frames, window_length).
        hann: the window, (window_length,).
    """
    length = len(hann)
    places, bins = np.arange(length), np.arange(1 + length // 2)
    # Whole turns are taken off first, so that the angles are exact.
    angles = 2 * np.pi / length * (places[:, None] * bins % length)
    window = hann[:, None].astype(np.float64)
    real = ops.matmul(frames, (np.cos(angles) * window).astype(np.float32))
    imaginary = ops.matmul(frames, (np.sin(angles) * window).astype(np.float32))
    return ops.add(ops.multiply(real, real), ops.multiply(imaginary, imaginary))


def graph_decibels(ops: GraphOps, power: Any, least_power: float, top_db: float | None) -> Any:
    """Returns `serbench.features.frontends.spectra.decibels` of (batch, frames, bands)."""
    levels = ops.multiply(ops.logarithm(ops.maximum(power, least_power)), float(10 / np.log(10)))
    if top_db is None:
        return levels
    return ops.maximum(levels, ops.subtract(ops.largest(levels, (1, 2)), top_db))


class NumpyOps:
    """`GraphOps` of NumPy arrays."""

    add, subtract, multiply, divide = np.add, np.subtract, np.multiply, np.divide
    absolute, square_root, logarithm, exponential = np.abs, np.sqrt, np.log, np.exp

    def maximum(self, a: Array, b: Any) -> Array:
        """See `GraphOps.maximum`."""
        return np.maximum(a, np.asarray(b, dtype=np.float32))

    def less(self, a: Array, limit: float) -> Array:
        """See `GraphOps.less`."""
        return (a < limit).astype(np.float32)

    def matmul(self, a: Array, matrix: Array) -> Array:
        """See `GraphOps.matmul`."""
        return a @ matrix

    def total(self, a: Array) -> Array:
        """See `GraphOps.total`."""
        found: Array = np.sum(a, axis=-1, keepdims=True)
        return found

    def largest(self, a: Array, axes: Sequence[int]) -> Array:
        """See `GraphOps.largest`."""
        found: Array = np.max(a, axis=tuple(axes), keepdims=True)
        return found

    def part(self, a: Array, axis: int, start: int, stop: int, step: int = 1) -> Array:
        """See `GraphOps.part`."""
        return a[(slice(None),) * axis + (slice(start, stop, step),)]

    def joined(self, parts: Sequence[Array], axis: int) -> Array:
        """See `GraphOps.joined`."""
        return np.concatenate(parts, axis=axis)

    def padded(self, a: Array, before: int, after: int) -> Array:
        """See `GraphOps.padded`."""
        return np.pad(a, ((0, 0), (before, after)))

    def reshaped(self, a: Array, shape: Sequence[int]) -> Array:
        """See `GraphOps.reshaped`."""
        return a.reshape(len(a), *shape)

    def swapped(self, a: Array) -> Array:
        """See `GraphOps.swapped`."""
        return a.swapaxes(1, 2)

    def taken(self, a: Array, places: np.ndarray[Any, Any]) -> Array:
        """See `GraphOps.taken`."""
        return a[:, places]
