"""One clip's mel spectrogram before and after the masks that a model was trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from serbench.corpora import get_corpus
from serbench.errors import SerbenchError
from serbench.families import get_family, parse_hyperparameters
from serbench.features import FeatureSpec, decode, extract, fit_length
from serbench.records.results import ResultsFolder, StudyFolder
from serbench.report.figures import mask_figure
from serbench.report.page import ExtraFigure

__all__ = ["mask_example"]


def mask_example(results: ResultsFolder, entry_id: str, data: Path | None = None) -> list[ExtraFigure]:
    """Draws the figure for an entry that reads log-mel spectrograms and was trained with masks.

    The masks are those of the model's own layers, at work as in training, on the study's first clip.

    Args:
        results: where the entry lies.
        entry_id: its name.
        data: the corpus's folder; None for where the search found it.

    Returns:
        One figure; none where the entry has no masks or the corpus is no longer there.
    """
    folder, entry = results.entry(entry_id)
    study = folder.record()
    masks = {name: int(entry.config.get(name, 0)) for name in ("frequency_mask", "time_mask")}
    spec = FeatureSpec.model_validate(study.features)
    if spec.kind != "log_mel" or not any(masks.values()):
        return []
    found = _first_clip(folder, data)
    if found is None:
        return []
    clip_id, path = found
    before = extract(fit_length(decode(path, spec.sample_rate), spec.n_samples, spec.crop)[None], spec)
    from serbench.training.backend import import_keras

    import_keras(study.environment.backend)
    after = _masked(before, parse_hyperparameters(get_family(entry.family), entry.config), study.seed)
    caption = (
        f"Log-mel spectrogram of {clip_id} before and after one draw of the masks: up to "
        f"{masks['frequency_mask']} bands and {masks['time_mask']} frames are set to the training mean, anew in "
        "every batch, in training only."
    )
    figure = mask_figure(before[0], after[0], spec.sample_rate, spec.hop_length)
    return [("Spectrogram masks", caption, figure)]


def _first_clip(folder: StudyFolder, data: Path | None) -> tuple[str, str] | None:
    corpus = get_corpus(folder.record().corpus.name)
    try:
        table = corpus.read(corpus.prepare(data or folder.remembered_data())).table.set_index("clip_id")
    except SerbenchError:
        return None
    used = [clip for clip in folder.clips()["clip_id"] if clip in table.index]
    return (used[0], str(table.loc[used[0], "path"])) if used else None


def _masked(features: np.ndarray, hp: Any, seed: int) -> np.ndarray:
    """Masks dB values as the model's layers mask normalised ones: with the mean, here each band's own."""
    import keras

    from serbench.families.layers import FrequencyMask, TimeMask

    mean = features.mean(axis=2, keepdims=True)
    x = keras.ops.convert_to_tensor(features - mean)
    if hp.frequency_mask:
        x = FrequencyMask(hp.frequency_mask, seed=seed)(x, training=True)
    if hp.time_mask:
        x = TimeMask(hp.time_mask, axis=2, seed=seed + 1)(x, training=True)
    masked: np.ndarray = np.asarray(keras.ops.convert_to_numpy(x)) + mean
    return masked
