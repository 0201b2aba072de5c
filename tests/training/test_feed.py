"""What TensorFlow reads in a fit: every batch is the one that Keras would have drawn."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from serbench.training.data import TrainingBatches
from serbench.training.feed import fed

CLIPS, CLASSES = 37, 3


class Seen(keras.callbacks.Callback):
    """Keeps the loss after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))


def made_batches(seed: int, **options) -> TrainingBatches:
    rng = np.random.default_rng(7)
    arrays = [rng.standard_normal((CLIPS, 6, 4)).astype(np.float32) for _ in range(2)]
    labels = np.eye(CLASSES, dtype=np.float32)[rng.integers(CLASSES, size=CLIPS)]
    return TrainingBatches(arrays, range(CLIPS), labels, batch_size=8, seed=seed, **options)


def losses(batches: TrainingBatches, backend: str) -> list[float]:
    keras.utils.set_random_seed(11)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(CLASSES, activation="softmax")])
    model.build((None, 6, 4))
    model.compile(optimizer="sgd", loss="categorical_crossentropy")
    seen = Seen()
    source, more = fed(batches, backend)
    model.fit(**source, epochs=3, verbose=0, callbacks=[seen, *more])
    return seen.losses


@pytest.mark.parametrize(
    "options",
    [{}, {"mixup": 0.4}, {"versions": [1], "mixup": 0.4}, {"class_weights": np.array([1.0, 2.0, 0.5], np.float32)}],
)
def test_each_step_trains_on_what_keras_would_have_drawn(options) -> None:
    ours = losses(made_batches(5, **options), "tensorflow")
    theirs = losses(made_batches(5, **options), "another")
    assert ours == theirs
    assert len(ours) == 3 * len(made_batches(5, **options))
    assert ours != losses(made_batches(6, **options), "tensorflow")
