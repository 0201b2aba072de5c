"""Quantises a light file in a process of its own: `python -m serbench.export.light.quantise`.

What the quantisers print and need of memory ends with it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from serbench.errors import SerbenchError
from serbench.export.bundle_record import BundleRecord
from serbench.export.fresh_process import run_fresh, why_it_failed
from serbench.export.windows import windows
from serbench.features import decode
from serbench.temporary import temporary_folder

__all__ = ["quantise"]

_NOTHING = "nothing to quantise"


def quantise(form: str, source: Path, target: Path, files: Sequence[str], record: BundleRecord) -> None:
    """Writes a light file with its network in int8.

    Args:
        form: `onnx` or `litert`.
        source: the file of floats, as serbench wrote it.
        target: the file to write.
        files: audio of training clips, which give the ranges of the activations.
        record: the bundle, which says how files are cut.

    Raises:
        SerbenchError: a file cannot be read, the network has no layer that int8 is for, or the process failed.
    """
    with temporary_folder() as folder:
        spec, longest_s, crops = record.features, record.longest_clip_s, record.prediction_crops
        sound = np.concatenate([windows(decode(file, spec.sample_rate), spec, longest_s, crops)[1] for file in files])
        np.save(folder / "waveforms.npy", sound.astype(np.float32), allow_pickle=False)
        done = run_fresh("-m", "serbench.export.light.quantise", form, str(source), str(target), str(folder))
    if done.returncode == 0:
        return
    reason = why_it_failed(done)
    if reason == _NOTHING:
        reason = "the network has neither a convolution nor a dense layer"
    raise SerbenchError(f"{form} could not be quantised to int8: {reason}; leave --quantise out")


def _main(form: str, source: str, target: str, folder: str) -> None:
    waveforms, data = np.load(Path(folder) / "waveforms.npy", allow_pickle=False), Path(source).read_bytes()
    if form == "onnx":
        from serbench.export.light.int8_onnx import int8_onnx

        written = int8_onnx(data, waveforms)
    else:
        from serbench.export.light.int8_litert import int8_litert

        written = int8_litert(data, waveforms)
    if written is None:
        raise SystemExit(_NOTHING)
    Path(target).write_bytes(written)


if __name__ == "__main__":
    _main(*sys.argv[1:])
