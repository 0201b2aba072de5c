"""The data of a fit: training batches with mixup and class weights, and feature normalisation.

Mixup (Zhang et al. 2018, arXiv:1710.09412) is applied here and not in a layer, since it also mixes the labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from serbench.families import InvalidConfiguration
from serbench.training.copy_paste import CopyPaste
from serbench.training.seeds import BATCHES, fit_stream

__all__ = [
    "TrainingBatches",
    "balanced_weights",
    "normalisation",
    "normalised_by_speaker",
    "predict",
    "taught",
    "training_labels",
]

_CHUNK = 256


class TrainingBatches(keras.utils.PyDataset):
    """Shuffled batches of the training clips and their augmented copies.

    Args:
        arrays: feature arrays (clips, *shape): the plain clips, then each copy.
        rows: rows to train on.
        labels: share of each class in every clip's label, float32 (clips, classes).
        batch_size: clips per batch; the last batch may be smaller.
        mixup: parameter of the beta distribution; 0 for none.
        class_weights: weight of each class, or None.
        versions: places of arrays in `arrays` that hold the plain clips in another way, such as at another speed. Each
            epoch draws for each plain clip whether it or one of these is shown; the epoch stays as long as it is.
        paste: puts other clips beside those of a batch; None for none.
        seed: seed of the order and the mixing.
    """

    def __init__(
        self,
        arrays: Sequence[np.ndarray],
        rows: Sequence[int],
        labels: np.ndarray,
        *,
        batch_size: int,
        mixup: float = 0.0,
        class_weights: np.ndarray | None = None,
        versions: Sequence[int] = (),
        paste: CopyPaste | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._arrays = arrays
        copies = [copy for copy in range(len(arrays)) if copy not in versions]
        self._items = np.array([(copy, row) for copy in copies for row in rows])
        self._plain, self._versions = len(rows), np.array([0, *versions])
        self._labels = labels
        self._batch_size = batch_size
        self._mixup = mixup
        self._class_weights = class_weights
        self._paste = paste
        self._rng = fit_stream(seed, BATCHES)
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._items) / self._batch_size)

    def on_epoch_end(self) -> None:
        """Draws a new order, and which version of each clip is shown."""
        self._order = self._rng.permutation(len(self._items))
        if len(self._versions) > 1:
            self._items[: self._plain, 0] = self._rng.choice(self._versions, self._plain)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        chosen = self._items[self._order[index * self._batch_size : (index + 1) * self._batch_size]]
        x = self._features(chosen)
        if self._paste is not None:
            self._paste(x, chosen, self._features)
        y = self._labels[chosen[:, 1]]
        if self._mixup:
            share = self._rng.beta(self._mixup, self._mixup, size=len(x)).astype(np.float32)
            partner = self._rng.permutation(len(x))
            wide = share.reshape(-1, *[1] * (x.ndim - 1))
            other = x[partner]
            other *= 1 - wide
            x *= wide
            x += other
            y = share[:, None] * y + (1 - share[:, None]) * y[partner]
        if self._class_weights is None:
            return x, y
        return x, y, (y @ self._class_weights).astype(np.float32)

    def _features(self, chosen: np.ndarray) -> np.ndarray:
        """Returns the features of items (copy, row) in their order, float32, in memory of its own."""
        if len(self._arrays) == 1:
            return np.array(self._arrays[0][chosen[:, 1]], dtype=np.float32)
        x = np.empty((len(chosen), *self._arrays[0].shape[1:]), dtype=np.float32)
        for copy, array in enumerate(self._arrays):
            places = np.flatnonzero(chosen[:, 0] == copy)
            x[places] = array[chosen[places, 1]]
        return x


def training_labels(
    targets: np.ndarray, n_classes: int, votes: np.ndarray | None = None, share: float = 0.0
) -> np.ndarray:
    """Returns the labels to train on: the intended emotion, with a share for what listeners heard.

    The listeners' part is the majority vote, divided equally if labels tie. It does not use the number of votes per
    label, which the tables of the corpora do not contain.

    Args:
        targets: class index of every clip, int (clips,).
        n_classes: number of classes.
        votes: the listeners' majority votes as shares, (clips, classes); NaN for clips without votes.
        share: part of each label that the votes get, 0 to 1.

    Returns:
        float32 (clips, classes); each row sums to 1.

    Raises:
        InvalidConfiguration: a share is requested and there are no votes.
    """
    meant: np.ndarray = np.eye(n_classes, dtype=np.float32)[targets]
    if not share:
        return meant
    if votes is None:
        raise InvalidConfiguration(
            f"soft_labels = {share:g} needs listeners' votes, and this corpus has none: set it to 0"
        )
    moved = np.nan_to_num(share * votes).astype(np.float32)
    softened: np.ndarray = moved + (1 - moved.sum(axis=1, keepdims=True)) * meant
    return softened


def taught(labels: np.ndarray, answers: np.ndarray, share: float) -> np.ndarray:
    """Returns labels that are partly a teacher's answers: (1 - share) * label + share * answer.

    G. Hinton, O. Vinyals and J. Dean, 2015, arXiv:1503.02531, without a temperature.

    Args:
        labels: share of each class in every clip's label, float32 (clips, classes).
        answers: the teacher's class probabilities, (clips, classes); NaN for clips without an answer, such as test
            clips, whose labels stay as they are.
        share: part of each label that the answer gets, 0 to 1.

    Returns:
        float32 (clips, classes); each row sums to 1.
    """
    known = np.isfinite(answers).all(axis=1, keepdims=True)
    total = np.where(known, answers, 1.0).sum(axis=1, keepdims=True)  # rounding must not change the weight of a clip
    mixed: np.ndarray = np.where(known, (1 - share) * labels + share * answers / total, labels).astype(np.float32)
    return mixed


def balanced_weights(targets: np.ndarray, n_classes: int) -> np.ndarray:
    """Returns the weight n / (classes * n_class) of each class over the training clips, float32 (classes,).

    >>> balanced_weights(np.array([0, 0, 0, 1]), 2).round(2).tolist()
    [0.6700000166893005, 2.0]
    """
    counts = np.bincount(targets, minlength=n_classes)
    return (len(targets) / (n_classes * np.maximum(counts, 1))).astype(np.float32)


def normalisation(features: np.ndarray, rows: Sequence[int], axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and standard deviation of the training clips only, one per feature or mel band.

    Args:
        features: (clips, *shape).
        rows: rows of the training clips.
        axis: axis of a clip's array that holds features (acoustic: 1) or bands (log-mel: 0).

    Returns:
        Two float32 arrays (features,). A deviation close to zero is replaced by one.
    """
    others = tuple(a for a in range(features.ndim) if a != axis + 1)
    total = np.zeros(features.shape[axis + 1])
    squares = np.zeros_like(total)
    count = 0
    for start in range(0, len(rows), _CHUNK):
        chunk = np.asarray(features[np.asarray(rows[start : start + _CHUNK])], dtype=np.float64)
        total += chunk.sum(axis=others)
        squares += np.square(chunk).sum(axis=others)
        count += chunk.size // chunk.shape[axis + 1]
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0.0))
    return mean.astype(np.float32), np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32)


