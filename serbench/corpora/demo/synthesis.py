"""The source-filter synthesiser: tracks in, a waveform out.

After Klatt (1980, doi 10.1121/1.383940): a glottal source and noise drive a cascade of formant resonators.
The pulse is the Rosenberg-type polynomial of Klatt & Klatt (1990, doi 10.1121/1.398894). The resonators act on
overlapping 16 ms frames by their exact frequency response, which keeps a clip to a few array operations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from serbench.corpora.demo.prosody import Prosody
from serbench.corpora.demo.speakers import Speaker
from serbench.corpora.demo.utterance import CONTROL_RATE, Tracks

__all__ = ["SAMPLE_RATE", "glottal_source", "synthesise", "vocal_tract"]

Floats = NDArray[np.float64]

SAMPLE_RATE = 16_000
_HOP, _WINDOW, _FFT = 128, 256, 768  # the 32 ms beyond the window hold the ringing of the formants
_BLOCK = 32
_BANDWIDTHS = (70.0, 95.0, 140.0)
_HIGHER_FORMANTS, _HIGHER_BANDWIDTHS = np.array([[3400.0, 4400.0, 5400.0, 6500.0]]), (180.0, 260.0, 340.0, 450.0)
_FREQUENCIES = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
_OCTAVES = np.log2(np.maximum(_FREQUENCIES, 300.0) / 300.0)
_FRICATION_GAIN = 0.16


def synthesise(tracks: Tracks, speaker: Speaker, prosody: Prosody, rng: np.random.Generator) -> Floats:
    """Synthesises one utterance.

    Returns:
        The waveform, shape (samples,), at `SAMPLE_RATE`. Its level is arbitrary.
    """
    frames = len(tracks.f0_hz) * SAMPLE_RATE // CONTROL_RATE // _HOP
    samples = frames * _HOP
    at = np.arange(samples) * (CONTROL_RATE / SAMPLE_RATE)
    points = np.arange(len(tracks.f0_hz))

    def per_sample(track: Floats) -> Floats:
        values: Floats = np.interp(at, points, track)
        return values

    openness = float(np.clip(0.62 + 0.02 * prosody.breath - 0.04 * prosody.tilt, 0.4, 0.85))
    jitter = float(np.clip(speaker.jitter * 2**prosody.jitter, 0.0, 0.06))
    pulses, open_phase = glottal_source(per_sample(tracks.f0_hz), openness, jitter, rng)
    voice = per_sample(tracks.voice)
    breath = 10 ** ((speaker.breath_db + prosody.breath) / 20)
    # Aspiration is loudest while the glottis is open; in an unvoiced sound it is open all the time.
    aspiration = 2.0 * breath * voice * open_phase + 0.25 * per_sample(tracks.aspiration)
    noise = rng.standard_normal((2, samples))
    glottis = _frames(voice * pulses + aspiration * noise[0])
    mouth = _frames(_FRICATION_GAIN * per_sample(tracks.frication) * noise[1])

    # Blocks of a few frames stay in the processor's cache, which makes a clip twice as fast.
    step = _HOP * CONTROL_RATE // SAMPLE_RATE
    filtered = np.empty((frames, _FFT))
    fixed = vocal_tract(_HIGHER_FORMANTS * speaker.formant_scale, _HIGHER_BANDWIDTHS)
    fixed *= 10 ** ((speaker.tilt + prosody.tilt) * _OCTAVES / 20)
    for start in range(0, frames, _BLOCK):
        block = slice(start, min(start + _BLOCK, frames))
        at_frame = slice(block.start * step, block.stop * step, step)
        tract = vocal_tract(tracks.formants_hz[at_frame], _BANDWIDTHS)
        offset = (_FREQUENCIES - tracks.noise_hz[at_frame, None]) / tracks.noise_width_hz[at_frame, None]
        spectrum = np.fft.rfft(glottis[block], _FFT) * (tract * fixed)
        spectrum += np.fft.rfft(mouth[block], _FFT) / (1 + np.square(np.square(offset)))
        filtered[block] = np.fft.irfft(spectrum, _FFT)
    return _overlap_add(filtered)


def glottal_source(
    f0_hz: Floats, open_quotient: float, jitter: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Computes the derivative of the glottal flow, and the phases in which the glottis is open.

    Args:
        f0_hz: shape (samples,).
        open_quotient: fraction of the cycle in which the glottis is open.
        jitter: standard deviation of the cycle length, as a fraction. The amplitude varies four times as much.
        rng: the source of randomness.

    Returns:
        The pulses (negative peak about -1) and the openness of the glottis (0 to 1), each of shape (samples,).
    """
    increment = f0_hz / SAMPLE_RATE
    cycle = np.floor(np.cumsum(increment)).astype(np.int64)
    chance = rng.standard_normal((2, cycle[-1] + 64))
    increment = increment * np.exp(jitter * chance[0, cycle])
    phase = np.cumsum(increment)
    cycle = np.floor(phase).astype(np.int64)
    phase -= cycle
    opened = np.minimum(phase / open_quotient, 1.0)
    pulse = np.where(phase < open_quotient, 2 * opened - 3 * opened**2, 0.0)
    # The closure is a step; a two-sample polynomial (polyBLEP) keeps it from aliasing.
    after = (phase - open_quotient) / increment
    pulse -= np.where((after >= 0) & (after < 1), 0.5 * (1 - after) ** 2, 0.0)
    pulse += np.where((after >= -1) & (after < 0), 0.5 * (1 + after) ** 2, 0.0)
    loudness = np.exp(np.clip(4 * jitter * chance[1, np.minimum(cycle, chance.shape[1] - 1)], -0.7, 0.7))
    return pulse * loudness, np.sin(np.pi * opened) ** 2


def vocal_tract(formants_hz: Floats, bandwidths_hz: tuple[float, ...]) -> NDArray[np.complex128]:
    """Computes the frequency response of a cascade of resonators.

    Args:
        formants_hz: centre frequencies, shape (frames, resonators).
        bandwidths_hz: one bandwidth for each resonator.

    Returns:
        The response, shape (frames, bins). It is 1 at 0 Hz.
    """
    count = len(bandwidths_hz)
    denominator = np.zeros((len(formants_hz), 2 * count + 1))
    denominator[:, 0] = 1.0
    for k, width in enumerate(bandwidths_hz):
        radius = np.exp(-np.pi * width / SAMPLE_RATE)
        first = -2 * radius * np.cos(2 * np.pi * np.minimum(formants_hz[:, k], 7600.0) / SAMPLE_RATE)
        shorter = denominator[:, : 2 * k + 1].copy()
        denominator[:, 1 : 2 * k + 2] += first[:, None] * shorter
        denominator[:, 2 : 2 * k + 3] += radius**2 * shorter
    return np.asarray(denominator.sum(axis=1, keepdims=True) / np.fft.rfft(denominator, _FFT))


def _frames(signal: Floats) -> Floats:
    """Cuts a signal into Hann-windowed frames that add up to it again, shape (frames, window)."""
    padded = np.pad(signal, (_HOP, _WINDOW - _HOP))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    return np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: len(signal) // _HOP] * window


def _overlap_add(frames: Floats) -> Floats:
    """Adds the filtered frames up to a signal of the original length."""
    count, length = frames.shape
    blocks = np.zeros((count + length // _HOP, _HOP))
    for k in range(length // _HOP):
        blocks[k : k + count] += frames[:, k * _HOP : (k + 1) * _HOP]
    return blocks[:count].ravel()
