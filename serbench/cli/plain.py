"""The view for logs and pipes."""

from __future__ import annotations

import threading
import time
from typing import Any

from rich.console import Console

from serbench.cli.study_state import RunningFit, StudyState, clock, headline, percent
from serbench.records import EntryRecord, EpochMetrics, StudyRecord, TrialRecord
from serbench.search import Observer

__all__ = ["PlainView"]


class PlainView(Observer):
    """One line an event, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._state: StudyState | None = None
        self._lock = threading.RLock()
        self._said: dict[str, int] = {}

    def _say(self, text: str) -> None:
        self.console.print(
            f"[{clock(time.monotonic() - self._began)}] {text}", markup=False, highlight=False, soft_wrap=True
        )

    def message(self, text: str) -> None:
        """Prints it."""
        self._say(text)

    def warning(self, text: str) -> None:
        """Prints it, marked."""
        self._say(f"note: {text}")

    def progress(self, what: str, done: int, total: int) -> None:
        """Prints every tenth of the way."""
        with self._lock:
            step = 10 * done // max(total, 1)
            if done and step != self._said.get(what):
                self._said[what] = step
                self._say(f"{what}: {done:,} of {total:,}")

    def study_started(
        self, record: StudyRecord, trials: int, done: int, best: float | None, seconds: float | None
    ) -> None:
        """Says what begins."""
        self._state = StudyState(record, trials, done, seconds, best=best)
        self._say(headline(record))
        if done:
            self._say(f"resuming study {record.name}: {done} trials are recorded")

    def trial_started(self, job_id: str, config: dict[str, Any], epochs: int) -> None:
        """Keeps it in mind."""
        assert self._state is not None  # noqa: S101
        self._state.running[job_id] = RunningFit(job_id, config, epochs)

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        """Keeps it in mind."""
        assert self._state is not None  # noqa: S101
        fit = self._state.running[job_id]
        fit.done, fit.last = metrics.epoch + 1, metrics.val_uar
        fit.best = max(fit.best or 0.0, metrics.val_uar)

    def trial_finished(self, record: TrialRecord) -> None:
        """Prints the result."""
        state = self._state
        assert state is not None  # noqa: S101
        state.finish(record)
        self._finished(record, state)

    def _finished(self, record: TrialRecord, state: StudyState) -> None:
        kind = "trial" if record.kind == "search" else record.kind
        count = f"{state.refits_done}/{state.refits}" if record.kind == "refit" else f"{state.done}/{state.total}"
        count = "before the trials" if record.kind == "probe" else count
        score = f"validation UAR {percent(record.value)} %" if record.value is not None else record.error or ""
        took = clock(record.seconds.get("total", 0.0))
        best = f", best {percent(state.best)} %" if record.kind == "search" and state.best else ""
        self._say(f"{state.record.family} {kind} {record.job_id} ({count}) {record.state}: {score}{best}, {took}")

    def refits_started(self, total: int) -> None:
        """Says so."""
        assert self._state is not None  # noqa: S101
        self._state.refits = total
        if total:
            self._say(f"finalists chosen by validation; {total} refits on fresh seeds, then one look at the test set")

    def entry_added(self, entry: EntryRecord) -> None:
        """Prints its name."""
        self._say(f"entry {entry.entry_id}: {entry.origin}, {entry.looks} refits tested")

    def study_finished(self, record: StudyRecord) -> None:
        """Says so."""
        self._say(f"study {record.name} ended")
        self._state = None

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to tidy up."""
