"""A bundle with a small untrained network, front end in the graph, made without Keras; and the page of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from serbench.export.bundle import BundleCheck, BundleRecord, LightFile
from serbench.export.web.page import write_page
from serbench.features import FeatureSpec
from serbench.records import CorpusFacts, Environment, ProtocolFacts

RATE = 16_000
CROPS = 3
"""Windows of a clip that is longer than a window and not longer than the longest clip."""
LABELS = ("anger", "happiness", "sadness")
SPEC = FeatureSpec(kind="log_mel", sample_rate=RATE, duration_s=1.5, window_length=512, hop_length=256, n_mels=24)

STAND_IN = """
// Stands in for ONNX Runtime Web where the tests have none: the loudness of three parts of the window, as shares.
export const env = { wasm: {} };
export class Tensor {
  constructor(type, data, dims) { Object.assign(this, { type, data, dims }); }
}
export class InferenceSession {
  static async create() { return new InferenceSession(); }
  async run({ waveform }) {
    const third = Math.floor(waveform.data.length / 3);
    const loud = [0, 1, 2].map((i) => waveform.data.subarray(i * third, (i + 1) * third)
      .reduce((sum, value) => sum + value * value, 1e-3));
    const total = loud[0] + loud[1] + loud[2];
    return { probabilities: { data: Float32Array.from(loud, (value) => value / total) } };
  }
}
"""


def network(spec: FeatureSpec = SPEC, classes: int = len(LABELS)) -> bytes:
    """An ONNX graph: drawn filters over blocks of 100 samples, their levels, one product, a softmax."""
    from serbench.export.light.onnx_graph import OnnxGraph, OnnxOps, Value

    graph = OnnxGraph()
    ops = OnnxOps(graph)
    rng = np.random.default_rng(0)
    blocks = spec.n_samples // 100
    filters = rng.standard_normal((100, 16)).astype(np.float32)
    weights = (rng.standard_normal((blocks * 16, classes)) * 0.05).astype(np.float32)
    heard = ops.absolute(ops.matmul(ops.reshaped("waveform", (blocks, 100)), filters))
    levels = ops.logarithm(ops.add(heard, 1e-3))
    # Columns without an offset, so that a louder sound does not decide.
    product = ops.matmul(ops.reshaped(levels, (blocks * 16,)), weights - weights.mean(axis=0))
    answer = Value(graph.node("Softmax", product, axis=-1), (classes,))
    return graph.model(Value("waveform", (spec.n_samples,)), answer, {}).SerializeToString()


def make_bundle(folder: Path, *, data: bytes = b"no network", labels=LABELS, spec=SPEC, **changes) -> BundleRecord:
    """Writes a bundle around a network. `changes` are fields of the corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(data)
    file = LightFile(
        format="onnx", path="model.onnx", sha256=hashlib.sha256(data).hexdigest(), bytes=len(data),
        runtime="onnxruntime", check=BundleCheck(clips=1, largest_difference=0.0),
    )  # fmt: skip
    corpus = {
        "name": "crema-d", "title": "CREMA-D", "synthetic": False, "licence": "ODbL 1.0",
        "licence_url": "https://example.org/odbl", "labels": labels, "clips": 9, "speakers": 9, "digest": "d",
    }  # fmt: skip
    record = BundleRecord(
        entry="cnn2d-1a2b3c", study="s", refit="r", family="cnn2d", labels=labels, features=spec, longest_clip_s=2.0,
        prediction_crops=CROPS,
        model_sha256="0" * 64, parameters=1, config={}, seed=0, scores={},
        corpus=CorpusFacts(**(corpus | changes)),
        protocol=ProtocolFacts(
            name="speaker", hash="h", split_seed=0, test_core="20", validation_core="10", shares_speakers=False,
            train_speakers=40, validation_speakers=9, test_speakers=18, validation_clips=9, test_clips=9,
        ),
        environment=Environment(
            serbench="0.1.0", python="3.11", platform="Linux", cpu="A CPU", cores=2, memory_gib=8.0,
            backend="tensorflow", packages={},
        ),
        check=BundleCheck(clips=1, largest_difference=0.0), light=(file,), created="2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    record = record.model_copy(update={"meaning": record.seal()})
    record.save(folder / "bundle.json")
    scores = {"uar": 0.578, "uar_low": 0.521, "uar_high": 0.634}
    (folder / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
    (folder / "README.md").write_text("---\nlibrary_name: keras\n---\n# A card\n\nIts text.\n", encoding="utf-8")
    return record


def make_page(folder: Path, runtime: dict[str, bytes] | None = None, **changes) -> Path:
    """Writes a bundle and its page; with a stand-in for the runtime if none is given."""
    record = make_bundle(folder / "bundle", **changes)
    files = runtime or {"ort.wasm.min.mjs": STAND_IN.encode()}
    write_page(folder / "bundle", record, folder / "page", files)
    return folder / "page"
