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
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from threadpoolctl import threadpool_limits

if __name__ == "__main__":
    # Not the folder of this file: a benchmark may be named as a package is that others import.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.table import Row, Settings, as_table, machine
from serbench.corpora import get_corpus
from serbench.features import FeatureSpec, FeatureStore, decode, extract, fit_length
from serbench.features.extraction import CHUNK_CLIPS
from serbench.records.machine import usable_cores

__all__ = ["measure"]

SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".aiff"}
GOAL = 4.0


def measure(settings: Settings) -> list[Row]:
    """Rows for both front ends on the corpus of the settings, at its own sample rate."""
    corpus = get_corpus(settings.corpus)
    table = corpus.read(corpus.prepare(settings.data)).table
    files = [Path(path) for path in table["path"][: 40 if settings.quick else 1_000]]
    return _rows(files, soundfile.info(files[0]).samplerate)


def main() -> None:
    """Prints one row for each front end, with and without reading the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a folder of audio files (default: noise)")
    parser.add_argument("--clips", type=int, default=1_000, help="how many at most (default %(default)s)")
    parser.add_argument("--sample-rate", type=int, default=16_000, help="Hz (default %(default)s)")
    asked = parser.parse_args()
    print(machine(), file=sys.stderr)
    with audio_files(asked.folder, asked.clips, asked.sample_rate) as files:
        print(as_table(_rows(files, asked.sample_rate)))


def _rows(files: list[Path], sample_rate: int) -> list[Row]:
    for path in files:  # from the disk once, so that nobody is charged for it
        path.read_bytes()
    rows = []
    cores = usable_cores()
    for kind, alone in (("acoustic", librosa_acoustic), ("log_mel", librosa_log_mel)):
        spec = FeatureSpec(kind=kind, sample_rate=sample_rate)
        few = files[:: max(1, len(files) // (len(files) // 5 + 1))]
        one, all_cores = (stored_rate(files, spec, workers) for workers in (1, cores))
        note = f"{len(files):,} clips, {sample_rate:,} Hz, files read"
        rows += _pair(f"{kind} features", all_cores, one, librosa_rate(few, spec, alone), f"{note}, features written")
        waveforms = np.stack([fit_length(decode(path, sample_rate), spec.n_samples, spec.crop) for path in files])
        one, all_cores = (extracted_rate(waveforms, spec, workers) for workers in (1, cores))
        alone_rate = librosa_rate_in_memory(waveforms[:: len(files) // len(few)], spec, alone)
        rows += _pair(f"{kind} features", all_cores, one, alone_rate, f"{len(files):,} clips, {sample_rate:,} Hz")
    return rows


def _pair(what: str, all_cores: float, one: float, alone: float, note: str) -> list[Row]:
    rates = f"{one:,.0f} on one core; librosa one clip at a time {alone:,.0f}"
    limit = "the Fourier transform and, in the acoustic set, chroma and slopes"
    return [
        Row(what, all_cores, "clips a second", limit, note=f"{note}; {rates}"),
        Row(f"{what} beside librosa", all_cores / alone, "times", f"{usable_cores()} cores", GOAL, True, note),
    ]


def extracted_rate(waveforms: np.ndarray, spec: FeatureSpec, workers: int) -> float:
    """Clips a second of the front end alone, chunks shared out among threads as the store does."""
    chunks = [waveforms[start : start + CHUNK_CLIPS] for start in range(0, len(waveforms), CHUNK_CLIPS)]
    extract(chunks[0][:1], spec)
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        start = time.perf_counter()
        for _ in pool.map(lambda chunk: extract(chunk, spec), chunks):
            pass
        return len(waveforms) / (time.perf_counter() - start)


@contextlib.contextmanager
def audio_files(folder: Path | None, n_clips: int, sample_rate: int) -> Iterator[list[Path]]:
    """Yields the files to read."""
    if folder is not None:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[:n_clips]
        if not found:
            raise SystemExit(f"no audio files in {folder}")
        yield found
        return
    with tempfile.TemporaryDirectory() as temporary:
        rng = np.random.default_rng(0)
        paths = [Path(temporary) / f"{index:05}.wav" for index in range(n_clips)]
        for path in paths:
            soundfile.write(path, 0.1 * rng.standard_normal(3 * sample_rate), sample_rate)
        yield paths


def stored_rate(files: list[Path], spec: FeatureSpec, workers: int) -> float:
    """Clips a second through a `FeatureStore`, writing included."""
    clips = pd.DataFrame({"clip_id": [path.name for path in files], "path": [str(path) for path in files]})
    clips["digest"] = clips["clip_id"]
    with tempfile.TemporaryDirectory() as temporary:
        store = FeatureStore(Path(temporary), workers=workers)
        store.get(clips[:1], spec)
        start = time.perf_counter()
        store.get(clips, spec)
        return len(files) / (time.perf_counter() - start)


def librosa_rate(files: Sequence[Path], spec: FeatureSpec, compute: Callable[..., np.ndarray]) -> float:
    """Clips a second through librosa, each file read for itself."""
    import librosa

    def run(path: Path) -> np.ndarray:
        waveform, _ = librosa.load(path, sr=spec.sample_rate)
        return compute(librosa.util.fix_length(waveform, size=spec.n_samples), spec)

    return _one_at_a_time(files, run)


def librosa_rate_in_memory(waveforms: np.ndarray, spec: FeatureSpec, compute: Callable[..., np.ndarray]) -> float:
    """Clips a second through librosa without reading files."""
    return _one_at_a_time(waveforms, lambda waveform: compute(waveform, spec))


def _one_at_a_time(items: Sequence[Path] | np.ndarray, run: Callable[..., np.ndarray]) -> float:
    with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
        warnings.simplefilter("ignore")
        run(items[0])
        start = time.perf_counter()
        for item in items:
            run(item)
    return len(items) / (time.perf_counter() - start)


def librosa_log_mel(waveform: np.ndarray, spec: Any) -> np.ndarray:
    """The log-mel spectrogram."""
    import librosa

    framing = {"n_fft": spec.window_length, "hop_length": spec.hop_length}
    mel = librosa.feature.melspectrogram(y=waveform, sr=spec.sample_rate, n_mels=spec.n_mels, **framing)
    return librosa.power_to_db(mel, top_db=None)


def librosa_acoustic(waveform: np.ndarray, spec: Any) -> np.ndarray:
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
