"""A frozen pretrained encoder from a local folder, under the same machine as the SVM reference.

The mean over time of its last hidden layer is one vector a clip. Nothing is downloaded, no code of the folder runs, and
weights are read as safetensors only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from serbench.errors import SerbenchError, UsageError
from serbench.features.audio import decode
from serbench.records.files import digest_of, read_text
from serbench.references.core import Answers, Core
from serbench.references.svm import classify

__all__ = ["encoder"]


def encoder(core: Core, folder: Path) -> Answers:
    """Learns from the embeddings of the training clips.

    Args:
        core: what is answered.
        folder: of a model that transformers saved: `config.json`, `preprocessor_config.json`, `model.safetensors`.

    Raises:
        UsageError: the folder holds no such model.
        SerbenchError: transformers or PyTorch are not installed, or a clip cannot be read.
    """
    for name in ("config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            raise UsageError(f"{folder} has no {name}; name the folder of a speech encoder saved by transformers")
    if not list(folder.glob("*.safetensors")):
        raise UsageError(f"{folder} has no weights as safetensors; other formats may run code and are not read")
    model, extractor = _load(folder)
    rate = int(extractor.sampling_rate)
    vectors = []
    for done, path in enumerate(core.clips["path"]):
        core.progress("encoder", done, len(core.clips))
        vectors.append(_embed(model, extractor, decode(Path(path), rate), rate))
    settings: dict[str, str | int | float] = {
        "model": folder.resolve().name, "config": digest_of(read_text(folder / "config.json"))
    }  # fmt: skip
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


def _embed(model: Any, extractor: Any, waveform: np.ndarray, rate: int) -> np.ndarray:
    inputs = extractor(waveform, sampling_rate=rate, return_tensors="pt")
    return np.asarray(model(**inputs).last_hidden_state.mean(dim=1)[0].numpy())
