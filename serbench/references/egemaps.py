"""Reference `egemaps`: openSMILE's 88 eGeMAPS functionals, classified by the same SVM as reference `svm`.

F. Eyben et al., The Geneva Minimalistic Acoustic Parameter Set, IEEE Transactions on Affective Computing 7 (2016),
190-202. openSMILE is free for research, not for commercial products.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serbench.features import decode
from serbench.references.extras import require_extra
from serbench.references.normalised import by_speaker
from serbench.references.svm import classify
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["egemaps"]


@functools.cache
def _smile() -> Any:
    import opensmile

    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
    )


@functools.lru_cache(maxsize=100_000)
def _vector(path: str, _digest: str, rate: int) -> NDArray[np.float32]:
    """The 88 functionals of a clip, kept for as long as the process lives: all folds of a protocol need them."""
    return np.asarray(_smile().process_signal(decode(Path(path), rate), rate).to_numpy()[0])


def egemaps(task: ReferenceTask, *, speaker_normalised: bool = False) -> ReferenceAnswers:
    """Trains the SVM on functionals of the training clips and predicts the test set.

    Args:
        task: the test set and its training clips.
        speaker_normalised: whether vectors are normalised by speaker; see `serbench.references.normalised`.

    Raises:
        SerbenchError: openSMILE is not installed, or a clip cannot be read.
    """
    require_extra("egemaps")
    import opensmile

    rate = task.rate
    vectors = []
    for done, (path, digest) in enumerate(zip(task.clips["path"], task.clips["digest"], strict=True)):
        task.progress("eGeMAPS", done, len(task.clips))
        vectors.append(_vector(path, digest, rate))
    known = np.nan_to_num(np.asarray(vectors, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    settings: dict[str, str | int | float] = {"features": f"eGeMAPSv02, opensmile {opensmile.__version__}, {rate} Hz"}
    if speaker_normalised:
        known, settings = by_speaker(known, task.clips["speaker"]), {**settings, "normalised": "by speaker"}
    return classify(task, known, settings)
