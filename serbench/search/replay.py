"""Replay: runs one recorded fit again with the same settings, to see whether its score repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from serbench.errors import SerbenchError, UsageError, unknown
from serbench.features import FeatureStore
from serbench.protocols import recorded_plan, recorded_protocol
from serbench.records import (
    Environment,
    EpochMetrics,
    JobId,
    JobKind,
    LedgerLine,
    ResultsFolder,
    StepProgress,
    StudyFolder,
    StudyRecord,
    TrialRecord,
    TrialState,
    answers_digest,
    current_environment,
    prediction_digests,
    write_bytes_atomic,
)
from serbench.search.bag import fold_models
from serbench.search.jobs import JobMaker, predictions_of
from serbench.search.probes import EPOCH_SHARE
from serbench.search.resources import Resources
from serbench.search.studies.recorded import (
    RecordedStudy,
    recorded_clips,
    recorded_space,
)
from serbench.search.transfer.resolve import recorded_transfer
from serbench.search.transfer.transfer import NO_TRANSFER, Transfer
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
"""Largest difference between a replayed and a recorded score that counts as equal."""

_SAME_ANSWERS = 1e-4
"""Largest difference of a probability at which a model is the recorded one, as an export allows."""


@dataclass(frozen=True)
class Replay:
    """A recorded fit and its replay.

    Attributes:
        recorded_uar: UAR on the validation core, a fraction; None if the fit has no score.
        recorded_epochs: number of epochs trained.
        largest_difference: between recorded and replayed class probabilities, over all clips of the recorded subsets;
            None if one of the two fits has none, or they predicted different clips.
        same_answers: whether the recorded answers, or those behind recorded digests, were given again; None if the
            record holds neither.
        error: error of the replay, if it ended with one.
        changed: differences from the environment in which the study was created, for the user.
        uncounted: why the ledger does not count that the test set was predicted; '' if it does, or none was predicted.
        kept: path of the trained model; '' if it was not asked for, or is not known to give the recorded answers.
        unkept: why a model that was asked for was not kept.
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
    same_answers: bool | None
    seconds: float | None
    error: str | None
    changed: tuple[str, ...]
    uncounted: str = ""
    kept: str = ""
    unkept: str = ""

    @property
    def repeated(self) -> bool:
        """Whether the score equals the recorded one. Without a score, whether the fit ended so and the answers do."""
        if self.recorded_uar is None:
            return self.replayed_state == self.recorded_state and self.same_answers is not False
        return self.replayed_uar is not None and abs(self.replayed_uar - self.recorded_uar) <= TOLERANCE

    def describe(self) -> dict[str, Any]:
        """Returns the replay for JSON."""
        return {"schema_version": 1, **asdict(self), "changed": list(self.changed), "repeated": self.repeated}

    def complaint(self) -> str:
        """Explains in one sentence why a score that does not repeat may have changed."""
        fit = f"{self.job_id} of study '{self.study}'"
        if self.recorded_uar is None and self.replayed_state == self.recorded_state:
            return f"the probabilities of {fit} changed; {self.why()}"
        if self.recorded_uar is None:
            return f"{fit} was {self.recorded_state} and is now {self.replayed_state}; {self.error or self.why()}"
        got = self.replayed_state if self.replayed_uar is None else f"{self.replayed_uar:.6f}"
        return f"{fit} scored {self.recorded_uar:.6f} and now {got}; {self.why()}"

    def why(self) -> str:
        """Says what may be the reason, as the end of a sentence."""
        if self.changed:
            return f"changed since then: {', '.join(self.changed)}"
        return (
            "nothing that is recorded of the environment has changed (processor, packages, revision), so the record "
            "changed, or what is not recorded of it, such as a driver or an environment variable"
        )


