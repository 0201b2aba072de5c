"""`run_study`: runs one opened study from its current state to tested finalists."""

from __future__ import annotations

import time
from collections.abc import Sequence

from serbench.errors import SerbenchError
from serbench.records import STATES, JobId, ShortlistRecord
from serbench.results import best_score
from serbench.search.bag import run_bag
from serbench.search.coordinator import Coordinator
from serbench.search.finalists import Finalist, choose_finalists, choose_shortlisted, refit_finalists
from serbench.search.probes import run_probes
from serbench.search.session import Session
from serbench.search.shortlist import run_shortlist, shortlist_fits
from serbench.spaces import Budget

__all__ = ["run_study"]


def run_study(session: Session, budget: Budget) -> None:
    """Runs probes, trials, the shortlist and the final runs until the budget or the time is spent, or a stop comes.

    Args:
        session: the study and what its jobs run on.
        budget: totals, earlier runs included.

    Raises:
        SerbenchError: the study cannot go on. Everything done so far is recorded.
    """
    study, observer = session.study, session.observer
    _announce(session, budget)
    session.history.settle()
    run_probes(session, budget.probes)
    forced = [known.name for known in study.space.enqueued if known.finalist]
    # All of them: what is still to be tried or compared may displace those that are recorded.
    finals = (budget.finalists + len(forced)) * budget.repeats
    listed = shortlist_fits(study, min(budget.shortlist, budget.trials))
    Coordinator(session).run_trials(budget.trials, shortlist_fits=listed, final_fits=finals)
    if not session.stop.is_set():
        shortlisted = run_shortlist(session, budget.shortlist, session.rounds(finals))
        if not session.stop.is_set():
            _test(session, budget, shortlisted, forced)
    observer.study_finished(study.record)


def _test(session: Session, budget: Budget, shortlisted: Sequence[ShortlistRecord], forced: Sequence[str]) -> None:
    """Retrains and tests the finalists, and tests the bag of the selected configuration."""
    family, trials = session.study.record.family, session.study.records()
    tested = {JobId.parse(refit.job_id).trial for refit in session.study.folder.jobs("refit")}
    finalists = (
        choose_shortlisted(family, trials, shortlisted, budget.finalists, budget.finals or "all", forced, tested)
        if shortlisted
        else choose_finalists(family, trials, budget.finalists, forced, tested)
    )
    for name in sorted(set(forced) - {trial.origin for trial in trials if trial.state == "completed"}):
        session.observer.warning(f"no trial of '{name}', which the space makes a finalist, has completed yet")
    if not finalists and budget.finalists:
        _nothing_to_test(session, budget)
    elif not refit_finalists(session, finalists, budget.repeats):
        _nothing_tested(session, finalists)
    elif shortlisted and budget.finalists and not session.stop.is_set():
        run_bag(session, shortlisted[0])


def _announce(session: Session, budget: Budget) -> None:
    study, end = session.study, session.end
    seconds = None if end is None else end - time.monotonic()
    known = [record for record in study.records() if record.counts]
    session.observer.study_started(study.record, budget.trials, len(known), best_score(known), seconds)


def _nothing_to_test(session: Session, budget: Budget) -> None:
    study = session.study
    counted = sum(trial.counts for trial in study.records())
    if session.end is not None and counted < budget.trials:
        session.observer.warning(
            f"no trial of study '{study.record.name}' ended within --time; the same command goes on from here"
        )
        return
    raise SerbenchError(
        f"no trial of study '{study.record.name}' completed, so there is nothing to test; the reasons are in the "
        f"records under {study.folder.path / 'trials'}; raise --trials, or `serbench study remove {study.record.name}` "
        "to try again"
    )


def _nothing_tested(session: Session, finalists: Sequence[Finalist]) -> None:
    study = session.study
    if not finalists or session.stop.is_set():
        return
    chosen = {finalist.job_id for finalist in finalists}
    runs = [run for run in study.folder.jobs("refit") if JobId.parse(run.job_id).trial in chosen]
    again = any(STATES[run.state].retryable for run in runs)
    raise SerbenchError(
        f"no refit of study '{study.record.name}' completed; the reasons are in the records under "
        f"{study.folder.path / 'refits'}"
        + (
            ", and the same command tries again"
            if again
            else "; diverged runs are not tried again: ask for more --repeats or --finalists"
        )
    )
