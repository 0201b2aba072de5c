"""`FeatureSpec` and `WaveformAugmentation`: what is computed from a clip, as values that can be hashed."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from serbench.records.base import FrozenModel
from serbench.records.files import digest_of

__all__ = ["Crop", "FeatureKind", "FeatureSpec", "WaveformAugmentation"]

FeatureKind = Literal["acoustic", "log_mel"]
Crop = Literal["start", "centre"]

_DELTA_WIDTH = 9
_MOST_OVERLAP = 16


class FeatureSpec(FrozenModel):
    """One front end: how a clip becomes an array of fixed shape.

    Frames are centred: frame `t` covers `window_length` samples around sample `t * hop_length`, with zeros
    beyond the ends, so there are `1 + n_samples // hop_length` of them (librosa's `center=True`).

    Attributes:
        kind: `acoustic` (zero crossing rate, log energy, RMS, chroma, MFCC and their deltas, per frame) or
            `log_mel` (mel bands in dB).
        sample_rate: Hz. Files of another rate are resampled.
        duration_s: every clip is cut or zero-padded to this many seconds.
        crop: which part of a longer clip is kept; `centre` also pads a shorter one on both sides.
        window_length: samples in one frame, even; also the length of the Fourier transform.
        hop_length: samples from one frame to the next.
        n_mels: mel bands, of the log-mel spectrogram or under the MFCC.
        fmin: lower edge of the mel bands in Hz.
        fmax: upper edge of the mel bands in Hz; None is half the sample rate.
        top_db: levels lie at most this many dB below the clip's loudest one, as in librosa's `power_to_db`; None
            lets them fall to -100 dB. So the zeros that fill up a short clip look like its quietest moments.
        n_mfcc: cepstral coefficients (acoustic only).
        n_chroma: pitch classes (acoustic only).
        deltas: whether the slopes of the MFCC over time are added (acoustic only).
    """

    kind: FeatureKind
    sample_rate: int = Field(default=16_000, ge=4_000, le=96_000)
    duration_s: float = Field(default=3.0, gt=0, le=60, allow_inf_nan=False)
    crop: Crop = "start"
    window_length: int = Field(default=512, ge=32, le=8_192, multiple_of=2)
    hop_length: int = Field(default=256, ge=1)
    n_mels: int = Field(default=64, ge=1, le=512)
    fmin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    fmax: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    top_db: float | None = Field(default=None, ge=10, le=200, allow_inf_nan=False)
    n_mfcc: int = Field(default=20, ge=1, le=512)
    n_chroma: int = Field(default=12, ge=12, le=48, multiple_of=12)
    deltas: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.hop_length > self.window_length:
            raise ValueError(
                f"hop_length ({self.hop_length}) must not exceed window_length ({self.window_length}): "
                "samples between the frames would be lost"
            )
        if self.hop_length * _MOST_OVERLAP < self.window_length:
            raise ValueError(
                f"hop_length ({self.hop_length}) must be at least a sixteenth of window_length ({self.window_length})"
            )
        if self.fmax is not None and self.fmax > self.sample_rate / 2:
            raise ValueError(
                f"fmax ({self.fmax:g} Hz) must not exceed half the sample rate ({self.sample_rate / 2:g} Hz)"
            )
        if self.fmin >= self.highest_hz:
            raise ValueError(f"fmin ({self.fmin:g} Hz) must be below fmax ({self.highest_hz:g} Hz)")
        if self.n_samples < self.window_length:
            raise ValueError(
                f"duration_s ({self.duration_s:g}) must hold at least one window "
                f"({self.window_length / self.sample_rate:g} s)"
            )
        if self.kind == "acoustic" and self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc ({self.n_mfcc}) must not exceed n_mels ({self.n_mels})")
        if self.kind == "acoustic" and self.deltas and self.frames < _DELTA_WIDTH:
            raise ValueError(
                f"deltas need at least {_DELTA_WIDTH} frames, there are {self.frames}: "
                "raise duration_s, lower hop_length or set deltas to false"
            )
        return self

    @property
    def highest_hz(self) -> float:
        """Upper edge of the mel bands in Hz, `None` resolved."""
        return self.sample_rate / 2 if self.fmax is None else self.fmax

    @property
    def n_samples(self) -> int:
        """Samples of every clip after cutting or padding."""
        return round(self.duration_s * self.sample_rate)

    @property
    def frames(self) -> int:
        """Frames over time."""
        return 1 + self.n_samples // self.hop_length

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names along the feature axis: the last of `acoustic`, the first of `log_mel`."""
        if self.kind == "log_mel":
            return tuple(f"mel_{band}" for band in range(self.n_mels))
        mfcc = tuple(f"mfcc_{index}" for index in range(self.n_mfcc))
        deltas = tuple(f"{name}_delta" for name in mfcc) if self.deltas else ()
        chroma = tuple(f"chroma_{pitch}" for pitch in range(self.n_chroma))
        return ("zero_crossing_rate", "log_energy", "rms", *chroma, *mfcc, *deltas)

    @property
    def shape(self) -> tuple[int, int]:
        """Of one clip's features: (frames, features) for `acoustic`, (n_mels, frames) for `log_mel`."""
        n_features = len(self.feature_names)
        return (n_features, self.frames) if self.kind == "log_mel" else (self.frames, n_features)

    @property
    def empty_mel_bands(self) -> tuple[int, ...]:
        """Mel bands so narrow that no frequency bin falls into them; they hold a constant and no information.

        Not an error: but a search that has any should take fewer bands or a longer window.
        """
        import warnings

        from librosa.filters import mel

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # librosa says the same in its own words
            bank = mel(
                sr=self.sample_rate, n_fft=self.window_length, n_mels=self.n_mels, fmin=self.fmin, fmax=self.highest_hz
            )
        return tuple(band for band, weights in enumerate(bank) if not weights.any())

    def digest(self) -> str:
        """Hash of everything the values depend on; settings of the other kind do not count."""
        unused = {"n_mfcc", "n_chroma", "deltas"} if self.kind == "log_mel" else set()
        unused |= {"top_db"} if self.top_db is None else set()
        value = self.model_dump(mode="json", exclude={"duration_s", "fmax", *unused})
        return digest_of(value | {"n_samples": self.n_samples, "highest_hz": self.highest_hz})


class WaveformAugmentation(FrozenModel):
    """One seeded, altered copy of every clip.

    What happens to a clip depends on its `clip_id`, `seed` and `copy` alone: not on its place in a table,
    nor on the split it falls into.

    Attributes:
        noise_snr_db: white Gaussian noise this many dB below the clip's own mean power; None adds none.
        shift_s: the clip is moved by up to this many seconds either way, zeros filling in; None moves nothing.
        copy_index: which of several copies with these settings, from 0.
        seed: seed of all copies.
    """

    noise_snr_db: float | None = Field(default=None, ge=-20, le=100, allow_inf_nan=False)
    shift_s: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False)
    copy_index: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _alters_something(self) -> Self:
        if self.noise_snr_db is None and self.shift_s is None:
            raise ValueError("an augmentation needs noise_snr_db, shift_s or both")
        return self

    def digest(self) -> str:
        """Hash of the settings."""
        return digest_of(self.model_dump(mode="json"))
