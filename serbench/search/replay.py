"""A replay: one recorded fit is run again exactly as it was, to see whether its score repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serbench.corpora import cache_root
from serbench.errors import SerbenchError, UsageError, unknown
from serbench.features import FeatureStore
from serbench.records import (
    Environment,
    EpochMetrics,
    JobKind,
    ResultsFolder,
    StepProgress,
    StudyFolder,
    StudyRecord,
    TrialRecord,
    TrialState,
    current_environment,
)
from serbench.search.jobs import JobMaker, predictions_of
from serbench.search.probes import EPOCH_SHARE
from serbench.search.resources import Resources
from serbench.search.studies.recorded import RecordedStudy, recorded_clips, recorded_plan, recorded_space
from serbench.spaces import SearchSpace
from serbench.training import (
    FeatureSource,
    JobControl,
    SeedTree,
    TrialJob,
    TrialOutcome,
    Verdict,
    choose_backend,
    run_job,
)

__all__ = ["TOLERANCE", "Replay", "replay_facts", "replay_trial"]

TOLERANCE = 1e-6
"""How far a replayed score may lie from the recorded one."""

_KINDS: tuple[JobKind, ...] = ("search", "refit", "probe")


@dataclass(frozen=True)
class Replay:
    """A recorded fit beside its repetition.

    Attributes:
        recorded_uar: on the validation core; None where the fit gave no score.
        recorded_epochs: how many it trained.
        largest_difference: between recorded and replayed class probabilities, over all predicted clips; None where
            one of the two has none, or they are not of the same clips.
        error: of the replay, if it ended in one.
        changed: what differs from the environment that the study was begun in, in words.
    """

    study: str
    job_id: str
    kind: JobKind
    recorded_state: TrialState
    replayed_state: TrialState
    recorded_uar: float | None
    replayed_uar: float | None
    recorded_epochs: int
    replayed_epochs: int
    largest_difference: float | None
    seconds: float | None
    error: str | None
    changed: tuple[str, ...]

    @property
    def repeated(self) -> bool:
        """Whether the score is the recorded one; where none was recorded there is nothing to repeat."""
        if self.recorded_uar is None:
            return True
        return self.replayed_uar is not None and abs(self.replayed_uar - self.recorded_uar) <= TOLERANCE

    def describe(self) -> dict[str, Any]:
        """For JSON."""
        return {"schema_version": 1, **asdict(self), "changed": list(self.changed), "repeated": self.repeated}

    def complaint(self) -> str:
        """Why a score that does not repeat may have changed, in one sentence."""
        got = self.replayed_state if self.replayed_uar is None else f"{self.replayed_uar:.6f}"
        why = (
            f"since then changed: {', '.join(self.changed)}"
            if self.changed
            else "nothing recorded of the environment has changed, so the record, or the code at the same revision, did"
        )
        return f"{self.job_id} of study '{self.study}' scored {self.recorded_uar:.6f} and now {got}; {why}"


def replay_trial(
    results: ResultsFolder,
    study: str,
    job_id: str,
    data: Path | None = None,
    progress: StepProgress = lambda _what, _done, _total: None,
) -> Replay:
    """Fits one trial, refit or probe again in a fresh child; nothing is written to the results.

    Configuration, seed and threads are those of its record, the backend that of its study. A pruned trial is ended
    after the same epoch.

    Args:
        results: where the study lies.
        study: its name.
        job_id: of the fit.
        data: the corpus's folder; None for where the search found it.
        progress: called with what is done, and (done, total).

    Raises:
        UsageError: there is no such study or fit.
        SerbenchError: the corpus is gone or another, the backend is missing, or a record is damaged.
    """
    folder = results.existing_study(study)
    record = folder.record()
    kind = _kind(folder, job_id)
    trial = folder.job(kind, job_id)
    if (trial.job_id, trial.kind) != (job_id, kind):
        raise SerbenchError(f"{folder.job_path(kind, job_id)} holds the record of {trial.job_id}; restore it")
    backend = choose_backend(record.environment.backend)
    space = recorded_space(folder, record)
    clips = recorded_clips(folder, record, data, progress)
    rebuilt = RecordedStudy(folder, record, space, recorded_plan(folder, record, clips), SeedTree(record.seed))
    source = FeatureSource(clips, FeatureStore(cache_root() / "features"))
    source.paths(space.features, progress=lambda done, total: progress("computing features", done, total))
    resources = Resources.choose(1, 1, backend, trial.threads or 1)
    try:
        job = _job(rebuilt, trial, resources, backend)
    except UsageError as error:
        outcome, predictions = TrialOutcome("invalid", error=str(error), error_kind="configuration"), None
    else:
        prune_after = len(trial.epochs) if trial.state == "pruned" else None
        outcome = _run(job, source, next(iter(resources.devices), None), prune_after, progress)
        predictions = predictions_of(job, outcome, clips)
    return Replay(
        study=study,
        job_id=job_id,
        kind=kind,
        recorded_state=trial.state,
        replayed_state=outcome.state,
        recorded_uar=trial.value,
        replayed_uar=outcome.value,
        recorded_epochs=len(trial.epochs),
        replayed_epochs=len(outcome.epochs),
        largest_difference=_largest_difference(folder, trial, predictions),
        seconds=outcome.seconds.get("total"),
        error=outcome.error,
        changed=tuple(_changes(record, space, current_environment(backend))),
    )


def replay_facts(found: Replay) -> list[tuple[str, str]]:
    """A replay for people: a name and a text each."""
    scores = (found.recorded_uar, found.replayed_uar)
    recorded, replayed = ("no score" if score is None else f"validation UAR {score:.6f}" for score in scores)
    facts = [
        ("fit", f"{found.job_id} ({found.kind}) of study {found.study}"),
        ("recorded", f"{found.recorded_state}, {recorded}, {found.recorded_epochs} epochs"),
        ("replayed", f"{found.replayed_state}, {replayed}, {found.replayed_epochs} epochs"),
        ("error", found.error or ""),
        ("predictions", _difference(found.largest_difference)),
        ("changed", ", ".join(found.changed)),
    ]  # fmt: skip
    if found.recorded_uar is not None:
        facts.append(("result", "the score repeats" if found.repeated else "the score does not repeat"))
    return [(name, text) for name, text in facts if text]


def _difference(largest: float | None) -> str:
    if not largest:
        return "" if largest is None else "the same probabilities"
    return f"probabilities differ by {largest:.1e} at the most"


def _kind(folder: StudyFolder, job_id: str) -> JobKind:
    known = {name: kind for kind in _KINDS for name in folder.job_ids(kind)}
    if job_id not in known:  # never a path
        hint = "" if known else "The study has none yet."
        raise unknown("trial", job_id, known, hint=hint)
    return known[job_id]


def _job(study: RecordedStudy, trial: TrialRecord, resources: Resources, backend: str) -> TrialJob:
    """The job of a record; its seed is the record's own, so that numbers which seeds come from do not matter."""
    maker = JobMaker(study, resources, backend)
    if trial.kind == "refit":
        job = maker.refit(trial.job_id, 0, 0, trial.config)
    elif trial.kind == "probe":
        job = maker.probe(trial.job_id, 0, trial.config, EPOCH_SHARE)
    else:
        job = maker.search(trial.job_id, 0, trial.config)
    return replace(job, seed=trial.seed, attempt=trial.attempt, keep_model=False)


