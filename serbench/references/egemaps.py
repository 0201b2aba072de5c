"""Reference `egemaps`: openSMILE's 88 eGeMAPS functionals, classified by the same SVM as reference `svm`.

F. Eyben et al., The Geneva Minimalistic Acoustic Parameter Set, IEEE Transactions on Affective Computing 7 (2016),
190-202. openSMILE is free for research, not for commercial products.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from serbench.features import decode
from serbench.references.extras import require_extra
from serbench.references.normalised import by_speaker
from serbench.references.svm import classify
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["egemaps"]


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

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
    )
    rate = task.rate
    vectors = []
    for done, path in enumerate(task.clips["path"]):
        task.progress("eGeMAPS", done, len(task.clips))
        vectors.append(smile.process_signal(decode(Path(path), rate), rate).to_numpy()[0])
    known = np.nan_to_num(np.asarray(vectors, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    settings: dict[str, str | int | float] = {"features": f"eGeMAPSv02, opensmile {opensmile.__version__}, {rate} Hz"}
    if speaker_normalised:
        known, settings = by_speaker(known, task.clips["speaker"]), {**settings, "normalised": "by speaker"}
    return classify(task, known, settings)
