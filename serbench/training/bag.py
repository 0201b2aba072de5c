"""A bag: one Keras model whose answer is the mean answer of several trained networks.

The networks of a cross-validation have each heard other clips, so their mean varies less than any of them (bagging;
L. Breiman, Machine Learning 24, 1996).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import keras
import numpy as np

from serbench.families import parameter_count
from serbench.training.data import predict_clips
from serbench.training.fit import model_cost, saved_model
from serbench.training.job import TrialJob, TrialOutcome
from serbench.training.loading import load_network

__all__ = ["answer_of_bag", "make_bag"]


def answer_of_bag(job: TrialJob, arrays: Sequence[np.ndarray]) -> TrialOutcome:
    """Averages the members of a job into one model, and predicts with it. Nothing is trained.

    Args:
        job: a job with `members`.
        arrays: feature arrays (clips, *shape): the plain clips first, the job's crops last.

    Returns:
        An outcome that is `completed`, or `diverged` if an answer is not finite.
    """
    started = time.monotonic()
    model = make_bag(job.members, job.family)
    built = time.monotonic()
    crops = len(job.crops)
    predictions = {name: predict_clips(model, arrays, crops, rows) for name, rows in job.predict.items() if rows}
    if not all(np.isfinite(probabilities).all() for probabilities in predictions.values()):
        return TrialOutcome("diverged", error="outputs are not finite", error_kind="not finite")
    saved = saved_model(model)
    seconds = {
        "build": round(built - started, 3),
        "fit": job.members_fit_s,
        "predict": round(time.monotonic() - built, 3),
    }
    return TrialOutcome(
        "completed",
        parameters=parameter_count(model),
        predictions=predictions,
        model=saved,
        cost=model_cost(model, len(saved), max(1, crops)),
        seconds=seconds,
    )


def make_bag(members: Sequence[bytes], family: str) -> keras.Model:
    """Makes the model that averages the probabilities of trained networks.

    Args:
        members: the networks as `.keras` files, all of one input shape. Each keeps its own normalisation.
        family: name of the family, whose own layers may be loaded.

    Raises:
        ValueError: a file is no Keras model, or holds a class that neither Keras nor serbench nor the family has.
    """
    networks = [_loaded(one, family, number) for number, one in enumerate(members, start=1)]
    shape = networks[0].input_shape[1:]
    inputs = keras.Input(shape, dtype="float32", name=networks[0].inputs[0].name)
    answers = [network(inputs) for network in networks]
    return keras.Model(inputs, keras.layers.Average(name="probabilities", dtype="float32")(answers), name="bag")


def _loaded(data: bytes, family: str, number: int) -> keras.Model:
    network = load_network(data, family)
    network.name = f"network{number}"
    return network
