"""Waveform augmentation: noise, a room, a telephone, a shift in time, another level, speed, pitch or crop."""

from __future__ import annotations

import numpy as np

from serbench.features.audio import Waveform, fit_length
from serbench.features.distortions import (
    Room,
    add_noise,
    at_pitch,
    at_speed,
    band_limited,
    in_room,
    room_responses,
    scaled,
    speech_shaped,
    stream_of,
)
from serbench.features.spec import FeatureSpec, WaveformAugmentation, even_start

__all__ = ["augment"]

_PLACES = 12
"""Places in the room of copies, so that no place is learnt by heart."""


def augment(waveform: Waveform, augmentation: WaveformAugmentation, spec: FeatureSpec, key: str) -> Waveform:
    """Makes the augmented copy of a clip, with the length that `spec` asks for.

    Another speed comes first, by resampling: it changes duration and pitch, as a tape would (Ko et al. 2015,
    https://doi.org/10.21437/Interspeech.2015-711). Then come another pitch at the same duration, the room, noise, the
    telephone band, another level, the random or the even crop of a clip that is longer than the window, and the shift.
    Noise is scaled to the mean power of the clip before padding, and covers only the clip; digital silence stays
    silent. The shift is drawn uniformly from both directions and never moves more than half of the visible samples out
    of the window.

    Args:
        waveform: (samples,), the whole clip at `spec.sample_rate`.
        augmentation: settings of the augmentation, with the seed.
        spec: length and crop of the result.
        key: the clip's `clip_id`. The same key, seed and copy give the same result wherever it is computed.

    Returns:
        float32 (spec.n_samples,).
    """
    # Separate random streams, so that the same shift is drawn at every noise level.
    streams = stream_of(key, augmentation.seed, augmentation.copy_index).spawn(5)
    noise_stream, shift_stream, place_stream, crop_stream, level_stream = streams
    if augmentation.speed is not None:
        waveform = at_speed(waveform, augmentation.speed)
    if augmentation.semitones is not None:
        waveform = at_pitch(waveform, augmentation.semitones, spec.sample_rate)
    if augmentation.room_rt60_s is not None:
        room = Room(augmentation.room_rt60_s, places=_PLACES, seed=augmentation.seed)
        responses = room_responses(room, spec.sample_rate)
        waveform = in_room(waveform, responses[np.random.default_rng(place_stream).integers(len(responses))])
    if augmentation.noise_snr_db is not None:
        rng = np.random.default_rng(noise_stream)
        if augmentation.noise_kind == "speech":
            waveform = add_noise(waveform, speech_shaped(waveform, rng), augmentation.noise_snr_db)
        else:
            waveform = _add_noise(waveform, augmentation.noise_snr_db, rng)
    if augmentation.telephone:
        waveform = band_limited(waveform, spec.sample_rate)
    if augmentation.level_db is not None:
        most = augmentation.level_db
        waveform = scaled(waveform, float(np.random.default_rng(level_stream).uniform(-most, most)))
    spare = len(waveform) - spec.n_samples
    if augmentation.random_crop and spare > 0:
        first = int(np.random.default_rng(crop_stream).integers(spare, endpoint=True))
        waveform = waveform[first : first + spec.n_samples]
    elif augmentation.even_crop is not None and spare > 0:
        first = even_start(spare, *augmentation.even_crop)
        waveform = waveform[first : first + spec.n_samples]
    shift = 0
    if augmentation.shift_s is not None:
        visible = min(len(waveform), spec.n_samples)
        most = min(round(augmentation.shift_s * spec.sample_rate), visible // 2)
        shift = int(np.random.default_rng(shift_stream).integers(-most, most, endpoint=True))
    return fit_length(waveform, spec.n_samples, spec.crop, shift)


def _add_noise(waveform: Waveform, snr_db: float, rng: np.random.Generator) -> Waveform:
    """White noise as it was always added: it is scaled by its expected power, not by the drawn one."""
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    scale = np.float32(np.sqrt(power / 10 ** (snr_db / 10)))
    return waveform + scale * rng.standard_normal(len(waveform), dtype=np.float32)
