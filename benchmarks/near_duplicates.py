"""How well altered copies of clips are told from other recordings: what the threshold of `serbench.audit` rests on.

    uv run python benchmarks/near_duplicates.py --corpus crema-d --data DIR [--copies 1000]

First the most alike pairs of a corpus's own clips, however they are split: what is above the threshold here is a false
alarm, or a find. Then some clips are altered in each of several ways, and each copy is looked for among all clips.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr

if __name__ == "__main__":
    # Not the folder of this file: a benchmark may be named as a package is that others import.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.table import machine
from serbench.audit.fingerprints import FINGERPRINT_SPEC, THRESHOLD, Fingerprints, likeness, near_duplicates
from serbench.corpora import get_corpus, load_clips
from serbench.features import FeatureStore, decode, extract, fit_length

__all__ = ["ALTERATIONS", "altered_copies"]

RATE = 16_000
Wave = np.ndarray
Alteration = Callable[[Wave, np.random.Generator], Wave]


def noise(snr_db: float) -> Alteration:
    """White noise this far below the clip's mean power."""

    def alter(wave: Wave, rng: np.random.Generator) -> Wave:
        scale = np.sqrt(np.mean(np.square(wave, dtype=np.float64)) / 10 ** (snr_db / 10))
        return (wave + scale * rng.standard_normal(len(wave))).astype(np.float32)

    return alter


