"""`compute_references`: makes those references of a test core that are not there yet."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

import serbench
from serbench.errors import SerbenchError, UsageError, unknown
from serbench.records.base import now
from serbench.records.references import ReferenceFolder, ReferenceRecord
from serbench.references.egemaps import egemaps
from serbench.references.encoder import encoder, weights_digest
from serbench.references.extras import OPTIONAL
from serbench.references.simple import chance, listeners, majority
from serbench.references.svm import svm
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = ["REFERENCES", "Reference", "compute_references", "named_reference"]


class Reference(NamedTuple):
    """A way to answer; `answer` gives None where the corpus has nothing to answer with."""

    title: str
    detail: str
    answer: Callable[[ReferenceTask], ReferenceAnswers | None]


REFERENCES: dict[str, Reference] = {
    "chance": Reference("chance", "every label equally often", chance),
    "majority": Reference("majority class", "always the most frequent training class", majority),
    "svm": Reference("SVM", "RBF SVM on means and deviations of the acoustic features", svm),
    "listeners": Reference("human listeners", "what most heard from the voice alone; ties shared", listeners),
}
"""By name; all of them are computed at the end of a search."""


def named_reference(name: str, folder: Path | None = None) -> tuple[str, Reference]:
    """One by its name: any of `REFERENCES`, or one that takes an extra.

    Args:
        name: of the reference.
        folder: of a pretrained model, for `encoder`.

    Returns:
        The name it is kept under (each encoder has its own, made of its folder's name and its weights) and the
        reference.

    Raises:
        UsageError: an unknown name, or an encoder without the folder of one.
    """
    if name in REFERENCES:
        return name, REFERENCES[name]
    if name == "egemaps":
        return name, Reference("eGeMAPS + SVM", "RBF SVM on openSMILE's 88 functionals", egemaps)
    if name != "encoder":
        raise unknown("reference", name, (*REFERENCES, *OPTIONAL))
    if folder is None:
        raise UsageError("reference 'encoder' needs the folder of a pretrained model; name it with --encoder DIR")
    weights = weights_digest(folder)
    model = folder.resolve().name
    kept = f"encoder-{re.sub(r'[^A-Za-z0-9._-]', '-', model)}-{weights[:6]}"
    detail = "RBF SVM on the mean last hidden layer, frozen; pretrained on other speech"
    return kept, Reference(f"{model} (frozen)", detail, lambda core: encoder(core, folder, weights))


def compute_references(
    root: Path, core: ReferenceTask, references: Mapping[str, Reference] = MappingProxyType(REFERENCES)
) -> list[str]:
    """Computes references that are missing or damaged.

    Args:
        root: of the results.
        core: what is answered.
        references: which, by the name they are kept under.

    Returns:
        Names of those that were computed now.

    Raises:
        SerbenchError: an extra is missing, audio is gone, or the results cannot be written.
    """
    folder = ReferenceFolder.of(root, core.study)
    missing = {name: reference for name, reference in references.items() if not _is_there(folder, name)}
    if not missing:
        return []
    with folder.exclusively():  # whoever waited here finds that another search has made them
        return [
            name
            for name, reference in missing.items()
            if not _is_there(folder, name) and _make(folder, name, reference, core)
        ]


def _is_there(folder: ReferenceFolder, name: str) -> bool:
    try:
        folder.load(name)
    except SerbenchError:
        return False
    return True


def _make(folder: ReferenceFolder, name: str, reference: Reference, core: ReferenceTask) -> bool:
    started = time.monotonic()
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
