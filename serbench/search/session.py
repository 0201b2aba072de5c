"""`Session`: one opened study while it runs, with everything that probes, trials and refits need."""

from __future__ import annotations

import functools
import math
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
    """One opened study while it runs.

    Attributes:
        study: the opened study. Recorded jobs are not run again.
        maker: makes the jobs of the study.
        mailbox: hands jobs to the engine and returns their messages.
        observer: receives all events.
        stop: set by another thread to end the search gracefully.
        end: time on the clock of `time.monotonic()` by which the refits should be over; None for no limit.
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
        """Makes a session whose jobs run on an engine."""
        return cls(study, maker, Mailbox(engine, stop), observer, stop, end)

    @functools.cached_property
    def history(self) -> OptunaHistory:
        """The Optuna side of the study: proposes configurations and receives results."""
        return OptunaHistory(self.study)

    @property
    def workers(self) -> int:
        """Number of jobs that can run at the same time now."""
        return self.mailbox.engine.workers

    def rounds(self, fits: int) -> int:
        """How many of `fits` fits run one after the other on the workers there are now."""
        return math.ceil(fits / max(1, self.workers))
