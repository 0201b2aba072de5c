"""The split of a study, made again from its record. Records are files, so what they say is checked again."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from serbench.errors import SerbenchError
from serbench.protocols.protocol import SplitProtocol
from serbench.protocols.split import SplitPlan
from serbench.records import StudyFolder, StudyRecord

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["recorded_plan", "recorded_protocol"]


def recorded_protocol(folder: StudyFolder, record: StudyRecord) -> SplitProtocol:
    """Returns the protocol by which the clips were split.

    Raises:
        SerbenchError: the record is damaged, or this version of serbench splits differently.
    """
    facts = record.protocol
    try:
        cores = (Decimal(facts.test_core), Decimal(facts.validation_core))
        protocol = SplitProtocol(
            facts.name,
            *cores,
            facts.split_seed,
            facts.speaker_normalisation,
            facts.least_validation,
            facts.every_class,
            facts.counts_validation,
        )
    except (InvalidOperation, SerbenchError) as error:
        raise SerbenchError(f"{folder.record_path} has no valid protocol ({error}); restore it") from None
    if (here := protocol.hash_of(reordered=facts.reordered)) != facts.hash:
        raise SerbenchError(
            f"{folder.record_path} was made by a version of serbench that splits clips differently (protocol hash "
            f"{facts.hash}, here {here}); go back to serbench {record.environment.serbench}"
        )
    return protocol


def recorded_plan(folder: StudyFolder, record: StudyRecord, clips: pd.DataFrame) -> SplitPlan:
    """Returns the fold of the protocol that the study belongs to.

    Raises:
        SerbenchError: the record is damaged, this version of serbench splits differently, or the clips cannot be split
            that way.
    """
    plans = recorded_protocol(folder, record).plans(clips)
    for plan in plans:
        if plan.fold == record.protocol.fold:
            return plan
    raise SerbenchError(f"{folder.record_path} has fold {record.protocol.fold} of {len(plans)}; restore it")
