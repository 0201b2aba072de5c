"""`new_study_record`: the record of a study that begins."""

from __future__ import annotations

import uuid

from serbench.corpora import StudyClips, votes_digest
from serbench.protocols import SplitPlan, SplitProtocol
from serbench.records import StudyRecord, current_environment, fold_name, now
from serbench.search.plan import SearchPlan
from serbench.search.studies.samplers import DEFAULT_SAMPLER, pruner_settings, sampler_settings
from serbench.search.studies.study import derived_run, study_name
from serbench.spaces import SearchSpace
from serbench.training import choose_precision

__all__ = ["new_study_record", "space_study"]


def new_study_record(
    plan: SearchPlan,
    space: SearchSpace,
    clips: StudyClips,
    protocol: SplitProtocol,
    split_plan: SplitPlan,
    *,
    folds: int,
    backend: str,
    reads_votes: bool,
) -> StudyRecord:
    """Makes the record of one study of a plan, without a warm start.

    Args:
        plan: the search plan.
        space: one of the plan's spaces.
        clips: clips of the plan's corpus.
        protocol: protocol under which the space is searched.
        split_plan: one fold of that protocol.
        folds: number of folds.
        backend: Keras backend.
        reads_votes: whether the record holds the digest of the listeners' votes.

    Raises:
        UsageError: the name of the run is not a plain folder name, or the precision, sampler or pruner is
            unknown.
    """
    run = _run(plan, clips, protocol)
    return StudyRecord(
        name=fold_name(space_study(plan, space, clips, protocol), split_plan.fold),
        run=run,
        family=space.family.name,
        space_name=space.name,
        space_hash=space.hash,
        space_text=space.text,
        space=space.describe(),
        corpus=clips.facts().model_copy(update={"votes": votes_digest(clips.table) if reads_votes else None}),
        protocol=protocol.facts(clips.table, split_plan, folds),
        features=space.features.model_dump(mode="json"),
        feature_shape=space.features.shape,
        seed=plan.seed,
        draws_by_fold=folds > 1,
        late_kicks=False,
        sampler=sampler_settings(plan.sampler or DEFAULT_SAMPLER),
        pruner=pruner_settings(plan.pruner, space.training.epochs),
        environment=current_environment(backend),
        precision=choose_precision(plan.precision, backend),
        identity=uuid.uuid4().hex[:16],
        asked=plan.asked(space),
        created=now(),
    )


def space_study(plan: SearchPlan, space: SearchSpace, clips: StudyClips, protocol: SplitProtocol) -> str:
    """Returns the name of a space's study, without the number of a fold.

    Raises:
        UsageError: the name of the run is not a plain folder name.
    """
    return study_name(_run(plan, clips, protocol), space.name)


def _run(plan: SearchPlan, clips: StudyClips, protocol: SplitProtocol) -> str:
    return plan.run or derived_run(clips.corpus.name, clips.label_source, protocol.name)
