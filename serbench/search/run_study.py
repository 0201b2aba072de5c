"""`run_study`: takes one opened study from where it stands to tested finalists."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence

from serbench.errors import SerbenchError
from serbench.records.states import UNCOUNTED_STATES
from serbench.search.coordinator import Coordinator
from serbench.search.engines.local import Engine
from serbench.search.finalists import Finalist, choose_finalists, refit_finalists
from serbench.search.jobs import JobMaker
from serbench.search.mailbox import JobRunner
from serbench.search.observer import Observer
from serbench.search.probes import run_probes
from serbench.search.resources import Resources
from serbench.search.studies.study import Study
from serbench.spaces.space import Budget

__all__ = ["run_study"]


def run_study(
    study: Study,
    engine: Engine,
    resources: Resources,
    budget: Budget,
    backend: str,
    observer: Observer,
    stop: threading.Event,
    end: float | None,
) -> None:
    """Runs probes, trials and refits, as far as the budget, the time and a stop allow.

    Args:
        study: opened; what is recorded already is not run again.
        engine: runs the jobs.
        resources: of each job.
        budget: totals.
        backend: of Keras.
        observer: is told everything.
        stop: set from outside to end gracefully.
        end: `time.monotonic()` by which the refits should be over.

    Raises:
        SerbenchError: the study cannot go on; what was done is recorded.
    """
    maker = JobMaker(study, resources, backend)
    _announce(study, budget, observer, end)
    study.settle()
    run_probes(study, maker, JobRunner(engine, stop), observer, stop, budget.probes, end)
    forced = [known.name for known in study.space.enqueued if known.finalist]
    rounds = math.ceil((budget.finalists + len(forced)) * budget.repeats / max(1, engine.workers))
    Coordinator(study, maker, JobRunner(engine, stop), observer, stop).run(budget.trials, end, rounds)
    if not stop.is_set():
        finalists = choose_finalists(study.records(), budget.finalists, forced)
        for name in set(forced) - {finalist.name for finalist in finalists}:
            observer.warning(f"no trial of '{name}', which the space makes a finalist, has completed yet")
        if not finalists and budget.finalists:
            _nothing_to_test(study, observer, end)
        elif not refit_finalists(study, maker, JobRunner(engine, stop), observer, stop, finalists, budget.repeats):
            _nothing_tested(study, stop, finalists)
    observer.study_finished(study.record)


def _announce(study: Study, budget: Budget, observer: Observer, end: float | None) -> None:
    seconds = None if end is None else end - time.monotonic()
    known = [record for record in study.records() if record.state not in UNCOUNTED_STATES]
    best = max((record.value or 0.0 for record in known if record.state == "completed"), default=None)
    observer.study_started(study.record, budget.trials, len(known), best, seconds)


def _nothing_to_test(study: Study, observer: Observer, end: float | None) -> None:
    if end is not None:
        observer.warning(
            f"no trial of study '{study.record.name}' ended within --time; the same command goes on from here"
        )
        return
    raise SerbenchError(
        f"no trial of study '{study.record.name}' completed, so there is nothing to test; the reasons are in the "
        f"records under {study.folder.path / 'trials'}"
    )


def _nothing_tested(study: Study, stop: threading.Event, finalists: Sequence[Finalist]) -> None:
    if finalists and not stop.is_set():
        raise SerbenchError(
            f"no refit of study '{study.record.name}' completed; the reasons are in the records under "
            f"{study.folder.path / 'refits'}, and the same command tries again"
        )
