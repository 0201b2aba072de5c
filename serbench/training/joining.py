"""Joins trained networks into one whose answer is the mean of theirs, beside what each of them answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["join_networks"]

_BATCH = 64


def join_networks(
    members: Sequence[bytes], family: str, features: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], bytes]:
    """Predicts with each of several networks, and makes the network that averages their probabilities.

    Args:
        members: the networks as `.keras` files, all of one input shape. Each keeps its own normalisation.
        family: name of the family, whose own layers may be loaded.
        features: (clips, *shape).

    Returns:
        The answers of each network, float32 (networks, clips, classes), and the joined network as a `.keras` file.

    Raises:
        ValueError: a file is no Keras model, or holds a class that neither Keras nor serbench nor the family has.
    """
    from serbench.training.bag import make_bag
    from serbench.training.fit import saved_model
    from serbench.training.loading import load_network

    answers = []
    for one in members:
        network = load_network(one, family)
        parts = [features[start : start + _BATCH] for start in range(0, len(features), _BATCH)]
        answers.append(np.concatenate([np.asarray(network.predict_on_batch(part), np.float32) for part in parts]))
    return np.stack(answers), saved_model(make_bag(members, family))
