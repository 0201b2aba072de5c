"""A frozen pretrained encoder from a local folder, under the same machine as the SVM reference.

The mean over time of its last hidden layer is one vector a clip. Nothing is downloaded, no code of the folder runs, and
weights are read as safetensors only.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from serbench.errors import SerbenchError, UsageError
from serbench.features.audio import decode
from serbench.references.core import Answers, Core
from serbench.references.svm import classify

__all__ = ["encoder", "identity"]


def encoder(core: Core, folder: Path) -> Answers:
    """Learns from the embeddings of the training clips.

    Args:
        core: what is answered.
        folder: of a model that transformers saved: `config.json`, `preprocessor_config.json`, `model.safetensors`.

    Raises:
        UsageError: the folder holds no such model.
        SerbenchError: transformers or PyTorch are not installed, or a clip cannot be read.
    """
    known = identity(folder)
    model, extractor = _load(folder)
    rate = int(extractor.sampling_rate)
    vectors = []
    for done, path in enumerate(core.clips["path"]):
        core.progress("encoder", done, len(core.clips))
        vectors.append(_embed(model, extractor, decode(Path(path), rate), rate, path))
    settings: dict[str, str | int | float] = {"model": folder.resolve().name, "sha256": known}
    return classify(core, np.asarray(vectors, dtype=np.float64), settings)


def _load(folder: Path) -> tuple[Any, Any]:
    try:
        import torch
        from transformers import AutoFeatureExtractor, AutoModel
    except ImportError:
        raise SerbenchError(
            "reference 'encoder' needs transformers and PyTorch; run `pip install 'serbench[encoder]'`"
        ) from None
    trusted = {"local_files_only": True, "trust_remote_code": False}
    torch.set_grad_enabled(False)
    try:
        model = AutoModel.from_pretrained(folder, use_safetensors=True, **trusted).eval()
        extractor = AutoFeatureExtractor.from_pretrained(folder, **trusted)
    except (OSError, ValueError, KeyError) as error:
        raise SerbenchError(f"{folder} cannot be loaded as an encoder: {str(error).splitlines()[0]}") from None
    return (model.get_encoder() if model.config.is_encoder_decoder else model), extractor


def _embed(model: Any, extractor: Any, waveform: np.ndarray, rate: int, path: str) -> np.ndarray:
    try:
        inputs = extractor(waveform, sampling_rate=rate, return_tensors="pt")
        vector = np.asarray(model(**inputs).last_hidden_state.mean(dim=1)[0].numpy())
    except (RuntimeError, ValueError, AttributeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise SerbenchError(f"the encoder cannot read {path}: {reason}; use a model of raw speech") from error
    if not np.isfinite(vector).all():
        raise SerbenchError(f"the encoder's answer to {path} is not finite; use another model")
    return vector


def identity(folder: Path) -> str:
    """SHA-256 of all that makes the model, so that two of one name are told apart.

    Raises:
        UsageError: the folder holds no such model.
    """
    for name in ("config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            raise UsageError(f"{folder} has no {name}; name the folder of a speech encoder saved by transformers")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise UsageError(f"{folder} has no weights as safetensors; other formats may run code and are not read")
    total = hashlib.sha256()
    for path in (folder / "config.json", folder / "preprocessor_config.json", *weights):
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
