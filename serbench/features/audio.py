"""Reads audio files as mono waveforms of one sample rate, and brings waveforms to one length."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.corpora import UnreadableError, readable_file
from serbench.errors import SerbenchError, UsageError
from serbench.features.spec import Crop

__all__ = ["LONGEST_S", "Waveform", "decode", "fit_length", "mono_waveform", "realise_soundfile"]

Waveform = npt.NDArray[np.float32]

LONGEST_S = 2 * 60 * 60
"""Longer files are refused: they are not clips, and would not fit into memory."""

_BLOCK_FRAMES = 1 << 20


def decode(path: str | Path, sample_rate: int) -> Waveform:
    """Reads an audio file as a mono waveform.

    Reads every format of libsndfile, and MPEG-4 audio if ffmpeg is installed; any sample type, rate and number of
    channels. Channels are averaged. Another sample rate is resampled by soxr with its setting HQ.

    Args:
        path: the file.
        sample_rate: Hz of the result.

    Returns:
        float32 (samples,), full scale at 1.0.

    Raises:
        SerbenchError: the file is missing, not a regular file, not audio, damaged, empty, over two hours
            long, or contains values that are not numbers.
    """
    _require_regular_file(Path(path))
    try:
        with readable_file(str(path)) as sound:
            waveform, rate = _read_mono(sound, path)
    except UnreadableError as error:
        raise SerbenchError(f"cannot read {path} as audio: {error}") from None
    if not np.isfinite(waveform).all():
        raise SerbenchError(f"{path} holds samples that are not numbers; record or convert it again")
    return _resampled(waveform, rate, sample_rate)


def mono_waveform(samples: npt.NDArray[Any], rate: int, sample_rate: int) -> Waveform:
    """Converts samples in memory to the mono waveform that `decode` would give for a file of them.

    >>> mono_waveform(np.array([[16384, 0], [0, -32768]], np.int16), 8000, 8000).tolist()
    [0.25, -0.5]

    Args:
        samples: (samples,) or (samples, channels): floats with full scale at 1.0, or integers whose full scale is
            that of their type.
        rate: sample rate of `samples` in Hz.
        sample_rate: Hz of the result.

    Returns:
        float32 (samples,), full scale at 1.0.

    Raises:
        UsageError: the shape, type or rate is not that of a recording, or there are values that are not numbers.
    """
    if samples.ndim not in (1, 2) or not samples.size or (samples.ndim == 2 and samples.shape[1] > samples.shape[0]):
        raise UsageError(f"an array of shape {samples.shape} is no recording; pass (samples,) or (samples, channels)")
    if rate <= 0:
        raise UsageError(f"the sample rate must be above 0 Hz, got {rate}")
    if samples.dtype.kind == "i":
        samples = samples / -float(np.iinfo(samples.dtype).min)
    elif samples.dtype.kind != "f":
        raise UsageError(f"samples of type {samples.dtype} are no sound; pass floats or signed integers")
    waveform = samples if samples.ndim == 1 else samples.mean(axis=1)
    if not np.isfinite(waveform).all():
        raise UsageError("the array holds samples that are not numbers")
    return _resampled(np.ascontiguousarray(waveform, dtype=np.float32), rate, sample_rate)


def _resampled(waveform: Waveform, rate: int, sample_rate: int) -> Waveform:
    if rate == sample_rate:
        return waveform
    import soxr

    return np.asarray(soxr.resample(waveform, rate, sample_rate, quality="HQ"))


def fit_length(waveform: Waveform, n_samples: int, crop: Crop = "start", shift: int = 0) -> Waveform:
    """Cuts or pads a waveform to a window of `n_samples`. Zeros fill the window beyond the ends of the waveform.

    Args:
        waveform: (samples,).
        n_samples: length of the result.
        crop: whether the window starts with the waveform, or is centred on it.
        shift: samples by which the waveform moves to the right in the window (negative: to the left). Nothing
            wraps around: what leaves the window is lost, and more of a longer waveform comes in on the other side.

    Returns:
        float32 (n_samples,), always a new array.

    >>> fit_length(np.array([1, 2, 3], np.float32), 4, "start", shift=-1).tolist()
    [2.0, 3.0, 0.0, 0.0]
    >>> fit_length(np.array([1, 2, 3], np.float32), 5, "centre").tolist()
    [0.0, 1.0, 2.0, 3.0, 0.0]
    """
    first = ((len(waveform) - n_samples) // 2 if crop == "centre" else 0) - shift
    fitted = np.zeros(n_samples, dtype=np.float32)
    begin, end = max(first, 0), min(first + n_samples, len(waveform))
    if begin < end:
        fitted[begin - first : end - first] = waveform[begin:end]
    return fitted


def _require_regular_file(path: Path) -> None:
    """Refuses a named pipe or a terminal, since reading would wait forever."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise SerbenchError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(mode):
        raise SerbenchError(f"{path} is not a regular file; name an audio file")


def realise_soundfile() -> None:
    """Reads one sound from memory, so that cffi creates soundfile's types before several threads need them.

    Two first calls in two threads sometimes abort the process (`realize_c_type.c: Assertion ... failed`, cffi 2.1).
    """
    import soundfile

    memory = io.BytesIO()
    soundfile.write(memory, np.zeros((8, 1), dtype=np.float32), 8000, format="WAV")
    memory.seek(0)
    with soundfile.SoundFile(memory) as file:
        file.seek(4)
        file.read(dtype="float32", always_2d=True)


def _read_mono(sound: str, path: str | Path) -> tuple[Waveform, int]:
    """Reads `sound`, which has the content of the file at `path`."""
    import soundfile

    try:
        with soundfile.SoundFile(sound) as file:
            if file.frames > LONGEST_S * file.samplerate:
                raise SerbenchError(f"{path} is longer than two hours; cut it into clips")
            if file.channels == 1:
                waveform = file.read(dtype="float32")
            else:
                # Block by block, so that a file with many channels is never held in memory as a whole.
                blocks = file.blocks(_BLOCK_FRAMES // file.channels + 1, dtype="float32", always_2d=True)
                means = [block.mean(axis=1) for block in blocks]
                waveform = np.concatenate(means) if means else np.zeros(0, dtype=np.float32)
            rate = file.samplerate
    # TypeError: the name ends in .raw, which does not tell the rate and sample type.
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        reason = getattr(error, "error_string", None) or str(error)
        raise SerbenchError(f"cannot read {path} as audio: {reason.rstrip('. ')}") from None
    if not len(waveform):
        raise SerbenchError(f"{path} holds no samples")
    return waveform, rate
