"""Warm start: a study begins with the best configurations of an earlier study."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from serbench.errors import UsageError
from serbench.records import ResultsFolder, StudyFolder, WarmStart
from serbench.search.finalists import choose_finalists
from serbench.spaces import SearchSpace

__all__ = ["MAX_CONFIGS", "load_warm_start"]

MAX_CONFIGS = 5
"""Largest number of configurations taken from the earlier study."""


def load_warm_start(results: ResultsFolder, name: str, space: SearchSpace, test_clips: AbstractSet[str]) -> WarmStart:
    """Returns the best configurations of an earlier study that fit a space.

    Args:
        results: results folder of the earlier study.
        name: name of the earlier study.
        space: space of the new study.
        test_clips: digests of the clips in the new study's test set (its test core).

    Raises:
        UsageError: there is no such study, none of its configurations fits, or it selected them on clips that the new
            study tests on. The test scores would then be biased upwards.
    """
    folder = results.existing_study(name)
    if seen := len(_chosen_by(folder) & test_clips):
        raise UsageError(
            f"study '{name}' selected its configurations on {seen} clips of this study's test set, so the test scores "
            "would be too high; warm-start from a study with the same --split-seed and protocol, or of another corpus"
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
    """Digests of the clips on which the trials of a study were scored."""
    digests = folder.clips().set_index("clip_id")["digest"]
    for record in folder.jobs("search"):
        if record.scores:
            predictions = folder.predictions("search", record.job_id)
            return set(digests.reindex(predictions["clip_id"]).dropna())
    return set()
