"""`Session`: one opened study while it is run, with all that its steps (probes, trials, refits) need."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass

from serbench.search.engines.engine import Engine
from serbench.search.jobs import JobMaker
from serbench.search.mailbox import Mailbox
from serbench.search.observer import Observer
from serbench.search.studies.optuna_history import OptunaHistory
from serbench.search.studies.study import Study

__all__ = ["Session"]


@dataclass(frozen=True)
class Session:
    """One opened study while it is run.

    Attributes:
        study: opened; what is recorded already is not run again.
        maker: makes its jobs.
        mailbox: hands jobs to the engine and brings back their messages.
        observer: is told everything.
        stop: set from outside to end gracefully.
        end: `time.monotonic()` by which the refits should be over; None for no bound.
    """

    study: Study
    maker: JobMaker
    mailbox: Mailbox
    observer: Observer
    stop: threading.Event
    end: float | None = None

    @classmethod
    def on(
        cls,
        engine: Engine,
        study: Study,
        maker: JobMaker,
        observer: Observer,
        stop: threading.Event,
        end: float | None = None,
    ) -> Session:
        """A session whose jobs run on an engine."""
        return cls(study, maker, Mailbox(engine, stop), observer, stop, end)

    @functools.cached_property
    def history(self) -> OptunaHistory:
        """Optuna's side of the study: asks for configurations and is told results."""
        return OptunaHistory(self.study)

    @property
    def workers(self) -> int:
        """Jobs that can run at the same time, now."""
        return self.mailbox.engine.workers
