"""Writes a bundle: the refit of an entry that validation likes best, proved before it is put in place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from serbench.corpora import recorded_corpus
from serbench.errors import SerbenchError, UsageError
from serbench.export.bundle import BundleCheck, BundleRecord, file_digest
from serbench.export.card import model_card
from serbench.export.verify import verify_bundle
from serbench.features import FeatureSpec
from serbench.records import EntryRecord, StudyRecord, TrialRecord
from serbench.records.files import write_text_atomic, writing
from serbench.records.results import StudyFolder
from serbench.render import render
from serbench.results import Results

__all__ = ["export_bundle"]


def export_bundle(
    results: Results,
    entry_id: str,
    to: Path,
    *,
    data: Path | None = None,
    replace: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> BundleRecord:
    """Exports an entry.

    Args:
        results: where the entry lies.
        entry_id: its name.
        to: folder that becomes the bundle; it appears whole, or not at all.
        data: the corpus's folder; None for where the search found it.
        replace: whether a bundle that is already there gives way.
        say: told what is going on.

    Returns:
        What was written as `bundle.json`.

    Raises:
        UsageError: no such entry, it is no single model, or `to` is in the way.
        SerbenchError: a record of the entry is damaged, the model or the audio is gone, or the bundle does not repeat
            its predictions.
    """
    _check_target(to, replace)
    tested, report = results.scored_entry(entry_id), results.report(entry_id)
    if report.row.folds > 1 or report.row.ensemble_of or not tested.refits:
        raise UsageError(f"entry '{entry_id}' is no single trained model; name another one")
    entry, study, refit = tested.entry, tested.study, tested.kept_refit.record
    folder = results.study(study.name).folder
    if study.protocol.speaker_normalisation:
        raise SerbenchError(
            f"{entry_id} reads the other clips of a speaker before it answers (speaker_normalisation), so it cannot "
            "label a single file; export an entry of a study without it"
        )
    source = folder.model_path(refit.job_id)
    if not source.is_file():
        raise SerbenchError(
            f"the trained model of {entry_id} is not in {folder.path} (published results hold none); run the "
            "search again to train it"
        )
    paths = _audio_paths(study, data or folder.remembered_data())
    predictions = folder.predictions("refit", refit.job_id)
    expected = predictions[predictions["subset"] == "test"]
    say(f"checking the bundle of {entry_id} on {len(expected):,} test clips, from raw audio in a fresh process")
    with writing(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{to.name}.", suffix=".tmp", dir=to.parent))
        try:
            shutil.copyfile(source, temporary / "model.keras")
            unchecked = _record(folder, study, entry, refit, temporary / "model.keras")
            unchecked.save(temporary / "bundle.json")
            check = verify_bundle(temporary, expected, paths, study.environment.backend)
            record = unchecked.model_copy(update={"check": check})
            record.save(temporary / "bundle.json")
            write_text_atomic(temporary / "metrics.json", render(report, "json"))
            write_text_atomic(temporary / "MODEL_CARD.md", model_card(record, report))
            _put_in_place(temporary, to)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return record


def _check_target(to: Path, replace: bool) -> None:
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not (to / "bundle.json").is_file():
        raise UsageError(f"{to} is already there and is no bundle; name another folder with --to")
    if not replace:
        raise UsageError(f"{to} already holds a bundle; name another folder with --to, or add --force")


def _audio_paths(study: StudyRecord, data: Path | None) -> dict[str, str]:
    corpus = recorded_corpus(study.corpus)
    table = corpus.read(corpus.prepare(data)).table
    return dict(zip(table["clip_id"], table["path"], strict=True))


def _record(
    folder: StudyFolder, study: StudyRecord, entry: EntryRecord, refit: TrialRecord, model: Path
) -> BundleRecord:
    record = BundleRecord(
        entry=entry.entry_id,
        study=study.name,
        refit=refit.job_id,
        family=entry.family,
        labels=study.corpus.labels,
        features=FeatureSpec.model_validate(study.features),
        longest_clip_s=float(folder.clips()["duration_s"].max()),
        model_sha256=file_digest(model),
        parameters=refit.parameters,
        config=entry.config,
        seed=refit.seed,
        scores=refit.scores,
        corpus=study.corpus,
        protocol=study.protocol,
        environment=study.environment,
        check=BundleCheck(clips=0, largest_difference=0.0),
        created=entry.created,
    )
    return record.model_copy(update={"meaning": record.seal()})


def _put_in_place(temporary: Path, to: Path) -> None:
    temporary.chmod(0o755)
    if to.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{to.name}.", suffix=".old", dir=to.parent))
        to.rename(old / "bundle")
        temporary.rename(to)
        shutil.rmtree(old, ignore_errors=True)
    else:
        temporary.rename(to)
