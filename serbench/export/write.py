"""`export_bundle`: exports the run of an entry that is best on validation."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from serbench.errors import SerbenchError, UsageError, require, unknown
from serbench.export.bundle import BundleRecord
from serbench.export.exporter import Exporter, TrainedEntry
from serbench.export.joined import FoldNetwork, join_folds
from serbench.export.keras_bundle import audio_paths, recorded_answers
from serbench.export.registry import exporter_names, get_exporter
from serbench.records import JobId, publish_folder, writing
from serbench.results import Results, require_sound
from serbench.temporary import temporary_folder

__all__ = ["check_quantised", "example_clip", "export_bundle", "exporters_of"]


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
    quantise: str | None = None,
) -> BundleRecord:
    """Exports one run of an entry; of a folded protocol the mean of all folds' networks.

    It is the run that is best on validation, or the last one where no clips were held back to validate.

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
        quantise: `int8` to write files with quantised networks besides, of formats that have them.

    Returns:
        The record of the bundle, equal to the content of `bundle.json`.

    Raises:
        UsageError: the entry or format is unknown, the entry is an ensemble, a format cannot be quantised as asked,
            none reads `runtime`, or `to` already exists or cannot be replaced.
        SerbenchError: a record of the entry is damaged, its checks fail, an optional dependency, the model or the audio
            is missing, the bundle does not repeat its predictions, or a plug-in returns no `BundleRecord`.
    """
    exporters = exporters_of(format)
    if quantise is not None:
        check_quantised(exporters, quantise)
    if runtime is not None and not any(getattr(exporter, "reads_runtime", False) for exporter in exporters):
        raise UsageError(f"--runtime is read by the format web alone; use --format {format},web, or leave it out")
    _check_target(to, replace)
    entry = _trained_entry(results, entry_id, data, say)
    trained = dataclasses.replace(entry, runtime=runtime, quantise=quantise)
    for exporter in exporters:
        require(f"export to '{exporter.name}'", exporter.modules, exporter.extra)
        if prepare := getattr(exporter, "prepare", None):
            prepare(trained)
    with temporary_folder() as work, writing(to):
        trained = _joined(trained, results, work / "model.keras")
        with publish_folder(to, replace=True) as temporary:
            for exporter in exporters:
                record = _written(exporter, trained, temporary)
            _check_target(to, replace)  # another process may have written there since
    return record


def _written(exporter: Exporter, trained: TrainedEntry, folder: Path) -> BundleRecord:
    """Writes one format.

    Raises:
        SerbenchError: a plug-in returned something else than the record of the bundle.
    """
    record = exporter.write(trained, folder)
    if not isinstance(record, BundleRecord):
        raise SerbenchError(
            f"the export format '{exporter.name}' returned {type(record).__name__} in place of a "
            "serbench.export.BundleRecord; repair its package"
        )
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


def example_clip(results: Results, entry_id: str, data: Path | None = None) -> Path:
    """Returns the audio file of one of an entry's test clips, to try its bundle on.

    Args:
        results: results that hold the entry.
        entry_id: name of the entry.
        data: folder of the corpus; None for the folder that the search used.

    Raises:
        UsageError: the entry is unknown or an ensemble.
        SerbenchError: the audio or the model is missing.
    """
    answers, paths = recorded_answers(_trained_entry(results, entry_id, data, lambda _: None))
    return Path(paths[answers["clip_id"].iloc[0]])


def check_quantised(exporters: Sequence[Exporter], quantise: str) -> None:
    """Checks that files of these formats can be quantised. The format `keras` is the bundle that they lie in.

    Raises:
        UsageError: one cannot, or there is none besides `keras`; the message names it.
    """
    able = [name for name in exporter_names() if quantise in _quantises(name)]
    if not able:
        raise unknown("quantisation", quantise, ["int8"])
    for exporter in exporters:
        if exporter.name != "keras" and exporter.name not in able:
            raise UsageError(
                f"the format '{exporter.name}' cannot be quantised to {quantise}, only {' and '.join(able)} can; leave "
                f"it out of --format, or leave --quantise out"
            )
    if all(exporter.name == "keras" for exporter in exporters):
        raise UsageError(
            f"the format 'keras' cannot be quantised to {quantise}; add {' or '.join(able)} to --format, as in "
            f"--format keras,{','.join(able)}"
        )


def _quantises(name: str) -> Sequence[str]:
    """What a format can be quantised to; nothing for a broken plug-in, which does not keep the others from it."""
    try:
        exporter = get_exporter(name)
    except SerbenchError:
        return ()
    return getattr(exporter, "quantises", ())


def _check_target(to: Path, replace: bool) -> None:
    if to.is_dir() and (os.path.ismount(to) or to.resolve() == Path.cwd()):
        kind = "a mount point" if os.path.ismount(to) else "the working folder"
        raise UsageError(f"{to} is {kind}, which a bundle cannot replace; name a folder in it: --to {to / 'bundle'}")
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not (to / "bundle.json").is_file():
        raise UsageError(f"{to} already exists and is not a bundle; name another folder with --to")
    if not replace:
        raise UsageError(
            f"{to} already holds a bundle; name another folder (--to), or replace it (--force; in Python replace=True)"
        )


def _trained_entry(results: Results, entry_id: str, data: Path | None, say: Callable[[str], None]) -> TrainedEntry:
    """The entry with the path of its model; of a folded protocol that of the first fold, until they are joined."""
    scored, report = results.scored_entry(entry_id), results.report(entry_id)
    for member, record in () if scored.entry.members else results.members(entry_id):
        require_sound(results, member, record.entry_id)
    if report.row.ensemble_of or not scored.refits:
        raise UsageError(f"entry '{entry_id}' is not a single trained model; name another entry")
    study, refit = scored.study, scored.kept_refit.record
    if study.protocol.speaker_normalisation:
        raise SerbenchError(
            f"{entry_id} needs other clips of the same speaker for each prediction (speaker_normalisation), so it "
            "cannot label a single file; export an entry of a study without it"
        )
    networks = _networks(results, entry_id)
    for one in networks:
        if not one.model.is_file():
            raise SerbenchError(
                f"the trained model of {entry_id} is not in {one.folder.path} (published results hold none); "
                f"{_train_again(one)}"
            )
    folder, model = networks[0].folder, networks[0].model
    return TrainedEntry(report, folder, study, scored.entry, refit, model, data or folder.remembered_data(), say)


def _train_again(network: FoldNetwork) -> str:
    """How to get a model back that published results lack, as the end of a sentence."""
    folder, run = network.folder, network.refit.job_id
    words = [
        "serbench",
        "study",
        "replay",
        folder.path.name,
        run,
        "--keep-model",
        "--results",
        str(folder.path.parents[1]),
    ]
    command = f"`{shlex.join(words)}`"
    named = JobId.parse(run)
    if named.role != "bag":
        return f"train it again with {command}"
    folds = ", ".join(folder.shortlisted(named.trial).folds)
    return f"train its folds again ({folds}) and then average them, each with a command like {command}"


def _networks(results: Results, entry_id: str) -> list[FoldNetwork]:
    """The network to export of each fold; of an entry without folds its own."""
    found = []
    for study, record in results.members(entry_id):
        refit = study.scored(record.entry_id).kept_refit.record
        found.append(FoldNetwork(study.record.protocol.fold, study.folder, record.entry_id, refit))
    return found


def _joined(trained: TrainedEntry, results: Results, target: Path) -> TrainedEntry:
    """The entry with the joined network of its folds; without folds as it is."""
    if trained.report.row.folds == 1:
        return trained
    networks = _networks(results, trained.entry.entry_id)
    paths = audio_paths(trained)
    joined, answers, parameters = join_folds(networks, trained.entry.family, paths, target, trained.say)
    refit = trained.refit.model_copy(
        update={"job_id": f"mean of {len(networks)} folds", "parameters": parameters, "scores": {}}
    )
    return dataclasses.replace(trained, refit=refit, model=target, joined=joined, answers=answers)
