"""The coordinator: the one place that asks and tells. Engines run jobs; it decides, records, prunes, stops."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass

import optuna

from serbench.errors import SerbenchError, UsageError
from serbench.records.results import REPEATED_STATES
from serbench.records.schemas import EpochMetrics, TrialRecord
from serbench.search.jobs import JobMaker, predictions_of, record_of
from serbench.search.observer import Observer
from serbench.search.runner import DoneMessage, EpochMessage, JobRunner
from serbench.search.study import Study, now
from serbench.training import TrialJob, TrialOutcome, Verdict

__all__ = ["UNCOUNTED_STATES", "Coordinator"]

UNCOUNTED_STATES = REPEATED_STATES | {"invalid"}
"""States that do not use up the trial budget."""

_MAX_INVALID_IN_A_ROW = 50
_SAME_CRASHES = 5


@dataclass
class _Running:
    job: TrialJob
    trial: optuna.Trial
    started: str
    known: str | None
    best: float = float("-inf")


class Coordinator:
    """Runs the trials of one study up to a total.

    Args:
        study: opened.
        maker: makes its jobs.
        runner: runs them.
        observer: is told everything.
        stop: set from outside to end gracefully.
    """

    def __init__(
        self, study: Study, maker: JobMaker, runner: JobRunner, observer: Observer, stop: threading.Event
    ) -> None:
        self._study = study
        self._maker = maker
        self._runner = runner
        self._observer = observer
        self._stop = stop
        self._running: dict[str, _Running] = {}
        self._forced = {known.name for known in study.space.enqueued if known.finalist}
        self._counted = 0
        self._longest = 0.0
        self._invalid_in_a_row = 0
        self._crashes: Counter[str] = Counter()
        self._in_a_row = True

    def run(self, trials: int, end: float | None = None, refit_rounds: int = 0) -> None:
        """Runs until `trials` trials count (those of earlier runs included), or the deadline, or a stop.

        Args:
            trials: total number of trials that count: not invalid, interrupted or lost ones.
            end: `time.monotonic()` by which the refits should be over, too.
            refit_rounds: how many refits follow one after the other. As much time is kept for each as the
                longest trial took; when only that is left, running trials are stopped and no new ones begin.

        Raises:
            SerbenchError: the study cannot go on (features, storage, a space without valid configurations,
                trials that all crash the same way).
        """
        self._study.settle_leftovers()
        records = self._study.records()
        self._counted = sum(r.state not in UNCOUNTED_STATES for r in records)
        self._longest = max((r.seconds.get("total", 0.0) for r in records), default=0.0)
        try:
            while True:
                deadline = None if end is None else end - refit_rounds * self._longest
                wanted = not self._stop.is_set() and (deadline is None or time.monotonic() < deadline)
                while (
                    wanted
                    and len(self._running) < self._runner.engine.workers
                    and self._counted + len(self._running) < trials
                ):
                    self._begin()
                if not self._running:
                    return
                self._handle(self._runner.next(deadline))
        finally:
            if self._running:
                self._runner.close()

    def _begin(self) -> None:
        trial, job_id, number, config = self._study.ask()
        started = now()
        try:
            job = self._maker.search(job_id, number, config)
        except UsageError as error:
            self._record_invalid(trial, job_id, number, config, str(error), started)
            return
        self._running[job_id] = _Running(job, trial, started, self._study.known_name(trial))
        self._observer.trial_started(job_id, job.config, job.settings.epochs)
        self._runner.submit(job)

    def _record_invalid(
        self, trial: optuna.Trial, job_id: str, number: int, config: dict[str, object], reason: str, started: str
    ) -> None:
        record = TrialRecord(
            study=self._study.record.name,
            job_id=job_id,
            kind="search",
            number=trial.number,
            state="invalid",
            config=config,
            seed=self._study.seeds.trial(number),
            error=reason,
            error_kind="configuration",
            started=started,
            finished=now(),
        )
        self._finish(trial.number, record, None, None)

    def _handle(self, message: EpochMessage | DoneMessage | None) -> None:
        if isinstance(message, EpochMessage):
            self._observer.epoch(message.job_id, message.metrics)
            message.answer.put(self._judge(self._running[message.job_id], message.metrics))
        elif isinstance(message, DoneMessage):
            running = self._running.pop(message.job_id)
            outcome = self._runner.outcome(message)
            number = running.trial.number
            record = record_of(running.job, outcome, self._study.clips, running.started, number, running.known)
            self._finish(number, record, outcome, running.job)

    def _judge(self, running: _Running, metrics: EpochMetrics) -> Verdict:
        """Pruning looks at the running best: one bad epoch is no reason to end a good trial.

        A configuration that will be tested whatever its score is never pruned.
        """
        running.best = max(running.best, metrics.val_uar)
        prune = self._study.report(running.trial, running.best, metrics.epoch)
        return Verdict.PRUNE if prune and running.known not in self._forced else Verdict.CONTINUE

    def _finish(self, number: int, record: TrialRecord, outcome: TrialOutcome | None, job: TrialJob | None) -> None:
        """Records, then tells: a kill between the two loses nothing."""
        predictions = predictions_of(job, outcome, self._study.clips) if outcome and job else None
        self._study.folder.publish_job(record, predictions, error_text=outcome.traceback if outcome else None)
        self._study.tell(number, record)
        self._observer.trial_finished(record)
        self._counted += record.state not in UNCOUNTED_STATES
        self._longest = max(self._longest, record.seconds.get("total", 0.0))
        self._watch_failures(record)

    def _watch_failures(self, record: TrialRecord) -> None:
        self._invalid_in_a_row = self._invalid_in_a_row + 1 if record.state == "invalid" else 0
        if self._invalid_in_a_row >= _MAX_INVALID_IN_A_ROW:
            raise SerbenchError(
                f"{_MAX_INVALID_IN_A_ROW} configurations in a row were invalid, the last one since: "
                f"{record.error}; narrow the space or raise its max_parameters"
            )
        if record.state == "crashed" and self._in_a_row:
            self._crashes[record.error or ""] += 1
            if self._crashes[record.error or ""] >= _SAME_CRASHES:
                raise SerbenchError(
                    f"the first {_SAME_CRASHES} trials all crashed the same way: {record.error} (see "
                    f"{self._study.folder.job_path('search', record.job_id) / 'error.txt'})"
                )
        elif record.state not in UNCOUNTED_STATES:
            self._in_a_row = False
