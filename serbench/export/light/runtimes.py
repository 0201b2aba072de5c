"""Runs a light file of a bundle for `serbench predict --runtime`. The bundle may come from a stranger.

The file is read once, compared with the digest in `bundle.json`, and looked through before a runtime gets it: only
operations that serbench writes, no data in other files, no tensor over the bound.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from serbench.errors import SerbenchError, UsageError, first_line, require, unknown
from serbench.export.bundle_record import BundleRecord, LightFile

__all__ = ["RUNTIMES", "light_content", "load_light", "why_refused"]

_INT8: Final = "-int8"
_MODULES: Final = {
    "onnx": ("onnx", "onnxruntime"),
    "litert": ("ai_edge_litert",),
    f"onnx{_INT8}": ("onnx", "onnxruntime"),
    f"litert{_INT8}": ("ai_edge_litert",),
}
RUNTIMES: Final = ("keras", *_MODULES)
"""What can answer for a bundle. A SavedModel can write files when it runs, so it is not among them."""

_PATHS: Final = {
    "onnx": "model.onnx",
    "litert": "model.tflite",
    f"onnx{_INT8}": "model.int8.onnx",
    f"litert{_INT8}": "model.int8.tflite",
}
_MOST_BYTES: Final = 1 << 30

Answer = Callable[[np.ndarray], np.ndarray]


def load_light(path: Path, record: BundleRecord, runtime: str) -> Answer:
    """Loads a light file.

    Args:
        path: folder of the bundle.
        record: content of its `bundle.json`.
        runtime: `onnx`, `litert`, `onnx-int8` or `litert-int8`.

    Returns:
        Function from waveforms, float32 (n, n_samples), to probabilities, float32 (n, classes).

    Raises:
        UsageError: the runtime is unknown, or the bundle has no file for it.
        SerbenchError: the runtime is not installed, or the file is damaged, was changed, or is not one that serbench
            writes.
    """
    if runtime not in _MODULES:
        raise unknown("runtime", runtime, RUNTIMES)
    plain = runtime.removesuffix(_INT8)
    described = _described(path, record, runtime)
    require(f"--runtime {runtime}", _MODULES[runtime], extra=plain)
    file = path / _PATHS[runtime]
    data = _content(file, described)
    try:
        _check(data, record, plain)
        return _onnx(data) if plain == "onnx" else _litert(data)
    except Exception as error:  # whatever a parser or a runtime raises concerns this file
        reason = first_line(error)
        raise SerbenchError(f"{file} cannot be used: {reason[:300]}; export it again") from error


def why_refused(path: Path, record: BundleRecord, runtime: str) -> str | None:
    """Returns the reason why `load_light` refuses a light file that was just written; None if it does not.

    Args:
        path: folder of the bundle.
        record: content of its `bundle.json`.
        runtime: as in `load_light`; what it needs is installed.
    """
    try:
        _check(light_content(path, record, runtime), record, runtime.removesuffix(_INT8))
    except Exception as error:
        return first_line(error)[:300]
    return None


def light_content(path: Path, record: BundleRecord, form: str) -> bytes:
    """Returns the content of a light file, as it was exported. What it holds is not looked through.

    Args:
        path: folder of the bundle.
        record: content of its `bundle.json`.
        form: `onnx`, `litert`, `onnx-int8` or `litert-int8`.

    Raises:
        UsageError: the bundle has no such file.
        SerbenchError: the file is missing, damaged or was changed.
    """
    return _content(path / _PATHS[form], _described(path, record, form))


def _described(path: Path, record: BundleRecord, form: str) -> LightFile:
    for one in record.light:
        if one.format == form:
            return one
    more = " --quantise int8" if form.endswith(_INT8) else ""
    raise UsageError(f"{path} holds no file for {form}; export it with --format keras,{form.removesuffix(_INT8)}{more}")


def _content(file: Path, described: LightFile) -> bytes:
    try:
        size = file.stat().st_size
        if size > _MOST_BYTES:
            raise SerbenchError(f"{file} has {size >> 20:,} MiB, over the limit of 1 GiB; export it again")
        data = file.read_bytes()
    except OSError as error:
        raise SerbenchError(f"{file} cannot be read ({error.strerror}); export it again") from error
    if hashlib.sha256(data).hexdigest() != described.sha256:
        raise SerbenchError(
            f"{file} is damaged or was replaced (its SHA-256 differs from bundle.json); export it again"
        )
    return data


def _check(data: bytes, record: BundleRecord, form: str) -> None:
    """Looks through the content of a file of the form `onnx` or `litert`, quantised or not."""
    shapes = (record.features.n_samples, len(record.labels))
    if form == "onnx":
        from serbench.export.light.onnx_bounds import check_onnx

        check_onnx(data, *shapes)
    else:
        from serbench.export.light.litert_bounds import check_litert

        check_litert(data, *shapes)


def _onnx(data: bytes) -> Answer:
    import onnxruntime

    from serbench.export.light.onnx_bounds import MOST_CLIPS

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads leave the cores alone
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def answer(waveforms: np.ndarray) -> np.ndarray:
        sound = np.ascontiguousarray(waveforms, dtype=np.float32)
        parts = [sound[first : first + MOST_CLIPS] for first in range(0, max(1, len(sound)), MOST_CLIPS)]
        return np.concatenate([np.asarray(session.run(None, {"waveform": part})[0], np.float32) for part in parts])

    return answer


def _litert(data: bytes) -> Answer:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=data).get_signature_runner()

    def answer(waveforms: np.ndarray) -> np.ndarray:
        rows = [next(iter(runner(waveform=one[None]).values())) for one in waveforms.astype(np.float32, copy=False)]
        return np.concatenate(rows)

    return answer
