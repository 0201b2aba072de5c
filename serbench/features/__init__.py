"""From audio files to arrays: decoding, the front ends, waveform augmentation, the feature cache.

Light to import: the audio and signal libraries are loaded when the first clip is read.
"""

from serbench.features.audio import decode, fit_length
from serbench.features.augment import augment
from serbench.features.extraction import extract
from serbench.features.frontends import FrontEnd, front_end_names, get_front_end
from serbench.features.spec import FeatureSpec, WaveformAugmentation
from serbench.features.store import FeatureStore

__all__ = [
    "FeatureSpec",
    "FeatureStore",
    "FrontEnd",
    "WaveformAugmentation",
    "augment",
    "decode",
    "extract",
    "fit_length",
    "front_end_names",
    "get_front_end",
]
