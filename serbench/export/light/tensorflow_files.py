"""`GraphOps` of TensorFlow, and the files that TensorFlow writes: a SavedModel, and a LiteRT file made of it.

Imports TensorFlow, so only the conversion imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from serbench.export.light.int8_steps import FRONT_END
from serbench.features import FeatureSpec

if TYPE_CHECKING:
    import keras

__all__ = ["TensorflowOps", "write_litert", "write_saved_model"]


class TensorflowOps:
    """`serbench.features.GraphOps` of TensorFlow's tensors."""

    def add(self, a: Any, b: Any) -> Any:
        """See `GraphOps.add`."""
        return a + b

    def subtract(self, a: Any, b: Any) -> Any:
        """See `GraphOps.subtract`."""
        return a - b

    def multiply(self, a: Any, b: Any) -> Any:
        """See `GraphOps.multiply`."""
        return a * b

    def divide(self, a: Any, b: Any) -> Any:
        """See `GraphOps.divide`."""
        return a / b

    def maximum(self, a: Any, b: Any) -> Any:
        """See `GraphOps.maximum`."""
        return tf.maximum(a, b)

    def less(self, a: Any, limit: float) -> Any:
        """See `GraphOps.less`."""
        return tf.cast(a < limit, tf.float32)

    def absolute(self, a: Any) -> Any:
        """See `GraphOps.absolute`."""
        return tf.abs(a)

    def square_root(self, a: Any) -> Any:
        """See `GraphOps.square_root`."""
        return tf.sqrt(a)

    def logarithm(self, a: Any) -> Any:
        """See `GraphOps.logarithm`."""
        return tf.math.log(a)

    def exponential(self, a: Any) -> Any:
        """See `GraphOps.exponential`."""
        return tf.exp(a)

    def matmul(self, a: Any, matrix: np.ndarray[Any, Any]) -> Any:
        """See `GraphOps.matmul`."""
        return tf.matmul(a, tf.constant(matrix))

    def total(self, a: Any) -> Any:
        """See `GraphOps.total`."""
        return tf.reduce_sum(a, axis=-1, keepdims=True)

    def largest(self, a: Any, axes: Sequence[int]) -> Any:
        """See `GraphOps.largest`."""
        return tf.reduce_max(a, axis=list(axes), keepdims=True)

    def part(self, a: Any, axis: int, start: int, stop: int, step: int = 1) -> Any:
        """See `GraphOps.part`."""
        return a[(slice(None),) * axis + (slice(start, stop, step),)]

    def joined(self, parts: Sequence[Any], axis: int) -> Any:
        """See `GraphOps.joined`."""
        return tf.concat(list(parts), axis=axis)

    def padded(self, a: Any, before: int, after: int) -> Any:
        """See `GraphOps.padded`."""
        return tf.pad(a, [[0, 0], [before, after]])

    def reshaped(self, a: Any, shape: Sequence[int]) -> Any:
        """See `GraphOps.reshaped`."""
        return tf.reshape(a, (-1, *shape))

    def swapped(self, a: Any) -> Any:
        """See `GraphOps.swapped`."""
        return tf.transpose(a, (0, 2, 1))

    def taken(self, a: Any, places: np.ndarray[Any, Any]) -> Any:
        """See `GraphOps.taken`."""
        return tf.gather(a, tf.constant(places, tf.int32), axis=1)


def write_saved_model(model: keras.Model, spec: FeatureSpec, folder: Path, batch: int | None = None) -> None:
    """Writes a SavedModel with one endpoint, `serve`: waveforms (batch, spec.n_samples) to probabilities.

    Args:
        model: the trained model, on TensorFlow's backend; it reads the features of `spec`.
        spec: settings of the front end.
        folder: the folder to make.
        batch: number of waveforms; None for any.

    Raises:
        SerbenchError: the front end cannot be part of a graph.
    """
    import keras

    def answer(waveform: Any) -> Any:
        with tf.name_scope(FRONT_END.rstrip("/")):
            features = spec.front_end.in_graph(TensorflowOps(), waveform, spec)
        return model(features, training=False)

    if batch is not None:
        _unroll(model)
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec((batch, spec.n_samples), tf.float32, name="waveform")]
    archive.add_endpoint("serve", answer, input_signature=signature)
    archive.write_out(str(folder), verbose=False)


def _unroll(model: Any) -> None:
    """Writes the steps of recurrent layers one after another: a loop would be a graph of its own in a LiteRT file."""
    inner = [getattr(model, name, None) for name in ("forward_layer", "backward_layer")]
    for layer in (*getattr(model, "layers", ()), *filter(None, inner)):
        if hasattr(layer, "unroll"):
            layer.unroll = True
        _unroll(layer)


def write_litert(saved: Path, file: Path) -> None:
    """Writes a LiteRT file of the operations that every LiteRT has, without TensorFlow's.

    Args:
        saved: a SavedModel of one waveform at a time.
        file: the file to write.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.experimental_enable_resource_variables = False
    file.write_bytes(converter.convert())
