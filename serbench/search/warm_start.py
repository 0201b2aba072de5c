"""Warm start: a study begins with the best configurations of an earlier study."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import pandas as pd

from serbench.corpora import people_of, recorded_names
from serbench.errors import UsageError
from serbench.families import settings_in_use
from serbench.protocols import recorded_plan
from serbench.records import ResultsFolder, StudyFolder, StudyRecord, WarmStart
from serbench.search.finalists import choose_finalists
from serbench.spaces import SearchSpace, defaults

__all__ = ["MAX_CONFIGS", "load_warm_start"]

MAX_CONFIGS = 5
"""Largest number of configurations taken from the earlier study."""


def load_warm_start(results: ResultsFolder, name: str, space: SearchSpace, test_clips: AbstractSet[str]) -> WarmStart:
    """Returns the best configurations of an earlier study that fit a space, without those that it begins with anyway.

    Args:
        results: results folder of the earlier study.
        name: name of the earlier study.
        space: space of the new study.
        test_clips: digests of the clips in the new study's test set (its test core).

    Raises:
        UsageError: there is no such study, none of its configurations fits, or it selected them on clips that the new
            study tests on. The test scores would then be biased upwards. So it may be, too, where the study was
            warm-started or forked from one that is no longer there.
    """
    folder = results.existing_study(name)
    scored, named = _chosen_by(results, folder)
    if seen := len(scored & test_clips):
        raise UsageError(
            f"study '{name}' selected its configurations on {seen} clips of this study's test set, so the test scores "
            "would be too high; warm-start from a study with the same --split-seed and protocol, or of another corpus"
        )
    if seen := len(named & test_clips):
        raise UsageError(
            f"study '{name}' began with configurations that were chosen on speakers of {seen} clips of this study's "
            "test set (chosen_on), so the test scores would be too high; warm-start from a study of a space without "
            "these [[enqueue]] tables"
        )
    fitting, reason, begun_with = {}, "it has no completed trial", False
    own = [settings_in_use(space.family.name, one.config) for one in space.enqueued]
    later = defaults(space.family.hyperparameters)
    for finalist in choose_finalists(folder.record().family, list(folder.jobs("search")), count=10**6):
        config = {**later, **finalist.config}  # studies of earlier versions lack later hyperparameters
        try:
            misfit = space.misfit(config)
        except UsageError as error:  # later versions know what makes no sense
            misfit = str(error)
        if misfit is None and settings_in_use(space.family.name, config) in own:
            begun_with = True
        elif misfit is None:
            fitting[finalist.job_id] = config
        else:
            reason = misfit
    if not fitting and not begun_with:
        raise UsageError(f"no configuration of study '{name}' fits space '{space.name}': {reason}")
    return WarmStart(study=name, configs=dict(list(fitting.items())[:MAX_CONFIGS]))


def _chosen_by(
    results: ResultsFolder, folder: StudyFolder, seen: frozenset[str] = frozenset()
) -> tuple[set[str], set[str]]:
    """Digests of the clips on which the configurations of a study, or of one that it builds on, were chosen.

    Returns:
        The clips that trials were scored on, and those of the speakers who chose what spaces begin with.
    """
    record, clips = folder.record(), folder.clips()
    people = [f"{part}/{who}" for part, who in people_of(clips, record.corpus)]
    named = recorded_names(who for speakers in record.chosen_on.values() for who in speakers)
    by_speakers = clips["digest"][[who in named for who in people]]
    scored, chosen = _scored_on(folder, record, clips), set(by_speakers.dropna())
    warm = record.warm_start and record.warm_start.study
    for earlier, how in ((warm, "warm-started"), (record.parent, "forked")):
        if not earlier or earlier in seen:
            continue
        if earlier not in results.study_names():
            raise UsageError(
                f"study '{record.name}' was {how} from study '{earlier}', which is not in {results.root}, so nobody "
                "knows on which clips its configurations were chosen; restore it, or warm-start from another study"
            )
        more = _chosen_by(results, results.study(earlier), seen | {record.name})
        scored, chosen = scored | more[0], chosen | more[1]
    return scored, chosen


def _scored_on(folder: StudyFolder, record: StudyRecord, clips: pd.DataFrame) -> set[str]:
    """Digests of the clips on which the trials of a study were scored."""
    for trial in folder.jobs("search"):
        if trial.scores and folder.predictions_path("search", trial.job_id).is_file():
            scored = folder.predictions("search", trial.job_id)["clip_id"]
            return set(clips.set_index("clip_id")["digest"].reindex(scored).dropna())
    plan = recorded_plan(folder, record, clips)  # a published study holds no predictions of trials
    return set(clips["digest"].iloc[list(plan.core_split.validation)].dropna())
