"""Fits that train nothing, for tests that look at what the coordinator of a search does with them."""

from __future__ import annotations

import numpy as np

from serbench.evaluation import evaluate
from serbench.records import EpochMetrics
from serbench.training import FeatureSource, JobControl, TrialJob, TrialOutcome, Verdict

__all__ = ["made_up_fit"]

EPOCHS = 3


def made_up_fit(job: TrialJob, source: FeatureSource, control: JobControl) -> TrialOutcome:
    """Stands where `run_job` does: an outcome that is a function of the job alone."""
    source.paths(job.features, job.augmentations)
    rng = np.random.default_rng([job.seed, int(1e6 * job.config["learning_rate"])])
    targets, epochs = source.targets(job.labels), []
    for epoch in range(EPOCHS):
        loss, uar = rng.random(2)
        epochs.append(EpochMetrics(epoch=epoch, loss=loss, accuracy=uar, val_loss=loss, val_accuracy=uar,
                                   val_uar=uar, learning_rate=1e-3, seconds=0.0))  # fmt: skip
        verdict = control.report(epochs[-1])
        if verdict is not Verdict.CONTINUE:
            break
    if verdict is Verdict.STOP or control.cancel.is_set():
        return TrialOutcome("interrupted", error="told to stop", error_kind="stop")
    predictions = {
        name: rng.dirichlet(np.ones(len(job.labels)), len(rows)).astype(np.float32)
        for name, rows in job.predict.items()
        if rows
    }
    truth = targets[np.asarray(job.predict["validation"])]
    value = evaluate(truth, predictions["validation"], job.labels).mean_recall_present
    return TrialOutcome(
        state="pruned" if verdict is Verdict.PRUNE else "completed",
        value=value,
        epochs=tuple(epochs),
        best_epoch=len(epochs) - 1,
        parameters=1000,
        predictions=predictions,
        model=b"a model" if job.keep_model else None,
        seconds={"total": 0.1},
    )
