"""Reference `boosting`: gradient-boosted trees on the functionals that reference `functionals` has.

J. Friedman, Greedy Function Approximation: A Gradient Boosting Machine, Annals of Statistics 29 (2001), 1189-1232.
Nothing is chosen: the settings are scikit-learn's, with balanced class weights and no early stopping.
"""

from __future__ import annotations

import numpy as np

from serbench.references.svm import clip_functionals
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["boosting"]

_TREES = 100


def boosting(task: ReferenceTask, *, speaker_normalised: bool = False) -> ReferenceAnswers:
    """Trains on all clips outside the test core, and predicts the test set once.

    Args:
        task: the test set and its training clips.
        speaker_normalised: whether vectors are normalised by speaker; see `serbench.references.normalised`.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    vectors, settings = clip_functionals(task, speaker_normalised=speaker_normalised)
    task.progress("boosting", 0, 1)
    model = HistGradientBoostingClassifier(
        max_iter=_TREES, class_weight="balanced", early_stopping=False, random_state=0
    )
    known = task.split.outside_test
    model.fit(vectors[list(known)], task.targets(known))
    shares = np.eye(len(task.labels))[model.predict(vectors[list(task.split.test)]).astype(int)]
    task.progress("boosting", 1, 1)
    return ReferenceAnswers(task.split.test, shares, {**settings, "trees": _TREES})
