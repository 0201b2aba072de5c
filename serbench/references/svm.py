"""Reference `svm`, the usual baseline: a support vector machine on statistics of acoustic features.

The features are mean and standard deviation over frames of zero crossing rate, energy, RMS, chroma, MFCC and their
slopes, standardised on the training clips. The SVM has an RBF kernel and balanced class weights. Its penalty C is
chosen by UAR on the validation core.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from serbench.corpora import cache_root
from serbench.evaluation import evaluate
from serbench.features import AcousticSettings, FeatureStore
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["acoustic_spec", "classify", "svm"]

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
_BLOCK = 512
_FRAME_S = 0.04


def svm(task: ReferenceTask) -> ReferenceAnswers:
    """Trains on the training clips under the protocol's cores, and predicts the test set once."""
    spec = acoustic_spec(task.rate)
    store = FeatureStore(cache_root() / "features")
    features = store.get(
        task.clips, spec, progress=lambda done, total: task.progress("features of the SVM", done, total)
    )
    parts = []
    for start in range(0, len(features), _BLOCK):
        block = np.asarray(features[start : start + _BLOCK], dtype=np.float64)
        parts.append(np.concatenate([block.mean(axis=1), block.std(axis=1)], axis=1))
    return classify(
        task, np.concatenate(parts), {"features": f"{spec.kind}, {spec.sample_rate} Hz, {spec.duration_s:g} s"}
    )


def classify(
    task: ReferenceTask, vectors: NDArray[np.float64], settings: dict[str, str | int | float]
) -> ReferenceAnswers:
    """Trains the SVM on one feature vector for each clip, and predicts the test set.

    Args:
        task: the test set and its training clips.
        vectors: (clips, d) features, with rows as in the clip table.
        settings: facts about the features, for the record.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    rows = {name: list(getattr(task.split, name)) for name in ("train", "validation", "test")}
    train_targets, validation_targets = task.targets(task.split.train), task.targets(task.split.validation)
    best, chosen, penalty = -1.0, None, PENALTIES[0]
    for place, candidate in enumerate(PENALTIES):
        task.progress("SVM", place, len(PENALTIES))
        model = make_pipeline(StandardScaler(), SVC(C=candidate, class_weight="balanced", cache_size=500))
        model.fit(vectors[rows["train"]], train_targets)
        answers = np.asarray(model.predict(vectors[rows["validation"]]), dtype=np.int64)
        score = evaluate(validation_targets, answers, task.labels).mean_recall_present
        if score > best:
            best, chosen, penalty = score, model, candidate
    task.progress("SVM", len(PENALTIES), len(PENALTIES))
    assert chosen is not None  # noqa: S101
    shares = np.eye(len(task.labels))[np.asarray(chosen.predict(vectors[rows["test"]]), dtype=np.int64)]
    return ReferenceAnswers(task.split.test, shares, {**settings, "C": penalty, "validation_uar": round(best, 6)})


def acoustic_spec(rate: int) -> AcousticSettings:
    """Returns the reference's front end. It is the same for all studies of a corpus, whatever front end they use.

    Args:
        rate: sample rate in Hz. The frame length is the next power of two samples above 40 ms.
    """
    window = 1 << math.ceil(math.log2(rate * _FRAME_S))
    return AcousticSettings(sample_rate=rate, window_length=window, hop_length=window // 2)
