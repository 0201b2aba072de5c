"""Fork: a new study with a changed space that keeps the trials of an earlier study which still fit."""

from __future__ import annotations

import shutil
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from serbench.errors import SerbenchError, UsageError
from serbench.protocols import Ratio, recorded_plan, recorded_protocol
from serbench.records import (
    STATES,
    AskedBudget,
    ResultsFolder,
    StudyFolder,
    StudyRecord,
    TrialRecord,
    fold_name,
    now,
)
from serbench.search.studies.recorded import recorded_features, recorded_training
from serbench.search.studies.samplers import pruner_settings, sampler_settings
from serbench.search.studies.study import default_run, study_name
from serbench.spaces import SearchSpace
from serbench.training import FitSettings

__all__ = ["Fork", "LeftOut", "fork_study"]

_TRIAL_FILES = ("predictions.parquet", "error.txt")


@dataclass(frozen=True)
class LeftOut:
    """A trial that a fork does not keep.

    Attributes:
        job_id: id of the trial.
        about: the hyperparameter or setting that does not fit. Trials are grouped by it.
        reason: explanation for the user.
    """

    job_id: str
    about: str
    reason: str


@dataclass(frozen=True)
class Fork:
    """A fork that was written.

    Attributes:
        record: record of the new study.
        kept: job ids of the kept trials.
        counted: number of kept trials that count towards the budget.
        left_out: all other trials of the source.
    """

    record: StudyRecord
    kept: tuple[str, ...]
    counted: int
    left_out: tuple[LeftOut, ...]

    def groups(self) -> dict[str, list[LeftOut]]:
        """Returns the trials that were left out, grouped by what does not fit, the largest group first."""
        found: dict[str, list[LeftOut]] = defaultdict(list)
        for one in self.left_out:
            found[one.about].append(one)
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def fork_study(results: ResultsFolder, source: str, space: SearchSpace, run: str | None = None) -> Fork:
    """Starts a study with another space from those trials of `source` that could have been drawn from that space.

    Kept trials keep their job ids, seeds and predictions, so that each can be retrained to the same score. The next
    search of the new study adds them to Optuna, as it does with all records.

    Args:
        results: folder of both studies.
        source: name of the earlier study.
        space: space of the new study, including overrides from the command line.
        run: name of the new study's run; None for a derived name.

    Raises:
        UsageError: scores of the two studies would not be comparable, no trial fits, or the new name is taken.
        SerbenchError: a record is damaged, or the fork cannot be written.
    """
    folder = results.existing_study(source)
    old = folder.record()
    training = recorded_training(folder, old)
    if changed := list(_incomparable(folder, old, training, space)):
        raise UsageError(
            f"study '{source}' cannot be forked to space '{space.name}', since their scores would not be comparable: "
            f"{'; '.join(changed)}. Change that in the space, or start a separate study with `serbench search`"
        )
    _check_ratios(folder, old, space)
    record = _record(old, space, source, run)
    kept: list[TrialRecord] = []
    left_out: list[LeftOut] = []
    for trial in folder.jobs("search"):
        why = _misfit(trial, space, training)
        if why is None:
            kept.append(_renamed(trial, record, space, source))
        else:
            left_out.append(LeftOut(trial.job_id, *why))
    if not kept:
        reason = f" ({left_out[0].job_id}: {left_out[0].reason})" if left_out else ": it has none"
        raise UsageError(f"no trial of study '{source}' fits space '{space.name}'{reason}; search it as a new study")
    _write(results, folder, record, kept)
    counted = sum(trial.counts for trial in kept)
    return Fork(record, tuple(trial.job_id for trial in kept), counted, tuple(left_out))


def _incomparable(folder: StudyFolder, old: StudyRecord, training: FitSettings, space: SearchSpace) -> Iterator[str]:
    """Names the differences that make scores of the old study and the new space incomparable."""
    if old.family != space.family.name:
        yield f"family {old.family} -> {space.family.name}"
        return
    known, asked = recorded_features(folder, old).model_dump(mode="json"), space.features.model_dump(mode="json")
    for name in asked:
        if known.get(name) != asked[name]:
            yield f"features {name}: {known.get(name, 'absent')} -> {asked[name]}"
    for name in ("epochs", "patience"):
        if getattr(training, name) != getattr(space.training, name):
            yield f"training {name}: {getattr(training, name)} -> {getattr(space.training, name)}"
    protocol = recorded_protocol(folder, old)
    for name in ("test_core", "validation_core"):
        before, after = getattr(protocol, name), getattr(space, name)
        if Decimal(before) != Decimal(after):
            yield f"protocol {name}: {before:f} -> {after:f}"
    if protocol.speaker_normalisation != space.speaker_normalisation:
        yield f"protocol speaker_normalisation: {protocol.speaker_normalisation} -> {space.speaker_normalisation}"
    if _read_votes(old) != space.reads_votes:
        yield "soft_labels: " + ("not used -> used" if space.reads_votes else "used -> not used")


