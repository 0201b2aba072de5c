"""From audio files to feature arrays: decoding, front ends, waveform augmentation, and the feature cache.

Light to import: the audio and signal libraries are loaded when the first clip is read.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.features.audio import Waveform, decode, fit_length, waveform_of
    from serbench.features.augmentation import augment
    from serbench.features.clip_vector import functionals, sounding_frames
    from serbench.features.encoder_files import (
        EncoderFolder,
        encoder_folders,
        forget_encoder,
        read_encoder_folder,
        register_encoder,
    )
    from serbench.features.encoder_models import load_encoder
    from serbench.features.extraction import Alter, ClipFile, ClipsWithoutFeaturesError, extract, extract_files
    from serbench.features.frontends import FrontEnd, front_end_names, get_front_end
    from serbench.features.frontends.acoustic import AcousticSettings
    from serbench.features.frontends.base import Array
    from serbench.features.frontends.graph import GraphOps, NumpyOps
    from serbench.features.frontends.log_mel import LOG_MEL, LogMelSettings
    from serbench.features.frontends.spectra import FLOOR_DB, SpectralSettings
    from serbench.features.latency import front_end_ms, median_ms
    from serbench.features.spec import FeatureKind, FeatureSpec, WaveformAugmentation, even_crops, even_start
    from serbench.features.store import DEFAULT_LIMIT_BYTES, FeatureStore
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "audio": (
                "Waveform",
                "decode",
                "fit_length",
                "waveform_of",
            ),
            "augmentation": ("augment",),
            "clip_vector": ("functionals", "sounding_frames"),
            "encoder_files": (
                "EncoderFolder",
                "encoder_folders",
                "forget_encoder",
                "read_encoder_folder",
                "register_encoder",
            ),
            "encoder_models": ("load_encoder",),
            "extraction": (
                "Alter",
                "ClipFile",
                "ClipsWithoutFeaturesError",
                "extract",
                "extract_files",
            ),
            "frontends": (
                "FrontEnd",
                "front_end_names",
                "get_front_end",
            ),
            "frontends.acoustic": ("AcousticSettings",),
            "frontends.base": ("Array",),
            "frontends.graph": ("GraphOps", "NumpyOps"),
            "frontends.log_mel": (
                "LOG_MEL",
                "LogMelSettings",
            ),
            "frontends.spectra": (
                "FLOOR_DB",
                "SpectralSettings",
            ),
            "latency": (
                "front_end_ms",
                "median_ms",
            ),
            "spec": (
                "FeatureKind",
                "FeatureSpec",
                "WaveformAugmentation",
                "even_crops",
                "even_start",
            ),
            "store": (
                "DEFAULT_LIMIT_BYTES",
                "FeatureStore",
            ),
        },
    )

__all__ = [
    "DEFAULT_LIMIT_BYTES",
    "FLOOR_DB",
    "LOG_MEL",
    "AcousticSettings",
    "Alter",
    "Array",
    "ClipFile",
    "ClipsWithoutFeaturesError",
    "EncoderFolder",
    "FeatureKind",
    "FeatureSpec",
    "FeatureStore",
    "FrontEnd",
    "GraphOps",
    "LogMelSettings",
    "NumpyOps",
    "SpectralSettings",
    "Waveform",
    "WaveformAugmentation",
    "augment",
    "decode",
    "encoder_folders",
    "even_crops",
    "even_start",
    "extract",
    "extract_files",
    "fit_length",
    "forget_encoder",
    "front_end_ms",
    "front_end_names",
    "functionals",
    "get_front_end",
    "load_encoder",
    "median_ms",
    "read_encoder_folder",
    "register_encoder",
    "sounding_frames",
    "waveform_of",
]
