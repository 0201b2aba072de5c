"""Audio fingerprints, which find a clip again in another subset: as identical audio or as an altered copy.

A fingerprint describes the modulations of a clip's log-mel spectrogram, about one to sixteen per second:

1. The level is removed, and everything 30 dB below the loudest part counts as silence.
2. Each mel band is Fourier transformed over time. The slowest and the fastest components are dropped.
3. Each component is divided by its root mean square over the corpus, since components that all speech shares do not
   distinguish recordings.

The similarity of two clips is the highest correlation of their fingerprints over all shifts in time.

All pairs of clips in different subsets are first compared by the magnitudes, which do not depend on a shift. Only the
ten most similar clips of each clip are then correlated.

`benchmarks/near_duplicates.py` measured this on 7,441 clips of CREMA-D and 535 of EMO-DB (`docs/audit.md`). At a
threshold of 0.8, it finds every copy that was made softer, clipped, given noise at 20 dB or better, shifted by up to
50 ms, resampled, encoded or trimmed. No two different recordings reach 0.75. Copies without a quarter of the clip, with
noise at 10 dB, or 2 % faster are found only in some cases; copies 5 % faster are never found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serbench.features import FLOOR_DB, LogMelSettings
from serbench.protocols import Split
from serbench.records import StepProgress

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
"""Limited to 3.5 kHz, so that resampling and codecs remove nothing."""

THRESHOLD = 0.8
"""Similarity (0-1) from which a pair is reported."""

_DEPTH_DB = 30.0
_LOUDEST_CELLS = 20
_LENGTH = 256
_BANDWIDTH = slice(3, 66)  # 0.7 to 16 Hz
_LAGS = 512
_CANDIDATES = 10
BLOCK_CLIPS = 256
"""Clips that are computed at a time: more need more memory and give the same result."""


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """Fingerprints of a corpus.

    Attributes:
        spectra: complex64 (n, mels, components). Each clip has norm 1, or is all zero if it is silent.
        strength: float32 (mels, components), the root mean square that the spectra were divided by.
    """

    spectra: NDArray[np.complex64]
    strength: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        features: NDArray[np.float32],
        strength: NDArray[np.float32] | None = None,
        *,
        block: int = BLOCK_CLIPS,
        progress: StepProgress | None = None,
    ) -> Fingerprints:
        """Computes the fingerprints of clips.

        Args:
            features: float32 (n, *FINGERPRINT_SPEC.shape), in dB. A memory map is read block by block.
            strength: `strength` of another corpus, to compare these clips with it; None computes it from these clips.
            block: clips that are computed at a time.
            progress: called with (step, clips done, clips in all) after each block, if there are several. An error
                that it raises ends the computation.

        Raises:
            ValueError: the features do not have the shape of `FINGERPRINT_SPEC`.
        """
        if features.ndim != 3 or features.shape[1:] != FINGERPRINT_SPEC.shape:
            raise ValueError(f"features of shape (n, {FINGERPRINT_SPEC.shape}) are needed, not {features.shape}")
        spectra = np.concatenate(
            [
                _modulations(np.asarray(features[start : start + block]))
                for start in _blocks(len(features), block, "computing fingerprints", progress)
            ]
        )
        if strength is None:
            power = np.zeros(spectra.shape[1:])
            for part in spectra:
                power += part.real**2 + part.imag**2
            strength = np.sqrt(power / len(spectra)).astype(np.float32)
        for start in range(0, len(spectra), block):
            part = spectra[start : start + block]
            part /= np.where(strength > 0, strength, 1)
            length = np.sqrt((part.real**2 + part.imag**2).sum(axis=(1, 2), keepdims=True))
            part /= np.where(length > 0, length, 1)
        return cls(spectra, strength)


@dataclass(frozen=True)
class DuplicatePair:
    """Two clips, as rows of the clip table, and their similarity (1: the same)."""

    first: int
    second: int
    likeness: float


@dataclass(frozen=True)
class NearDuplicates:
    """Result of comparing the clips of different subsets.

    Attributes:
        pairs: pairs at or above the threshold, most similar first.
        highest: highest similarity below the threshold; None if no pair was below it.
        compared: number of clips compared.
    """

    pairs: tuple[DuplicatePair, ...]
    highest: float | None
    compared: int


def parts_of(split: Split, clips: int) -> tuple[str | None, ...]:
    """Returns the subset of each row: 'train', 'validation' or 'test'; None for clips that the split leaves out.

    'train' includes every clip that some split ratio may train on.

    Args:
        split: split by the protocol's validation and test cores.
        clips: number of rows of the clip table.
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
    """Returns groups of rows that have identical audio and are in more than one subset.

    >>> exact_duplicates(["a", "b", "a", "b", "a"], ["train", "train", "test", "train", None])
    ((0, 2),)

    Args:
        digests: digest of the decoded audio of each row; None if unknown.
        parts: subset of each row; None for clips in no subset.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, (digest, part) in enumerate(zip(digests, parts, strict=True)):
        if isinstance(digest, str) and part is not None:
            rows[digest].append(row)
    return tuple(tuple(group) for group in rows.values() if len({parts[row] for row in group}) > 1)


def near_duplicates(
    prints: Fingerprints,
    parts: Sequence[str | None],
    *,
    threshold: float = THRESHOLD,
    block: int = BLOCK_CLIPS,
    progress: StepProgress | None = None,
) -> NearDuplicates:
    """Finds pairs of clips in different subsets that are probably the same recording.

    Args:
        prints: fingerprints of n clips.
        parts: (n,), subset of each clip; None for clips in no subset.
        threshold: similarity (0-1) from which a pair is reported.
        block: clips that are compared at a time.
        progress: called with (step, done, in all) after each block, if there are several. An error that it raises ends
            the comparison.

    Raises:
        ValueError: `prints` and `parts` differ in length.
    """
    if len(parts) != len(prints.spectra):
        raise ValueError(f"{len(prints.spectra)} fingerprints do not fit {len(parts)} parts")
    names = {part: code for code, part in enumerate(sorted({part for part in parts if part is not None}))}
    codes = np.array([-1 if part is None else names[part] for part in parts])
    audible = np.array([bool(spectrum.any()) for spectrum in prints.spectra])
    rows = np.flatnonzero((codes >= 0) & audible)
    pairs = rows[_candidates(prints.spectra[rows], codes[rows], block, progress)]
    alike = likeness(prints, pairs[:, 0], prints, pairs[:, 1], progress)
    over = alike >= threshold
    found = [
        DuplicatePair(int(first), int(second), float(value))
        for (first, second), value in zip(pairs[over], alike[over], strict=True)
    ]
    rest = alike[~over]
    highest = float(rest.max()) if len(rest) else None
    return NearDuplicates(tuple(sorted(found, key=lambda pair: -pair.likeness)), highest, len(rows))


def likeness(
    one: Fingerprints,
    rows: NDArray[np.intp],
    other: Fingerprints,
    other_rows: NDArray[np.intp],
    progress: StepProgress | None = None,
) -> NDArray[np.float32]:
    """Returns the similarity of pairs of clips: the correlation of their fingerprints at the best shift.

    Args:
        one: fingerprints of the first clips.
        rows: (m,), row of the first clip of each pair.
        other: fingerprints of the second clips, computed with the same `strength`.
        other_rows: (m,), row of the second clip of each pair.
        progress: called with (step, pairs done, pairs in all) after each block, if there are several.

    Returns:
        float32 (m,), at most 1.
    """
    found = np.empty(len(rows), dtype=np.float32)
    for start in _blocks(len(rows), BLOCK_CLIPS, "comparing pairs of clips", progress):
        part = slice(start, start + BLOCK_CLIPS)
        first, second = one.spectra[rows[part]], other.spectra[other_rows[part]]
        product = np.zeros((len(first), _LAGS // 2 + 1), dtype=np.complex64)
        product[:, _BANDWIDTH] = np.einsum("nmf,nmf->nf", first, second.conj())
        found[part] = np.fft.irfft(product, _LAGS, axis=1).max(axis=1) * (_LAGS / 2)
    return found


def _modulations(decibels: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Returns the Fourier transforms over time of the level above the silence threshold: (n, mels, components)."""
    cells = decibels.reshape(len(decibels), -1)
    # Not the very loudest cell: a single click must not set the level.
    loud = np.partition(cells, -_LOUDEST_CELLS, axis=1)[:, -_LOUDEST_CELLS, np.newaxis, np.newaxis]
    raised = np.where(decibels > FLOOR_DB, np.maximum(decibels - loud + np.float32(_DEPTH_DB), 0), 0)
    spectra = np.fft.rfft(raised, _LENGTH, axis=2)[:, :, _BANDWIDTH]
    # What all bands have in common is mostly where words begin and end. Clips of the same sentence share that.
    return np.asarray(spectra - spectra.mean(axis=1, keepdims=True), dtype=np.complex64)


