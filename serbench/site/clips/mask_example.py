"""Example of the masks that a model was trained with: a clip's spectrogram before and after masking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serbench.features import LOG_MEL
from serbench.records import digest_of
from serbench.results import ScoredEntry
from serbench.site.clips.pictures import mel_png
from serbench.site.clips.sounds import Sounds, clip_key, picture_spec
from serbench.site.sources import Sources

__all__ = ["MaskExample", "mask_example", "masked_once"]

_DRAWN = 0x3A5C  # a random stream of its own, separate from the study's seeds


@dataclass(frozen=True)
class MaskExample:
    """Two pictures of one clip.

    Attributes:
        clip_id: id of the clip.
        bands: maximum number of bands that a mask covers.
        frames: maximum number of frames that a mask covers.
        before: URL of the picture without masks.
        after: URL of the picture with randomly drawn masks.
    """

    clip_id: str
    bands: int
    frames: int
    before: str
    after: str


def mask_example(tested: ScoredEntry, sources: Sources, sounds: Sounds) -> MaskExample | None:
    """Makes the pictures for an entry that uses log-mel spectrograms and was trained with masks.

    The masks are drawn as in training, on the study's first clip.

    Args:
        tested: the scored entry.
        sources: the studies that it comes from.
        sounds: finds the audio of clips.

    Returns:
        None if the entry has no masks or pools folds, or if the corpus is not on this machine.
    """
    study, config = tested.study, tested.entry.config
    bands, frames = (_width(config.get(name)) for name in ("frequency_mask", "time_mask"))
    if study.protocol.folds > 1 or not _reads_log_mel(study.features) or not (bands or frames):
        return None
    folder = sources.folders[0]
    clip_id = str(folder.clips()["clip_id"].iloc[0])
    path = sounds.path(folder, study.corpus, clip_id)
    if path is None:
        return None
    spec = picture_spec(study.features)
    if spec is None:
        return None
    key = digest_of([clip_key(study, clip_id), study.features, bands, frames, study.seed])

    def pictures() -> tuple[bytes, bytes] | None:
        mel = sounds.spectrogram(path, spec)
        if mel is None:
            return None
        masked = masked_once(mel, bands, frames, np.random.default_rng([_DRAWN, study.seed]))
        top = float(mel.max())
        return mel_png(mel, top), mel_png(masked, top)

    urls = sounds.once(key, pictures)
    return None if urls is None else MaskExample(clip_id, bands, frames, *urls)


def _width(recorded: object) -> int:
    """Widest mask of a configuration; 0 for none, and for what is no width, since anybody may have written it."""
    return recorded if isinstance(recorded, int) and recorded > 0 else 0


def _reads_log_mel(features: dict[str, object]) -> bool:
    return features.get("kind") == LOG_MEL.name


def masked_once(mel: NDArray[np.float32], bands: int, frames: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draws masks like `serbench.families.layers`, but without Keras, whose import takes seconds.

    Args:
        mel: (n_mels, frames) in dB.
        bands: maximum width of the mask in neighbouring bands.
        frames: maximum length of the mask in frames.
        rng: draws each width from 0 to its maximum, then the position.

    Returns:
        The masked spectrogram, (n_mels, frames) in dB. Masked cells hold the mean of their band, which is 0 in
        normalised features.
    """
    masked, mean = mel.copy(), mel.mean(axis=1, keepdims=True)
    for axis, widest in ((0, bands), (1, frames)):
        size = mel.shape[axis]
        width = int(rng.integers(0, min(widest, size) + 1))
        start = int(rng.integers(0, size - width + 1))
        place = [slice(None), slice(None)]
        place[axis] = slice(start, start + width)
        masked[tuple(place)] = np.broadcast_to(mean, mel.shape)[tuple(place)]
    return masked
