"""`--init`: finds the trained network whose weights the fits of a study start from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError, UsageError
from serbench.home import expanded
from serbench.records import (
    CorpusFacts,
    InitFrom,
    JobId,
    ProtocolFacts,
    Record,
    ResultsFolder,
    StudyFolder,
    StudyRecord,
    TaughtBy,
)
from serbench.results import best_refit
from serbench.search.transfer.entry import entry_of_fold
from serbench.search.transfer.heard import heard_by

__all__ = ["load_init", "recorded_init"]


class _BundleFacts(Record):
    """The part of `bundle.json` that says what the network is and what it has heard."""

    entry: str
    study: str
    refit: str
    family: str
    labels: tuple[str, ...]
    model_sha256: str
    corpus: CorpusFacts
    protocol: ProtocolFacts
    init: InitFrom | None = None
    teacher: TaughtBy | None = None
    joined: tuple[dict[str, Any], ...] = ()


def load_init(results: ResultsFolder, name: str, record: StudyRecord, known: InitFrom | None) -> tuple[InitFrom, bytes]:
    """Reads the network whose weights the fits of a study start from.

    Args:
        results: results folder of the study.
        name: an entry in the same folder, or the folder of a bundle.
        record: record of the study. Of an entry that pools folds, the network of the same fold is taken.
        known: what the study started from when it began; None for a new study. An entry may have more runs by now.

    Returns:
        The network, and its model as a `.keras` file.

    Raises:
        UsageError: there is no such entry or bundle, it is not a single network, or it is of another family.
        SerbenchError: the model is missing, was changed, or a record is damaged.
    """
    path = expanded(name)
    if (path / "bundle.json").is_file():
        found, model = _of_bundle(path)
    elif path.is_dir() or path.is_absolute() or len(path.parts) > 1:
        raise UsageError(f"--init {name} is no bundle (it has no bundle.json); name an entry, or write one with "
                         "`serbench export`")  # fmt: skip
    else:
        kept = known.refit if known is not None and known.entry == name and not known.bundle else None
        found, model = _of_entry(results, name, record, kept)
    if found.family != record.family:
        raise UsageError(
            f"--init: '{found.entry}' is of family {found.family} and space '{record.space_name}' searches "
            f"{record.family}; name a network of the family, or another space"
        )
    return found, model


def recorded_init(results: ResultsFolder, folder: StudyFolder, init: InitFrom) -> bytes:
    """Reads the model again that the fits of a recorded study started from.

    Raises:
        SerbenchError: it is no longer there, or was changed.
    """
    places = []
    if init.study in results.study_names() and init.refit in results.study(init.study).job_ids("refit"):
        places.append(results.study(init.study).model_path(init.refit))
    if (bundle := folder.remembered_init()) is not None:
        places.append(bundle / "model.keras")
    for path in places:
        if path.is_file() and hashlib.sha256(data := path.read_bytes()).hexdigest() == init.sha256:
            return data
    what = "bundle of entry" if init.bundle else "entry"
    raise SerbenchError(
        f"the fits of {folder.path} start from the weights of {what} '{init.entry}' (run {init.refit} of study "
        f"'{init.study}', SHA-256 {init.sha256[:12]}...), and that model is no longer where it was; restore it"
    )


def _of_bundle(path: Path) -> tuple[InitFrom, bytes]:
    facts = _BundleFacts.load(path / "bundle.json")
    _check_single(f"the bundle {path}", JobId.parse(facts.refit).role == "bag" or bool(facts.joined))
    model = path / "model.keras"
    data = model.read_bytes() if model.is_file() else b""
    if hashlib.sha256(data).hexdigest() != facts.model_sha256:
        raise SerbenchError(
            f"{model} is not the file that was exported (missing, or its SHA-256 differs); export again"
        )
    return InitFrom(
        entry=facts.entry,
        bundle=True,
        study=facts.study,
        refit=facts.refit,
        family=facts.family,
        labels=facts.labels,
        sha256=facts.model_sha256,
        heard=heard_by(facts.study, facts.corpus, facts.protocol, facts.init, facts.teacher),
    ), data


def _of_entry(results: ResultsFolder, name: str, record: StudyRecord, kept: str | None) -> tuple[InitFrom, bytes]:
    study, entry = entry_of_fold(results, name, record.protocol.fold, "--init")
    _check_single(f"entry '{name}'", bool(entry.bag))
    refit = kept if kept in entry.refits else best_refit(study.folder.job("refit", one) for one in entry.refits).job_id
    path = study.folder.model_path(refit)
    if not path.is_file():
        raise SerbenchError(
            f"--init: the trained model of {name} is not in {study.folder.path} (published results hold none); run its "
            "search again, or name a bundle"
        )
    data, theirs = path.read_bytes(), study.record
    return InitFrom(
        entry=name,
        study=theirs.name,
        refit=refit,
        family=theirs.family,
        labels=theirs.corpus.labels,
        sha256=hashlib.sha256(data).hexdigest(),
        heard=heard_by(theirs.name, theirs.corpus, theirs.protocol, theirs.init, theirs.teacher),
    ), data


def _check_single(what: str, bag: bool) -> None:
    if bag:
        raise UsageError(f"--init: {what} is the mean of several networks; name an entry of a single one")
