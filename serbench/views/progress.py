"""Progress display of a search in Python: one line per study, on standard error or in a notebook."""

from __future__ import annotations

import html
import os
import shutil
import sys
import threading
import time
from typing import Any, TextIO

from serbench.printable import printable
from serbench.records import EntryRecord, StudyRecord
from serbench.render import clock, percent, plural
from serbench.search import StudyObserver, StudyState

__all__ = ["NotebookProgress", "SearchProgress", "TextProgress", "progress_view"]

_REDRAW_S = 0.2
_SILENT_S = 60.0


def progress_view() -> SearchProgress:
    """Returns the progress display for the caller's environment: a Jupyter kernel, a terminal, or a log."""
    return NotebookProgress() if _in_notebook() else TextProgress(sys.stderr)


def _in_notebook() -> bool:
    """Whether this process is an IPython kernel, which can show HTML. Does not import IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class SearchProgress(StudyObserver):
    """Tells the state of the running study in one line; a subclass displays it.

    Only the thread that created it draws, since a notebook shows the output of other threads in other cells.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self._drawn = 0.0
        self.finished: list[str] = []
        self.notes: list[str] = []
        self._step = ""
        self._entries = 0

    @property
    def line(self) -> str:
        """The current state in one line; '' if nothing runs."""
        if (state := self.state) is None:
            return self._step
        done, total, noun = state.phase
        doing = f"{done} of {plural(total, noun)}"
        if noun != "trial":
            doing = f"{plural(state.done, 'trial')}, {doing}"
        running = list(state.running.values())  # other threads may end one meanwhile
        fits = [f"{fit.job_id} {f'epoch {fit.done}' if fit.done else 'starting'}" for fit in running]
        parts = [f"{state.record.name}: {doing}", *([self._step] if self._step else fits)]
        return ", ".join([*parts, *_score(state), clock(time.monotonic() - state.began)])

    def show(self, *, last: bool = False) -> None:
        """Draws the current state; implemented by subclasses.

        Args:
            last: whether new lines must be shown now: a study ended or a warning came.
        """

    def _changed(self, *, last: bool = False) -> None:
        now = time.monotonic()
        if threading.get_ident() == self._thread and (last or now - self._drawn >= _REDRAW_S):
            self._drawn = now
            self.show(last=last)

    def message(self, text: str) -> None:
        """Shows a message as a note below the line, once."""
        self.warning(text)

    def warning(self, text: str) -> None:
        """Shows a warning below the line, once."""
        if (text := printable(text)) not in self.notes:
            self.notes.append(text)
            self._changed(last=True)

    def progress(self, what: str, done: int, total: int) -> None:
        """Shows the progress of a preparation step."""
        self._step = f"{what}: {done:,} of {total:,}" if done < total else ""
        self._changed()

    def state_changed(self) -> None:
        """Shows the line anew."""
        self._changed()

    def entry_added(self, entry: EntryRecord) -> None:  # noqa: ARG002
        """Counts a tested entry."""
        self._entries += 1

    def study_finished(self, record: StudyRecord) -> None:
        """Leaves one line with the outcome of the study."""
        if (state := self.state) is not None:
            tested = f"{self._entries} {'entry' if self._entries == 1 else 'entries'} tested"
            parts = [plural(state.done, "trial"), *_score(state), tested, clock(time.monotonic() - state.began)]
            self.finished.append(f"{record.name}: {', '.join(parts)}")
        super().study_finished(record)
        self._entries = 0
        self._changed(last=True)

    def close(self) -> None:
        """Ends the display. Lines of finished studies stay."""
        self.state = None
        self._step = ""
        self._changed(last=True)


def _score(state: StudyState) -> list[str]:
    return [] if state.best is None else [f"best validation UAR {percent(state.best)} %"]


class TextProgress(SearchProgress):
    """Display on a text stream. On a terminal one line is redrawn in place.

    Elsewhere finished studies print, and the running one after each silent minute.

    Args:
        stream: where to write.
        silent_s: seconds without a line after which one is written.
    """

    def __init__(self, stream: TextIO, silent_s: float = _SILENT_S) -> None:
        super().__init__()
        self._stream = stream
        self._silent_s = silent_s
        self._said = time.monotonic()
        self._redraws = stream.isatty()
        self._shown: set[str] = set()

    def _columns(self) -> int:
        """Columns of the terminal that it writes to, which need not be that of the standard output."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError, AttributeError):
            return shutil.get_terminal_size().columns

    def show(self, *, last: bool = False) -> None:
        """Writes new lines, and redraws the running one on a terminal."""
        complete = [*self.finished, *(f"note: {note}" for note in self.notes)]
        lines = [line for line in complete if line not in self._shown] if last else []
        self._shown.update(lines)
        text = "".join(f"{line}\n" for line in lines)
        if self._redraws:
            text = f"\r\x1b[2K{text}{_cut(self.line, self._columns() - 1)}"
        elif self.line and time.monotonic() - self._said >= self._silent_s:
            text += f"{self.line}\n"
        if text:
            self._said = time.monotonic()
            self._stream.write(text)
            self._stream.flush()


def _cut(text: str, columns: int) -> str:
    """The beginning of a text that fits, where some characters are two columns wide."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= columns else set_cell_size(text, columns)


class NotebookProgress(SearchProgress):
    """Display in a notebook: one cell output that is updated in place."""

    def __init__(self) -> None:
        super().__init__()
        self._handle: Any = None

    def show(self, *, last: bool = False) -> None:  # noqa: ARG002
        """Updates the output. It appears when there is something to show."""
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
