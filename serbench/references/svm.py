"""References `functionals` and `svm`: support vector machines on statistics of acoustic features.

The features are zero crossing rate, energy, RMS, chroma, MFCC and their slopes per frame. `functionals` summarises
them by nine statistics over the frames that hold sound; `svm`, which older results have, by mean and deviation over all
frames. Vectors are standardised on the training clips. The SVM has an RBF kernel and balanced class weights. It trains
on all clips that are not tested, and its penalty C is chosen by a cross-validation over them that keeps speakers apart
where the protocol does. So no clip is held back, as none is for final runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serbench.features import AcousticSettings, FeatureStore, functionals, sounding_frames
from serbench.references.normalised import by_speaker
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["acoustic_spec", "classify", "clip_functionals", "svm", "svm_on_functionals"]

PENALTIES = (1.0, 3.0, 10.0, 30.0)
_FOLDS = 5
_FRAME_S = 0.04
_LONGEST_S = 8.0


def svm(task: ReferenceTask) -> ReferenceAnswers:
    """Trains on mean and deviation of the frames, and predicts the test set once."""
    spec = acoustic_spec(task.rate)
    vectors = _vectors(task, spec, lambda frames: np.concatenate([frames.mean(axis=0), frames.std(axis=0)]))
    return classify(task, vectors, _settings_of(spec))


def svm_on_functionals(task: ReferenceTask, *, speaker_normalised: bool = False) -> ReferenceAnswers:
    """Trains on functionals of the frames that hold sound, and predicts the test set once.

    Args:
        task: the test set and its training clips.
        speaker_normalised: whether vectors are normalised by speaker; see `serbench.references.normalised`.
    """
    vectors, settings = clip_functionals(task, speaker_normalised=speaker_normalised)
    return classify(task, vectors, settings)


def clip_functionals(
    task: ReferenceTask, *, speaker_normalised: bool = False
) -> tuple[NDArray[np.float64], dict[str, str | int | float]]:
    """Returns functionals of all clips, (clips, 9 * features), and facts about them for the record."""
    longest = min(float(task.clips["duration_s"].quantile(0.95)), _LONGEST_S)
    spec = acoustic_spec(task.rate, duration_s=math.ceil(2 * longest) / 2)
    energy = spec.front_end.feature_names(spec).index("log_energy")

    def summary(frames: NDArray[np.float64]) -> NDArray[np.float64]:
        return functionals(frames, sounding_frames(frames[:, energy]))

    vectors = _vectors(task, spec, summary)
    settings = {**_settings_of(spec), "statistics": "9 functionals over the frames that hold sound"}
    if not speaker_normalised:
        return vectors, settings
    return by_speaker(vectors, task.clips["speaker"]), {**settings, "normalised": "by speaker"}


def _vectors(
    task: ReferenceTask, spec: AcousticSettings, summary: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    store = FeatureStore.in_cache()
    features = store.get(
        task.clips, spec, progress=lambda done, total: task.progress("features of the SVM", done, total)
    )
    return np.stack([summary(np.asarray(frames, dtype=np.float64)) for frames in features])


def _settings_of(spec: AcousticSettings) -> dict[str, str | int | float]:
    return {"features": f"{spec.kind}, {spec.sample_rate} Hz, {spec.duration_s:g} s"}


def classify(
    task: ReferenceTask, vectors: NDArray[np.float64], settings: dict[str, str | int | float]
) -> ReferenceAnswers:
    """Trains the SVM on one feature vector for each clip, and predicts the test set.

    Args:
        task: the test set and its training clips.
        vectors: (clips, d) features, with rows as in the clip table.
        settings: facts about the features, for the record.
    """
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def machine(penalty: float) -> Any:
        return make_pipeline(StandardScaler(), SVC(C=penalty, class_weight="balanced", cache_size=500))

    rows = np.asarray(task.split.outside_test)
    targets = task.targets(task.split.outside_test)
    folds = task.folds(_FOLDS)
    scores = np.zeros(len(PENALTIES))
    for place, penalty in enumerate(PENALTIES if folds else ()):
        task.progress("SVM", place, len(PENALTIES))
        answers = np.empty_like(targets)
        for train, held_out in folds:
            answers[held_out] = (
                machine(penalty).fit(vectors[rows[train]], targets[train]).predict(vectors[rows[held_out]])
            )
        scores[place] = balanced_accuracy_score(targets, answers)
    best = int(scores.argmax())
    answers = machine(PENALTIES[best]).fit(vectors[rows], targets).predict(vectors[list(task.split.test)])
    task.progress("SVM", len(PENALTIES), len(PENALTIES))
    shares = np.eye(len(task.labels))[np.asarray(answers, dtype=np.int64)]
    chosen: dict[str, str | int | float] = {"C": PENALTIES[best]}
    if folds:
        chosen["out_of_fold_uar"] = round(float(scores[best]), 6)
    return ReferenceAnswers(task.split.test, shares, {**settings, **chosen})


def acoustic_spec(rate: int, duration_s: float | None = None) -> AcousticSettings:
    """Returns the references' front end. It is the same for all studies of a corpus, whatever front end they use.

    Args:
        rate: sample rate in Hz. The frame length is the next power of two samples above 40 ms.
        duration_s: length to which clips are cut or padded, in seconds; None for the front end's default.
    """
    window = 1 << math.ceil(math.log2(rate * _FRAME_S))
    longer = {} if duration_s is None else {"duration_s": max(duration_s, 1.0)}
    return AcousticSettings(sample_rate=rate, window_length=window, hop_length=window // 2, top_db=60, **longer)
