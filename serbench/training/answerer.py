"""Answers of a network that is trained already, in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serbench.errors import SerbenchError, first_line
from serbench.training.backend import import_keras

__all__ = ["load_answerer"]

_BATCH: Final = 128


def load_answerer(network: bytes, family: str, backend: str) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Loads a trained network.

    Args:
        network: its `.keras` file.
        family: name of its family, whose own layers may be loaded.
        backend: Keras backend.

    Returns:
        A function from features (n, *shape) to class probabilities (n, classes), both float32.

    Raises:
        SerbenchError: the file is damaged, or is no network that may be loaded.
    """
    import_keras(backend)
    from serbench.training.loading import load_network

    # TensorFlow warns of networks that are traced one after the other, though each is traced once.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        model = load_network(network, family)
    except SerbenchError:
        raise
    except Exception as error:  # a damaged archive or HDF5 file raises errors of many classes
        reason = first_line(error)
        raise SerbenchError(f"a trained network cannot be loaded: {reason}") from error

    def answer(features: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = []
        for start in range(0, len(features), _BATCH):
            part = features[start : start + _BATCH]
            # Batches of one size are traced once.
            padded = np.zeros((_BATCH, *part.shape[1:]), dtype=np.float32)
            padded[: len(part)] = part
            parts.append(np.asarray(model.predict_on_batch(padded), dtype=np.float32)[: len(part)])
        return np.concatenate(parts)

    return answer
