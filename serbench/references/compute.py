"""The registry of reference methods; `compute_references` computes the missing ones of a test set."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

import serbench
from serbench.corpora import UNKNOWN_SPEAKER
from serbench.errors import SerbenchError, UsageError, unknown
from serbench.records import ReferenceFolder, ReferenceRecord, now
from serbench.references.boosting import boosting
from serbench.references.egemaps import egemaps
from serbench.references.encoder import encoder, weights_digest
from serbench.references.extras import OPTIONAL
from serbench.references.simple import chance, listeners, majority
from serbench.references.svm import svm, svm_on_functionals
from serbench.references.task import ReferenceAnswers, ReferenceTask

__all__ = [
    "BASELINES",
    "REFERENCES",
    "REFERENCE_ORDER",
    "TRANSDUCTIVE",
    "Reference",
    "compute_references",
    "named_reference",
]

_NO_FOLDER = "reference 'encoder' needs the folder of a pretrained model; name it with --encoder DIR"


class Reference(NamedTuple):
    """A reference method: one entry of the registry.

    Attributes:
        title: its name in tables.
        detail: how it answers, in a few words.
        answer: predicts a task's test set; returns None where the corpus lacks what the method needs.
        transductive: whether it is fitted to the test speakers' own clips, without their labels.
    """

    title: str
    detail: str
    answer: Callable[[ReferenceTask], ReferenceAnswers | None]
    transductive: bool = False


def _no_encoder(_task: ReferenceTask) -> ReferenceAnswers | None:
    """Stands in the registry for encoders, which `named_reference` builds from a folder."""
    raise UsageError(_NO_FOLDER)


_REGISTRY: dict[str, Reference] = {
    "chance": Reference("chance", "every label equally often", chance),
    "majority": Reference("majority class", "always the most frequent training class", majority),
    "functionals": Reference(
        "SVM on functionals", "RBF SVM on nine statistics of each acoustic feature over time", svm_on_functionals
    ),
    "boosting": Reference("gradient boosting", "boosted trees on functionals of the acoustic features", boosting),
    "svm": Reference("SVM on means", "RBF SVM on means and deviations of the acoustic features", svm),
    "egemaps": Reference("eGeMAPS + SVM", "RBF SVM on openSMILE's 88 functionals", egemaps),
    "functionals-speaker": Reference(
        "SVM on functionals, per speaker",
        "as the SVM on functionals, with features normalised by each speaker's own clips (transductive)",
        functools.partial(svm_on_functionals, speaker_normalised=True),
        transductive=True,
    ),
    "boosting-speaker": Reference(
        "gradient boosting, per speaker",
        "as gradient boosting, with features normalised by each speaker's own clips (transductive)",
        functools.partial(boosting, speaker_normalised=True),
        transductive=True,
    ),
    "egemaps-speaker": Reference(
        "eGeMAPS + SVM, per speaker",
        "as eGeMAPS + SVM, with features normalised by each speaker's own clips (transductive)",
        functools.partial(egemaps, speaker_normalised=True),
        transductive=True,
    ),
    "encoder": Reference(
        "encoder", "RBF SVM on the mean last hidden layer, frozen; pretrained on other speech", _no_encoder
    ),
    "listeners": Reference(
        "human listeners", "majority vote of human listeners, audio only; labels that tie share the clip", listeners
    ),
}
"""All reference methods, in the order of the tables. A new one takes one entry here; if it needs an extra, one in
`extras.OPTIONAL` too."""

_ON_REQUEST = ("svm", "boosting", "functionals-speaker", "boosting-speaker", *OPTIONAL)

REFERENCES: dict[str, Reference] = {name: one for name, one in _REGISTRY.items() if name not in _ON_REQUEST}
"""Those that are computed at the end of a search: they need no extra and take little time."""

# Per-speaker variants are not among them: they know a test speaker's other clips, which no entry does.
BASELINES = ("chance", "majority", "functionals", "boosting", "svm", "egemaps")
"""Those that learn from the training clips alone, without a network: a selected entry should be above all of them."""

REFERENCE_ORDER: tuple[str, ...] = tuple(_REGISTRY)
"""Names in the order of the tables. Encoders are kept under names of their own and come last."""

TRANSDUCTIVE = frozenset(name for name, one in _REGISTRY.items() if one.transductive)
"""Names of the references that are fitted to the test speakers' own clips, whatever a record says of them."""


