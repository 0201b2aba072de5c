"""Writes one light file of a bundle, in a process of its own: `python -m serbench.export.light.convert`.

The process has Keras on TensorFlow, whatever the model was trained on, and what it needs of memory ends with it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from serbench.errors import SerbenchError
from serbench.export.fresh_process import run_fresh, why_it_failed
from serbench.records import read_text
from serbench.temporary import temporary_folder

__all__ = ["convert"]


def convert(form: str, bundle: Path, target: Path) -> None:
    """Writes the model of a bundle in another format.

    Args:
        form: name of the light format.
        bundle: folder of a bundle with a Keras model.
        target: file or folder to write.

    Raises:
        SerbenchError: the front end or a layer has no counterpart in this format, or the process failed.
    """
    with temporary_folder() as folder:
        trouble = folder / "trouble.txt"
        words = ("-m", "serbench.export.light.convert", form, str(bundle), str(target), str(trouble))
        done = run_fresh(*words, KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
        if done.returncode == 0:
            return
        if trouble.is_file():
            raise SerbenchError(read_text(trouble))
    reason = why_it_failed(done)
    raise SerbenchError(f"the model could not be written as {form}: {reason}; export the format keras only")


def _write(form: str, path: Path, target: Path) -> None:
    from serbench.export.bundle import Bundle

    bundle = Bundle.load(path)
    spec, model = bundle.record.features, bundle.model
    if form == "onnx":
        from serbench.export.light.onnx_network import onnx_model

        facts = {
            "entry": bundle.record.entry,
            "labels": json.dumps(bundle.record.labels),
            "sample_rate": str(spec.sample_rate),
        }
        target.write_bytes(onnx_model(model, spec, facts).SerializeToString())
        return
    from serbench.export.light.tensorflow_files import write_litert, write_saved_model

    if form == "saved-model":
        write_saved_model(model, spec, target)
        return
    with temporary_folder() as folder:
        write_saved_model(model, spec, folder / "saved", batch=1)
        write_litert(folder / "saved", target)


def _main(form: str, bundle: str, target: str, trouble: str) -> None:
    try:
        _write(form, Path(bundle), Path(target))
    except SerbenchError as error:
        Path(trouble).write_text(str(error), encoding="utf-8")
        raise SystemExit(1) from error


if __name__ == "__main__":
    _main(*sys.argv[1:])
