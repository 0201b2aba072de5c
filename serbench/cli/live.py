"""`LiveView`: the progress display on a terminal."""

from __future__ import annotations

import time
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from serbench.cli.plain import PlainView
from serbench.cli.study_lines import differing, varying_first
from serbench.printable import printable
from serbench.records import StudyRecord, TrialRecord
from serbench.render import clock, percent
from serbench.search import StudyState

__all__ = ["LiveView"]


_SILENT_S: Final = 2.0


class LiveView(PlainView):
    """Progress display on a terminal, redrawn in place: running trials with epochs, latest trials, best score."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._step: tuple[str, int, int] | None = None
        self._live = Live(
            console=console, get_renderable=self._draw, refresh_per_second=4, transient=True, auto_refresh=True
        )

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the redrawn part. Printed messages stay."""
        self._live.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Moves the progress bar."""
        self._step = (what, done, total) if done < total else None
        self._last_event = time.monotonic()

    def _print(self, text: str) -> None:
        self._last_event = time.monotonic()
        style = "yellow" if text.startswith("note:") else None
        self.console.print(printable(text), style=style, markup=False, highlight=False)

    def _finished(self, record: TrialRecord, state: StudyState) -> None:
        if record.state in {"crashed", "memory", "timeout"}:
            super()._finished(record, state)

    def study_finished(self, record: StudyRecord) -> None:
        """Prints one line with the outcome of the study."""
        if (state := self.state) is not None:
            took = clock(time.monotonic() - state.began)
            count = f"{state.done} of {state.total} trials"
            self._print(
                f"  {record.name}: {count}, best validation UAR {percent(state.best)} %{state.classes_lacking}, {took}"
            )
        self.state = None

    def _draw(self) -> RenderableType:
        parts: list[RenderableType] = []
        silent = time.monotonic() - self._last_event
        if (state := self.state) is not None:
            parts += [self._bar(state), *([self._best(state)] if state.best is not None else []), self._trials(state)]
        elif self._step is None and silent >= _SILENT_S:
            parts.append(Text(f"  {printable(self._working)} ... {clock(silent)}"))
        if (step := self._step) is not None:  # other threads may end it meanwhile
            what, done, total = step
            row = Table.grid(padding=(0, 1))
            row.add_row(Text(f"  {what}"), ProgressBar(total=total, completed=done, width=24), f"{done:,}/{total:,}")
            parts.append(row)
        return Group(*parts)

    def _bar(self, state: StudyState) -> RenderableType:
        row = Table.grid(padding=(0, 1))
        elapsed = time.monotonic() - state.began
        done, total, _ = state.phase
        text = f"{state.count}  {clock(elapsed)}"
        if left := state.time_left(elapsed):
            text += f", about {clock(left)} left"
        row.add_row(Text(" "), ProgressBar(total=max(total, 1), completed=done, width=16), Text(text, no_wrap=True))
        return row

    def _best(self, state: StudyState) -> RenderableType:
        """One line that stays in sight: the best trial so far."""
        text = f"  best validation UAR {percent(state.best)} %{state.classes_lacking}"
        if (best := state.best_trial) is not None:
            text += f": {best.job_id}, {differing(best.config, state.record.searched, state.shown, limit=6)}"
        return Text(printable(text), style="green", no_wrap=True, overflow="ellipsis")

    def _trials(self, state: StudyState) -> RenderableType:
        # Fixed widths: on a narrow screen only the configuration is cut.
        table = Table(box=None, padding=(0, 1), header_style="dim")
        table.add_column("run", min_width=8, no_wrap=True)
        table.add_column("state", min_width=11, no_wrap=True)
        for name, width in (("epoch", 5), ("val UAR %", 9), ("best %", 6), ("time", 7)):
            table.add_column(name, min_width=width, justify="right", no_wrap=True)
        table.add_column("configuration", no_wrap=True, overflow="ellipsis", ratio=1)
        ended, running = list(state.latest), list(state.running.values())
        configs = [record.config for record in ended] + [fit.config for fit in running]
        searched = varying_first(state.record.searched, configs)
        for record in ended:
            style = "dim" if record.state != "completed" else None
            table.add_row(
                record.job_id, record.state, str(len(record.epochs)),
                percent(record.epochs[-1].val_uar if record.epochs else None), percent(record.value),
                clock(record.seconds.get("total", 0.0)), differing(record.config, searched, state.shown),
                style=style,
            )  # fmt: skip
        for fit in running:
            table.add_row(
                fit.job_id, "training" if fit.done else "starting", f"{fit.done}/{fit.epochs}", percent(fit.last),
                percent(fit.best), clock(time.monotonic() - fit.began),
                differing(fit.config, searched, state.shown), style="bold",
            )  # fmt: skip
        return table
