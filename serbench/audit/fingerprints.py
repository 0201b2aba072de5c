"""Is a clip that is tested also trained on, as the very same audio or as an altered copy of it?

A fingerprint is what changes in a clip's log-mel spectrogram about one to sixteen times a second: level is taken off,
all that is 30 dB below the loudest counts as silence, and of each band's Fourier transform over time the slowest and
the fastest parts are dropped. Each part is divided by its strength over the corpus, since what all speech has in common
tells no two recordings apart. Two clips are as alike as their fingerprints correlate at the best shift in time.

All pairs across subsets are compared by the magnitudes alone, which a shift does not change; the most alike of each
clip are then correlated. Measured with `benchmarks/near_duplicates.py` on 7,441 clips of CREMA-D and 535 of EMO-DB
(`docs/audit.md`): at 0.8 every copy that was made softer, clipped, noisier (20 dB and better), moved by 50 ms,
resampled, encoded or trimmed is found. No two different recordings reach 0.75. A copy that lacks
a quarter, has noise at 10 dB or plays 2 % faster is found in some cases only; one that plays 5 % faster never.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serbench.features import FLOOR_DB, LogMelSettings
from serbench.protocols import Split

__all__ = [
    "FINGERPRINT_SPEC",
    "THRESHOLD",
    "DuplicatePair",
    "Fingerprints",
    "NearDuplicates",
    "exact_duplicates",
    "likeness",
    "near_duplicates",
    "parts_of",
]

FINGERPRINT_SPEC = LogMelSettings(
    sample_rate=8000, duration_s=4.0, window_length=512, hop_length=128, n_mels=24, fmin=100, fmax=3500
)
"""Below 3.5 kHz, so that neither resampling nor a codec takes anything away."""

THRESHOLD = 0.8
"""Pairs at least so alike are reported."""

_DEPTH_DB = 30.0
_LOUDEST_CELLS = 20
_LENGTH = 256
_BANDWIDTH = slice(3, 66)  # 0.7 to 16 Hz
_LAGS = 512
_CANDIDATES = 10
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """Fingerprints of a corpus.

    Attributes:
        spectra: complex64 (n, mels, parts), each clip of length 1, or all zero where there is nothing to hear.
        strength: float32 (mels, parts) that they were divided by.
    """

    spectra: NDArray[np.complex64]
    strength: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.float32], strength: NDArray[np.float32] | None = None) -> Fingerprints:
        """Makes them of features.

        Args:
            features: float32 (n, *FINGERPRINT_SPEC.shape), in dB; a memory map is read in parts.
            strength: of another corpus, to compare these clips with it; None takes it from these clips.

        Raises:
            ValueError: the features are not of `FINGERPRINT_SPEC`.
        """
        if features.ndim != 3 or features.shape[1:] != FINGERPRINT_SPEC.shape:
            raise ValueError(f"features of shape (n, {FINGERPRINT_SPEC.shape}) are needed, not {features.shape}")
        spectra = np.concatenate(
            [_modulations(np.asarray(features[start : start + _BLOCK])) for start in range(0, len(features), _BLOCK)]
        )
        if strength is None:
            power = np.zeros(spectra.shape[1:])
            for part in spectra:
                power += part.real**2 + part.imag**2
            strength = np.sqrt(power / len(spectra)).astype(np.float32)
        for start in range(0, len(spectra), _BLOCK):
            block = spectra[start : start + _BLOCK]
            block /= np.where(strength > 0, strength, 1)
            length = np.sqrt((block.real**2 + block.imag**2).sum(axis=(1, 2), keepdims=True))
            block /= np.where(length > 0, length, 1)
        return cls(spectra, strength)


@dataclass(frozen=True)
class DuplicatePair:
    """Two clips, by their rows in the clip table, and how alike they are (1: the same)."""

    first: int
    second: int
    likeness: float


@dataclass(frozen=True)
class NearDuplicates:
    """What a comparison across subsets found.

    Attributes:
        pairs: those at the threshold or above, most alike first.
        highest: of all the pairs that were correlated, below the threshold; None where there is none.
        compared: clips that took part.
    """

    pairs: tuple[DuplicatePair, ...]
    highest: float | None
    compared: int


def parts_of(split: Split, clips: int) -> tuple[str | None, ...]:
    """The subset of each row: 'validation', 'test', or 'train' for all that some ratio may train on.

    Clips that a split leaves out are in none.

    Args:
        split: by the protocol's cores.
        clips: rows of the clip table.
    """
    parts: list[str | None] = [None] * clips
    named = {
        "train": (*split.train, *split.validation_rest, *split.test_rest),
        "validation": split.validation,
        "test": split.test,
    }
    for name, rows in named.items():
        for row in rows:
            parts[row] = name
    return tuple(parts)


def exact_duplicates(digests: Sequence[str | None], parts: Sequence[str | None]) -> tuple[tuple[int, ...], ...]:
    """Groups of rows with the same audio that are in more than one subset.

    >>> exact_duplicates(["a", "b", "a", "b", "a"], ["train", "train", "test", "train", None])
    ((0, 2),)

    Args:
        digests: of the decoded audio, from the clip table; None where it is not known.
        parts: the subset of each row, None for none.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, (digest, part) in enumerate(zip(digests, parts, strict=True)):
        if isinstance(digest, str) and part is not None:
            rows[digest].append(row)
    return tuple(tuple(group) for group in rows.values() if len({parts[row] for row in group}) > 1)


