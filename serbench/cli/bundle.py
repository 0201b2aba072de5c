"""`serbench export`, `serbench predict` and `serbench demo`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli.declared import expanded_path
from serbench.cli.options import DEFAULT_RESULTS, ResultsPath, StudyData
from serbench.cli.printing import command_line, echo, echo_text, new_console
from serbench.errors import SerbenchError, UsageError

if TYPE_CHECKING:
    from serbench.export import BundleRecord, LightFile
    from serbench.results import Results

__all__ = ["demo", "export", "predict"]


class PredictionFormat(StrEnum):
    """Output formats of predictions."""

    table = "table"
    csv = "csv"
    json = "json"


Runtime = Annotated[
    Path | None,
    typer.Option(
        "--runtime",
        help="Folder with ONNX Runtime Web, for machines without a network.  [default: downloaded once and cached]",
        callback=expanded_path,
    ),
]


class Quantisation(StrEnum):
    """Kinds of numbers that networks can be quantised to."""

    int8 = "int8"


def _list_formats(asked: bool) -> None:
    if not asked:
        return
    from serbench.export import exporter_names, get_exporter

    for name in exporter_names():
        try:
            exporter = get_exporter(name)
        except SerbenchError as error:  # a broken plug-in does not hide the others
            echo(f"{name}  {error}")
            continue
        needs = f" Needs serbench[{exporter.extra}]." if exporter.extra else ""
        echo(f"{name}  {exporter.description}{needs}")
    raise typer.Exit


def export(
    entry: Annotated[str | None, typer.Argument(help="An entry.  [default: the best entry on validation]")] = None,
    to: Annotated[Path, typer.Option("--to", help="Folder to write the bundle to.", callback=expanded_path)] = Path(
        "bundle"
    ),
    corpus: Annotated[str | None, typer.Option(help="Select among the entries on this corpus.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Select among the entries under this protocol.")] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format", help="Export formats, with commas between; --list-formats lists those that are installed."
        ),
    ] = "keras",
    data: StudyData = None,
    results: ResultsPath = DEFAULT_RESULTS,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
    runtime: Runtime = None,
    quantise: Annotated[
        Quantisation | None,
        typer.Option(
            help="Also write files whose network is quantised to int8, of the formats onnx and litert. What that "
            "costs is measured on validation clips."
        ),
    ] = None,
    list_formats: Annotated[  # noqa: ARG001 - handled by its callback
        bool,
        typer.Option("--list-formats", help="List the export formats and exit.", callback=_list_formats, is_eager=True),
    ] = False,
) -> None:
    """Exports a model that classifies audio files, after checking that it repeats the recorded predictions."""
    from serbench.cli.watch import watcher
    from serbench.export import check_quantised, example_clip, export_bundle, exporters_of
    from serbench.results import Results

    if entry is not None and not (corpus is None and protocol is None):
        raise UsageError("--corpus and --protocol choose among entries, and one is named; leave them or it out")
    exporters = exporters_of(format_)  # fails on an unknown name before anything is read
    if quantise:
        check_quantised(exporters, quantise.value)
    found = Results(results)
    name = entry or found.select(corpus, protocol).entry
    for note in _unfinished(found, name):
        echo(f"note: {note}", err=True)
    with watcher(new_console()) as view:
        view.working("exporting")
        record = export_bundle(
            found,
            name,
            to,
            format=format_,
            data=data,
            replace=force,
            say=view.message,
            runtime=runtime,
            quantise=quantise and quantise.value,
        )
    echo(str(to))
    for line in _checked(record):
        echo(line, err=True)
    if (to / "model.keras").is_file():  # a plug-in's format may hold no network that serbench runs
        clip = str(example_clip(found, name, data))
        echo(f"try it: {command_line('predict', str(to), clip)}", err=True)
    if "web" in {exporter.name for exporter in exporters}:
        echo(f"open it in a browser: {command_line('demo', str(to))}", err=True)


def _unfinished(found: Results, name: str) -> Iterator[str]:
    """Says that final runs of an entry are missing, as after Ctrl-C."""
    row = found.row(name)
    if row.failed_seeds:
        yield (
            f"{row.failed_seeds} of {row.failed_seeds + row.seeds} final runs of {name} failed or were interrupted; if "
            "its search was stopped, the same command finishes it"
        )


def _checked(record: BundleRecord) -> Iterator[str]:
    """What the checks of a bundle found, a sentence a line."""
    for part in record.joined:
        yield (
            f"fold {part.fold}: its network repeated {part.check.clips:,} test clips from raw audio, largest "
            f"difference {part.check.largest_difference:.1e}"
        )
    of_what = f", the mean of {len(record.joined)} folds" if record.joined else ""
    yield (
        f"bundle of {record.entry}{of_what}: a fresh process predicted {record.check.clips:,} test clips again from "
        f"raw audio, largest difference {record.check.largest_difference:.1e}"
    )
    if record.joined:
        yield "the entry's score is that of one fold's network on new speakers; the joined network has heard them all"
    yield from (_light_line(one) for one in record.light)


def _light_line(one: LightFile) -> str:
    took = "" if one.milliseconds is None else f", {one.milliseconds:.1f} ms a clip"
    name = f"{one.path} ({one.bytes:,} bytes{took})"
    check, cost = one.check, one.int8
    if cost is None:
        return (
            f"{name}: run.py repeated all {check.clips:,} labels with {one.runtime} and nothing of serbench, largest "
            f"difference {check.largest_difference:.1e}"
        )
    heard = ", which the network was trained on, too" if cost.trained_on else ""
    change = "not known" if cost.change is None else f"{100 * cost.change:+.1f} points"
    return (
        f"{name}: {check.same_label:,} of {check.clips:,} labels as the Keras model's on validation clips{heard}; "
        f"change of UAR {change}, largest difference {check.largest_difference:.1e}"
    )


def predict(
    bundle: Annotated[Path, typer.Argument(help="A folder written by `serbench export`.")],
    audio: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    output: Annotated[PredictionFormat, typer.Option("--format", help="Output format.")] = PredictionFormat.table,
    windows: Annotated[
        bool,
        typer.Option("--windows", help="One row per window of a file that is read in several, instead of their mean."),
    ] = False,
    runtime: Annotated[
        str,
        typer.Option(
            help="What runs the model: keras, or a file that the bundle holds: onnx, litert, onnx-int8, litert-int8."
        ),
    ] = "keras",
) -> None:
    """Classifies audio files of any sample rate, number of channels and length. Exit code 1 if one cannot be read.

    Ctrl-C prints the answers so far.
    """
    from serbench.cli.stopping import stopping
    from serbench.cli.watch import busy, watcher
    from serbench.export import Bundle, render_predictions

    if not any(path.exists() for path in audio):  # loading a model takes seconds
        raise SerbenchError(f"{audio[0]} does not exist; name audio files, or folders of them")
    with busy("loading the model"):
        loaded = Bundle.load(bundle, runtime)
    stop, console = threading.Event(), new_console()
    ends = stopping(stop, console, "the answers so far are printed after this file", again="")
    with ends, watcher(console) as view:
        view.working("predicting")

        def show(done: int, total: int) -> None:
            view.working(f"predicting: {done:,} of {total:,} files")

        predictions = loaded.predict_files(audio, each_window=windows, progress=show, stop=stop)
    if predictions.rows or output is not PredictionFormat.table:
        echo_text(render_predictions(predictions, loaded.record.labels, output.value))
    for note in predictions.notes():
        echo(f"note: {note}", err=True)
    if odd := loaded.level_note(predictions):
        echo(f"note: {odd}", err=True)
    for other in predictions.passed_over:
        echo(f"note: {other}", err=True)
    for failed in predictions.failures:
        echo(f"serbench: {failed}", err=True)
    if stop.is_set():
        raise typer.Exit(130)
    if predictions.failures:
        raise typer.Exit(1)


def demo(
    bundle: Annotated[
        Path, typer.Argument(help="A folder written by `serbench export` with model.onnx (--format web or onnx).")
    ],
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on.  [default: the first free one from 8441 on]", min=1, max=65535),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    runtime: Runtime = None,
) -> None:
    """Shows a page that listens: files or the microphone, answered in the browser. Runs until Ctrl-C.

    Only this machine can open it, and no sound leaves the browser.
    """
    import webbrowser

    from serbench.export import write_demo
    from serbench.site import PageServer
    from serbench.temporary import temporary_folder

    with temporary_folder() as folder:
        write_demo(bundle, folder, runtime, lambda text: echo(text, err=True))
        server = PageServer(folder, port)
        echo(server.address)
        echo("Ctrl-C ends it", err=True)
        if browser:
            # A browser in the terminal runs until it is closed, and waits for the server.
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        try:
            server.serve()
        except KeyboardInterrupt:
            return
