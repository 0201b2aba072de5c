"""Trials a minute with one, two and four workers, all trials alike."""

from __future__ import annotations

from benchmarks.real_trials import Ended, fit_trials, small_space
from benchmarks.table import Row, Settings
from serbench.records.machine import usable_cores

__all__ = ["measure"]


def measure(settings: Settings) -> list[Row]:
    """Both families; each worker gets its share of the cores, and one thread at the least."""
    trials, epochs, crowds = (2, 1, (1, 2)) if settings.quick else (12, 4, (1, 2, 4))
    rows = []
    for family in ("cnn1d", "cnn2d"):
        space = small_space(family, epochs)
        fit_trials(settings, space, 1, workers=1, observers=())  # the features, and the fork server
        for workers in crowds:
            ended = Ended()
            fit_trials(settings, space, trials, workers=workers, observers=(ended,))
            minutes = (ended.ended[-1] - ended.began[0]) / 60
            memory = max(record.peak_memory_mib or 0.0 for record in ended.records)
            limit = f"{usable_cores()} cores" if workers >= usable_cores() else "what one process can use of the cores"
            note = f"{family}, {workers} workers, {trials} trials of {epochs} epochs, {memory:.0f} MiB each at the most"
            rows.append(Row("throughput", trials / minutes, "trials a minute", limit, note=note))
    return rows