def normalised_by_speaker(arrays: Sequence[np.ndarray], speakers: np.ndarray, axis: int) -> list[np.ndarray]:
    """Normalises features by each speaker's own mean and standard deviation, over all clips of the speaker.

    Augmented copies are normalised with the statistics of the plain clips.

    Args:
        arrays: feature arrays (clips, *shape): the plain clips, then one array per augmentation.
        speakers: number of each clip's speaker, int (clips,).
        axis: as in `normalisation`.
    """
    plain = arrays[0]
    shape = [1] * (plain.ndim - 1)
    shape[axis] = -1
    found = [np.empty(array.shape, dtype=np.float32) for array in arrays]
    for speaker in np.unique(speakers):
        rows = np.flatnonzero(speakers == speaker)
        mean, deviation = (part.reshape(shape) for part in normalisation(plain, rows.tolist(), axis))
        for array, changed in zip(arrays, found, strict=True):
            changed[rows] = (array[rows] - mean) / deviation
    return found


def predict_clips(model: keras.Model, arrays: Sequence[np.ndarray], crops: int, rows: Sequence[int]) -> np.ndarray:
    """Returns the class probabilities of clips: of the usual window, or the mean over several windows.

    Args:
        model: the network.
        arrays: feature arrays (clips, *shape) of a job: the plain clips first, the windows last.
        crops: number of windows; 0 for the usual one.
        rows: the clips.

    Returns:
        float32 (rows, classes).
    """
    if not crops:
        return predict(model, arrays[0], rows)
    answers = np.stack([predict(model, features, rows) for features in arrays[-crops:]])
    return np.asarray(answers.mean(axis=0, dtype=np.float64), dtype=np.float32)


def predict(model: keras.Model, features: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """Returns the class probabilities of the given rows, float32 (rows, classes)."""
    chunks = [
        np.asarray(model.predict_on_batch(np.ascontiguousarray(features[np.asarray(rows[i : i + _CHUNK])])))
        for i in range(0, len(rows), _CHUNK)
    ]
    return np.concatenate(chunks).astype(np.float32, copy=False)
