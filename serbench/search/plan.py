"""`SearchPlan`: a search with its spaces and corpus loaded, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast, get_args

from serbench.corpora import Corpus, choose_corpus
from serbench.errors import UsageError, unknown
from serbench.protocols import get_kind
from serbench.records import AskedBudget, Finals, LabelSource
from serbench.search.engines.dask.cluster import check_cluster
from serbench.search.request import SearchRequest, SearchSettings
from serbench.search.studies.samplers import DEFAULT_SAMPLER, pruner_settings, sampler_settings
from serbench.search.studies.storage import check_storage_url
from serbench.spaces import Budget, SearchSpace, check_draws, default_spaces, load_space
from serbench.training import PRECISIONS

__all__ = ["SearchPlan"]


@dataclass(frozen=True, kw_only=True)
class SearchPlan(SearchSettings):
    """A search that can run: the settings of a request, with its spaces and its corpus loaded.

    Attributes:
        spaces: spaces to search, one after the other.
        corpus: source of the clips.
        data: folder of the corpus; None for its default folder.
        notes: sentences about families of plug-ins that are not searched, since their default space cannot be used.

    Raises:
        UsageError: a number is too small, labels are unknown, or a space is named twice.
    """

    spaces: tuple[SearchSpace, ...]
    corpus: Corpus
    data: Path | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, request: SearchRequest, spaces: Sequence[str | SearchSpace] = (), corpus: Corpus | None = None
    ) -> SearchPlan:
        """Loads what a request names. No audio is read.

        Args:
            request: the search request.
            spaces: names of spaces or loaded spaces, used instead of the names in the request.
            corpus: a loaded corpus, used instead of the name in the request.

        Raises:
            UsageError: a name is unknown, a value is invalid, or options contradict each other.
            SerbenchError: a file cannot be read.
        """
        request.check_ranges()
        if request.test_corpus is not None and not _tests_whole_corpus(request.protocol):
            raise UsageError(
                f"--protocol {request.protocol} tests a part of all clips, and --test-corpus asks to test on all of "
                f"'{request.test_corpus}'; leave one of the two out"
            )
        chosen, place = (corpus, request.data) if corpus is not None else _corpus(request)
        settings: dict[str, Any] = {
            declared.name: getattr(request, declared.name) for declared in fields(SearchSettings)
        }
        settings["protocol"] = request.protocol or ("cross-corpus" if request.test_corpus else None)
        notes: list[str] = []
        found = _spaces(request, spaces, chosen.name, notes.append)
        return cls(spaces=found, corpus=chosen, data=place, notes=tuple(notes), **settings)

    def __post_init__(self) -> None:
        self.check_ranges()
        if self.labels not in get_args(LabelSource):
            raise unknown("labels", self.labels, get_args(LabelSource))
        if self.finals is not None and self.finals not in get_args(Finals):
            raise unknown("finals", self.finals, get_args(Finals))
        for space in self.spaces:
            if (budget := self.budget(space)).finals == "all" and not budget.shortlist:
                raise UsageError(
                    "--finals all trains for the length that cross-validation found, and --shortlist 0 leaves that "
                    "out; ask for a shortlist, or for --finals held-out"
                )
        names = [space.name for space in self.spaces]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"space '{twice[0]}' is named twice; each space makes one study")

    @property
    def label_source(self) -> LabelSource:
        """The source of the labels, as records spell it."""
        return cast("LabelSource", self.labels)

    def budget(self, space: SearchSpace) -> Budget:
        """Returns the budget of one space: the request's values, else those of the space."""
        asked = {name: getattr(self, name) for name in Budget.model_fields}
        return space.budget.model_copy(update={key: value for key, value in asked.items() if value is not None})

    def asked(self, space: SearchSpace) -> AskedBudget:
        """Returns the budget as the record of a study keeps it, so that the command can be printed again."""
        return AskedBudget(**self.budget(space).model_dump(), workers=self.workers, threads=self.threads)

    def protocol_of(self, space: SearchSpace) -> str:
        """Returns the protocol of a space: the request's, else the one the space names, else `speaker`."""
        return self.protocol or space.protocol or "speaker"

    def check(self) -> None:
        """Checks, before anything is read, everything that can be checked that early.

        Raises:
            UsageError: the precision, the sampler or the pruner is unknown, an address is invalid, or the sampler
                cannot draw a valid configuration from a space.
            SerbenchError: an extra is not installed.
        """
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        pruner_settings(self.pruner, 1)
        sampler_settings(self.sampler or DEFAULT_SAMPLER)
        if self.storage is not None:
            check_storage_url(self.storage)
        if self.cluster is not None:
            check_cluster(self.cluster)
        for space in self.spaces:
            check_draws(space, self.budget(space).trials)


def _corpus(request: SearchRequest) -> tuple[Corpus, Path | None]:
    return choose_corpus(
        request.corpus,
        request.data,
        maps=request.label_map,
        drops=request.drop,
        names=request.file_names,
        test=request.test_corpus,
    )


def _spaces(
    request: SearchRequest, given: Sequence[str | SearchSpace], corpus_name: str, note: Callable[[str], None]
) -> tuple[SearchSpace, ...]:
    """Loads the spaces of a request and applies the overrides of the request."""
    changes = {"epochs": request.epochs, "max_parameters": request.max_params}
    changes = {name: value for name, value in changes.items() if value is not None}
    found = []
    for one in given or request.spaces or default_spaces(corpus_name, note):
        space = (one if isinstance(one, SearchSpace) else load_space(one)).with_training(**changes)
        found.append(space if request.split_ratio is None else space.with_split(request.split_ratio))
    return tuple(found)


def _tests_whole_corpus(protocol: str | None) -> bool:
    """Whether a protocol tests on all of --test-corpus: `cross-corpus`, and `given`, which reads the same split."""
    return protocol is None or get_kind(protocol).other_corpus or protocol == "given"
