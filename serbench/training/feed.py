"""How a backend gets the batches of a fit.

TensorFlow reads them as a `tf.data.Dataset` of ours. The one that Keras makes of a `PyDataset` tunes itself in a thread
of its own, and where cores are scarce the fit waited for that thread at the end of most epochs (docs/performance.md).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

import keras

from serbench.training.data import TrainingBatches

__all__ = ["fed"]

_AHEAD: Final = 2
"""Batches that are made while the model trains."""

_EXAMPLES: Final = 2
"""Batches that Keras draws to know their shape. They take draws from the stream of the batches, so they stay."""


def fed(batches: TrainingBatches, backend: str) -> tuple[dict[str, Any], list[keras.callbacks.Callback]]:
    """Returns arguments for `model.fit` and the callbacks that they need. All draws are as with the batches themselves.

    Args:
        batches: the batches.
        backend: Keras backend.
    """
    if backend != "tensorflow":
        return {"x": batches}, []
    import tensorflow as tf

    examples = [batches[place] for place in range(min(_EXAMPLES, len(batches)))]
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in examples[0])
    batches.on_epoch_end()
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_generator(lambda: _shuffled(batches), output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    next_epoch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: batches.on_epoch_end())
    return {"x": dataset.prefetch(_AHEAD).with_options(options), "shuffle": False}, [next_epoch]


def _shuffled(batches: TrainingBatches) -> Iterator[tuple[Any, ...]]:
    """The batches of an epoch, in the order that Keras would draw from the stream that a fit's seed has set."""
    places = list(range(len(batches)))
    random.shuffle(places)
    for place in places:
        yield batches[place]
