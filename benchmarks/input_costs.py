"""What each input setting and augmentation costs: milliseconds of one core a clip, beside librosa's.

    uv run python benchmarks/input_costs.py FOLDER [--clips 64]

FOLDER holds audio files (searched with its subfolders). Times are CPU time of one thread, without reading files, the
least of three rounds. CopyPaste is measured on a batch of 32 clips, all of which get a neutral one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sized
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

if __name__ == "__main__":
    # Not the folder of this file: a benchmark may be named as a package is that others import.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.frontends import audio_files
from serbench.families.base import FRONT_END
from serbench.features import FeatureSpec, Waveform, WaveformAugmentation, augment, decode, extract, fit_length
from serbench.features.extraction import CHUNK_CLIPS
from serbench.features.frontends.pitch import HIGHEST_HZ, LOWEST_HZ, frame_length_of, pitch

RATE, HOP = FRONT_END["sample_rate"], FRONT_END["hop_length"]
ROUNDS, PYIN_CLIPS, BATCH = 3, 8, 32
FRONT_ENDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("log_mel", {}),
    ("log_mel", {"compression": "pcen"}),
    ("acoustic", {}),
    ("acoustic", {"pitch": True}),
)
COPIES = {
    "copy at another speed": WaveformAugmentation(speed=1.1),
    "copy at another pitch": WaveformAugmentation(semitones=2.0),
    "copy with a random crop": WaveformAugmentation(random_crop=True),
    "copy with white noise": WaveformAugmentation(noise_snr_db=20.0),
}
PASTED = (("acoustic", 0), ("log_mel", 1))


def main() -> None:
    """Prints one row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder of audio files")
    parser.add_argument("--clips", type=int, default=64, help="how many at most (default %(default)s)")
    asked = parser.parse_args()
    with audio_files(asked.folder, asked.clips, RATE) as files:
        clips = [decode(path, RATE) for path in files]
    print("| what | ms of one core a clip |\n|---|---|")
    with threadpool_limits(1):
        for what, milliseconds in {**_front_ends(clips), **_copies(clips), **_pasted(clips)}.items():
            print(f"| {what} | {milliseconds:.2f} |")


def _cpu_ms(work: Callable[[], object], clips: Sized) -> float:
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * min(times) / len(clips)


def _front_ends(clips: list[Waveform]) -> dict[str, float]:
    import librosa

    found = {}
    for kind, settings in FRONT_ENDS:
        spec = FeatureSpec(kind=kind, **{**FRONT_END, **settings})
        waveforms = np.stack([fit_length(clip, spec.n_samples) for clip in clips])
        chosen = ", ".join(f"{name} = {value}" for name, value in settings.items())
        found[f"{kind} {chosen}".strip()] = _cpu_ms(partial(_in_chunks, partial(extract, spec=spec), waveforms), clips)
    found["F0 and aperiodicity alone"] = _cpu_ms(
        partial(_in_chunks, lambda part: pitch(part, RATE, HOP), waveforms), clips
    )
    yin = {"fmin": LOWEST_HZ, "fmax": HIGHEST_HZ, "sr": RATE, "frame_length": frame_length_of(RATE), "hop_length": HOP}
    found["librosa.yin"] = _cpu_ms(lambda: [librosa.yin(one, **yin) for one in waveforms], clips)
    few = waveforms[:PYIN_CLIPS]
    found["librosa.pyin"] = _cpu_ms(lambda: [librosa.pyin(one, **yin) for one in few], few)
    return found


def _in_chunks(compute: Callable[[np.ndarray], object], waveforms: np.ndarray) -> None:
    for start in range(0, len(waveforms), CHUNK_CLIPS):
        compute(waveforms[start : start + CHUNK_CLIPS])


def _copies(clips: list[Waveform]) -> dict[str, float]:
    spec = FeatureSpec(kind="log_mel", **FRONT_END)

    def altered(kind: WaveformAugmentation) -> None:
        for place, clip in enumerate(clips):
            augment(clip, kind, spec, str(place))

    return {what: _cpu_ms(partial(altered, kind), clips) for what, kind in COPIES.items()}


def _pasted(clips: list[Waveform]) -> dict[str, float]:
    return {f"copy_paste in a batch of {kind}": _paste_ms(clips, kind, axis) for kind, axis in PASTED}


def _paste_ms(clips: list[Waveform], kind: str, time_axis: int) -> float:
    from serbench.training.copy_paste import CopyPaste

    spec = FeatureSpec(kind=kind, **FRONT_END)
    features = extract(np.stack([fit_length(clip, spec.n_samples) for clip in clips]), spec)
    neutral = np.arange(len(clips)) % 2 == 0
    rows = np.flatnonzero(~neutral)[:BATCH]
    paste = CopyPaste(1.0, range(len(clips)), neutral, np.zeros(len(clips), dtype=np.int64), time_axis, seed=0)
    items = np.stack([np.zeros_like(rows), rows], axis=1)
    return _cpu_ms(lambda: paste(features[rows], items, lambda chosen: features[chosen[:, 1]]), rows)


if __name__ == "__main__":
    main()
