"""`export_bundle`: exports the run of an entry that is best on validation."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from serbench.errors import SerbenchError, UsageError
from serbench.export.bundle import BundleRecord
from serbench.export.exporter import Exporter, TrainedEntry, require
from serbench.export.registry import exporter_names, get_exporter
from serbench.records import writing
from serbench.results import Results, require_sound

__all__ = ["export_bundle", "exporters_of"]


def export_bundle(
    results: Results,
    entry_id: str,
    to: Path,
    *,
    format: str = "keras",  # noqa: A002 - as the command's option
    data: Path | None = None,
    replace: bool = False,
    say: Callable[[str], None] = lambda _: None,
    runtime: Path | None = None,
) -> BundleRecord:
    """Exports the run of an entry that is best on validation.

    Args:
        results: results that hold the entry.
        entry_id: name of the entry.
        to: folder to write. It is created whole or not at all.
        format: name of the exporter, or several with commas between. Each writes into the same folder, `keras` first
            and `web` last.
        data: folder of the corpus; None for the folder that the search used.
        replace: whether to replace an existing bundle.
        say: callback that receives a sentence before each long step.
        runtime: folder with the runtime of a browser, for the format `web`; None to download it.

    Returns:
        The record of the bundle, equal to the content of `bundle.json`.

    Raises:
        UsageError: the entry or format is unknown, the entry is not a single model, or `to` already exists.
        SerbenchError: a record of the entry is damaged, its checks fail, an optional dependency, the model or the audio
            is missing, or the bundle does not repeat its predictions.
    """
    exporters = exporters_of(format)
    _check_target(to, replace)
    trained = dataclasses.replace(_trained_entry(results, entry_id, data, say), runtime=runtime)
    for exporter in exporters:
        require(exporter)
        if prepare := getattr(exporter, "prepare", None):
            prepare(trained)
    with writing(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{to.name}.", suffix=".tmp", dir=to.parent))
        try:
            for exporter in exporters:
                record = exporter.write(trained, temporary)
            _put_in_place(temporary, to)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return record


def exporters_of(formats: str) -> list[Exporter]:
    """Returns the exporters of a list of formats, `keras` first and `web`, which shows what the others wrote, last.

    >>> [exporter.name for exporter in exporters_of("onnx, keras")]
    ['keras', 'onnx']

    Args:
        formats: names with commas between.

    Raises:
        UsageError: a name is unknown, or there is none.
        SerbenchError: a package that provides one cannot be loaded.
    """
    names = list(dict.fromkeys(name.strip() for name in formats.split(",") if name.strip()))
    if not names:
        raise UsageError(f"--format needs a name; known: {', '.join(exporter_names())}")
    return [get_exporter(name) for name in sorted(names, key=lambda name: (name != "keras", name == "web"))]


def _check_target(to: Path, replace: bool) -> None:
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not (to / "bundle.json").is_file():
        raise UsageError(f"{to} already exists and is not a bundle; name another folder with --to")
    if not replace:
        raise UsageError(f"{to} already holds a bundle; name another folder with --to, or add --force")


def _trained_entry(results: Results, entry_id: str, data: Path | None, say: Callable[[str], None]) -> TrainedEntry:
    scored, report = results.scored_entry(entry_id), results.report(entry_id)
    for member, record in () if scored.entry.members else results.members(entry_id):
        require_sound(results, member, record.entry_id)
    if report.row.folds > 1 or report.row.ensemble_of or not scored.refits:
        raise UsageError(f"entry '{entry_id}' is not a single trained model; name another entry")
    study, refit = scored.study, scored.kept_refit.record
    if study.protocol.speaker_normalisation:
        raise SerbenchError(
            f"{entry_id} needs other clips of the same speaker for each prediction (speaker_normalisation), so it "
            "cannot label a single file; export an entry of a study without it"
        )
    folder = results.study(study.name).folder
    model = folder.model_path(refit.job_id)
    if not model.is_file():
        raise SerbenchError(
            f"the trained model of {entry_id} is not in {folder.path} (published results hold none); run the "
            "search again to train it"
        )
    return TrainedEntry(report, folder, study, scored.entry, refit, model, data or folder.remembered_data(), say)


def _put_in_place(temporary: Path, to: Path) -> None:
    temporary.chmod(0o755)
    if to.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{to.name}.", suffix=".old", dir=to.parent))
        to.rename(old / "bundle")
        temporary.rename(to)
        shutil.rmtree(old, ignore_errors=True)
    else:
        temporary.rename(to)
