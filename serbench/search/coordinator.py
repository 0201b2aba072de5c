"""The coordinator: the one place that asks and tells. Engines run jobs; it decides, records, prunes, stops."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass

from serbench.errors import SerbenchError, UsageError
from serbench.records.base import now
from serbench.records.schemas import EpochMetrics, TrialRecord
from serbench.records.states import STATES, UNCOUNTED_STATES, is_repeated
from serbench.search.jobs import JobMaker, predictions_of, record_of
from serbench.search.mailbox import DoneMessage, EpochMessage, JobRunner
from serbench.search.observer import Observer
from serbench.search.studies.study import Asked, Study
from serbench.training import TrialJob, TrialOutcome, Verdict

__all__ = ["Coordinator"]

_MAX_INVALID_IN_A_ROW = 50
_SAME_CRASHES = 5


@dataclass
class _Running:
    job: TrialJob
    asked: Asked
    started: str
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
        """Runs the (settled) study until `trials` trials count, earlier ones included, or the deadline, or a stop.

        Args:
            trials: total number of trials that count: not invalid, interrupted or lost ones.
            end: `time.monotonic()` by which the refits should be over, too.
            refit_rounds: how many refits follow one after the other. As much time is kept for each as the
                longest trial took; when only that is left, running trials are stopped and no new ones begin.

        Raises:
            SerbenchError: the study cannot go on (features, storage, a space without valid configurations,
                trials that all crash the same way).
        """
        records = self._study.records()
        self._counted = sum(r.state not in UNCOUNTED_STATES for r in records)
        self._longest = max((r.seconds.get("total", 0.0) for r in records), default=0.0)
        try:
            while True:
                deadline = None if end is None else end - refit_rounds * self._longest
                wanted = not self._stop.is_set() and (deadline is None or time.monotonic() < deadline)
                wanted = wanted and self._counted + len(self._running) < trials
                if wanted and len(self._running) < self._runner.engine.workers:
                    self._begin()
                    self._answer_waiting(deadline)
                elif self._running or wanted:
                    self._handle(self._runner.next(deadline))
                else:
                    return
        finally:
            if self._running:
                self._runner.close()

    def _answer_waiting(self, deadline: float | None) -> None:
        """Running jobs do not wait for an answer until the last of many workers was given its first job."""
        for _ in range(len(self._running)):
            message = self._runner.next(deadline, wait=False)
            if message is None:
                return
            self._handle(message)

    def _begin(self) -> None:
        asked = self._study.ask()
        started = now()
        try:
            job = self._maker.search(asked.job_id, asked.number, asked.config, asked.attempt)
        except UsageError as error:
            self._record_invalid(asked, str(error), started)
            return
        self._running[asked.job_id] = _Running(job, asked, started)
        self._observer.trial_started(asked.job_id, job.config, job.settings.epochs)
        self._runner.submit(job)

    def _record_invalid(self, asked: Asked, reason: str, started: str) -> None:
        record = TrialRecord(
            study=self._study.record.name,
            job_id=asked.job_id,
            kind="search",
            number=asked.trial.number,
            attempt=asked.attempt,
            origin=asked.origin,
            state="invalid",
            config=asked.config,
            seed=self._study.seeds.trial(asked.number),
            error=reason,
            error_kind="configuration",
            started=started,
            finished=now(),
        )
        self._finish(asked.trial.number, record, None, None)

    def _handle(self, message: EpochMessage | DoneMessage | None) -> None:
        if isinstance(message, EpochMessage):
            self._observer.epoch(message.job_id, message.metrics)
            message.answer(self._judge(self._running[message.job_id], message.metrics))
        elif isinstance(message, DoneMessage):
            running = self._running.pop(message.job_id)
            outcome = self._runner.outcome(message)
            number, origin = running.asked.trial.number, running.asked.origin
            record = record_of(running.job, outcome, self._study.clips, running.started, number, origin)
            self._finish(number, record, outcome, running.job)

    def _judge(self, running: _Running, metrics: EpochMetrics) -> Verdict:
        """Pruning looks at the running best: one bad epoch is no reason to end a good trial.

        A configuration that will be tested whatever its score is never pruned.
        """
        running.best = max(running.best, metrics.val_uar)
        prune = self._study.report(running.asked.trial, running.best, metrics.epoch)
        return Verdict.PRUNE if prune and running.asked.origin not in self._forced else Verdict.CONTINUE

    def _finish(self, number: int, record: TrialRecord, outcome: TrialOutcome | None, job: TrialJob | None) -> None:
        """Records, then tells: a kill between the two loses nothing."""
        predictions = predictions_of(job, outcome, self._study.clips) if outcome and job else None
        self._study.folder.publish_job(record, predictions, error_text=outcome.traceback if outcome else None)
        self._study.tell(number, record)
        self._observer.trial_finished(record)
        self._counted += record.state not in UNCOUNTED_STATES
        self._longest = max(self._longest, record.seconds.get("total", 0.0))
        if STATES[record.state].repeated and not is_repeated(record.state, record.attempt):
            self._observer.warning(
                f"trial {record.job_id} was broken off {record.attempt + 1} times and is given up; another takes its "
                "place"
            )
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