def replay_trial(
    results: ResultsFolder,
    study: str,
    job_id: str,
    data: Path | None = None,
    progress: StepProgress = lambda _what, _done, _total: None,
    *,
    keep_model: bool = False,
) -> Replay:
    """Fits one recorded job (trial, final run, fold or probe) again, or averages a bag again, in a fresh child process.

    Nothing is written to the results, except that the ledger counts the replay of a refit: it predicts the test set.
    With `keep_model` the trained model is written, too, where it gives the recorded answers. So an entry of published
    results, which hold no weights, can be exported.

    Configuration, seed and threads come from the job's record, the backend from that of its study. A pruned trial ends
    after the same epoch.

    Args:
        results: results folder of the study.
        study: name of the study.
        job_id: id of the fit.
        data: folder of the corpus; None for the folder that the search used.
        progress: called with the name of the step and (done, total).
        keep_model: whether the model of a refit or fold is written to the study's folder.

    Raises:
        UsageError: there is no such study or fit, or a model is asked for of a fit that keeps none.
        SerbenchError: the corpus is missing or different, the backend is missing, or a record is damaged.
    """
    folder = results.existing_study(study)
    record, trial = folder.record(), _recorded_fit(folder, job_id)
    if keep_model:
        _check_keepable(folder, trial)
    space = recorded_space(folder, record)
    clips = recorded_clips(folder, record, data, progress)
    rebuilt = RecordedStudy(folder, record, space, recorded_plan(folder, record, clips), SeedTree.of(record))
    transfer = NO_TRANSFER if JobId.parse(job_id).role == "bag" else recorded_transfer(results, folder, record)
    outcome, predictions = _fit_again(rebuilt, trial, clips, transfer, progress, keep_model=keep_model)
    difference = _largest_difference(folder, trial, predictions)
    same = _same_answers(folder, trial, predictions, difference)
    uncounted = "" if predictions is None else _count(results, record, job_id, predictions)
    kept, unkept = _keep(folder, trial, outcome, difference, same) if keep_model else ("", "")
    return Replay(
        study=study,
        job_id=job_id,
        kind=trial.kind,
        recorded_state=trial.state,
        replayed_state=outcome.state,
        recorded_uar=trial.value,
        replayed_uar=outcome.value,
        recorded_epochs=len(trial.epochs),
        replayed_epochs=len(outcome.epochs),
        largest_difference=difference,
        same_answers=same,
        seconds=outcome.seconds.get("total"),
        error=outcome.error,
        changed=tuple(_changes(record, space, current_environment(choose_backend(record.environment.backend)))),
        uncounted=uncounted,
        kept=kept,
        unkept=unkept,
    )


def _check_keepable(folder: StudyFolder, trial: TrialRecord) -> None:
    """Refuses, before anything is trained, to keep a model that exists or of a fit that keeps none."""
    if trial.kind not in {"refit", "fold"}:
        runs = [*folder.job_ids("refit"), *folder.job_ids("fold")]
        which = f"name one of {', '.join(runs)}" if runs else "the study has none yet"
        raise UsageError(f"{trial.job_id} is no final run and no fold, and only their models are kept; {which}")
    path = folder.model_path(trial.job_id, trial.kind)
    if path.is_file():
        raise UsageError(f"{path} is there already; leave --keep-model out to compare alone")


def _keep(
    folder: StudyFolder, trial: TrialRecord, outcome: TrialOutcome, difference: float | None, same: bool | None
) -> tuple[str, str]:
    """Writes a model that gives the recorded answers. Returns its path and '', or '' and why it was not written."""
    if outcome.model is None:
        return "", f"the replay ended as {outcome.state}"
    if same is None:
        return "", "the record holds no answers to compare with"
    if difference is None and not same:
        return "", "its answers are not the recorded ones"
    if difference is not None and difference > _SAME_ANSWERS:
        return "", f"its answers differ from the recorded ones by up to {difference:.1e}"
    path = folder.model_path(trial.job_id, trial.kind)
    write_bytes_atomic(path, outcome.model)
    return str(path), ""


