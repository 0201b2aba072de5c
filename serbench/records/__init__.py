"""What is written under `results/`: versioned schemas, atomic writes, and the environment of every run.

Names are loaded when first used (see `serbench.faces`), so that a process which only writes a file need not import
pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.records.base import UNKNOWN_KEYS, FrozenModel, Record, columns_of, now, rows_of
    from serbench.records.environment import cpu_name, current_environment
    from serbench.records.files import (
        digest_of,
        publish_folder,
        read_text,
        write_bytes_atomic,
        write_text_atomic,
        writing,
    )
    from serbench.records.ledger import Counted, EvaluationKind, Ledger, LedgerLine, count_evaluations, study_id
    from serbench.records.machine import available_memory_mib, gpus, kernel_memory_kills, usable_cores
    from serbench.records.predictions import answers_digest, arrays_digest, prediction_digests, write_predictions
    from serbench.records.progress import Progress, StepProgress
    from serbench.records.references import ReferenceFolder, ReferenceRecord
    from serbench.records.results import ResultsFolder, recorded_evaluations
    from serbench.records.schemas import (
        AskedBudget,
        CorpusChoice,
        CorpusFacts,
        EntryRecord,
        Environment,
        EpochMetrics,
        ExcludedClip,
        Finals,
        HeardClips,
        InitFrom,
        JobKind,
        LabelSource,
        ModelCost,
        Precision,
        ProtocolFacts,
        ReportedScores,
        Scores,
        ShortlistRecord,
        StudyRecord,
        Subset,
        SubsetFacts,
        TaughtBy,
        TrialRecord,
        WarmStart,
    )
    from serbench.records.shares import are_shares
    from serbench.records.states import (
        MAX_REPEATS,
        STATES,
        TRANSITIONS,
        UNCOUNTED_STATES,
        StateRule,
        TrialState,
        is_repeated,
    )
    from serbench.records.study_folder import Damaged, StudyFolder, read_arrow, read_parquet, run_name, tolerating
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "base": (
                "FrozenModel",
                "Record",
                "UNKNOWN_KEYS",
                "columns_of",
                "now",
                "rows_of",
            ),
            "environment": (
                "cpu_name",
                "current_environment",
            ),
            "files": (
                "digest_of",
                "publish_folder",
                "read_text",
                "write_bytes_atomic",
                "write_text_atomic",
                "writing",
            ),
            "ledger": (
                "Counted",
                "EvaluationKind",
                "Ledger",
                "LedgerLine",
                "count_evaluations",
                "study_id",
            ),
            "machine": (
                "available_memory_mib",
                "gpus",
                "kernel_memory_kills",
                "usable_cores",
            ),
            "predictions": (
                "answers_digest",
                "arrays_digest",
                "prediction_digests",
                "write_predictions",
            ),
            "progress": (
                "Progress",
                "StepProgress",
            ),
            "references": (
                "ReferenceFolder",
                "ReferenceRecord",
            ),
            "results": (
                "ResultsFolder",
                "recorded_evaluations",
            ),
            "schemas": (
                "AskedBudget",
                "CorpusChoice",
                "CorpusFacts",
                "EntryRecord",
                "Environment",
                "EpochMetrics",
                "ExcludedClip",
                "Finals",
                "HeardClips",
                "InitFrom",
                "JobKind",
                "LabelSource",
                "ModelCost",
                "Precision",
                "ProtocolFacts",
                "SubsetFacts",
                "ReportedScores",
                "Scores",
                "ShortlistRecord",
                "StudyRecord",
                "Subset",
                "TaughtBy",
                "TrialRecord",
                "WarmStart",
            ),
            "shares": ("are_shares",),
            "states": (
                "MAX_REPEATS",
                "STATES",
                "StateRule",
                "TRANSITIONS",
                "TrialState",
                "UNCOUNTED_STATES",
                "is_repeated",
            ),
            "study_folder": (
                "Damaged",
                "StudyFolder",
                "read_arrow",
                "read_parquet",
                "run_name",
                "tolerating",
            ),
        },
    )

__all__ = [
    "MAX_REPEATS",
    "STATES",
    "TRANSITIONS",
    "UNCOUNTED_STATES",
    "UNKNOWN_KEYS",
    "AskedBudget",
    "CorpusChoice",
    "CorpusFacts",
    "Counted",
    "Damaged",
    "EntryRecord",
    "Environment",
    "EpochMetrics",
    "EvaluationKind",
    "ExcludedClip",
    "Finals",
    "FrozenModel",
    "HeardClips",
    "InitFrom",
    "JobKind",
    "LabelSource",
    "Ledger",
    "LedgerLine",
    "ModelCost",
    "Precision",
    "Progress",
    "ProtocolFacts",
    "Record",
    "ReferenceFolder",
    "ReferenceRecord",
    "ReportedScores",
    "ResultsFolder",
    "Scores",
    "ShortlistRecord",
    "StateRule",
    "StepProgress",
    "StudyFolder",
    "StudyRecord",
    "Subset",
    "SubsetFacts",
    "TaughtBy",
    "TrialRecord",
    "TrialState",
    "WarmStart",
    "answers_digest",
    "are_shares",
    "arrays_digest",
    "available_memory_mib",
    "columns_of",
    "count_evaluations",
    "cpu_name",
    "current_environment",
    "digest_of",
    "gpus",
    "is_repeated",
    "kernel_memory_kills",
    "now",
    "prediction_digests",
    "publish_folder",
    "read_arrow",
    "read_parquet",
    "read_text",
    "recorded_evaluations",
    "rows_of",
    "run_name",
    "study_id",
    "tolerating",
    "usable_cores",
    "write_bytes_atomic",
    "write_predictions",
    "write_text_atomic",
    "writing",
]
