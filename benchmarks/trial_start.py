"""What a trial costs beside building, training and predicting: from its submission to its child at work, and the end.

Beside it, what a child costs that is spawned and imports Keras for itself.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from multiprocessing.connection import Connection

from benchmarks.real_trials import Ended, fit_trials, small_space
from benchmarks.table import Row, Settings
from serbench.training.backend import choose_backend, import_keras

__all__ = ["measure"]


def measure(settings: Settings) -> list[Row]:
    """Medians over trials after the first, which waits for the fork server to import Keras."""
    trials, spawns = (3, 1) if settings.quick else (11, 3)
    ended = Ended()
    fit_trials(settings, small_space("cnn1d", epochs=1), trials, workers=1, observers=(ended,))
    parts = [record.seconds for record in ended.records[1:]]
    start = [part["features"] + part["start"] for part in parts]
    working = [part["start"] + part["build"] + part["fit"] + part["predict"] + part["features"] for part in parts]
    end = [part["total"] - busy for part, busy in zip(parts, working, strict=True)]
    gaps = [later - earlier for earlier, later in zip(ended.began[1:], ended.began[2:], strict=False)]
    between = [gap - part["total"] for gap, part in zip(gaps, parts, strict=False)]
    note = f"median of {len(parts)}"
    return [
        Row("start of a trial", statistics.median(start), "s", "forking a process that has imported Keras", 0.2,
            note=note),
        Row("its end", statistics.median(end), "s", "the child's own exit", note=note),
        Row("from one trial to the next", statistics.median(between), "s", "record, tell, ask", note=note),
        Row("the first start of a command", ended.records[0].seconds["start"], "s", "importing Keras, once"),
        Row("start of a spawned process", statistics.median(_spawned() for _ in range(spawns)), "s",
            "importing Keras, each time", note=f"for comparison, median of {spawns}"),
    ]  # fmt: skip


def _spawned() -> float:
    """Seconds until a spawned process has imported Keras and what a fit needs."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    start = time.monotonic()
    process = context.Process(target=_import_and_say, args=(theirs, choose_backend()))
    process.start()
    ours.recv()
    seconds = time.monotonic() - start
    process.join()
    return seconds


def _import_and_say(pipe: Connection, backend: str) -> None:
    os.environ["KERAS_BACKEND"] = backend
    import_keras(backend)
    import serbench.training.fit  # noqa: F401

    pipe.send("ready")
