"""Features of a study's clips for checks that look at the audio."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.corpora import cache_root
from serbench.features import FeatureSpec, FeatureStore
from serbench.records import StepProgress

__all__ = ["audit_features"]


def audit_features(clips: pd.DataFrame, spec: FeatureSpec, progress: StepProgress) -> NDArray[np.float32]:
    """The features of all clips, from the cache where they are there.

    Args:
        clips: with `path`.
        spec: the front end.
        progress: told how far it is.
    """
    store = FeatureStore(cache_root() / "features")
    return store.get(clips, spec, progress=lambda done, total: progress("computing features", done, total))