def _candidates(
    spectra: NDArray[np.complex64], codes: NDArray[np.int64], block: int, progress: StepProgress | None
) -> NDArray[np.intp]:
    """Returns (m, 2) pairs of rows in different subsets, lower row first: for each clip its most similar ones."""
    if not len(spectra):
        return np.zeros((0, 2), dtype=np.intp)
    magnitudes = np.abs(spectra).reshape(len(spectra), -1)
    magnitudes -= magnitudes.mean(axis=0)
    magnitudes /= np.maximum(np.linalg.norm(magnitudes, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    pairs = []
    for start in _blocks(len(spectra), block, "comparing clips", progress):
        rows = np.arange(start, min(start + block, len(spectra)))
        alike = magnitudes[rows] @ magnitudes.T
        alike[codes[rows][:, np.newaxis] == codes] = -np.inf
        best = np.argpartition(-alike, min(_CANDIDATES, len(spectra)) - 1, axis=1)[:, :_CANDIDATES]
        chosen = np.stack([np.repeat(rows, best.shape[1]), best.ravel()], axis=1)
        pairs.append(chosen[np.isfinite(alike[chosen[:, 0] - start, chosen[:, 1]])])
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _blocks(count: int, block: int, what: str, progress: StepProgress | None) -> Iterator[int]:
    """Yields the first row of each block and reports the block once its caller is done with it."""
    for start in range(0, count, block):
        yield start
        if progress is not None and count > block:
            progress(what, min(start + block, count), count)
