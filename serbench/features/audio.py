"""Waveforms of one sample rate and one length, from sounds of any."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench.audio import Sound, read_sound
from serbench.errors import SerbenchError
from serbench.features.spec import Crop

__all__ = ["Waveform", "decode", "fit_length", "realise_soundfile", "waveform_of"]

Waveform = npt.NDArray[np.float32]


def decode(path: str | Path, sample_rate: int, digest: str = "") -> Waveform:
    """Reads a usable audio file as a mono waveform.

    Reads every format of libsndfile, and those of ffmpeg if it is installed; any sample type, rate and number of
    channels. Channels are averaged. Another sample rate is resampled by soxr with its setting HQ.

    Args:
        path: the file.
        sample_rate: Hz of the result.
        digest: of the decoded audio, as an earlier look at the file found it; '' if nobody looked.

    Returns:
        float32 (samples,), full scale at 1.0.

    Raises:
        SerbenchError: the audio has another digest, or the file is not a usable clip by the rule of
            `serbench.audio.read_sound`: missing, not audio, damaged, cut off, empty, silent, too short or too long, or
            with values that are not finite.
    """
    sound = read_sound(path)
    if not sound.usable:
        raise SerbenchError(f"cannot use {path} as audio: {sound.health.detail}")
    if digest and sound.health.digest != digest:
        raise SerbenchError(
            f"{path} has other audio than when it was examined, or is decoded otherwise by now; run the same command "
            "again, and if that does not help, remove the folder 'health' in serbench's cache (`serbench doctor`)"
        )
    return waveform_of(sound, sample_rate)


def waveform_of(sound: Sound, sample_rate: int) -> Waveform:
    """Returns the mono waveform of a sound, resampled if needed.

    Args:
        sound: with a waveform; usable or not.
        sample_rate: Hz of the result.

    Returns:
        float32 (samples,), full scale at 1.0.
    """
    if sound.waveform is None or sound.health.sample_rate is None:
        raise ValueError("the sound has no samples")
    if sound.health.sample_rate == sample_rate:
        return sound.waveform
    import soxr

    return np.asarray(soxr.resample(sound.waveform, sound.health.sample_rate, sample_rate, quality="HQ"))


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
