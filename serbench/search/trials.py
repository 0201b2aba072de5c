"""`SearchTrials`: the trials of a search. It asks for configurations, prunes, records, and reports to Optuna."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from serbench.errors import SerbenchError, UsageError
from serbench.records import STATES, EpochMetrics, TrialRecord, is_repeated, now
from serbench.search.jobs import predictions_of, record_of
from serbench.search.mailbox import DoneMessage
from serbench.search.session import Session
from serbench.search.studies.optuna_history import Proposal
from serbench.training import TrialJob, TrialOutcome, Verdict

__all__ = ["SearchTrials"]

_MAX_INVALID_IN_A_ROW = 50
_SAME_CRASHES = 5


@dataclass
class _Trial:
    """A running trial: its proposal and its best score so far."""

    proposal: Proposal
    best: float = float("-inf")


_OF_TRIAL = frozenset({"limit", "kernel", "MemoryError"})
"""Kinds of a lack of memory that say something about the trial; others may be of a device that is full already."""


class SearchTrials:
    """The trials of one study, up to a total.

    Args:
        session: the study, already settled, and what its jobs run on.
        trials: total number of trials that count. Invalid, interrupted and lost trials do not count.
        shortlist_fits: number of fits of the shortlist.
        final_fits: number of final runs to come. For each of both as much time is reserved as the longest trial took,
            divided by the workers there are now, but at most half of what was left at the start, so that each session
            gets on with its trials.
    """

    def __init__(self, session: Session, trials: int, shortlist_fits: int, final_fits: int) -> None:
        self._session = session
        self._study, self._history = session.study, session.history
        self._total = trials
        self._shortlist_fits, self._final_fits = shortlist_fits, final_fits
        self._half_s = 0.0 if session.end is None else max(0.0, session.end - time.monotonic()) / 2
        self._never_pruned = {known.name for known in session.study.space.enqueued if known.finalist}
        records = session.study.records()
        self._counted = sum(record.counts for record in records)
        self._longest_s = max((record.lasting_s for record in records), default=0.0)
        self._running: dict[str, _Trial] = {}
        self._invalid_in_a_row = 0
        self._crashes: Counter[str] = Counter()
        self._only_crashes = True

    @property
    def deadline(self) -> float | None:
        """End of the session minus the time reserved for the fits after the trials."""
        session = self._session
        end = session.end
        if end is None or not session.workers:  # with no worker there is nothing to stop
            return end
        rounds = session.rounds(self._shortlist_fits) + session.rounds(self._final_fits)
        return end - min(rounds * self._longest_s, self._half_s)

    @property
    def cut_short(self) -> bool:
        """Whether trials are still wanted and no more can start, since the rest of the time is reserved."""
        end, deadline = self._session.end, self.deadline
        reserved = end is not None and deadline is not None and deadline < end
        return reserved and self.wanted(0) and not self._session.stop.is_set()

    def wanted(self, running: int) -> bool:
        """Whether the counted and the running trials together are fewer than the total."""
        return self._counted + running < self._total

    def begin(self) -> TrialJob | None:
        """Returns the next configuration as a job, or None if it is invalid. Invalid ones are recorded."""
        proposal, started = self._history.ask(), now()
        try:
            job = self._session.maker.search(proposal.job_id, proposal.number, proposal.config, proposal.attempt)
        except UsageError as error:
            self._record_invalid(proposal, str(error), started)
            return None
        self._running[proposal.job_id] = _Trial(proposal)
        return job

    def judge(self, job: TrialJob, metrics: EpochMetrics) -> Verdict:
        """Decides whether to prune a trial by its best score so far, so that one bad epoch does not end a good trial.

        A configuration that is tested whatever its score is never pruned, nor a trial after its last epoch: that saves
        nothing, and the trial could be no finalist.
        """
        trial = self._running[job.job_id]
        trial.best = max(trial.best, metrics.val_uar or 0.0)
        prune = self._history.report(trial.proposal.trial, trial.best, metrics.epoch)
        spared = trial.proposal.origin in self._never_pruned or metrics.epoch + 1 >= job.settings.epochs
        return Verdict.PRUNE if prune and not spared else Verdict.CONTINUE

    def finish(self, message: DoneMessage, job: TrialJob, started: str) -> None:
        """Records a trial that ended and reports it to Optuna."""
        proposal = self._running.pop(job.job_id).proposal
        outcome = message.outcome()
        number = proposal.trial.number
        record = record_of(job, outcome, self._study.clips, started, number, proposal.origin)
        self._record(number, record, outcome, job)

    def _record_invalid(self, proposal: Proposal, reason: str, started: str) -> None:
        record = TrialRecord(
            study=self._study.record.name,
            job_id=proposal.job_id,
            kind="search",
            number=proposal.trial.number,
            attempt=proposal.attempt,
            origin=proposal.origin,
            state="invalid",
            config=proposal.config,
            seed=self._study.seeds.trial(proposal.number),
            error=reason,
            error_kind="configuration",
            started=started,
            finished=now(),
        )
        self._record(proposal.trial.number, record, None, None)

    def _record(self, number: int, record: TrialRecord, outcome: TrialOutcome | None, job: TrialJob | None) -> None:
        """Records first and then reports to Optuna, so that a kill between the two loses nothing."""
        predictions = predictions_of(job, outcome, self._study.clips) if outcome and job else None
        self._study.folder.publish_job(record, predictions, error_text=outcome.traceback if outcome else None)
        self._history.tell(number, record)
        self._session.observer.trial_finished(record)
        self._counted += record.counts
        self._longest_s = max(self._longest_s, record.lasting_s)
        if STATES[record.state].repeated and not is_repeated(record.state, record.attempt):
            self._session.observer.warning(
                f"trial {record.job_id} was interrupted {record.attempt + 1} times and will not run again; another "
                "trial replaces it"
            )
        self._watch_failures(record)

    def _watch_failures(self, record: TrialRecord) -> None:
        self._invalid_in_a_row = self._invalid_in_a_row + 1 if record.state == "invalid" else 0
        if self._invalid_in_a_row >= _MAX_INVALID_IN_A_ROW:
            raise SerbenchError(
                f"{_MAX_INVALID_IN_A_ROW} configurations in a row were invalid, the last one since: "
                f"{record.error}; narrow the space or raise its max_parameters"
            )
        of_device = record.state == "memory" and record.error_kind not in _OF_TRIAL
        if (record.state == "crashed" or of_device) and self._only_crashes:
            self._crashes[record.error or ""] += 1
            if self._crashes[record.error or ""] >= _SAME_CRASHES:
                raise SerbenchError(
                    f"the first {_SAME_CRASHES} trials all crashed the same way: {record.error} (see "
                    f"{self._study.folder.job_path('search', record.job_id) / 'error.txt'})"
                )
        elif record.counts:
            self._only_crashes = False