def near_duplicates(
    prints: Fingerprints, parts: Sequence[str | None], *, threshold: float = THRESHOLD
) -> NearDuplicates:
    """Finds pairs of clips in different subsets that are as good as the same recording.

    Args:
        prints: of n clips.
        parts: (n,) the subset of each, None for none.
        threshold: likeness (0-1) from which on a pair is reported.

    Raises:
        ValueError: there are not as many fingerprints as parts.
    """
    if len(parts) != len(prints.spectra):
        raise ValueError(f"{len(prints.spectra)} fingerprints do not fit {len(parts)} parts")
    names = {part: code for code, part in enumerate(sorted({part for part in parts if part is not None}))}
    codes = np.array([-1 if part is None else names[part] for part in parts])
    heard = np.array([bool(spectrum.any()) for spectrum in prints.spectra])
    rows = np.flatnonzero((codes >= 0) & heard)
    pairs = rows[_candidates(prints.spectra[rows], codes[rows])]
    alike = likeness(prints, pairs[:, 0], prints, pairs[:, 1])
    over = alike >= threshold
    found = [
        DuplicatePair(int(first), int(second), float(value))
        for (first, second), value in zip(pairs[over], alike[over], strict=True)
    ]
    rest = alike[~over]
    highest = float(rest.max()) if len(rest) else None
    return NearDuplicates(tuple(sorted(found, key=lambda pair: -pair.likeness)), highest, len(rows))


def likeness(
    one: Fingerprints, rows: NDArray[np.intp], other: Fingerprints, other_rows: NDArray[np.intp]
) -> NDArray[np.float32]:
    """(m,) correlation of pairs of fingerprints at their best shift, at most 1.

    Args:
        one: fingerprints.
        rows: (m,) which of them.
        other: fingerprints made with the same `strength`.
        other_rows: (m,) which of these each is compared with.
    """
    found = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        first, second = one.spectra[rows[part]], other.spectra[other_rows[part]]
        product = np.zeros((len(first), _LAGS // 2 + 1), dtype=np.complex64)
        product[:, _BANDWIDTH] = np.einsum("nmf,nmf->nf", first, second.conj())
        found[part] = np.fft.irfft(product, _LAGS, axis=1).max(axis=1) * (_LAGS / 2)
    return found


def _modulations(decibels: NDArray[np.float32]) -> NDArray[np.complex64]:
    """(n, mels, parts) Fourier transforms over time of what rises out of the lowest level that counts."""
    cells = decibels.reshape(len(decibels), -1)
    # A few cells below the very loudest: one click must not set the level.
    loud = np.partition(cells, -_LOUDEST_CELLS, axis=1)[:, -_LOUDEST_CELLS, np.newaxis, np.newaxis]
    raised = np.where(decibels > FLOOR_DB, np.maximum(decibels - loud + np.float32(_DEPTH_DB), 0), 0)
    spectra = np.fft.rfft(raised, _LENGTH, axis=2)[:, :, _BANDWIDTH]
    # What all bands do together is mostly where words begin and end, which clips of one sentence share.
    return np.asarray(spectra - spectra.mean(axis=1, keepdims=True), dtype=np.complex64)


def _candidates(spectra: NDArray[np.complex64], codes: NDArray[np.int64]) -> NDArray[np.intp]:
    """(m, 2) pairs of rows in different subsets, the first below the second: the most alike of each by magnitude."""
    if not len(spectra):
        return np.zeros((0, 2), dtype=np.intp)
    magnitudes = np.abs(spectra).reshape(len(spectra), -1)
    magnitudes -= magnitudes.mean(axis=0)
    magnitudes /= np.maximum(np.linalg.norm(magnitudes, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    pairs = []
    for start in range(0, len(spectra), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(spectra)))
        alike = magnitudes[rows] @ magnitudes.T
        alike[codes[rows][:, np.newaxis] == codes] = -np.inf
        best = np.argpartition(-alike, min(_CANDIDATES, len(spectra)) - 1, axis=1)[:, :_CANDIDATES]
        chosen = np.stack([np.repeat(rows, best.shape[1]), best.ravel()], axis=1)
        pairs.append(chosen[np.isfinite(alike[chosen[:, 0] - start, chosen[:, 1]])])
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)
