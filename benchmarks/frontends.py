"""How fast features are computed: serbench on one core and on all, and librosa one clip at a time.

    uv run python benchmarks/frontends.py [FOLDER] [--clips 1000] [--sample-rate 16000]

FOLDER holds audio files (searched with its subfolders); without one, three-second clips of noise are written
to a temporary folder. All three read the files, and resample them where they have another rate. librosa is
called as its documentation shows, each feature from the waveform; it is timed on a fifth of the clips, after a
first one that loads and compiles, with matrix products in one thread, which suits it better than all cores.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from threadpoolctl import threadpool_limits

from serbench.features import FeatureSpec, FeatureStore
from serbench.records.environment import cpu_name
from serbench.records.machine import usable_cores

SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".aiff"}


def main() -> None:
    """Prints one row for each front end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a folder of audio files (default: noise)")
    parser.add_argument("--clips", type=int, default=1_000, help="how many at most (default %(default)s)")
    parser.add_argument("--sample-rate", type=int, default=16_000, help="Hz (default %(default)s)")
    asked = parser.parse_args()
    cores = usable_cores()
    with audio_files(asked.folder, asked.clips, asked.sample_rate) as files:
        print(f"{len(files)} clips, {asked.sample_rate} Hz, {cpu_name()}, {cores} cores; clips/s")
        print(f"{'front end':10} {'1 thread':>9} {f'{cores} threads':>10} {'librosa':>8}  ratio")
        for kind, alone in (("acoustic", librosa_acoustic), ("log_mel", librosa_log_mel)):
            spec = FeatureSpec(kind=kind, sample_rate=asked.sample_rate)
            one, all_cores = (serbench_rate(files, spec, workers) for workers in (1, cores))
            librosa_rate = one_at_a_time(files[:: max(1, len(files) // (asked.clips // 5 + 1))], spec, alone)
            ratios = f"{one / librosa_rate:.1f} / {all_cores / librosa_rate:.1f}"
            print(f"{kind:10} {one:9.0f} {all_cores:10.0f} {librosa_rate:8.0f}  {ratios}")


@contextlib.contextmanager
def audio_files(folder: Path | None, n_clips: int, sample_rate: int) -> Iterator[list[Path]]:
    """Yields the files to read."""
    if folder is not None:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[:n_clips]
        if not found:
            raise SystemExit(f"no audio files in {folder}")
        for path in found:  # from the disk once, so that nobody is charged for it
            path.read_bytes()
        yield found
        return
    with tempfile.TemporaryDirectory() as temporary:
        rng = np.random.default_rng(0)
        paths = [Path(temporary) / f"{index:05}.wav" for index in range(n_clips)]
        for path in paths:
            soundfile.write(path, 0.1 * rng.standard_normal(3 * sample_rate), sample_rate)
        yield paths


def serbench_rate(files: list[Path], spec: FeatureSpec, workers: int) -> float:
    """Clips a second through a `FeatureStore`, writing included."""
    clips = pd.DataFrame({"clip_id": [path.name for path in files], "path": [str(path) for path in files]})
    clips["digest"] = clips["clip_id"]
    with tempfile.TemporaryDirectory() as temporary:
        store = FeatureStore(Path(temporary), workers=workers)
        store.get(clips[:1], spec)
        start = time.perf_counter()
        store.get(clips, spec)
        return len(files) / (time.perf_counter() - start)


def one_at_a_time(files: list[Path], spec: FeatureSpec, compute: Callable[..., np.ndarray]) -> float:
    """Clips a second through librosa."""
    import librosa

    def run(path: Path) -> np.ndarray:
        waveform, _ = librosa.load(path, sr=spec.sample_rate)
        return compute(librosa.util.fix_length(waveform, size=spec.n_samples), spec)

    with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
        warnings.simplefilter("ignore")
        run(files[0])
        start = time.perf_counter()
        for path in files:
            run(path)
    return len(files) / (time.perf_counter() - start)


def librosa_log_mel(waveform: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """The log-mel spectrogram."""
    import librosa

    framing = {"n_fft": spec.window_length, "hop_length": spec.hop_length}
    mel = librosa.feature.melspectrogram(y=waveform, sr=spec.sample_rate, n_mels=spec.n_mels, **framing)
    return librosa.power_to_db(mel, top_db=None)


def librosa_acoustic(waveform: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """The 1-D set, feature by feature."""
    import librosa

    rate, frame = spec.sample_rate, {"frame_length": spec.window_length, "hop_length": spec.hop_length}
    framing = {"n_fft": spec.window_length, "hop_length": spec.hop_length}
    rms = librosa.feature.rms(y=waveform, **frame)
    mfcc = librosa.feature.mfcc(y=waveform, sr=rate, n_mfcc=spec.n_mfcc, n_mels=spec.n_mels, **framing)
    parts = [
        librosa.feature.zero_crossing_rate(waveform, **frame),
        librosa.power_to_db(rms**2 * spec.window_length, top_db=None),
        rms,
        librosa.feature.chroma_stft(y=waveform, sr=rate, tuning=0.0, **framing),
        mfcc,
        librosa.feature.delta(mfcc),
    ]
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
