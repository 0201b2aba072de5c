"""The clips that an int8 file is calibrated with and judged on. No test clip is among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from serbench.errors import SerbenchError
from serbench.export.exporter import TrainedEntry
from serbench.families import get_family, parse_hyperparameters
from serbench.protocols import Ratio, Split, recorded_plan
from serbench.training import SeedTree

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_CALIBRATION_CLIPS", "Int8Clips", "drawn_clips", "int8_clips"]

MOST_CALIBRATION_CLIPS: Final = 300


@dataclass(frozen=True)
class Int8Clips:
    """Clips by id, sorted.

    Attributes:
        calibration: training clips outside the validation core, drawn at random.
        validation: the validation core.
        labels: index of the true label of each clip of `validation`.
        trained_on: whether the network was trained on `validation`, too: final runs may hold no clip back, and the
            joined network of a folded protocol has heard every speaker.
    """

    calibration: tuple[str, ...]
    validation: tuple[str, ...]
    labels: tuple[int, ...]
    trained_on: bool


def int8_clips(trained: TrainedEntry) -> Int8Clips:
    """Returns the clips for a network; of a folded protocol those of its first fold.

    Raises:
        SerbenchError: the split cannot be made again, or has no validation clips.
    """
    study, clips = trained.folder.record(), trained.folder.clips()
    plan = recorded_plan(trained.folder, study, clips)
    entry = trained.entry
    trained_on = bool(trained.joined) or bool(entry.bag) or entry.finals == "all"
    ratio = plan.cores
    if not trained_on:
        ratio = Ratio.parse(parse_hyperparameters(get_family(entry.family), trained.refit.config).split_ratio)
    split = plan.split(ratio)
    if not split.validation or not split.train:
        raise SerbenchError(
            f"{entry.entry_id} has no validation clips, so nothing tells what int8 costs; leave --quantise out"
        )
    return drawn_clips(clips, split, study.corpus.labels, SeedTree.of(study).calibration, trained_on=trained_on)


def drawn_clips(clips: pd.DataFrame, split: Split, classes: Sequence[str], seed: int, *, trained_on: bool) -> Int8Clips:
    """Draws training clips, and takes the validation core as it is.

    Args:
        clips: the study's table of clips, with `clip_id` and `label`.
        split: rows of that table by subset.
        classes: the labels, in the order of a network's answers.
        seed: of the draw.
        trained_on: whether the network was trained on the validation core.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.choice(split.train, min(MOST_CALIBRATION_CLIPS, len(split.train)), replace=False)
    places = {label: place for place, label in enumerate(classes)}
    ids, labels = clips["clip_id"].astype(str).tolist(), clips["label"].astype(str).tolist()
    judged = sorted(split.validation, key=lambda row: ids[row])
    return Int8Clips(
        tuple(sorted(ids[row] for row in drawn)),
        tuple(ids[row] for row in judged),
        tuple(places[labels[row]] for row in judged),
        trained_on,
    )
