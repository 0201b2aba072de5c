"""Reference `encoder`: a frozen pretrained speech encoder from a local folder, with the SVM of reference `svm` on top.

Each clip is represented by the mean over time of the last hidden layer. Nothing is downloaded, no code from the folder
is run, and weights are read as safetensors only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from serbench.errors import SerbenchError, UsageError, first_line
from serbench.features import decode
from serbench.records import digest_of, file_sha256, read_text
from serbench.references.extras import require_extra
from serbench.references.svm import classify
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["encoder", "weights_digest"]


def weights_digest(folder: Path) -> str:
    """Returns the SHA-256 (16 hex digits) of an encoder's weights: two folders of one name may hold different ones.

    Raises:
        UsageError: the folder holds no speech encoder with safetensors weights.
    """
    for name in ("config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            raise UsageError(f"{folder} has no {name}; name the folder of a speech encoder saved by transformers")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UsageError(f"{folder} has no weights as safetensors; other formats may run code and are not read")
    return digest_of([file_sha256(path) for path in files])


def encoder(task: ReferenceTask, folder: Path, weights: str) -> ReferenceAnswers:
    """Trains the SVM on embeddings of the training clips and predicts the test set.

    Args:
        task: the test set and its training clips.
        folder: a model saved by transformers: `config.json`, `preprocessor_config.json`, `model.safetensors`.
        weights: digest of the weights, for the record.

    Raises:
        SerbenchError: transformers or PyTorch are not installed, the model cannot be loaded, or a clip cannot be read.
    """
    model, extractor = _load(folder)
    rate = int(extractor.sampling_rate)
    vectors = []
    for done, path in enumerate(task.clips["path"]):
        task.progress("encoder", done, len(task.clips))
        vectors.append(_embed(model, extractor, decode(Path(path), rate), rate, path))
    config = digest_of(read_text(folder / "config.json"))
    settings: dict[str, str | int | float] = {"model": folder.resolve().name, "config": config, "weights": weights}
    return classify(task, np.asarray(vectors, dtype=np.float64), settings)


def _load(folder: Path) -> tuple[Any, Any]:
    require_extra("encoder")
    import torch
    from transformers import AutoFeatureExtractor, AutoModel

    trusted = {"local_files_only": True, "trust_remote_code": False}
    torch.set_grad_enabled(False)
    try:
        model = AutoModel.from_pretrained(folder, use_safetensors=True, **trusted).eval()
        extractor = AutoFeatureExtractor.from_pretrained(folder, **trusted)
    except Exception as error:  # of transformers, safetensors or PyTorch: each has classes of its own
        raise SerbenchError(f"{folder} cannot be loaded as an encoder: {first_line(error)}") from None
    if (reads := getattr(model, "main_input_name", "input_values")) != "input_values":
        raise SerbenchError(
            f"{folder} reads {reads} and no raw speech: such a model pads each clip to one length, and its mean would "
            "count that; use a model of raw speech, such as wav2vec 2.0"
        )
    return (model.get_encoder() if model.config.is_encoder_decoder else model), extractor


def _embed(model: Any, extractor: Any, waveform: np.ndarray, rate: int, path: str) -> np.ndarray:
    try:
        inputs = extractor(waveform, sampling_rate=rate, return_tensors="pt")
        vector = np.asarray(model(**inputs).last_hidden_state.mean(dim=1)[0].numpy())
    except (RuntimeError, ValueError, AttributeError, TypeError) as error:
        raise SerbenchError(
            f"the encoder cannot read {path}: {first_line(error)}; use a model of raw speech"
        ) from error
    if not np.isfinite(vector).all():
        raise SerbenchError(f"the encoder's output for {path} is not finite; use another model")
    return vector
