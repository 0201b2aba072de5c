"""`PlainView`: the progress display in logs and pipes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from rich.console import Console

from serbench.cli.study_lines import headline, shortlist_line
from serbench.printable import printable
from serbench.records import EntryRecord, EpochMetrics, StudyRecord, TrialRecord
from serbench.render import clock, percent
from serbench.search import CommandPlan, Observer, StudyState
from serbench.spaces import Budget

__all__ = ["PlainView"]


_BETWEEN_S: Final = 10.0
_SILENCE_S: Final = 60.0


class PlainView(Observer):
    """Progress display for logs and pipes: one line per event, and one for every silent minute."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._state: StudyState | None = None
        self._lock = threading.RLock()
        self._printed: dict[str, tuple[int, float]] = {}
        self._plan = CommandPlan(place=0)
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
            state = self._state
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

    def search_planned(self, budgets: Sequence[Budget]) -> None:
        """Remembers how many studies follow, and how long they are."""
        self._plan = CommandPlan(tuple(budgets), place=0)

    def study_started(
        self, record: StudyRecord, trials: int, done: int, best: float | None, seconds: float | None
    ) -> None:
        """Prints the study, a table of its sets, and how many trials are already recorded."""
        self._plan = self._plan.next()
        self._state = StudyState(record, trials, done, seconds, best=best, plan=self._plan)
        self._print(headline(record))
        self._print_subsets(record)
        if done:
            self._print(f"resuming study {record.name}: {done} trials are already recorded")

    def trial_started(self, job_id: str, config: dict[str, Any], epochs: int) -> None:
        """Adds a running trial."""
        assert self._state is not None  # noqa: S101
        self._state.start(job_id, config, epochs)

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        """Updates a running trial with the metrics of an epoch."""
        assert self._state is not None  # noqa: S101
        self._state.epoch(job_id, metrics)

    def trial_finished(self, record: TrialRecord) -> None:
        """Prints the result of a trial."""
        state = self._state
        assert state is not None  # noqa: S101
        state.finish(record)
        self._finished(record, state)

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
        assert self._state is not None  # noqa: S101
        self._state.folds, self._state.stopping = fits, False
        self._plan = self._state.plan = replace(self._plan, inner_folds=folds)
        self._print(shortlist_line(configurations, folds, fits, seconds))

    def refits_started(self, total: int) -> None:
        """Prints how many runs follow the trials."""
        assert self._state is not None  # noqa: S101
        self._state.refits, self._state.stopping = total, False
        if total:
            runs = "1 run with a new seed" if total == 1 else f"{total} runs with new seeds, each"
            self._print(f"finalists selected; {runs} evaluated once on the test set")

    def entry_added(self, entry: EntryRecord) -> None:
        """Prints the name of a tested entry."""
        seeds = "1 seed" if entry.looks == 1 else f"{entry.looks} seeds"
        self._print(f"tested entry {entry.entry_id} ({entry.origin}): {seeds}")

    def study_finished(self, record: StudyRecord) -> None:
        """Prints that a study has finished, or was stopped."""
        how = "stopped" if self._state is not None and self._state.stopping else "finished"
        self._print(f"study {record.name} {how}")
        self._state = None

    def __enter__(self) -> PlainView:
        threading.Thread(target=self._watch_silence, name="signs of life", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the signs of life."""
        self._ended.set()
