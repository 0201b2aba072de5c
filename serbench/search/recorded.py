"""What a study was run with, rebuilt from its record. Records are files: whatever they say is checked again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from serbench.errors import SerbenchError
from serbench.features.spec import FeatureSpec
from serbench.protocols import Protocol, SplitPlan
from serbench.records.results import StudyFolder
from serbench.records.schemas import StudyRecord
from serbench.search.space import SearchSpace, explain
from serbench.search.space_file import read_space
from serbench.training import FitSettings

__all__ = ["recorded_features", "recorded_plan", "recorded_protocol", "recorded_space", "recorded_training"]

M = TypeVar("M", bound=BaseModel)


def recorded_training(folder: StudyFolder, record: StudyRecord) -> FitSettings:
    """What all trials shared; the command line may have changed what the space's text says.

    Raises:
        SerbenchError: the record is damaged.
    """
    return _part(FitSettings, folder, "space.training", record.space.get("training"))


def recorded_features(folder: StudyFolder, record: StudyRecord) -> FeatureSpec:
    """The front end.

    Raises:
        SerbenchError: the record is damaged.
    """
    return _part(FeatureSpec, folder, "features", record.features)


def recorded_space(folder: StudyFolder, record: StudyRecord) -> SearchSpace:
    """The space, read anew from its text.

    Raises:
        SerbenchError: the record is damaged, or made by a serbench that knew other hyperparameters.
    """
    try:
        space = read_space(record.space_text, record.space_name, f"the space in {folder.record_path}")
    except SerbenchError as error:
        raise SerbenchError(
            f"{error}; restore the record, or go back to serbench {record.environment.serbench}"
        ) from None
    return replace(space, features=recorded_features(folder, record), training=recorded_training(folder, record))


def recorded_protocol(folder: StudyFolder, record: StudyRecord) -> Protocol:
    """How clips were split.

    Raises:
        SerbenchError: the record is damaged, or this serbench splits otherwise.
    """
    facts = record.protocol
    try:
        cores = (Decimal(facts.test_core), Decimal(facts.validation_core))
        protocol = Protocol(facts.name, *cores, facts.split_seed)
    except (InvalidOperation, SerbenchError) as error:
        raise SerbenchError(f"{folder.record_path} has no valid protocol ({error}); restore it") from None
    if protocol.hash != facts.hash:
        raise SerbenchError(
            f"{folder.record_path} was made by a serbench that splits clips otherwise (protocol hash {facts.hash}, "
            f"here {protocol.hash}); go back to serbench {record.environment.serbench}"
        )
    return protocol


def recorded_plan(folder: StudyFolder, record: StudyRecord, clips: pd.DataFrame) -> SplitPlan:
    """The study's fold of its protocol.

    Raises:
        SerbenchError: the record is damaged, this serbench splits otherwise, or the clips cannot be split so.
    """
    plans = recorded_protocol(folder, record).plans(clips)
    fold = record.protocol.fold
    if not 0 <= fold < len(plans):
        raise SerbenchError(f"{folder.record_path} has fold {fold} of {len(plans)}; restore it")
    return plans[fold]


def _part(model: type[M], folder: StudyFolder, where: str, values: object) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SerbenchError(f"{folder.record_path} is damaged ({where}: {explain(error)}); restore it") from None
