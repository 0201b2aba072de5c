"""How many workers, threads and megabytes a search may use on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from serbench.errors import UsageError
from serbench.records import available_memory_mib, gpus, usable_cores
from serbench.training import GPU_BACKENDS

__all__ = ["GPU_BACKENDS", "WORKER_MIB", "Resources"]

WORKER_MIB = 1500  # a TensorFlow child with a small CNN (measured: 0.6-1.2 GiB)
_LEAST_MIB = 250  # below what the smallest recorded fits take of their own (344 MiB with TensorFlow)
_SHARE = 0.9  # of the free memory that children may fill


@dataclass(frozen=True)
class Resources:
    """Workers, threads and memory of one search.

    Attributes:
        workers: number of child processes side by side.
        threads: compute threads of each child.
        memory_limit_mib: largest resident memory of each child, in MiB, shared files excluded. A child above it is
            ended. None leaves the limit to the machine that runs it.
        devices: GPUs, one for each worker; empty on a CPU.
    """

    workers: int
    threads: int
    memory_limit_mib: int | None
    devices: tuple[str, ...] = ()

    @classmethod
    def choose(
        cls, workers: int | None, trials: int, backend: str = "tensorflow", threads: int | None = None
    ) -> Resources:
        """Chooses the number of workers: as requested, or as many as cores, memory and trials allow; one per GPU.

        Args:
            workers: requested number; None to choose.
            trials: largest number of trials to run.
            backend: Keras backend. Only backends in `GPU_BACKENDS` get GPUs.
            threads: requested threads; None divides the cores among the workers.

        Raises:
            UsageError: fewer than one worker.
        """
        if workers is not None and workers < 1:
            raise UsageError(f"--workers must be at least 1, got {workers}")
        cores, available = usable_cores(), available_memory_mib()
        devices = tuple(gpus()) if backend in GPU_BACKENDS else ()
        most = len(devices) or cores
        chosen = workers or max(1, min(most, int(available // WORKER_MIB), max(trials, 1)))
        return cls(chosen, threads or max(1, cores // chosen), int(_SHARE * available / chosen), devices)

    def shortage(self) -> str | None:
        """Returns a sentence if several workers leave each fit less memory than it may take; None if not.

        >>> print(Resources(workers=8, threads=1, memory_limit_mib=460).shortage())
        --workers 8 leaves each fit 460 MiB, and it may take about 1,500; if trials end as `memory`, use --workers 2

        Raises:
            UsageError: it is less than a fit takes to start.
        """
        share = self.memory_limit_mib
        if share is None or self.workers == 1 or share >= int(_SHARE * WORKER_MIB):
            return None
        fitting = max(1, int(share * self.workers / _SHARE // WORKER_MIB))
        found = f"--workers {self.workers} leaves each fit {share:,} MiB, and it may take about {WORKER_MIB:,}"
        if share < _LEAST_MIB:
            raise UsageError(f"{found}; use --workers {fitting}")
        return f"{found}; if trials end as `memory`, use --workers {fitting}"

    @classmethod
    def elsewhere(cls, threads: int) -> Resources:
        """Resources of jobs on other machines: the coordinator sets their threads, each worker decides the rest."""
        return cls(1, threads, None)

    def for_jobs(self, count: int) -> Resources:
        """Divides the same cores and memory among at most `count` jobs.

        >>> Resources(workers=4, threads=1, memory_limit_mib=1000).for_jobs(2)
        Resources(workers=2, threads=2, memory_limit_mib=2000, devices=())
        """
        workers = max(1, min(self.workers, count))
        share = self.workers // workers
        limit = None if self.memory_limit_mib is None else self.memory_limit_mib * share
        return Resources(workers, self.threads * share, limit, self.devices)

    def shared(self, parts: int) -> list[Resources]:
        """Divides workers and GPUs evenly among at most `parts` groups of jobs that run side by side.

        >>> [one.workers for one in Resources(workers=4, threads=1, memory_limit_mib=1000).shared(3)]
        [2, 1, 1]

        Groups share the GPUs if there are fewer of these.

        >>> [one.devices for one in Resources(2, 1, 1000, devices=("0",)).shared(2)]
        [('0',), ('0',)]
        """
        parts = max(1, min(self.workers, parts))
        return [
            Resources(
                workers=len(range(part, self.workers, parts)),
                threads=self.threads,
                memory_limit_mib=self.memory_limit_mib,
                devices=self.devices[part::parts] or self.devices,
            )
            for part in range(parts)
        ]