def _same_answers(
    folder: StudyFolder, trial: TrialRecord, replayed: pd.DataFrame | None, difference: float | None
) -> bool | None:
    """Whether the recorded answers were given again; None if the record holds none.

    Published folds have digests of their answers in place of the answers. They say only whether these are the same.
    """
    if difference is not None:
        return difference <= TOLERANCE
    recorded = trial.digests or {}
    if not recorded and not folder.predictions_path(trial.kind, trial.job_id).is_file():
        return None
    found = {} if replayed is None else prediction_digests(replayed)
    shared = recorded.keys() & found.keys()
    return bool(shared) and all(recorded[subset] == found[subset] for subset in shared)


def _count(results: ResultsFolder, record: StudyRecord, job_id: str, predictions: pd.DataFrame) -> str:
    """Counts the prediction of a test set. Returns why that was not possible, else ''."""
    tested = predictions[predictions["subset"] == "test"]
    if tested.empty:
        return ""
    try:
        results.ledger.append([LedgerLine.of(record, job_id, "replay", predictions=answers_digest(tested))])
    except SerbenchError as error:  # somebody else's results, readable only
        return str(error)
    return ""


def replay_facts(found: Replay) -> list[tuple[str, str]]:
    """Describes a replay for people, as pairs of name and text."""
    scores = (found.recorded_uar, found.replayed_uar)
    recorded, replayed = ("no score" if score is None else f"validation UAR {score:.6f}" for score in scores)
    facts = [
        ("fit", f"{found.job_id} ({found.kind}) of study {found.study}"),
        ("recorded", f"{found.recorded_state}, {recorded}, {found.recorded_epochs} epochs"),
        ("replayed", f"{found.replayed_state}, {replayed}, {found.replayed_epochs} epochs"),
        ("error", found.error or ""),
        ("predictions", _difference(found.largest_difference)),
        ("changed", ", ".join(found.changed)),
        ("model", found.kept),
        ("not counted", found.uncounted and f"this evaluation of the test set: {found.uncounted}"),
    ]  # fmt: skip
    what = "run" if found.recorded_uar is None else "score"
    facts.append(("result", f"the {what} {'repeats' if found.repeated else 'does not repeat'}"))
    return [(name, text) for name, text in facts if text]


def _difference(largest: float | None) -> str:
    if not largest:
        return "" if largest is None else "the same probabilities"
    return f"probabilities differ by {largest:.1e} at the most"


def _kind(folder: StudyFolder, job_id: str) -> JobKind:
    kinds: tuple[JobKind, ...] = get_args(JobKind)
    known = {name: kind for kind in kinds for name in folder.job_ids(kind)}
    if job_id not in known:  # never a path
        hint = "" if known else "The study has none yet."
        raise unknown("trial", job_id, known, hint=hint)
    return known[job_id]


def _recorded_fit(folder: StudyFolder, job_id: str) -> TrialRecord:
    return folder.job(_kind(folder, job_id), job_id)


def _fit_again(
    study: RecordedStudy,
    trial: TrialRecord,
    clips: pd.DataFrame,
    transfer: Transfer,
    progress: StepProgress,
    *,
    keep_model: bool,
) -> tuple[TrialOutcome, pd.DataFrame | None]:
    """Returns the outcome of a fit and its predictions; None if it made none, or its configuration is invalid now."""
    backend = choose_backend(study.record.environment.backend)
    source = FeatureSource(clips, FeatureStore.in_cache(), transfer.teacher)
    source.paths(study.space.features, progress=lambda done, total: progress("computing features", done, total))
    resources = Resources.choose(1, 1, backend, trial.threads or 1)
    try:
        job = _job(JobMaker(study, resources, backend, transfer), trial, clips)
    except UsageError as error:
        return TrialOutcome("invalid", error=str(error), error_kind="configuration"), None
    job = replace(job, job_id=trial.job_id, seed=trial.seed, attempt=trial.attempt, keep_model=keep_model)
    prune_after = len(trial.epochs) if trial.state == "pruned" else None
    outcome = _run(job, source, next(iter(resources.devices), None), prune_after, progress)
    return outcome, predictions_of(job, outcome, clips)


