"""What TensorFlow reads in a fit: every batch is the one that Keras would have drawn."""

from __future__ import annotations

import numpy as np
import pytest

CLIPS, CLASSES = 37, 3

pytestmark = pytest.mark.children


def made_batches(seed: int, **options):
    from serbench.training.data import TrainingBatches

    rng = np.random.default_rng(7)
    arrays = [rng.standard_normal((CLIPS, 6, 4)).astype(np.float32) for _ in range(2)]
    labels = np.eye(CLASSES, dtype=np.float32)[rng.integers(CLASSES, size=CLIPS)]
    return TrainingBatches(arrays, range(CLIPS), labels, batch_size=8, seed=seed, **options)


def losses(batches, backend: str) -> list[float]:
    """The loss after every step of three epochs."""
    import keras

    from serbench.training.feed import fed

    found: list[float] = []
    keras.utils.set_random_seed(11)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(CLASSES, activation="softmax")])
    model.build((None, 6, 4))
    model.compile(optimizer="sgd", loss="categorical_crossentropy")
    keeps = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: found.append(float(logs["loss"])))
    source, more = fed(batches, backend)
    model.fit(**source, epochs=3, verbose=0, callbacks=[keeps, *more])
    return found


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
