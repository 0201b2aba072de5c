"""What a view knows of the study that runs, and how it words it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from serbench.errors import SerbenchError
from serbench.families import get_family
from serbench.records import UNCOUNTED_STATES, StudyRecord, TrialRecord

__all__ = ["RunningFit", "StudyState", "clock", "differing", "headline", "percent"]

_SHOWN_TRIALS = 6


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


def differing(config: dict[str, Any], searched: list[str], shown: Mapping[str, str], limit: int = 4) -> str:
    """The searched part of a configuration in a few words.

    Args:
        config: hyperparameters by name.
        searched: those that vary.
        shown: those worth a word, `Hyperparameters.live_fields` of the family.
        limit: words at the most.

    >>> differing({"optimizer": "adam", "depth": 3}, ["optimizer", "depth"], {"optimizer": "value", "depth": "named"})
    'adam depth 3'
    """
    parts = []
    for name in searched:
        value = config.get(name)
        if name in shown:
            words = f"{value:.2g}" if isinstance(value, float) else f"{value}"
            parts.append(f"{name} {words}" if shown[name] == "named" else words)
    return " ".join(parts[:limit])


@dataclass
class RunningFit:
    """A running fit."""

    job_id: str
    config: dict[str, Any]
    epochs: int
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    last: float | None = None
    best: float | None = None


@dataclass
class StudyState:
    """What both views know of the study that runs."""

    record: StudyRecord
    total: int
    done: int
    seconds: float | None
    began: float = field(default_factory=time.monotonic)
    running: dict[str, RunningFit] = field(default_factory=dict)
    latest: deque[TrialRecord] = field(default_factory=lambda: deque(maxlen=_SHOWN_TRIALS))
    times: list[float] = field(default_factory=list)
    refits: int | None = None
    refits_done: int = 0
    best: float | None = None

    @property
    def searched(self) -> list[str]:
        """Names of the parameters that vary."""
        return [name for name, dim in self.record.space["parameters"].items() if "value" not in dim]

    @cached_property
    def shown(self) -> dict[str, str]:
        """Fields of the study's family that a view shows of a configuration; all where the family is gone."""
        try:
            return get_family(self.record.family).hyperparameters.live_fields()
        except SerbenchError:
            return dict.fromkeys(self.searched, "named")

    def finish(self, record: TrialRecord) -> None:
        """Takes note of a fit that ended."""
        self.running.pop(record.job_id, None)
        self.latest.append(record)
        self.times.append(record.seconds.get("total", 0.0))
        if record.kind != "search":
            self.refits_done += record.kind == "refit"
            return
        self.done += record.state not in UNCOUNTED_STATES
        if record.state == "completed" and record.value is not None:
            self.best = max(self.best or 0.0, record.value)

    def time_left(self, elapsed: float) -> float | None:
        """Seconds, from the pace of this run's fits; None before one has ended."""
        if self.seconds is not None and self.refits is None:
            return max(0.0, self.seconds - elapsed)
        if not self.times:
            return None
        todo = self.total - self.done if self.refits is None else self.refits - self.refits_done
        return todo * sum(self.times) / len(self.times) / max(1, len(self.running))


def headline(record: StudyRecord) -> str:
    """What a study is about, in one line."""
    corpus = f"{record.corpus.title}{' (synthetic)' if record.corpus.synthetic else ''}"
    return (
        f"{record.family} on {corpus}: {record.corpus.clips:,} clips, {record.corpus.speakers} speakers, "
        f"{len(record.corpus.labels)} emotions, protocol {record.protocol.name}"
    )
