"""How many workers, threads and megabytes a search may use on this machine."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from serbench.errors import UsageError
from serbench.records.environment import usable_cores

__all__ = ["Resources"]

_WORKER_MIB = 1500  # a TensorFlow child with a small CNN (measured: 0.6-1.2 GiB)


@dataclass(frozen=True)
class Resources:
    """What one search uses.

    Attributes:
        workers: children side by side.
        threads: compute threads of each.
        memory_limit_mib: own resident memory of each, above which it is ended.
    """

    workers: int
    threads: int
    memory_limit_mib: int

    @classmethod
    def choose(cls, workers: int | None, trials: int) -> Resources:
        """Workers as asked, or the least of cores, what memory allows, and the trials to run.

        Raises:
            UsageError: fewer than one worker.
        """
        if workers is not None and workers < 1:
            raise UsageError(f"--workers must be at least 1, got {workers}")
        cores = usable_cores()
        available = psutil.virtual_memory().available / 2**20
        chosen = workers or max(1, min(cores, int(available // _WORKER_MIB), max(trials, 1)))
        return cls(chosen, max(1, cores // chosen), int(0.9 * available / chosen))

    def for_jobs(self, count: int) -> Resources:
        """The same cores and memory shared by at most `count` jobs.

        >>> Resources(workers=4, threads=1, memory_limit_mib=1000).for_jobs(2)
        Resources(workers=2, threads=2, memory_limit_mib=2000)
        """
        workers = max(1, min(self.workers, count))
        share = self.workers // workers
        return Resources(workers, self.threads * share, self.memory_limit_mib * share)
