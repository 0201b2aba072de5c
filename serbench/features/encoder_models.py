"""Runs a pretrained speech encoder on one waveform: hidden states of all its layers.

Foreign models are not trusted. An ONNX graph is read from memory by onnxruntime with no operators but its own, so it
reaches no other file. Of transformers only safetensors are read, nothing is downloaded, and no code of the folder runs.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.errors import SerbenchError, first_line, require
from serbench.features.encoder_files import EncoderFolder, find_encoder

__all__ = ["HiddenStates", "load_encoder", "run_encoder"]

HiddenStates = list[npt.NDArray[np.float32]]
"""One array (frames, units) for each layer, the first layer first."""

Encoder = Callable[[npt.NDArray[np.float32]], HiddenStates]

_SHORTEST = 1_600
_loading = threading.Lock()


def run_encoder(digest: str, waveform: npt.NDArray[np.float32]) -> HiddenStates:
    """Returns the hidden states of one waveform.

    Args:
        digest: of the encoder, which was added on this machine.
        waveform: (samples,) as the encoder hears it. Zeros are added to one under 1,600 samples.

    Raises:
        UsageError: the encoder was not added on this machine.
        SerbenchError: it cannot be loaded or run, or its library is not installed.
    """
    with _loading:  # several threads ask at once for what takes seconds and much memory to load
        encoder = _loaded(digest)
    if len(waveform) < _SHORTEST:
        waveform = np.pad(waveform, (0, _SHORTEST - len(waveform)))
    try:
        states = encoder(waveform)
    except SerbenchError:
        raise
    except Exception as error:  # a foreign model may fail in any way
        raise SerbenchError(f"encoder '{digest}' fails: {first_line(error)}; use a model of raw speech") from error
    if not states or any(one.ndim != 2 or one.size == 0 for one in states):
        raise SerbenchError(f"encoder '{digest}' gives no hidden states (frames, units); use a model of raw speech")
    return states


@functools.lru_cache(maxsize=2)
def _loaded(digest: str) -> Encoder:
    return load_encoder(find_encoder(digest))


def load_encoder(folder: EncoderFolder) -> Encoder:
    """Loads an encoder.

    Raises:
        SerbenchError: it cannot be loaded, or its library is not installed.
    """
    try:
        return _onnx(folder) if folder.form == "onnx" else _transformers(folder)
    except SerbenchError:
        raise
    except Exception as error:  # a damaged or strange file may fail in any way
        reason = first_line(error)
        raise SerbenchError(f"{folder.path} cannot be loaded as an encoder: {reason}") from error


def _onnx(folder: EncoderFolder) -> Encoder:
    require("this encoder", ["onnxruntime"], extra="onnx")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # several clips are encoded at once
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        folder.model.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"]
    )
    waveform, *others = session.get_inputs()
    if waveform.type != "tensor(float)" or len(waveform.shape) not in {1, 2}:
        raise SerbenchError(
            f"{folder.model} takes {waveform.type} of {len(waveform.shape)} axes; an encoder takes float32 waveforms "
            "(clips, samples)"
        )
    if strange := [one.name for one in others if "mask" not in one.name or one.type != "tensor(int64)"]:
        raise SerbenchError(f"{folder.model} asks for '{strange[0]}'; an encoder takes a waveform and a mask at most")

    def run(samples: npt.NDArray[np.float32]) -> HiddenStates:
        given: dict[str, Any] = {waveform.name: samples if len(waveform.shape) == 1 else samples[None]}
        given |= {one.name: np.ones((1, len(samples)), dtype=np.int64) for one in others}
        found = [np.asarray(one) for one in session.run(None, given)]
        states = [one[0] if one.ndim == 3 else one for one in found]
        return [one.astype(np.float32, copy=False) for one in states if one.ndim == 2]

    return run


def _transformers(folder: EncoderFolder) -> Encoder:
    require("this encoder", {"torch": "PyTorch", "transformers": "transformers"}, extra="encoder")
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModel.from_pretrained(
        folder.model, use_safetensors=True, local_files_only=True, trust_remote_code=False
    ).eval()
    model = model.get_encoder() if model.config.is_encoder_decoder else model

    def run(samples: npt.NDArray[np.float32]) -> HiddenStates:
        with torch.inference_mode():
            answer = model(torch.from_numpy(np.ascontiguousarray(samples))[None], output_hidden_states=True)
        return [one[0].float().numpy() for one in answer.hidden_states]

    return run
