"""One clip's mel spectrogram before and after the masks that a model was trained with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from serbench.errors import SerbenchError
from serbench.families import get_family, parse_hyperparameters
from serbench.features import FeatureSpec
from serbench.records.files import digest_of
from serbench.report.refits import TestedEntry
from serbench.site.audio import Sounds
from serbench.site.pictures import mel_png
from serbench.site.sources import Sources

__all__ = ["MaskExample", "mask_example"]


@dataclass(frozen=True)
class MaskExample:
    """Two pictures of one clip.

    Attributes:
        clip_id: of the clip.
        bands: that a mask covers at the most.
        frames: likewise.
        before: the way to the picture of the clip as it is.
        after: with one draw of the masks.
    """

    clip_id: str
    bands: int
    frames: int
    before: str
    after: str


def mask_example(tested: TestedEntry, sources: Sources, sounds: Sounds) -> MaskExample | None:
    """Pictures for an entry that reads log-mel spectrograms and was trained with masks.

    The masks are those of the model's own layers, at work as in training, on the study's first clip.

    Args:
        tested: the entry.
        sources: the study's folders.
        sounds: finds the audio.

    Returns:
        None where the entry has no masks, pools folds, or the corpus is no longer there.
    """
    study, config = tested.study, tested.entry.config
    bands, frames = (int(config.get(name) or 0) for name in ("frequency_mask", "time_mask"))
    if study.protocol.folds > 1 or study.features.get("kind") != "log_mel" or not (bands or frames):
        return None
    folder = sources.folders[0]
    clip_id = str(folder.clips()["clip_id"].iloc[0])
    path = sounds.path(folder, study.corpus.name, clip_id)
    if path is None:
        return None
    key = digest_of([str(path), study.features, bands, frames, study.seed])

    def pictures() -> tuple[bytes, bytes] | None:
        spec = FeatureSpec.model_validate(study.features)
        mel = sounds.spectrogram(path, spec)
        if mel is None:
            return None
        from serbench.training.backend import import_keras

        try:
            import_keras(study.environment.backend)
        except SerbenchError:  # the backend of another machine
            return None
        masked = _masked(mel[np.newaxis], parse_hyperparameters(get_family(study.family), config), study.seed)[0]
        top = float(mel.max())
        return mel_png(mel, top), mel_png(masked, top)

    ways = sounds.once(key, pictures)
    return None if ways is None else MaskExample(clip_id, bands, frames, *ways)


def _masked(features: np.ndarray, hp: Any, seed: int) -> np.ndarray:
    """Masks dB values as the model's layers mask normalised ones: with the mean, here each band's own."""
    import keras

    from serbench.families.layers import FrequencyMask, TimeMask

    mean = features.mean(axis=2, keepdims=True)
    x = keras.ops.convert_to_tensor(features - mean)
    if hp.frequency_mask:
        x = FrequencyMask(hp.frequency_mask, seed=seed)(x, training=True)
    if hp.time_mask:
        x = TimeMask(hp.time_mask, axis=2, seed=seed + 1)(x, training=True)
    masked: np.ndarray = np.asarray(keras.ops.convert_to_numpy(x)) + mean
    return masked
