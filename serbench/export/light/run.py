"""Labels audio files: `python run.py FILE ...`. Needs NumPy, soundfile, and onnxruntime or ai-edge-litert."""

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
FILES = {"onnx": HERE / "model.onnx", "litert": HERE / "model.tflite", "saved-model": HERE / "saved_model"}
FILES |= {"onnx-int8": HERE / "model.int8.onnx", "litert-int8": HERE / "model.int8.tflite"}


def load(runtime: str) -> Any:
    """Returns a function from one waveform (1, samples) to its probabilities (1, classes)."""
    if runtime.startswith("onnx"):
        onnx = import_module("onnxruntime")
        options = onnx.SessionOptions()
        options.intra_op_num_threads = 1  # more wait for each other, with networks of this size
        session = onnx.InferenceSession(str(FILES[runtime]), options, providers=["CPUExecutionProvider"])
        return lambda waveform: session.run(None, {"waveform": waveform})[0]
    if runtime.startswith("litert"):
        runner = import_module("ai_edge_litert.interpreter").Interpreter(str(FILES[runtime])).get_signature_runner()
        return lambda waveform: next(iter(runner(waveform=waveform).values()))
    model = import_module("tensorflow").saved_model.load(str(FILES[runtime]))
    return lambda waveform: model.serve(waveform).numpy()


def windows(path: str, facts: Any) -> list[Any]:
    """Cuts a file into waveforms as long as the model reads: see `longest_clip_s` and `prediction_crops`."""
    front, rate, crops = facts["features"], facts["features"]["sample_rate"], facts["prediction_crops"]
    sound, own = soundfile.read(path, dtype="float32", always_2d=True)
    sound, length = sound.mean(axis=1), round(front["duration_s"] * rate)
    if own != rate:
        try:
            import soxr
        except ImportError:
            raise SystemExit(f"{path} has {own} Hz and the model reads {rate} Hz: `pip install soxr`") from None
        sound = soxr.resample(sound, own, rate, quality="HQ")
    spare, long = len(sound) - length, len(sound) - 2 >= facts["longest_clip_s"] * rate  # resampling may round up
    if spare > 0 and (long or crops > 1):
        starts = (*range(0, spare, length // 2), spare) if long else [spare * i // (crops - 1) for i in range(crops)]
        return [sound[i : i + length] for i in starts]
    first = spare // 2 if front["crop"] == "centre" else 0
    return [np.pad(sound, (max(-first, 0), length))[max(first, 0) :][:length]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", choices=FILES, default=next(name for name, path in FILES.items() if path.exists()))
    parser.add_argument("files", nargs="+")
    given, facts = parser.parse_args(), json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
    answer = load(given.runtime)
    for file in given.files:
        answers = [answer(waveform[None])[0] for waveform in windows(file, facts)]
        shares = dict(zip(facts["labels"], np.mean(answers, axis=0).tolist(), strict=True))
        print(json.dumps({"file": file, "label": max(shares, key=lambda one: shares[one]), "probabilities": shares}))
