"""Batch normalisation by TensorFlow's fused operation, for training.

`keras.layers.BatchNormalization` runs some thirty operations forwards and backwards, each of which reads and writes
all values, in float32 even where they are bfloat16. The fused operation reads bfloat16 as it is, sums it in float32,
and goes over the values a few times.

Imports TensorFlow, so only `training_layers.batch_normalization` imports this module, on that backend.
"""

from __future__ import annotations

from math import prod
from typing import Any

import keras
import tensorflow as tf

__all__ = ["FusedBatchNormalization"]

# The fused operation is vectorised where the channels fill registers of 512 bits of float32. Measured: other numbers of
# channels take 5 times as long in bfloat16, and 1.7 times in float32.
_LANES = 16


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """`keras.layers.BatchNormalization` over the last axis, with the same weights and results up to rounding."""

    only_for_training = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalises one batch."""
        if not training:
            return self._by_moving_statistics(inputs, mask)
        channels, positions = inputs.shape[-1], inputs.shape[1:-1]
        if inputs.dtype == tf.float32 or channels % _LANES == 0:
            outputs, mean, variance = self._fused(inputs)
        elif 2 * channels % _LANES == 0 and prod(side or 1 for side in positions) % 2 == 0:
            in_pairs = tf.custom_gradient(lambda x, gamma, beta: _in_pairs(x, gamma, beta, self.epsilon))
            outputs, mean, variance = in_pairs(inputs, self.gamma.value, self.beta.value)
        else:
            outputs, mean, variance = self._fused(tf.cast(inputs, tf.float32))
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + tf.stop_gradient(new) * (1.0 - self.momentum))
        return tf.cast(outputs, self.compute_dtype)

    def _by_moving_statistics(self, inputs: Any, mask: Any) -> Any:
        if inputs.dtype == tf.float32:
            return super().call(inputs, training=False, mask=mask)
        # As one scale and one offset a channel, a prediction takes an eighth of what the fused operation takes here.
        scale = self.gamma * tf.math.rsqrt(self.moving_variance + self.epsilon)
        offset = self.beta - self.moving_mean * scale
        return tf.cast(tf.cast(inputs, tf.float32) * scale + offset, inputs.dtype)

    def _fused(self, inputs: Any) -> tuple[Any, Any, Any]:
        image = _image(inputs, inputs.shape[-1])
        found = _normalised(
            image, self.gamma.value, self.beta.value, tf.zeros(0), tf.zeros(0), epsilon=self.epsilon, is_training=True
        )
        return tf.reshape(found.y, tf.shape(inputs)), found.batch_mean, _biased(found.batch_variance, image)


def _image(inputs: Any, channels: int) -> Any:
    """The values as `(positions, 1, 1, channels)`, the rank that the operation takes."""
    return tf.reshape(inputs, (-1, 1, 1, channels))


def _normalised(image: Any, scale: Any, offset: Any, mean: Any, variance: Any, **options: Any) -> Any:
    return tf.raw_ops.FusedBatchNormV3(x=image, scale=scale, offset=offset, mean=mean, variance=variance, **options)


def _biased(variance: Any, image: Any) -> Any:
    """The operation gives the unbiased variance (of one position, 0); Keras averages the biased one."""
    count = tf.cast(tf.shape(image)[0], tf.float32)
    return variance * tf.maximum(count - 1, 1) / count


def _in_pairs(inputs: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """Batch normalisation of channels that do not fill registers: two positions count as one of twice the channels.

    The statistics of the two halves of these channels are combined to those of the channels themselves. The gradient
    is that of S. Ioffe and C. Szegedy, 2015, https://arxiv.org/abs/1502.03167, section 3.
    """
    image = _image(inputs, 2 * inputs.shape[-1])
    count = 2 * tf.cast(tf.shape(image)[0], tf.float32)
    ones, nothing = tf.ones(image.shape[-1]), tf.zeros(0)
    found = _normalised(image, ones, 0 * ones, nothing, nothing, epsilon=epsilon, is_training=True)
    means = _halves(found.batch_mean)
    mean = tf.reduce_mean(means, 0)
    variance = tf.reduce_mean(_halves(_biased(found.batch_variance, image)) + tf.square(means - mean), 0)
    statistics = _twice(mean), _twice(variance)
    outputs = _normalised(image, _twice(gamma), _twice(beta), *statistics, epsilon=epsilon, is_training=False).y

    def gradient(upstream: Any, *_: Any) -> tuple[Any, Any, Any]:
        direct = tf.raw_ops.FusedBatchNormGradV3(
            y_backprop=tf.reshape(upstream, tf.shape(image)),
            x=image,
            scale=_twice(gamma),
            reserve_space_1=statistics[0],
            reserve_space_2=statistics[1],
            reserve_space_3=nothing,
            epsilon=epsilon,
            is_training=False,
        )
        by_gamma, by_beta = (
            tf.reduce_sum(_halves(part), 0) for part in (direct.scale_backprop, direct.offset_backprop)
        )
        inverse = tf.math.rsqrt(variance + epsilon)
        share = -gamma * inverse / count
        # The way through mean and variance is linear in the input: one more scale and offset.
        through_statistics = _normalised(
            image, _twice(share * inverse * by_gamma), _twice(share * by_beta), statistics[0], ones,
            epsilon=0.0, is_training=False,
        ).y  # fmt: skip
        return tf.reshape(direct.x_backprop + through_statistics, tf.shape(inputs)), by_gamma, by_beta

    return (tf.reshape(outputs, tf.shape(inputs)), mean, variance), gradient


def _twice(values: Any) -> Any:
    return tf.concat([values, values], 0)


def _halves(values: Any) -> Any:
    return tf.reshape(values, (2, -1))
