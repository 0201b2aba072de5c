"""Features of a study's clips, for checks that need the audio."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.features import FeatureSpec, FeatureStore
from serbench.records import StepProgress

__all__ = ["audit_features"]


def audit_features(clips: pd.DataFrame, spec: FeatureSpec, progress: StepProgress) -> NDArray[np.float32]:
    """Returns the features of all clips; extracts those that are not in the cache yet.

    Args:
        clips: clip table with `path`.
        spec: front end and its settings.
        progress: receives the progress.

    Returns:
        float32 (n, *spec.shape).
    """
    store = FeatureStore.in_cache()
    return store.get(clips, spec, progress=lambda done, total: progress("computing features", done, total))
