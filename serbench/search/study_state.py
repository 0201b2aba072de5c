"""`StudyState`: the state of the running study, summed up from the events that an `Observer` receives."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from serbench.errors import SerbenchError
from serbench.families import get_family
from serbench.protocols import INNER_FOLDS
from serbench.records import EpochMetrics, StudyRecord, TrialRecord, is_repeated
from serbench.spaces import Budget

__all__ = ["CommandPlan", "RunningFit", "StudyState"]

_SHOWN_TRIALS = 6
_TIMED_FITS = 8


@dataclass(frozen=True)
class CommandPlan:
    """The studies of a command.

    Attributes:
        budgets: of all studies, in order; empty if unknown.
        place: number of the running study, from 1.
        inner_folds: fits that a configuration of the shortlist needs. Few speakers make fewer folds; how many is known
            once the first study gets that far.
    """

    budgets: tuple[Budget, ...] = ()
    place: int = 1
    inner_folds: int = INNER_FOLDS

    @property
    def studies(self) -> int:
        """Number of studies."""
        return max(1, len(self.budgets))

    @property
    def studies_left(self) -> int:
        """Number of studies after the running one."""
        return self.studies - self.place

    @property
    def folds(self) -> int:
        """Fits of the running study's cross-validation, at most."""
        return self._folds(self.budgets[self.place - 1]) if self.budgets else 0

    @property
    def test_runs(self) -> int:
        """Test runs of the running study, at most."""
        return _test_runs(self.budgets[self.place - 1]) if self.budgets else 0

    @property
    def fits_of_later_studies(self) -> int:
        """Fits of all studies after the running one, at most."""
        return sum(one.trials + self._folds(one) + _test_runs(one) for one in self.budgets[self.place :])

    def next(self) -> CommandPlan:
        """The plan when the next study runs."""
        return replace(self, place=min(self.place + 1, self.studies))

    def _folds(self, budget: Budget) -> int:
        return min(budget.shortlist, budget.trials) * self.inner_folds


def _test_runs(budget: Budget) -> int:
    return min(budget.finalists, budget.trials) * budget.repeats


@dataclass
class RunningFit:
    """A running trial or final run.

    Attributes:
        job_id: id of the trial or run.
        config: hyperparameters by name.
        epochs: largest number of epochs.
        began: start, by `time.monotonic`.
        done: completed epochs.
        last: validation UAR after the last epoch; None before the first.
        best: best validation UAR of an epoch; None before the first.
    """

    job_id: str
    config: dict[str, Any]
    epochs: int
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    last: float | None = None
    best: float | None = None


@dataclass
class StudyState:
    """State of the running study.

    Attributes:
        record: record of the study.
        total: number of trials planned.
        done: number of trials done, earlier calls included.
        seconds: time limit in seconds; None for none.
        began: start, by `time.monotonic`.
        running: running trials and final runs by id.
        latest: the latest that ended.
        times: duration of the latest that ended, in seconds.
        folds: number of fits of the shortlist's cross-validation; None before it.
        folds_done: number of them done.
        refits: number of final runs planned; None during the trials.
        refits_done: number of final runs done.
        best: best validation score of a trial; None before the first.
        best_trial: the trial that has it; None if an earlier call ran it.
        plan: the studies of the whole command, and which one this is.
        stopping: whether a fit was interrupted, since the command was told to stop or the time for its step was over.
            Where another step begins all the same, it is False again.
    """

    record: StudyRecord
    total: int
    done: int
    seconds: float | None
    began: float = field(default_factory=time.monotonic)
    running: dict[str, RunningFit] = field(default_factory=dict)
    latest: deque[TrialRecord] = field(default_factory=lambda: deque(maxlen=_SHOWN_TRIALS))
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMED_FITS))
    folds: int | None = None
    folds_done: int = 0
    refits: int | None = None
    refits_done: int = 0
    best: float | None = None
    best_trial: TrialRecord | None = None
    plan: CommandPlan = field(default_factory=CommandPlan)
    stopping: bool = False

    @cached_property
    def classes_lacking(self) -> str:
        """A mark for validation scores of a set in which classes are absent; empty if none is."""
        for one in self.record.protocol.subsets:
            here = sum(clips > 0 for clips in one.clips_per_label.values())
            if one.part == "validation" and here < len(one.clips_per_label):
                return f" (of {here} of {len(one.clips_per_label)} classes)"
        return ""

    @cached_property
    def shown(self) -> dict[str, str]:
        """Hyperparameters that a display shows, see `differing`; all of them if the family is not installed."""
        try:
            return get_family(self.record.family).hyperparameters.live_fields()
        except SerbenchError:
            return dict.fromkeys(self.record.searched, "named")

    def start(self, job_id: str, config: dict[str, Any], epochs: int) -> None:
        """Adds a running fit."""
        self.running[job_id] = RunningFit(job_id, config, epochs)

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        """Updates a running fit with the metrics of an epoch."""
        fit = self.running[job_id]
        fit.done, fit.last = metrics.epoch + 1, metrics.val_uar
        if metrics.val_uar is not None:
            fit.best = max(fit.best or 0.0, metrics.val_uar)

    def finish(self, record: TrialRecord) -> None:
        """Updates the state with a fit that ended. One that will be repeated is not done."""
        self.running.pop(record.job_id, None)
        self.latest.append(record)
        self.stopping |= record.state == "interrupted"
        if record.state == "interrupted" or is_repeated(record.state, record.attempt):
            return
        self.times.append(record.seconds.get("total", 0.0))
        if record.kind != "search":
            self.refits_done += record.kind == "refit"
            if self.refits is not None:  # a bag comes after the runs that were planned
                self.refits = max(self.refits, self.refits_done)
            self.folds_done += record.kind == "fold"
            return
        self.done += record.counts
        if record.state == "completed" and record.value is not None and record.value >= (self.best or 0.0):
            self.best, self.best_trial = record.value, record

    def time_left(self, elapsed: float) -> float | None:
        """Estimates the time that the command still takes, in seconds; None before the first trial has ended.

        None where nothing more begins, too.

        Fits to come are counted as long as those that have ended took: of this study, with its cross-validation and
        final runs, and of the studies after it.

        Args:
            elapsed: seconds since the start of the study.
        """
        if self.stopping:
            return None
        if self.seconds is not None and self.refits is None and self.folds is None:
            return max(0.0, self.seconds - elapsed) + self.plan.studies_left * self.seconds
        if not self.times:
            return None
        if self.refits is not None:
            todo = self.refits - self.refits_done
        elif self.folds is not None:
            todo = self.folds - self.folds_done + self.plan.test_runs
        else:
            todo = self.total - self.done + self.plan.folds + self.plan.test_runs
        todo += self.plan.fits_of_later_studies
        return todo * sum(self.times) / len(self.times) / max(1, len(self.running))

    @property
    def phase(self) -> tuple[int, int, str]:
        """How many fits of the running phase are done and planned, and what one is called: 'trial' in the first."""
        if self.refits is not None:
            return self.refits_done, self.refits, "final run"
        if self.folds is not None:
            return self.folds_done, self.folds, "shortlist fit"
        return self.done, self.total, "trial"

    @property
    def count(self) -> str:
        """How far the running phase is, and which study it is, of several."""
        done, total, noun = self.phase
        text = f"{done}/{total} {noun}s"
        return f"{text}, study {self.plan.place} of {self.plan.studies}" if self.plan.studies > 1 else text
