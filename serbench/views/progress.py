"""What a caller in Python sees while a search runs: one line a study, on standard error or in a notebook."""

from __future__ import annotations

import html
import shutil
import sys
import threading
import time
from typing import Any, TextIO

from serbench.records import UNCOUNTED_STATES, EntryRecord, EpochMetrics, StudyRecord, TrialRecord
from serbench.render import percent, plural
from serbench.search import Observer

__all__ = ["NotebookProgress", "SearchProgress", "TextProgress", "progress_view"]

_REDRAW_S = 0.2


def progress_view() -> SearchProgress:
    """The display that fits where the caller's code runs: a Jupyter kernel, a terminal, or a log."""
    return NotebookProgress() if _in_notebook() else TextProgress(sys.stderr)


def _in_notebook() -> bool:
    """Whether this is an IPython kernel, whose front end can show HTML. Does not import IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class SearchProgress(Observer):
    """Keeps what is known of the running study as one line; a subclass shows it.

    Only the thread that made it draws, since a notebook gives output of other threads to other cells.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._drawn = 0.0
        self.finished: list[str] = []
        self.notes: list[str] = []
        self._step = ""
        self._begin("")

    def _begin(self, study: str, trials: int = 0, done: int = 0, best: float | None = None) -> None:
        self._study, self._trials, self._done, self._best = study, trials, done, best
        self._began = time.monotonic()
        self._refits: int | None = None
        self._refits_done = self._entries = 0
        self._fits: dict[str, str] = {}

    @property
    def line(self) -> str:
        """What is going on now; '' where nothing is."""
        if not self._study:
            return self._step
        if self._refits is None:
            doing = f"{self._done} of {plural(self._trials, 'trial')}"
        else:
            doing = f"{plural(self._done, 'trial')}, {self._refits_done} of {plural(self._refits, 'test run')}"
        parts = [f"{self._study}: {doing}", *([self._step] if self._step else self._fits.values())]
        return ", ".join([*parts, *self._score(), _clock(time.monotonic() - self._began)])

    def _score(self) -> list[str]:
        return [] if self._best is None else [f"best validation UAR {percent(self._best)} %"]

    def show(self, *, last: bool = False) -> None:
        """Draws what has changed; a subclass says how. Called with `last` when a study has ended."""

    def _changed(self, *, last: bool = False) -> None:
        now = time.monotonic()
        if threading.get_ident() == self._thread and (last or now - self._drawn >= _REDRAW_S):
            self._drawn = now
            self.show(last=last)

    def warning(self, text: str) -> None:
        """Keeps it below the line."""
        if text not in self.notes:
            self.notes.append(text)
            self._changed(last=True)

    def progress(self, what: str, done: int, total: int) -> None:
        """Shows a step of preparation."""
        self._step = f"{what}: {done:,} of {total:,}" if done < total else ""
        self._changed()

    def study_started(
        self,
        record: StudyRecord,
        trials: int,
        done: int,
        best: float | None,
        seconds: float | None,  # noqa: ARG002
    ) -> None:
        """Begins a line."""
        self._begin(record.name, trials, done, best)
        self._changed()

    def trial_started(self, job_id: str, config: dict[str, Any], epochs: int) -> None:  # noqa: ARG002
        """Shows that it runs."""
        self._fits[job_id] = f"{job_id} starting"
        self._changed()

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        """Shows how far it is."""
        self._fits[job_id] = f"{job_id} epoch {metrics.epoch + 1}"
        self._changed()

    def trial_finished(self, record: TrialRecord) -> None:
        """Counts it."""
        self._fits.pop(record.job_id, None)
        if record.kind == "search":
            self._done += record.state not in UNCOUNTED_STATES
            if record.state == "completed" and record.value is not None:
                self._best = max(self._best or 0.0, record.value)
        elif record.kind == "refit":
            self._refits_done += record.state == "completed"
        self._changed()

    def refits_started(self, total: int) -> None:
        """Shows that the search itself is over."""
        self._refits = total
        self._changed()

    def entry_added(self, entry: EntryRecord) -> None:  # noqa: ARG002
        """Counts it."""
        self._entries += 1

    def study_finished(self, record: StudyRecord) -> None:
        """Leaves one line of what came of it."""
        tested = f"{self._entries} {'entry' if self._entries == 1 else 'entries'} tested"
        took = _clock(time.monotonic() - self._began)
        parts = [plural(self._done, "trial"), *self._score(), tested, took]
        self.finished.append(f"{record.name}: {', '.join(parts)}")
        self._begin("")
        self._changed(last=True)

    def close(self) -> None:
        """Ends the display; what has finished stays."""
        self._begin("")
        self._step = ""
        self._changed(last=True)


class TextProgress(SearchProgress):
    """Lines on a stream. In a terminal the running one is redrawn in place; elsewhere finished ones are written."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._redraws = stream.isatty()
        self._shown: set[str] = set()

    def show(self, *, last: bool = False) -> None:
        """Writes what is new."""
        said = [*self.finished, *(f"note: {note}" for note in self.notes)]
        lines = [line for line in said if line not in self._shown] if last else []
        self._shown.update(lines)
        text = "".join(f"{line}\n" for line in lines)
        if self._redraws:
            text = f"\r\x1b[2K{text}{self.line[: shutil.get_terminal_size().columns - 1]}"
        if text:
            self._stream.write(text)
            self._stream.flush()


class NotebookProgress(SearchProgress):
    """One output of a notebook's cell that is updated in place."""

    def __init__(self) -> None:
        super().__init__()
        self._handle: Any = None

    def show(self, *, last: bool = False) -> None:  # noqa: ARG002
        """Updates the output; nothing is shown before there is something to say."""
        from IPython.display import display

        if not (self.line or self.finished or self.notes or self._handle):
            return
        if self._handle is None:
            self._handle = display(self, display_id=True)
        else:
            self._handle.update(self)

    def __repr__(self) -> str:
        return "\n".join([*self.finished, *([self.line] if self.line else []), *(f"note: {one}" for one in self.notes)])

    def _repr_html_(self) -> str:
        lines = [*self.finished, *([self.line] if self.line else [])]
        notes = [f"<small>note: {html.escape(note)}</small>" for note in self.notes]
        return "<br>".join([*(html.escape(line) for line in lines), *notes])


def _clock(seconds: float) -> str:
    """Minutes and seconds: 75 -> '1:15'; with hours where there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
