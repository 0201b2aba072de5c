"""Labels audio files: `python run.py FILE ...`. Needs NumPy, soundfile, and onnxruntime or ai-edge-litert."""

import argparse
import json
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
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = 1  # more wait for each other, with networks of this size
        session = InferenceSession(str(FILES[runtime]), options, providers=["CPUExecutionProvider"])
        return lambda waveform: session.run(None, {"waveform": waveform})[0]
    if runtime.startswith("litert"):
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(str(FILES[runtime])).get_signature_runner()
        return lambda waveform: next(iter(runner(waveform=waveform).values()))
    model = __import__("tensorflow").saved_model.load(str(FILES[runtime]))
    return lambda waveform: model.serve(waveform).numpy()


def windows(path: str, rate: int, length: int, crop: str, longest: float) -> list[Any]:
    """Cuts a file into waveforms of `length` samples: one if it is short, else windows that overlap by half."""
    sound, own = soundfile.read(path, dtype="float32", always_2d=True)
    sound = sound.mean(axis=1)
    if own != rate:
        try:
            import soxr
        except ImportError:
            raise SystemExit(f"{path} has {own} Hz and the model reads {rate} Hz: `pip install soxr`") from None
        sound = soxr.resample(sound, own, rate, quality="HQ")
    if len(sound) > length and len(sound) - 2 >= longest * rate:  # a sample of tolerance: resampling may round up
        return [sound[i : i + length] for i in (*range(0, len(sound) - length, length // 2), len(sound) - length)]
    first = (len(sound) - length) // 2 if crop == "centre" else 0
    return [np.pad(sound, (max(-first, 0), length))[max(first, 0) :][:length]]


if __name__ == "__main__":
    facts = json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", choices=FILES, default=next(name for name, path in FILES.items() if path.exists()))
    parser.add_argument("files", nargs="+")
    given, front = parser.parse_args(), facts["features"]
    answer, rate = load(given.runtime), front["sample_rate"]
    for file in given.files:
        cut = windows(file, rate, round(front["duration_s"] * rate), front["crop"], facts["longest_clip_s"])
        shares = dict(zip(facts["labels"], np.mean([answer(w[None])[0] for w in cut], axis=0).tolist(), strict=True))
        print(json.dumps({"file": file, "label": max(shares, key=lambda one: shares[one]), "probabilities": shares}))
