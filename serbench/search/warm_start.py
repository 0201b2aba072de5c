"""A warm start: an earlier study's best configurations are tried first."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from serbench.errors import UsageError
from serbench.records import ResultsFolder, StudyFolder, WarmStart
from serbench.search.finalists import choose_finalists
from serbench.spaces import SearchSpace

__all__ = ["MAX_CONFIGS", "load_warm_start"]

MAX_CONFIGS = 5
"""Configurations taken over at the most."""


def load_warm_start(results: ResultsFolder, name: str, space: SearchSpace, test_clips: AbstractSet[str]) -> WarmStart:
    """The best configurations of a study that a space can hold.

    Args:
        results: where the earlier study lies.
        name: of the earlier study.
        space: of the new one.
        test_clips: digests of the new study's test core.

    Raises:
        UsageError: there is no such study, none of its configurations fits, or it chose them by clips that the new
            study tests on: its scores would be flattered.
    """
    folder = results.existing_study(name)
    if seen := len(_chosen_by(folder) & test_clips):
        raise UsageError(
            f"study '{name}' chose its configurations by {seen} clips that this study tests on, which would flatter "
            "its scores; warm-start from a study with the same --split-seed and protocol, or of another corpus"
        )
    fitting, reason = {}, "it has no completed trial"
    for finalist in choose_finalists(list(folder.jobs("search")), count=10**6):
        misfit = space.misfit(finalist.config)
        if misfit is None:
            fitting[finalist.job_id] = finalist.config
        else:
            reason = misfit
    if not fitting:
        raise UsageError(f"no configuration of study '{name}' fits space '{space.name}': {reason}")
    return WarmStart(study=name, configs=dict(list(fitting.items())[:MAX_CONFIGS]))


def _chosen_by(folder: StudyFolder) -> set[str]:
    """Digests of the clips that a study's trials were scored on."""
    digests = folder.clips().set_index("clip_id")["digest"]
    for record in folder.jobs("search"):
        if record.scores:
            predictions = folder.predictions("search", record.job_id)
            return set(digests.reindex(predictions["clip_id"]).dropna())
    return set()