def _job(maker: JobMaker, trial: TrialRecord, clips: pd.DataFrame) -> TrialJob:
    """Makes the job of a record; its seed is then taken from the record itself, not derived from a number again."""
    study = maker.study
    named = JobId.parse(trial.job_id)
    if trial.kind == "fold":
        folds = {
            fold.number: fold for fold in recorded_protocol(study.folder, study.record).inner_folds(clips, study.plan)
        }
        if trial.fold not in folds:
            raise SerbenchError(f"{study.folder.path} has no fold {trial.fold} of its cross-validation; restore it")
        return maker.fold(named.trial, trial.config, folds[trial.fold])
    if named.role == "bag":
        shortlisted = study.folder.shortlisted(named.trial)
        return maker.bag(shortlisted, fold_models(study.folder, shortlisted))
    if named.role == "final":
        return maker.final(study.folder.shortlisted(named.trial), 0)
    if trial.kind == "refit":
        return maker.refit(trial.job_id, 0, 0, trial.config)
    if trial.kind == "probe":
        return maker.probe(trial.job_id, 0, trial.config, EPOCH_SHARE)
    return maker.search(trial.job_id, 0, trial.config)


def _run(
    job: TrialJob, source: FeatureSource, device: str | None, prune_after: int | None, progress: StepProgress
) -> TrialOutcome:
    def report(metrics: EpochMetrics) -> Verdict:
        progress(f"fitting {job.job_id}", metrics.epoch + 1, job.settings.epochs)
        return Verdict.PRUNE if metrics.epoch + 1 == prune_after else Verdict.CONTINUE

    return run_job(job, source, JobControl(report, device=device))


def _largest_difference(folder: StudyFolder, trial: TrialRecord, replayed: pd.DataFrame | None) -> float | None:
    if replayed is None or not folder.predictions_path(trial.kind, trial.job_id).is_file():
        return None
    recorded = folder.predictions(trial.kind, trial.job_id)
    columns = [name for name in map(str, replayed) if name.startswith("p_")]
    keys = ["clip_id", "subset"]
    if not {*keys, *columns} <= set(recorded):
        return None
    # Published results hold no answers to training clips.
    replayed = replayed[replayed["subset"].isin(set(recorded["subset"]))]
    if not len(recorded) == len(replayed) > 0:
        return None
    both = recorded.merge(replayed, on=keys, how="inner", suffixes=("", "_replayed"))
    if len(both) != len(replayed):
        return None
    again = both[[f"{name}_replayed" for name in columns]].to_numpy(dtype=np.float64)
    difference = float(np.abs(both[columns].to_numpy(dtype=np.float64) - again).max())
    return difference if np.isfinite(difference) else None


def _changes(record: StudyRecord, space: SearchSpace, now: Environment) -> list[str]:
    """Names the differences between the environment now and when the study began."""
    before = record.environment
    pairs: dict[str, tuple[object, object]] = {
        name: (getattr(before, name), getattr(now, name))
        for name in ("serbench", "git_revision", "python", "platform", "cpu", "cores")
    }
    if now.cpu.startswith(f"{before.cpu} (family "):  # older records have the name alone
        pairs.pop("cpu")
    asked_later = {"onnxruntime", "transformers"} - before.packages.keys()  # older records do not say which they had
    packages: Mapping[str, str] = before.packages | {
        name: version for name, version in now.packages.items() if name not in asked_later
    }
    pairs |= {name: (before.packages.get(name), now.packages.get(name)) for name in packages}
    pairs["space hash"] = (record.space_hash, space.hash)
    found = [f"{name} {old or 'none'} -> {new or 'none'}" for name, (old, new) in pairs.items() if old != new]
    if record.later_environments:
        found.append("the study itself went on in another environment, see `serbench study show`")
    return found