def _run(
    job: TrialJob, source: FeatureSource, device: str | None, prune_after: int | None, progress: StepProgress
) -> TrialOutcome:
    def report(metrics: EpochMetrics) -> Verdict:
        progress(f"fitting {job.job_id}", metrics.epoch + 1, job.settings.epochs)
        return Verdict.PRUNE if metrics.epoch + 1 == prune_after else Verdict.CONTINUE

    return run_job(job, source, JobControl(report, device=device))


def _largest_difference(folder: StudyFolder, trial: TrialRecord, replayed: pd.DataFrame | None) -> float | None:
    if replayed is None or not (folder.job_path(trial.kind, trial.job_id) / "predictions.parquet").is_file():
        return None
    recorded = folder.predictions(trial.kind, trial.job_id)
    columns = [name for name in map(str, replayed) if name.startswith("p_")]
    keys = ["clip_id", "subset"]
    if not {*keys, *columns} <= set(recorded) or len(recorded) != len(replayed):
        return None
    both = recorded.merge(replayed, on=keys, how="inner", suffixes=("", "_replayed"))
    if len(both) != len(replayed):
        return None
    again = both[[f"{name}_replayed" for name in columns]].to_numpy(dtype=np.float64)
    difference = float(np.abs(both[columns].to_numpy(dtype=np.float64) - again).max())
    return difference if np.isfinite(difference) else None


def _changes(record: StudyRecord, space: SearchSpace, now: Environment) -> list[str]:
    """What is not as it was when the study began."""
    before = record.environment
    pairs: dict[str, tuple[object, object]] = {
        name: (getattr(before, name), getattr(now, name)) for name in ("serbench", "git_revision", "python", "cpu")
    }
    packages: Mapping[str, str] = before.packages | now.packages
    pairs |= {name: (before.packages.get(name), now.packages.get(name)) for name in packages}
    pairs["space hash"] = (record.space_hash, space.hash)
    return [f"{name} {old or 'none'} -> {new or 'none'}" for name, (old, new) in pairs.items() if old != new]
