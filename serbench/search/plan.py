"""`SearchPlan`: what a search was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from serbench.corpora import Corpus
from serbench.errors import UsageError, unknown
from serbench.records.schemas import LabelSource
from serbench.search.engines.dask.cluster import check_cluster
from serbench.search.studies.samplers import pruner_settings, sampler_settings
from serbench.search.studies.storage import check_storage_url
from serbench.spaces.space import Budget, SearchSpace

__all__ = ["SearchPlan"]

_LEAST = {
    "trials": 1, "workers": 1, "finalists": 0, "repeats": 1, "seed": 0, "split_seed": 0, "threads": 1, "probes": 0,
}  # fmt: skip


@dataclass(frozen=True)
class SearchPlan:
    """What a search was asked for.

    Attributes:
        spaces: searched one after the other.
        corpus: where clips come from.
        data: folder of the corpus, or None for where it usually lies.
        results: folder that everything is written to.
        protocol: its name; None for what each space says. The cores come from each space.
        labels: what the corpus says was meant, or what its listeners heard.
        trials: total a space that count, earlier runs included; None for what the space's budget says.
        seconds: bound on the trials of the command, refits included as far as their time can be foreseen.
        run: name of the run, or None for a derived one.
        threads: compute threads of each fit; None shares the cores out among the workers.
        probes: short fits that say which configurations come first; None for what the space's budget says.
        warm_start: study in the same results folder whose best configurations are tried first.
        storage: address of a PostgreSQL database; None for a file in each study's folder.
        cluster: address of a Dask scheduler, or `local`; None runs children of this process.
    """

    spaces: tuple[SearchSpace, ...]
    corpus: Corpus
    data: Path | None
    results: Path
    protocol: str | None = None
    labels: LabelSource = "intended"
    trials: int | None = None
    seconds: float | None = None
    workers: int | None = None
    finalists: int | None = None
    repeats: int | None = None
    run: str | None = None
    seed: int = 0
    split_seed: int = 0
    sampler: str = "tpe"
    pruner: str = "percentile"
    backend: str | None = None
    threads: int | None = None
    probes: int | None = None
    warm_start: str | None = None
    storage: str | None = None
    cluster: str | None = None

    def budget(self, space: SearchSpace) -> Budget:
        """What one space may spend: as asked, else as the space says."""
        asked = {name: getattr(self, name) for name in Budget.model_fields}
        return space.budget.model_copy(update={key: value for key, value in asked.items() if value is not None})

    def protocol_of(self, space: SearchSpace) -> str:
        """Name of the protocol that a space is searched under: as asked, else as the space says, else `speaker`."""
        return self.protocol or space.protocol or "speaker"

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
        if self.seconds is not None and self.seconds <= 0:
            raise UsageError(f"--time must be above 0 seconds, got {self.seconds:g}")
        if self.labels not in get_args(LabelSource):
            raise unknown("labels", self.labels, get_args(LabelSource))
        names = [space.name for space in self.spaces]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"space '{twice[0]}' is named twice; each space makes one study")

    def check(self) -> None:
        """Refuses what can be refused before anything is read.

        Raises:
            UsageError: an unknown sampler or pruner, or an address that is none.
            SerbenchError: an extra that is not installed.
        """
        pruner_settings(self.pruner, 1)
        sampler_settings(self.sampler)
        if self.storage is not None:
            check_storage_url(self.storage)
        if self.cluster is not None:
            check_cluster(self.cluster)
