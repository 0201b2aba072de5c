"""What a person sees while a search runs: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from serbench.records.schemas import EntryRecord, EpochMetrics, StudyRecord, TrialRecord
from serbench.search.observer import Observer

__all__ = ["LiveView", "PlainView", "watcher"]

_SHOWN_TRIALS = 6
_UNCOUNTED = ("invalid", "interrupted", "lost")


def watcher(console: Console) -> PlainView:
    """The view that fits where standard error goes."""
    return LiveView(console) if console.is_terminal else PlainView(console)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any.

    >>> clock(75), clock(3675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(value: float | None) -> str:
    """One decimal, or a dash."""
    return "-" if value is None else f"{100 * value:.1f}"


def differing(config: dict[str, Any], searched: list[str], limit: int = 4) -> str:
    """The searched part of a configuration in a few words."""
    parts = []
    for name in searched:
        value = config.get(name)
        if name in {"optimizer", "regulariser", "depth", "width", "head", "learning_rate"}:
            parts.append(f"{value:.2g}" if isinstance(value, float) else f"{value}")
    return " ".join(parts[:limit])


@dataclass
class _Fit:
    """A running fit."""

    job_id: str
    config: dict[str, Any]
    epochs: int
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    last: float | None = None
    best: float | None = None


@dataclass
class _State:
    """What both views know of the study that runs."""

    record: StudyRecord
    total: int
    done: int
    seconds: float | None
    began: float = field(default_factory=time.monotonic)
    running: dict[str, _Fit] = field(default_factory=dict)
    finished: list[TrialRecord] = field(default_factory=list)
    refits: int | None = None
    refits_done: int = 0
    best: float | None = None

    @property
    def searched(self) -> list[str]:
        return [name for name, dim in self.record.space["parameters"].items() if "value" not in dim]


class PlainView(Observer):
    """One line an event, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._state: _State | None = None
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

    def study_started(self, record: StudyRecord, trials: int, done: int, seconds: float | None) -> None:
        """Says what begins."""
        self._state = _State(record, trials, done, seconds)
        self._say(headline(record))
        if done:
            self._say(f"resuming study {record.name}: {done} trials are recorded")

    def trial_started(self, job_id: str, config: dict[str, Any], epochs: int) -> None:
        """Keeps it in mind."""
        assert self._state is not None  # noqa: S101
        self._state.running[job_id] = _Fit(job_id, config, epochs)

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
        state.running.pop(record.job_id, None)
        state.finished.append(record)
        if record.kind == "refit":
            state.refits_done += 1
        else:
            state.done += record.state not in _UNCOUNTED
            if record.state == "completed" and record.value is not None:
                state.best = max(state.best or 0.0, record.value)
        self._finished(record, state)

    def _finished(self, record: TrialRecord, state: _State) -> None:
        kind = "refit" if record.kind == "refit" else "trial"
        count = f"{state.refits_done}/{state.refits}" if record.kind == "refit" else f"{state.done}/{state.total}"
        score = f"validation UAR {percent(record.value)} %" if record.value is not None else record.error or ""
        took = clock(record.seconds.get("total", 0.0))
        best = f", best {percent(state.best)} %" if record.kind == "search" and state.best else ""
        self._say(f"{state.record.family} {kind} {record.job_id} ({count}) {record.state}: {score}{best}, {took}")

    def refits_started(self, total: int) -> None:
        """Says so."""
        assert self._state is not None  # noqa: S101
        self._state.refits = total
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


def headline(record: StudyRecord) -> str:
    """What a study is about, in one line."""
    corpus = f"{record.corpus.title}{' (synthetic)' if record.corpus.synthetic else ''}"
    return (
        f"{record.family} on {corpus}: {record.corpus.clips:,} clips, {record.corpus.speakers} speakers, "
        f"{len(record.corpus.labels)} emotions, protocol {record.protocol.name}"
    )


class LiveView(PlainView):
    """The same, redrawn in place: running fits with their epochs, the latest trials, the best so far."""

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
        """Leaves the terminal as it was; what was said stays."""
        self._live.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Moves the bar."""
        self._step = (what, done, total) if done < total else None

    def _say(self, text: str) -> None:
        style = "yellow" if text.startswith("note:") else None
        self.console.print(text, style=style, markup=False, highlight=False)

    def _finished(self, record: TrialRecord, state: _State) -> None:
        if record.state in {"crashed", "memory", "timeout"}:
            super()._finished(record, state)

    def study_finished(self, record: StudyRecord) -> None:
        """Leaves one line of what came of it."""
        if (state := self._state) is not None:
            took = clock(time.monotonic() - state.began)
            count = f"{state.done} of {state.total} trials"
            self._say(f"  {record.name}: {count}, best validation UAR {percent(state.best)} %, {took}")
        self._state = None

    def _draw(self) -> RenderableType:
        parts: list[RenderableType] = []
        if (state := self._state) is not None:
            parts += [self._bar(state), self._trials(state)]
        if self._step is not None:
            what, done, total = self._step
            row = Table.grid(padding=(0, 1))
            row.add_row(Text(f"  {what}"), ProgressBar(total=total, completed=done, width=24), f"{done:,}/{total:,}")
            parts.append(row)
        return Group(*parts)

    def _bar(self, state: _State) -> RenderableType:
        row = Table.grid(padding=(0, 1))
        elapsed = time.monotonic() - state.began
        if state.refits is None:
            what, done, total = "trials", state.done, state.total
        else:
            what, done, total = "refits", state.refits_done, state.refits
        words = f"{done}/{total} {what}   best validation UAR {percent(state.best)} %   {clock(elapsed)}"
        if left := _time_left(state, elapsed):
            words += f", about {clock(left)} left"
        row.add_row(Text(" "), ProgressBar(total=max(total, 1), completed=done, width=24), Text(words))
        return row

    def _trials(self, state: _State) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
        for name, justify in (("fit", "left"), ("state", "left"), ("epoch", "right"), ("val UAR %", "right"),
                              ("best %", "right"), ("time", "right")):  # fmt: skip
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        table.add_column("configuration", no_wrap=True, overflow="ellipsis", ratio=1)
        for record in state.finished[-_SHOWN_TRIALS:]:
            style = "dim" if record.state != "completed" else None
            table.add_row(
                record.job_id, record.state, str(len(record.epochs)),
                percent(record.epochs[-1].val_uar if record.epochs else None), percent(record.value),
                clock(record.seconds.get("total", 0.0)), differing(record.config, state.searched), style=style,
            )  # fmt: skip
        for fit in list(state.running.values()):
            table.add_row(
                fit.job_id, "fitting" if fit.done else "starting", f"{fit.done}/{fit.epochs}", percent(fit.last),
                percent(fit.best), clock(time.monotonic() - fit.began), differing(fit.config, state.searched),
                style="bold",
            )  # fmt: skip
        return table


def _time_left(state: _State, elapsed: float) -> float | None:
    """From the pace of this run's trials; None before one has ended."""
    if state.seconds is not None and state.refits is None:
        return max(0.0, state.seconds - elapsed)
    times = [record.seconds.get("total", 0.0) for record in state.finished]
    if not times:
        return None
    todo = state.total - state.done if state.refits is None else state.refits - state.refits_done
    return todo * sum(times) / len(times) / max(1, len(state.running))