def shifted(wave: Wave, rng: np.random.Generator) -> Wave:
    """Up to 50 ms later, zeros filling in, or earlier, the beginning cut off."""
    samples = int(rng.integers(-RATE // 20, RATE // 20, endpoint=True))
    return np.concatenate([np.zeros(samples, np.float32), wave]) if samples > 0 else wave[-samples:]


def encoded(container: str, codec: str) -> Alteration:
    """Through a lossy codec and back, at libsndfile's usual quality."""

    def alter(wave: Wave, rng: np.random.Generator) -> Wave:  # noqa: ARG001
        file = io.BytesIO()
        soundfile.write(file, wave, RATE, format=container, subtype=codec)
        file.seek(0)
        return np.asarray(soundfile.read(file, dtype="float32")[0])

    return alter


def trimmed(wave: Wave, rng: np.random.Generator) -> Wave:  # noqa: ARG001
    """Without what comes before the first 10 ms within 35 dB of the loudest."""
    step = RATE // 100
    power = np.square(wave[: len(wave) // step * step].reshape(-1, step)).mean(axis=1)
    return wave[int(np.argmax(power > power.max() * 10**-3.5)) * step :]


def faster(factor: float) -> Alteration:
    """Played faster, pitch and all."""
    return lambda wave, rng: soxr.resample(wave, RATE * factor, RATE).astype(np.float32)  # noqa: ARG005


def clipped(wave: Wave, rng: np.random.Generator) -> Wave:  # noqa: ARG001
    """Twice as loud as full scale holds."""
    return np.clip(wave / max(np.abs(wave).max(), 1e-9) * 2, -1, 1).astype(np.float32)


def through_8_khz(wave: Wave, rng: np.random.Generator) -> Wave:  # noqa: ARG001
    """Resampled to 8 kHz and back."""
    return soxr.resample(soxr.resample(wave, RATE, 8_000), 8_000, RATE).astype(np.float32)


def together(*alterations: Alteration) -> Alteration:
    """One after the other."""

    def alter(wave: Wave, rng: np.random.Generator) -> Wave:
        for alteration in alterations:
            wave = alteration(wave, rng)
        return wave

    return alter


ALTERATIONS: dict[str, Alteration] = {
    "12 dB softer": lambda wave, rng: wave / 4,  # noqa: ARG005
    "6 dB too loud, clipped": clipped,
    "noise at 30 dB": noise(30),
    "noise at 20 dB": noise(20),
    "moved by up to 50 ms": shifted,
    "to 8 kHz and back": through_8_khz,
    "Ogg Vorbis": encoded("OGG", "VORBIS"),
    "MP3": encoded("MP3", "MPEG_LAYER_III"),
    "leading silence cut off": trimmed,
    "noise at 20 dB, moved, MP3": together(noise(20), shifted, encoded("MP3", "MPEG_LAYER_III")),
    "noise at 10 dB": noise(10),
    "last quarter cut off": lambda wave, rng: wave[: len(wave) * 3 // 4],  # noqa: ARG005
    "first quarter cut off": lambda wave, rng: wave[len(wave) // 4 :],  # noqa: ARG005
    "2 % faster": faster(1.02),
    "5 % faster": faster(1.05),
}
"""By name; each takes a waveform at `RATE`. From the last but five on, they are beyond what is promised."""


def altered_copies(clips: pd.DataFrame, alteration: Alteration, seed: int = 0) -> np.ndarray:
    """Features of an altered copy of each clip, float32 (n, *FINGERPRINT_SPEC.shape)."""
    waves = []
    for row, path in enumerate(clips["path"]):
        wave = alteration(decode(path, RATE), np.random.default_rng([seed, row]))
        wave = soxr.resample(wave, RATE, FINGERPRINT_SPEC.sample_rate)
        waves.append(fit_length(wave.astype(np.float32), FINGERPRINT_SPEC.n_samples, FINGERPRINT_SPEC.crop))
    return extract(np.stack(waves), FINGERPRINT_SPEC)


def report(clips: pd.DataFrame, features: np.ndarray, copies: int, threshold: float) -> None:
    """Prints both tables."""
    ids = clips["clip_id"].astype(str).tolist()
    start = time.perf_counter()
    prints = Fingerprints.of(features)
    made = time.perf_counter() - start
    start = time.perf_counter()
    own = near_duplicates(prints, ids, threshold=0.5)
    compared = time.perf_counter() - start
    print(f"{len(ids):,} clips: fingerprints in {made:.1f} s, every clip with every other {compared:.1f} s")
    best = np.zeros(len(ids))
    for pair in own.pairs:
        for row in (pair.first, pair.second):
            best[row] = max(best[row], pair.likeness)
    levels = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
    print("clips whose most alike other clip reaches", {level: int((best >= level).sum()) for level in levels})
    for pair in own.pairs[:24]:
        print(f"  {ids[pair.first]} and {ids[pair.second]}: {pair.likeness:.3f}")
    rows = np.sort(np.random.default_rng(0).choice(len(ids), min(copies, len(ids)), replace=False))
    print(f"\n| copy | found at {threshold} | likeness: median | lowest 1 % | least | other clips at {threshold} |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, alteration in ALTERATIONS.items():
        altered = Fingerprints.of(altered_copies(clips.iloc[rows], alteration), prints.strength)
        alike = likeness(prints, rows, altered, np.arange(len(rows)))
        both = Fingerprints(np.concatenate([prints.spectra, altered.spectra]), prints.strength)
        near = near_duplicates(both, ["train"] * len(ids) + ["test"] * len(rows), threshold=threshold)
        found = {(pair.first, pair.second - len(ids)) for pair in near.pairs}
        own_copies = set(zip(rows.tolist(), range(len(rows)), strict=True))
        same_audio = clips["digest"].tolist()
        others = sum(same_audio[first] != same_audio[rows[copy]] for first, copy in found)
        hits = len(found & own_copies) / len(rows)
        print(
            f"| {name} | {100 * hits:.1f} % | {np.median(alike):.3f} | {np.quantile(alike, 0.01):.3f} "
            f"| {alike.min():.3f} | {others} |",
            flush=True,
        )


def main() -> None:
    """Measures one corpus."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", default="demo")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--copies", type=int, default=1_000, help="clips that are altered (default %(default)s)")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    asked = parser.parse_args()
    print(machine(), file=sys.stderr)
    clips = load_clips(get_corpus(asked.corpus), asked.data).table
    start = time.perf_counter()
    features = FeatureStore.in_cache().get(clips, FINGERPRINT_SPEC)
    print(f"features (or the cache of them) in {time.perf_counter() - start:.1f} s")
    report(clips, features, asked.copies, asked.threshold)


if __name__ == "__main__":
    main()
