"""`compute_references`: makes those references of a test core that are not there yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

import serbench
from serbench.errors import SerbenchError, unknown
from serbench.records.base import now
from serbench.records.references import ReferenceFolder, ReferenceRecord
from serbench.references.core import Answers, Core
from serbench.references.simple import chance, listeners, majority
from serbench.references.svm import svm

__all__ = ["REFERENCES", "compute_references"]


class _Reference(NamedTuple):
    """A way to answer; `answer` gives None where the corpus has nothing to answer with."""

    title: str
    detail: str
    answer: Callable[[Core], Answers | None]


REFERENCES: dict[str, _Reference] = {
    "chance": _Reference("chance", "every label equally often", chance),
    "majority": _Reference("majority class", "always the most frequent training class", majority),
    "svm": _Reference("SVM", "RBF SVM on means and deviations of the acoustic features", svm),
    "listeners": _Reference("human listeners", "what most heard from the voice alone; ties shared", listeners),
}
"""By name; all of them are computed at the end of a search."""


def compute_references(root: Path, core: Core, names: Iterable[str] = tuple(REFERENCES)) -> list[str]:
    """Computes references that are missing or damaged.

    Args:
        root: of the results.
        core: what is answered.
        names: of which.

    Returns:
        Names of those that were computed now.

    Raises:
        UsageError: an unknown name.
        SerbenchError: audio is gone, or the results cannot be written.
    """
    folder = ReferenceFolder.of(root, core.study)
    made = []
    for name in names:
        if name not in REFERENCES:
            raise unknown("reference", name, REFERENCES)
        if not _is_there(folder, name) and _make(folder, name, core):
            made.append(name)
    return made


def _is_there(folder: ReferenceFolder, name: str) -> bool:
    try:
        folder.load(name)
    except SerbenchError:
        return False
    return True


def _make(folder: ReferenceFolder, name: str, core: Core) -> bool:
    reference, started = REFERENCES[name], time.monotonic()
    answers = reference.answer(core)
    if answers is None:
        return False
    clips = core.clips.iloc[list(answers.rows)]
    table = pd.DataFrame({column: clips[column].to_numpy() for column in ("clip_id", "label", "speaker")})
    for place, label in enumerate(core.labels):
        table[f"p_{label}"] = answers.shares[:, place]
    study = core.study
    record = ReferenceRecord(
        name=name,
        title=reference.title,
        detail=reference.detail,
        corpus=study.corpus.name,
        corpus_digest=study.corpus.digest,
        protocol=study.protocol.name,
        protocol_hash=study.protocol.hash,
        fold=study.protocol.fold,
        labels=core.labels,
        left_out=len(core.split.test) - len(answers.rows),
        settings=answers.settings,
        seconds=round(time.monotonic() - started, 3),
        serbench=serbench.__version__,
        created=now(),
    )
    folder.publish(record, table)
    return True