def named_reference(name: str, folder: Path | None = None) -> tuple[str, Reference]:
    """Looks up a reference by its name.

    Args:
        name: of any reference, with or without an extra.
        folder: of a pretrained model, for `encoder`.

    Returns:
        The name under which its predictions are kept, and the reference. An encoder is kept under the name of its
        folder and the digest of its weights.

    Raises:
        UsageError: the name is unknown, `encoder` is asked for without a folder, or another one with a folder.
    """
    if name not in _REGISTRY:
        raise unknown("reference", name, _REGISTRY)
    reference = _REGISTRY[name]
    if name != "encoder":
        if folder is not None:
            raise UsageError(f"--encoder is read by the reference 'encoder' alone, not by '{name}'; leave it out")
        return name, reference
    if folder is None:
        raise UsageError(_NO_FOLDER)
    weights = weights_digest(folder)
    model = folder.resolve().name
    kept = f"encoder-{re.sub(r'[^A-Za-z0-9._-]', '-', model)}-{weights[:6]}"
    return kept, Reference(f"{model} (frozen)", reference.detail, lambda task: encoder(task, folder, weights))


def compute_references(
    root: Path, task: ReferenceTask, references: Mapping[str, Reference] = MappingProxyType(REFERENCES)
) -> list[str]:
    """Computes the references of a test set that are missing or damaged.

    Args:
        root: the results folder.
        task: the test set, and the clips that references may train on.
        references: the methods, by the name under which their predictions are kept.

    Returns:
        Names of the references that were computed now. A reference without an answer is not among them.

    Raises:
        SerbenchError: an extra is not installed, audio is missing, or the results cannot be written.
    """
    folder = ReferenceFolder.of(root, task.study)
    missing = {name: reference for name, reference in references.items() if not _is_there(folder, name)}
    if not missing:
        return []
    waiting = functools.partial(task.progress, "waiting for the baselines of another search")
    with folder.exclusively(waiting):  # it may have computed them meanwhile
        return [
            name
            for name, reference in missing.items()
            if not _is_there(folder, name) and _make(folder, name, reference, task)
        ]


def _is_there(folder: ReferenceFolder, name: str) -> bool:
    try:
        folder.load(name)
    except SerbenchError:
        return False
    return True


def _mixes_speakers(task: ReferenceTask) -> bool:
    """Whether normalising by speaker would join training clips with test clips, or the clips of several people."""
    return task.study.protocol.shares_speakers or bool((task.clips["speaker"] == UNKNOWN_SPEAKER).any())


def _make(folder: ReferenceFolder, name: str, reference: Reference, task: ReferenceTask) -> bool:
    if reference.transductive and _mixes_speakers(task):
        return False
    started = time.monotonic()
    answers = reference.answer(task)
    if answers is None:
        return False
    clips = task.clips.iloc[list(answers.rows)]
    table = pd.DataFrame({column: clips[column].to_numpy() for column in ("clip_id", "label", "speaker")})
    for place, label in enumerate(task.labels):
        table[f"p_{label}"] = answers.shares[:, place]
    study = task.study
    record = ReferenceRecord(
        name=name,
        title=reference.title,
        detail=reference.detail,
        corpus=study.corpus.name,
        corpus_digest=study.corpus.digest,
        protocol=study.protocol.name,
        protocol_hash=study.protocol.hash,
        fold=study.protocol.fold,
        labels=task.labels,
        left_out=len(task.split.test) - len(answers.rows),
        transductive=reference.transductive,
        settings=answers.settings,
        seconds=round(time.monotonic() - started, 3),
        serbench=serbench.__version__,
        created=now(),
    )
    folder.publish(record, table)
    return True
