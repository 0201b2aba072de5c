"""Small, complete records to write and read."""

from __future__ import annotations

from typing import Any

from serbench.records.environment import current_environment
from serbench.records.schemas import (
    CorpusFacts,
    EntryRecord,
    EpochMetrics,
    ProtocolFacts,
    Scores,
    StudyRecord,
    TrialRecord,
)

EPOCH = EpochMetrics(
    epoch=0, loss=1.7, accuracy=0.2, val_loss=1.6, val_accuracy=0.3, val_uar=0.31, learning_rate=0.001, seconds=0.4
)


def trial(**changes: Any) -> TrialRecord:
    values: dict[str, Any] = {
        "study": "a",
        "job_id": "t0000",
        "kind": "search",
        "state": "completed",
        "value": 0.5,
        "config": {"depth": 3, "dropout": 0.1, "optimizer": "adam"},
        "seed": 7,
        "epochs": (EPOCH,),
        "scores": {"validation": Scores(clips=10, accuracy=0.5, uar=None, macro_f1=0.4)},
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
    }
    return TrialRecord(**(values | changes))


def study(**changes: Any) -> StudyRecord:
    values: dict[str, Any] = {
        "name": "a",
        "run": "a",
        "family": "cnn1d",
        "space_name": "tiny",
        "space_hash": "0" * 16,
        "space_text": "[space]\n",
        "space": {},
        "corpus": CorpusFacts(
            name="demo", title="Demo", synthetic=True, licence="CC0", labels=("x", "y"), clips=9, speakers=3,
            digest="d",
        ),
        "protocol": ProtocolFacts(
            name="speaker", hash="0" * 16, split_seed=0, test_core="20", validation_core="10",
            shares_speakers=False, train_speakers=1, validation_speakers=1,
            test_speakers=1, validation_clips=3, test_clips=3,
        ),
        "features": {},
        "feature_shape": (3, 4),
        "seed": 0,
        "sampler": {"name": "random"},
        "pruner": {"name": "none"},
        "environment": current_environment("tensorflow"),
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return StudyRecord(**(values | changes))


def entry(**changes: Any) -> EntryRecord:
    values: dict[str, Any] = {
        "entry_id": "a-t0000",
        "study": "a",
        "family": "cnn1d",
        "origin": "trial 0",
        "config": {},
        "search_value": 0.5,
        "refits": ("t0000-r0",),
        "looks": 1,
        "created": "2026-01-01T00:00:00+00:00",
    }
    return EntryRecord(**(values | changes))
