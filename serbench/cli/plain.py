"""`PlainView`: the progress display in logs and pipes."""

from __future__ import annotations

import threading
import time
from typing import Final

from rich.console import Console

from serbench.cli.study_lines import headline, shortlist_line
from serbench.printable import printable
from serbench.records import EntryRecord, StudyRecord, TrialRecord
from serbench.render import clock, percent
from serbench.search import StudyObserver, StudyState

__all__ = ["PlainView"]


_BETWEEN_S: Final = 10.0
_SILENCE_S: Final = 60.0


class PlainView(StudyObserver):
    """Progress display for logs and pipes: one line per event, and one for every silent minute."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self._began = time.monotonic()
        self._lock = threading.RLock()
        self._printed: dict[str, tuple[int, float]] = {}
        self._working = "working"
        self._last_event = time.monotonic()
        self._ended = threading.Event()

    def _print(self, text: str) -> None:
        self._last_event = time.monotonic()
        self.console.print(
            f"[{clock(time.monotonic() - self._began)}] {printable(text)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def _print_subsets(self, record: StudyRecord) -> None:
        """Prints what each set of the split is made of, without the time in front of each line."""
        import pandas as pd

        from serbench.render import Document, render, subsets_sheet

        if not record.protocol.subsets:
            return
        document = Document((subsets_sheet(record.protocol.subsets),), pd.DataFrame(), {})
        text = render(document, width=max(self.console.width, 40))
        self.console.print(text, markup=False, highlight=False, soft_wrap=True, end="")

    def message(self, text: str) -> None:
        """Prints a message."""
        self._print(text)

    def working(self, what: str) -> None:
        """Says what is being done now, for the displays of a step that reports no progress."""
        self._working = what

    def sign_of_life(self) -> None:
        """Prints what runs now. It is called after each minute in which nothing was printed."""
        with self._lock:
            state = self.state
            if state is None or not state.running:
                self._print(f"{self._working} ...")
                return
            fits = ", ".join(
                f"{fit.job_id} epoch {fit.done}/{fit.epochs}"
                + (f" (validation UAR {percent(fit.best)} %)" if fit.best is not None else "")
                for fit in list(state.running.values())
            )
            left = state.time_left(time.monotonic() - state.began)
            rest = f", about {clock(left)} left" if left else ""
            best = f", best validation UAR {percent(state.best)} %" if state.best is not None else ""
            self._print(f"training {fits}; {state.count}{best}{rest}")

    def _watch_silence(self) -> None:
        while not self._ended.wait(max(1.0, _SILENCE_S - (time.monotonic() - self._last_event))):
            if time.monotonic() - self._last_event >= _SILENCE_S:
                self.sign_of_life()

    def warning(self, text: str) -> None:
        """Prints a message marked as a note."""
        self._print(f"note: {text}")

    def progress(self, what: str, done: int, total: int) -> None:
        """Prints the progress of a step every 10 percent, but only every ten seconds, and its end."""
        with self._lock:
            step, now = 10 * done // max(total, 1), time.monotonic()
            self._working = f"{what}: {done:,} of {total:,}" if done < total else "working"
            known, since = self._printed.setdefault(what, (0, now))
            if done and step != known and (done == total or now - since >= _BETWEEN_S):
                self._printed[what] = step, now
                self._print(f"{what}: {done:,} of {total:,}")

    def study_started(
        self, record: StudyRecord, trials: int, done: int, best: float | None, seconds: float | None
    ) -> None:
        """Prints the study, a table of its sets, and how many trials are already recorded."""
        super().study_started(record, trials, done, best, seconds)
        self._print(headline(record))
        self._print_subsets(record)
        if done:
            self._print(f"resuming study {record.name}: {done} trials are already recorded")

    def trial_finished(self, record: TrialRecord) -> None:
        """Prints the result of a trial."""
        super().trial_finished(record)
        if self.state is not None:
            self._finished(record, self.state)

    def _finished(self, record: TrialRecord, state: StudyState) -> None:
        kind = {"search": "trial", "refit": "final run"}.get(record.kind, record.kind)
        count = {
            "refit": f"{state.refits_done}/{state.refits}",
            "fold": f"{state.folds_done}/{state.folds}",
            "probe": "before the trials",
        }.get(record.kind, f"{state.done}/{state.total}")
        score = (
            f"validation UAR {percent(record.value)} %{'' if record.kind == 'fold' else state.classes_lacking}"
            if record.value is not None
            else record.error or "trained"
        )
        took = clock(record.seconds.get("total", 0.0))
        best = f", best {percent(state.best)} %" if record.kind == "search" and state.best else ""
        self._print(f"{state.record.family} {kind} {record.job_id} ({count}) {record.state}: {score}{best}, {took}")

    def shortlist_started(self, configurations: int, folds: int, fits: int, seconds: float) -> None:
        """Announces the comparison of the best configurations, and what it costs."""
        super().shortlist_started(configurations, folds, fits, seconds)
        self._print(shortlist_line(configurations, folds, fits, seconds))

    def refits_started(self, total: int) -> None:
        """Prints how many runs follow the trials."""
        super().refits_started(total)
        if total:
            runs = "1 run with a new seed" if total == 1 else f"{total} runs with new seeds, each"
            self._print(f"finalists selected; {runs} evaluated once on the test set")

    def entry_added(self, entry: EntryRecord) -> None:
        """Prints the name of a tested entry."""
        seeds = "1 seed" if entry.looks == 1 else f"{entry.looks} seeds"
        self._print(f"tested entry {entry.entry_id} ({entry.origin}): {seeds}")

    def study_finished(self, record: StudyRecord) -> None:
        """Prints that a study has finished, or was stopped."""
        how = "stopped" if self.state is not None and self.state.stopping else "finished"
        super().study_finished(record)
        self._print(f"study {record.name} {how}")

    def __enter__(self) -> PlainView:
        threading.Thread(target=self._watch_silence, name="signs of life", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the signs of life."""
        self._ended.set()
