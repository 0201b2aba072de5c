"""Rebuilds the settings of a study from its record. Records are files, so everything in them is checked again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from serbench.corpora import clip_set_digest, load_clips, recorded_corpus, votes_digest
from serbench.errors import SerbenchError, UsageError
from serbench.features import FeatureSpec
from serbench.protocols import SplitPlan
from serbench.records import StepProgress, StudyFolder, StudyRecord
from serbench.search.studies.split_columns import as_stored
from serbench.spaces import SearchSpace, explain, read_space
from serbench.training import FitSettings, SeedTree

__all__ = [
    "RecordedStudy",
    "recorded_clips",
    "recorded_features",
    "recorded_space",
    "recorded_training",
]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class RecordedStudy:
    """The part of a study that `JobMaker` needs, rebuilt from a record."""

    folder: StudyFolder
    record: StudyRecord
    space: SearchSpace
    plan: SplitPlan
    seeds: SeedTree


def recorded_training(folder: StudyFolder, record: StudyRecord) -> FitSettings:
    """Returns the training settings shared by all trials, including overrides from the command line.

    Raises:
        SerbenchError: the record is damaged.
    """
    return _part(FitSettings, folder, "space.training", record.space.get("training"))


def recorded_features(folder: StudyFolder, record: StudyRecord) -> FeatureSpec:
    """Returns the settings of the front end.

    Raises:
        SerbenchError: the record is damaged, or its front end is not installed.
    """
    try:
        return _part(FeatureSpec, folder, "features", record.features)
    except UsageError as error:
        raise SerbenchError(f"{folder.record_path} cannot be read here: {error}") from None


def recorded_space(folder: StudyFolder, record: StudyRecord) -> SearchSpace:
    """Returns the space, read again from its recorded text.

    Raises:
        SerbenchError: the record is damaged, or comes from a version of serbench with other hyperparameters.
    """
    try:
        space = read_space(record.space_text, record.space_name, f"the space in {folder.record_path}", recorded=True)
    except SerbenchError as error:
        raise SerbenchError(
            f"{error}; restore the record, or go back to serbench {record.environment.serbench}"
        ) from None
    described = record.space.get("parameters", {}).get("split_ratio", {}).get("value")
    cores = (record.protocol.test_core, record.protocol.validation_core)
    if isinstance(described, str) and (described != space.fixed_split or cores != space.recorded_cores):
        space = space.with_split(described)  # set with --split-ratio
    return replace(space, features=recorded_features(folder, record), training=recorded_training(folder, record))


def recorded_clips(
    folder: StudyFolder,
    record: StudyRecord,
    data: Path | None,
    progress: StepProgress = lambda _what, _done, _total: None,
) -> pd.DataFrame:
    """Returns the study's clips with their paths, in the study's order, since the row order decides the batches.

    Sex and sentence are as the study stored them: they decide how the clips are split. Clips that the study left out
    are left out, even if this machine can read them.

    Args:
        folder: folder of the study.
        record: record of the study.
        data: folder of the corpus; None for the folder that the search used.
        progress: called with the name of the step and (done, total).

    Raises:
        SerbenchError: the corpus is missing, or its clips are not those of the study.
    """
    places = folder.remembered_places(data)
    data = data or folder.remembered_data()
    found = load_clips(
        recorded_corpus(record.corpus, places),
        data,
        progress=lambda done, total: progress("examining audio", done, total),
        labels=record.corpus.label_source,
    )
    # What the study left out may look usable now: no front end was asked, and where the search ran, ffmpeg or a
    # permission may have been missing. The digest says whether the other clips are the same.
    left_out = [one.clip_id for one in record.corpus.excluded]
    used = found.table[~found.table["clip_id"].isin(left_out)]
    order = folder.clips()["clip_id"].tolist()
    table = used.set_index("clip_id", drop=False)
    if clip_set_digest(used) != record.corpus.digest or sorted(order) != sorted(table.index):
        raise SerbenchError(_other_clips(record, set(table.index), data, order))
    if record.corpus.votes is not None and record.corpus.votes != votes_digest(table):
        raise SerbenchError(
            f"study '{record.name}' trained on what listeners heard (soft_labels), but the corpus's table of votes has "
            f"changed; restore it in {data or 'the folder of the corpus'}{_by_map(record)}"
        )
    return as_stored(folder, table.loc[order].reset_index(drop=True))


def _other_clips(record: StudyRecord, here: set[str], data: Path | None, order: list[str]) -> str:
    missing, more = sorted(set(order) - here), sorted(here - set(order))
    what = "their audio, labels or speakers differ"
    if missing or more:
        groups = ((missing, "are missing"), (more, "are there besides"))
        what = " and ".join(f"{len(ids):,} {word} (among them {ids[0]})" for ids, word in groups if ids)
    return (
        f"the clips in {data or 'the default folder of the corpus'} are not those of study '{record.name}': {what}; "
        f"name the folder that the search used with --data DIR{_by_map(record)}"
    )


def _by_map(record: StudyRecord) -> str:
    """Another cause of other labels or votes, as the end of a sentence."""
    choice = record.corpus.choice
    mapped = choice is not None and bool(choice.map or choice.keep or choice.drop)
    if mapped and (record.corpus.votes is not None or record.corpus.label_source == "perceived"):
        return f" (or go back to serbench {record.environment.serbench}: votes under a label map may be read otherwise)"
    return ""


def _part(model: type[M], folder: StudyFolder, where: str, values: object) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SerbenchError(f"{folder.record_path} is damaged ({where}: {explain(error)}); restore it") from None