def _read_votes(old: StudyRecord) -> bool:
    """Whether a study may train on the listeners' votes. Older records hold no digest if enqueued ones alone do."""
    enqueued = old.space.get("enqueue", {}).values()
    return old.corpus.votes is not None or any(known.get("parameters", {}).get("soft_labels") for known in enqueued)


def _check_ratios(folder: StudyFolder, old: StudyRecord, space: SearchSpace) -> None:
    """Refuses before writing anything what the next search would refuse."""
    clips = folder.clips()
    protocol, plan = recorded_protocol(folder, old), recorded_plan(folder, old, clips)
    for text in space.ratios():
        protocol.check(clips, plan, Ratio.parse(text))


def _record(old: StudyRecord, space: SearchSpace, source: str, run: str | None) -> StudyRecord:
    run = run or default_run(old)
    return old.model_copy(
        update={
            "name": fold_name(study_name(run, space.name), old.protocol.fold),
            "run": run,
            "space_name": space.name,
            "space_hash": space.hash,
            "space_text": space.text,
            "space": space.describe(),
            "features": space.features.model_dump(mode="json"),
            "feature_shape": space.features.shape,
            # From the name: the settings of that sampler may have changed since, and a search compares all of them.
            "sampler": sampler_settings(old.sampler.get("name", "")),
            "pruner": pruner_settings(old.pruner.get("name", ""), space.training.epochs),
            "identity": uuid.uuid4().hex[:16],
            "parent": source,
            "late_kicks": False,  # only final runs are without validation clips, and no kept trial is one
            "warm_start": None,
            "asked": AskedBudget(**space.budget.model_dump()),
            "created": now(),
        }
    )


def _misfit(trial: TrialRecord, space: SearchSpace, old: FitSettings) -> tuple[str, str] | None:
    """Returns why a trial does not belong in a fork, as (subject, reason); None if it does."""
    if STATES[trial.state].repeated:
        return trial.state, "it was interrupted, so its configuration has no score"
    try:
        config = space.complete(trial.config)
    except UsageError as error:
        return "no model", str(error)
    known = any(config == enqueued.config for enqueued in space.enqueued)
    misfits = {} if known else space.misfits(config)
    return next(iter(misfits.items()), None) or _other_limits(trial, old, space.training)


def _other_limits(trial: TrialRecord, old: FitSettings, new: FitSettings) -> tuple[str, str] | None:
    """Returns why a trial would have ended differently under the limits of the new space, as (subject, reason)."""
    size = trial.parameters
    if trial.state == "invalid":
        if size is not None and size <= new.max_parameters:
            return "max_parameters", f"{size:,} parameters were too many before and are allowed now"
    elif size is not None and size > new.max_parameters:
        return "max_parameters", f"{size:,} parameters, where at most {new.max_parameters:,} are allowed"
    if trial.state == "timeout" and old.trial_timeout_s != new.trial_timeout_s:
        return "trial_timeout_s", "it was ended by a limit that has changed"
    return None


def _renamed(trial: TrialRecord, record: StudyRecord, space: SearchSpace, source: str) -> TrialRecord:
    """Copies the record of a kept trial. Optuna gives it a new number."""
    config, origin = space.complete(trial.config), trial.origin
    taken = next((enqueued for enqueued in space.enqueued if enqueued.name == origin), None)
    if taken is not None and taken.config != config:
        # Otherwise the new space's configuration of that name would count as already tried.
        origin = f"{origin} of {source}"
    return trial.model_copy(update={"study": record.name, "number": None, "config": config, "origin": origin})


def _write(results: ResultsFolder, source: StudyFolder, record: StudyRecord, kept: list[TrialRecord]) -> None:
    with results.publish_study(record.name) as path:
        new = StudyFolder(path)
        shutil.copyfile(source.clips_path, new.clips_path)
        if (data := source.remembered_data()) is not None:
            new.remember_data(data)
        new.remember_places(source.remembered_places())
        if (bundle := source.remembered_init()) is not None:
            new.remember_init(bundle)
        for trial in kept:
            folder = new.job_path("search", trial.job_id)
            trial.save(folder / "record.json")
            for name in _TRIAL_FILES:
                file = source.job_path("search", trial.job_id) / name
                if file.is_file():
                    shutil.copyfile(file, folder / name)
        record.save(new.record_path)
    if results.study(record.name).record().identity != record.identity:
        raise SerbenchError(f"a search has just started study '{record.name}'; name the fork with --study NAME")
