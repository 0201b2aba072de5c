"""TensorBoard: one event file for each run."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serbench.records import write_bytes_atomic
from serbench.trackers.names import named, safe_name, text_of
from serbench.trackers.runs import PushedRun
from serbench.trackers.tracker import Progress, Pushed

__all__ = ["TENSORBOARD"]

_FOLDERS: Final = {"search": "trials", "refit": "runs", "fold": "folds", "probe": "probes", "entry": "entries"}

_FILE: Final = "events.out.tfevents.0.serbench"
"""One name for ever: a second push replaces the file. Two files in a folder would be two curves in one."""


@dataclass(frozen=True)
class TensorBoard:
    """Writes event files that `tensorboard --logdir` shows. TensorFlow is not imported."""

    name: str = "tensorboard"
    extra: str | None = "tensorboard"
    modules: tuple[str, ...] = ("tensorboard",)

    def push(self, runs: Sequence[PushedRun], to: str | None, progress: Progress) -> Pushed:
        """Writes one folder for each run, see `Tracker.push`. A file with the same content is left as it is."""
        root = Path(to or "tensorboard")
        added = updated = unchanged = 0
        for done, run in enumerate(runs, 1):
            path = _place(root, run) / _FILE
            before = path.is_file()
            if before and run.content.encode() in path.read_bytes():
                unchanged += 1
            else:
                write_bytes_atomic(path, _file(run))
                updated, added = updated + before, added + (not before)
            progress(done, len(runs))
        return Pushed(str(root), added, updated, unchanged, f"`tensorboard --logdir {shlex.quote(str(root))}`")


TENSORBOARD = TensorBoard()


def _place(root: Path, run: PushedRun) -> Path:
    study = root / safe_name(run.study)
    return study / "study" if run.kind == "study" else study / _FOLDERS[run.kind] / safe_name(run.name)


def _file(run: PushedRun) -> bytes:
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in _events(run):
        writer.write(event.SerializeToString())
    return buffer.getvalue()


def _events(run: PushedRun) -> Iterator[Any]:
    """Events of a run: its hyperparameters, its facts as a text, its curves, then its scores."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.plugins.text.summary_v2 import text_pb

    yield Event(wall_time=run.began, file_version="brain.Event:2")
    if run.parameters:
        shown = {name: text_of(value) if isinstance(value, str) else value for name, value in run.parameters.items()}
        summary = hparams_pb(named(shown), trial_id=run.key, start_time_secs=run.began)
        yield Event(wall_time=run.began, summary=summary)
    tags = {**run.tags, "content": run.content}
    facts = "".join(f"    {text_of(name)}: {text_of(value)}\n" for name, value in sorted(tags.items()))
    yield Event(wall_time=run.began, step=0, summary=text_pb("facts", facts))
    for name, curve in named(run.curves).items():
        for epoch, value in curve:
            yield Event(wall_time=run.time_of(epoch), step=epoch, summary=scalar_pb(name, value))
    for name, value in named(run.scores).items():
        yield Event(wall_time=run.ended, step=0, summary=scalar_pb(name, value))
