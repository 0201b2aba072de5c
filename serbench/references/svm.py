"""The field's baseline: a support vector machine on statistics of acoustic features.

Mean and standard deviation over frames of zero crossing rate, energy, RMS, chroma, MFCC and their slopes; scaled by the
training clips; RBF kernel, balanced class weights. The penalty is chosen by UAR on the validation core.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from serbench.corpora.folders import cache_root
from serbench.evaluation import evaluate
from serbench.features.frontends.acoustic import AcousticSettings
from serbench.features.store import FeatureStore
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["acoustic_spec", "classify", "svm"]

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
_BLOCK = 512
_FRAME_S = 0.04


def svm(core: ReferenceTask) -> ReferenceAnswers:
    """Learns from the training clips of the protocol's cores; the test core is answered once."""
    spec = acoustic_spec(core.rate)
    store = FeatureStore(cache_root() / "features")
    features = store.get(
        core.clips, spec, progress=lambda done, total: core.progress("features of the SVM", done, total)
    )
    parts = []
    for start in range(0, len(features), _BLOCK):
        block = np.asarray(features[start : start + _BLOCK], dtype=np.float64)
        parts.append(np.concatenate([block.mean(axis=1), block.std(axis=1)], axis=1))
    return classify(
        core, np.concatenate(parts), {"features": f"{spec.kind}, {spec.sample_rate} Hz, {spec.duration_s:g} s"}
    )


def classify(
    core: ReferenceTask, vectors: NDArray[np.float64], settings: dict[str, str | int | float]
) -> ReferenceAnswers:
    """The machine itself, for any one vector a clip.

    Args:
        core: whose training clips it learns from.
        vectors: (clips, d), rows as in the clip table.
        settings: said of the vectors.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    rows = {name: list(getattr(core.split, name)) for name in ("train", "validation", "test")}
    learned, judged = core.targets(core.split.train), core.targets(core.split.validation)
    best, chosen, penalty = -1.0, None, PENALTIES[0]
    for place, candidate in enumerate(PENALTIES):
        core.progress("SVM", place, len(PENALTIES))
        model = make_pipeline(StandardScaler(), SVC(C=candidate, class_weight="balanced", cache_size=500))
        model.fit(vectors[rows["train"]], learned)
        answers = np.asarray(model.predict(vectors[rows["validation"]]), dtype=np.int64)
        score = evaluate(judged, answers, core.labels).mean_recall_present
        if score > best:
            best, chosen, penalty = score, model, candidate
    core.progress("SVM", len(PENALTIES), len(PENALTIES))
    assert chosen is not None  # noqa: S101
    shares = np.eye(len(core.labels))[np.asarray(chosen.predict(vectors[rows["test"]]), dtype=np.int64)]
    return ReferenceAnswers(core.split.test, shares, {**settings, "C": penalty, "validation_uar": round(best, 6)})


def acoustic_spec(rate: int) -> AcousticSettings:
    """The front end of the reference: the same for all studies of a corpus, whatever theirs is.

    Args:
        rate: Hz; frames are of 46 ms or the next power of two above.
    """
    window = 1 << math.ceil(math.log2(rate * _FRAME_S))
    return AcousticSettings(sample_rate=rate, window_length=window, hop_length=window // 2)
