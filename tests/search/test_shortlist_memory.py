"""The answers of all folds after every epoch stay in their files."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd

from serbench.evaluation import evaluate
from serbench.records import StudyFolder
from serbench.search.finalists import Finalist
from serbench.search.shortlist import _combine_folds

LABELS = tuple("abcdefgh")
CLIPS = 1500
LENGTHS = (40, 60, 50)
"""Epochs of each fold."""


class Folder(StudyFolder):
    """Folds whose predictions need not be written."""

    def predictions(self, kind: str, job_id: str) -> pd.DataFrame:
        fold = int(job_id[-1])
        labels = np.random.default_rng(fold).choice(LABELS, CLIPS)
        return pd.DataFrame({"clip_id": [f"{fold}-{row}" for row in range(CLIPS)], "label": labels})


def test_folds_are_joined_epoch_by_epoch(tmp_path) -> None:
    folder = Folder(tmp_path)
    rng = np.random.default_rng(0)
    curves, fits = [], []
    for fold, epochs in enumerate(LENGTHS, start=1):
        job_id = f"t0000-f{fold}"
        shares = rng.random((epochs, CLIPS, len(LABELS)), dtype=np.float32)
        curves.append(shares / shares.sum(axis=2, keepdims=True))
        folder.job_path("fold", job_id).mkdir(parents=True)
        np.save(folder.job_path("fold", job_id) / "curve.npy", curves[-1])
        fits.append(SimpleNamespace(job_id=job_id, fold=fold, epochs=range(epochs)))
    study = SimpleNamespace(folder=folder, record=SimpleNamespace(name="s", corpus=SimpleNamespace(labels=LABELS)))
    tracemalloc.start()
    try:
        record, answers = _combine_folds(study, Finalist("t0000", "trial 0", {}, 0.5), fits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    after = [np.concatenate([one[min(epoch, len(one) - 1)] for one in curves]) for epoch in range(max(LENGTHS))]
    truth = np.array([LABELS.index(label) for label in answers["label"]])
    values = [evaluate(truth, shares, LABELS).mean_recall_present for shares in after]
    assert record.curve == tuple(values)
    assert record.epochs == 1 + int(np.argmax(values))
    np.testing.assert_array_equal(answers[[f"p_{label}" for label in LABELS]], after[record.epochs - 1])
    assert peak < sum(one.nbytes for one in curves) / 4
