"""How many workers, threads and megabytes a search may use on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from serbench.errors import UsageError
from serbench.records import available_memory_mib, gpus, usable_cores

__all__ = ["GPU_BACKENDS", "WORKER_MIB", "Resources"]

GPU_BACKENDS = frozenset({"jax", "torch"})
"""Those that are given a GPU; TensorFlow's CPU package from PyPI sees none."""

WORKER_MIB = 1500  # a TensorFlow child with a small CNN (measured: 0.6-1.2 GiB)


@dataclass(frozen=True)
class Resources:
    """What one search uses.

    Attributes:
        workers: children side by side.
        threads: compute threads of each.
        memory_limit_mib: own resident memory of each, above which it is ended; None leaves it to where it runs.
        devices: GPUs, one for each worker; none on a CPU.
    """

    workers: int
    threads: int
    memory_limit_mib: int | None
    devices: tuple[str, ...] = ()

    @classmethod
    def choose(
        cls, workers: int | None, trials: int, backend: str = "tensorflow", threads: int | None = None
    ) -> Resources:
        """Workers as asked, or the least of cores, what memory allows, and the trials to run; on GPUs one each.

        Args:
            workers: as asked.
            trials: to be run at the most.
            backend: TensorFlow from PyPI's CPU package sees no GPU, so only others are given one.
            threads: as asked; else the cores are shared out.

        Raises:
            UsageError: fewer than one worker.
        """
        if workers is not None and workers < 1:
            raise UsageError(f"--workers must be at least 1, got {workers}")
        cores, available = usable_cores(), available_memory_mib()
        devices = tuple(gpus()) if backend in GPU_BACKENDS else ()
        most = len(devices) or cores
        chosen = workers or max(1, min(most, int(available // WORKER_MIB), max(trials, 1)))
        return cls(chosen, threads or max(1, cores // chosen), int(0.9 * available / chosen), devices)

    @classmethod
    def elsewhere(cls, threads: int) -> Resources:
        """What the coordinator says of jobs on other machines: their threads. The rest is for each worker to say."""
        return cls(1, threads, None)

    def for_jobs(self, count: int) -> Resources:
        """The same cores and memory shared by at most `count` jobs.

        >>> Resources(workers=4, threads=1, memory_limit_mib=1000).for_jobs(2)
        Resources(workers=2, threads=2, memory_limit_mib=2000, devices=())
        """
        workers = max(1, min(self.workers, count))
        share = self.workers // workers
        limit = None if self.memory_limit_mib is None else self.memory_limit_mib * share
        return Resources(workers, self.threads * share, limit, self.devices)
