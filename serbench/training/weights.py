"""Copies the weights of a trained network into a new one, layer by layer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from serbench.families import InvalidConfiguration
from serbench.training.job import TrialJob
from serbench.training.loading import load_network

__all__ = ["copy_weights", "start_from"]

_CLASSIFIER = "probabilities"


def start_from(model: keras.Model, job: TrialJob) -> int:
    """Copies the weights of `job.init` into a new model.

    Args:
        model: the new model of the job.
        job: a job with `init`.

    Returns:
        Number of weights that were copied.

    Raises:
        InvalidConfiguration: no layer of the two networks fits.
        ValueError: `job.init` cannot be loaded.
    """
    trained = load_network(job.init, job.family)
    copied = copy_weights(model, trained, classifier=job.init_labels == job.labels)
    if not copied:
        raise InvalidConfiguration(
            "no layer of this configuration has the name and shape of one in the network that --init names; let the "
            "space hold configurations of the same width, kernels and depth"
        )
    return copied


def copy_weights(model: keras.Model, trained: keras.Model, *, classifier: bool) -> int:
    """Copies the weights of each layer that both models have.

    Two layers fit if they are of one kind (class), all their weights have the same shapes, and they have the same name.
    Layers that Keras named itself (`conv1d_3`) fit by their order among those of the same kind instead. Normalisation
    of the features is never copied: a model keeps the statistics of its own training clips.

    Args:
        model: receives the weights.
        trained: gives them.
        classifier: whether the layer named `probabilities` may be copied, too.

    Returns:
        Number of weights that were copied.
    """
    sources = dict(_keyed(trained))
    copied = 0
    for key, layer in _keyed(model):
        source = sources.get(key)
        if source is None or (layer.name == _CLASSIFIER and not classifier):
            continue
        values = source.get_weights()
        if [value.shape for value in values] != [tuple(weight.shape) for weight in layer.weights]:
            continue
        layer.set_weights(values)
        copied += sum(int(np.size(value)) for value in values)
    return copied


def _keyed(model: keras.Model) -> Iterator[tuple[tuple[str, str | int], keras.Layer]]:
    """Yields the layers with weights, each with what it is found by: its kind, and its name or its place."""
    places: dict[str, int] = {}
    for layer in _weighted(model.layers):
        kind = _kind(layer)
        if _named_by_keras(layer):
            places[kind] = places.get(kind, -1) + 1
            yield (kind, places[kind]), layer
        else:
            yield (kind, layer.name), layer


def _weighted(layers: Iterable[keras.Layer]) -> Iterator[keras.Layer]:
    """The layers with weights, also those of a network inside, which a family with its own `build` may have."""
    for one in layers:
        if isinstance(one, keras.Model):
            yield from _weighted(one.layers)
        elif one.weights and not isinstance(one, keras.layers.Normalization):
            yield one


def _kind(layer: keras.Layer) -> str:
    """The class of a layer; of one that only training needs, the class that it stands for in a saved model."""
    classes = type(layer).__mro__
    return next(one.__name__ for one in classes if not getattr(one, "only_for_training", False))


def _named_by_keras(layer: keras.Layer) -> bool:
    """Whether a layer has the name that Keras gives to one without: its class in snake case, and a number."""
    return any(re.fullmatch(rf"{_snake(kind)}(_\d+)?", layer.name) for kind in (_kind(layer), type(layer).__name__))


def _snake(name: str) -> str:
    """A class name as Keras writes it in the names of layers.

    >>> _snake("SeparableConv2D"), _snake("GRU"), _snake("BatchNormalization")
    ('separable_conv2d', 'gru', 'batch_normalization')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
