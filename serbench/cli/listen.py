"""`serbench listen`: labels for what is said, as it is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli.declared import expanded_path
from serbench.cli.printing import echo, new_console
from serbench.errors import UsageError
from serbench.printable import printable

if TYPE_CHECKING:
    from serbench.listening import Heard

__all__ = ["listen"]

_BAR = 30


class ListenFormat(StrEnum):
    """Output formats of `serbench listen`."""

    bars = "bars"
    jsonl = "jsonl"


def listen(
    bundle: Annotated[Path, typer.Argument(help="A folder written by `serbench export`.")],
    file: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Play this audio file at its own pace, instead of the microphone.", callback=expanded_path
        ),
    ] = None,
    every: Annotated[float, typer.Option(help="Seconds from answer to answer.", min=0.1, max=60.0)] = 0.5,
    smoothing: Annotated[
        float, typer.Option(help="Share of earlier answers in the average; 0 for none.", min=0.0, max=0.95)
    ] = 0.6,
    device: Annotated[str | None, typer.Option(help="Microphone: its number, or part of its name.")] = None,
    output: Annotated[
        ListenFormat, typer.Option("--format", help="bars, or a JSON object a line.")
    ] = ListenFormat.bars,
) -> None:
    """Labels speech while it is spoken, from a microphone or a file. Ctrl-C ends it."""
    if file is not None and device is not None:
        raise UsageError("--device chooses a microphone, and --from plays a file; leave one of them out")
    if file is not None and not file.is_file():  # loading a model takes seconds
        raise UsageError(f"{file} is not a file; name an audio file with --from, or leave it out for the microphone")
    from serbench.export import Bundle
    from serbench.listening import Listener, file_blocks, microphone_blocks, paced

    loaded = Bundle.load(bundle)
    spec, labels = loaded.record.features, loaded.record.labels
    listener = Listener(loaded.predict_waveforms, spec, labels, every_s=every, smoothing=smoothing, live=file is None)
    listener.warm_up()
    rate = spec.sample_rate
    blocks = microphone_blocks(rate, device) if file is None else paced(file_blocks(file, rate), rate)
    echo(f"listening with {loaded.record.entry}; no sound is kept or sent. Ctrl-C ends it", err=True)
    with _shown(labels, output) as show, suppress(KeyboardInterrupt):
        for block in blocks:
            for heard in listener.hear(block):
                show(heard)
        for heard in listener.end():
            show(heard)


@contextmanager
def _shown(labels: tuple[str, ...], output: ListenFormat) -> Iterator[Callable[[Heard], None]]:
    """Gives what shows an answer: bars that stay in place on a terminal, else a line each."""
    if output is ListenFormat.jsonl:
        yield lambda heard: echo(json.dumps(_fields(heard, labels)))
        return
    console = new_console(stderr=False)
    if not console.is_terminal:
        yield lambda heard: echo(_line(heard, labels))
        return
    from rich.live import Live

    with Live(console=console, auto_refresh=False) as live:
        yield lambda heard: live.update(console.render_str(_bars(heard, labels)), refresh=True)


def _fields(heard: Heard, labels: tuple[str, ...]) -> dict[str, object]:
    def by_label(values: tuple[float, ...]) -> dict[str, float]:
        return {label: round(value, 6) for label, value in zip(labels, values, strict=False)}

    return {
        "at_s": round(heard.at_s, 3),
        "label": heard.label or None,
        "smoothed": by_label(heard.smoothed),
        "probabilities": by_label(heard.probabilities),
        "silent": heard.silent,
        "latency_ms": round(heard.latency_ms, 1),
    }


def _line(heard: Heard, labels: tuple[str, ...]) -> str:
    if heard.silent:
        return f"{heard.at_s:7.1f} s  silence"
    share = heard.smoothed[labels.index(heard.label)]
    return f"{heard.at_s:7.1f} s  {heard.label} {100 * share:.0f} %  ({heard.latency_ms:.0f} ms)"


def _bars(heard: Heard, labels: tuple[str, ...]) -> str:
    names = [printable(label) for label in labels]  # a line break in a label would forge a line
    width = max(map(len, names))
    lines = []
    for label, name, share in zip(labels, names, heard.smoothed or (0.0,) * len(labels), strict=True):
        mark = ">" if label == heard.label else " "
        lines.append(f"{mark} {name:{width}} {'█' * round(_BAR * share):{_BAR}} {100 * share:3.0f} %")
    state = "silence" if heard.silent else f"answer after {heard.latency_ms:.0f} ms"
    return "\n".join([*lines, f"  {heard.at_s:.1f} s, {state}"])
