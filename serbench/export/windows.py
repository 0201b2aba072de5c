"""Cuts a file of any length into windows of the length that a model was trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from serbench.features import FeatureSpec, Waveform, even_start, fit_length

__all__ = ["window_batches", "window_starts", "windows"]


def window_starts(n_samples: int, spec: FeatureSpec, longest_clip_s: float, crops: int = 1) -> list[int]:
    """Returns the first sample of each window of a file.

    A file that is not longer than the longest clip of the corpus is one window, cut or padded as in training, or the
    evenly spread windows that the clips of the corpus were answered by. So a clip of the corpus gets exactly the
    prediction that was recorded. A longer file is covered by windows that overlap by half.

    Args:
        n_samples: length of the file in samples, at `spec.sample_rate`.
        spec: settings of the front end.
        longest_clip_s: longest clip that the model was trained or tested on, in seconds.
        crops: number of windows that a clip of the corpus was answered by (`prediction_crops`).

    Returns:
        Start of each window in samples. The last window ends with the file.

    >>> spec = FeatureSpec(kind="log_mel", sample_rate=16000, duration_s=2.0)
    >>> window_starts(16000 * 4, spec, longest_clip_s=5.0), window_starts(16000 * 6, spec, 5.0)
    ([0], [0, 16000, 32000, 48000, 64000])
    """
    window = spec.n_samples
    if n_samples <= window:
        return [0]
    # One sample of tolerance, since resampling may round a length up.
    if n_samples <= math.ceil(longest_clip_s * spec.sample_rate) + 1:
        return [0] if crops == 1 else [even_start(n_samples - window, number, crops) for number in range(crops)]
    return [*range(0, n_samples - window, window // 2), n_samples - window]


def windows(waveform: Waveform, spec: FeatureSpec, longest_clip_s: float, crops: int = 1) -> tuple[list[int], Waveform]:
    """Cuts a waveform into windows: see `window_starts`.

    Args:
        waveform: (samples,), mono, at `spec.sample_rate`.
        spec: settings of the front end.
        longest_clip_s: longest clip that the model was trained or tested on, in seconds.
        crops: number of windows that a clip of the corpus was answered by (`prediction_crops`).

    Returns:
        Start of each window in samples, and the windows, float32 (windows, spec.n_samples).
    """
    starts = window_starts(len(waveform), spec, longest_clip_s, crops)
    return starts, next(window_batches(waveform, starts, spec, len(starts)))


def window_batches(waveform: Waveform, starts: Sequence[int], spec: FeatureSpec, size: int) -> Iterator[Waveform]:
    """Cuts a waveform into windows, a batch at a time.

    Args:
        waveform: (samples,), mono, at `spec.sample_rate`.
        starts: all `window_starts` of the waveform.
        spec: settings of the front end.
        size: largest number of windows of a batch.

    Yields:
        Windows in the order of `starts`, float32 (up to `size`, spec.n_samples).
    """
    if len(starts) == 1:
        yield fit_length(waveform, spec.n_samples, spec.crop)[None]
        return
    for first in range(0, len(starts), size):
        yield np.stack([waveform[start : start + spec.n_samples] for start in starts[first : first + size]])
