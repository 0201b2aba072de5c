"""`PushedRun`: one fit, entry or study in the words that all trackers share; and how it is made of records."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from serbench.evaluation import Interval
from serbench.printable import without_paths
from serbench.records import EpochMetrics, StudyRecord, TrialRecord, digest_of, run_name
from serbench.results import LoadedStudy, Results, ScoredEntry, best_score, require_sound, warnings_of, why_unranked

__all__ = ["PushedRun", "Value", "study_runs"]

Value = bool | int | float | str

_CURVES: Final = {
    "train/loss": "loss",
    "train/accuracy": "accuracy",
    "{judged_on}/loss": "val_loss",
    "{judged_on}/accuracy": "val_accuracy",
    "{judged_on}/uar": "val_uar",
    "learning_rate": "learning_rate",
}


@dataclass(frozen=True)
class PushedRun:
    """One run of a tracker.

    Attributes:
        key: 32 hex digits that are the same at every push of the same fit, entry or study.
        study: name of the study.
        name: job id, entry id, or the study's name.
        kind: `study`, `search`, `probe`, `fold`, `refit` or `entry`.
        state: how a fit ended, see `serbench.records.STATES`; `completed` for a study or entry.
        started: time in UTC, ISO 8601.
        finished: time in UTC, ISO 8601.
        parent: key of the study's run; None for the study itself and for an entry pooled over folds.
        parameters: hyperparameters by name; nested names are joined by dots.
        tags: facts in words: study, corpus and its digest, protocol and its hash, ...
        scores: numbers of the whole run by name. Scores are fractions; an unknown one is absent.
        curves: (epoch, value) pairs by name. Values that are not finite are left out.
        seconds: of each epoch by its number, for the time axis of curves.
    """

    key: str
    study: str
    name: str
    kind: str
    state: str
    started: str
    finished: str
    parent: str | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    seconds: Mapping[int, float] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """Digest of everything in the run. Two pushes of the same content have the same."""
        return digest_of(asdict(self), length=32)

    @property
    def experiment(self) -> str:
        """Name of the task that the run belongs to: runs of one corpus under one protocol stand together."""
        return f"serbench/{self.tags['corpus']}/{self.tags['protocol']}"

    def time_of(self, epoch: int) -> float:
        """Time at the end of an epoch, in seconds since 1970."""
        return _timestamp(self.started) + sum(spent for number, spent in self.seconds.items() if number <= epoch)

    @property
    def began(self) -> float:
        """Start in seconds since 1970."""
        return _timestamp(self.started)

    @property
    def ended(self) -> float:
        """End in seconds since 1970."""
        return _timestamp(self.finished)


def study_runs(results: Results, name: str) -> tuple[PushedRun, ...]:
    """Makes the runs of a study: the study itself, its fits, its entries. Trains nothing.

    Test scores stand at entries only, with their interval: a list of fits with test scores would invite to choose by
    them.

    Args:
        results: results that hold the study.
        name: name of the study, or of a run with folds.

    Raises:
        UsageError: there is no study of that name.
        SerbenchError: a record is damaged, or the study fails its checks.
    """
    folds = [study for study in results.studies if study.record.protocol.folds > 1 and run_name(study.name) == name]
    runs: list[PushedRun] = []
    for study in folds or [results.study(name)]:
        require_sound(results, study)
        runs += _of_study(results, study)
    if any(study.entry_ids for study in folds):  # else there is no table of them yet
        facts = folds[0].record
        board = results.board(facts.corpus.name, facts.protocol.name)
        pooled = [row for row in board.rows if row.folds > 1 and row.study == name]
        runs += [_of_entry(results.scored_entry(row.entry), None, selected=row.selected) for row in pooled]
    return tuple(runs)


def _of_study(results: Results, study: LoadedStudy) -> Iterator[PushedRun]:
    whole = study.record.protocol.folds == 1  # one fold has no row, and its speakers are those of its record
    entries = [results.scored_entry(one) if whole else study.scored(one) for one in study.entry_ids]
    record, fits = (entries[0].study if entries else study.record), study.fits
    chosen = study.chosen()
    parent = PushedRun(
        key=_key(record, "study", record.name),
        study=record.name,
        name=record.name,
        kind="study",
        state="completed",
        started=record.created,
        finished=max([record.created, *(fit.finished for fit in fits.all)]),
        parameters=_flat(
            {"seed": record.seed, "sampler": record.sampler, "pruner": record.pruner, "features": record.features}
        ),
        tags=_facts(record) | ({"selected": chosen} if chosen else {}) | _asked(record),
        scores=_known(
            {
                f"validation/best_{record.objective}": best_score(fits.trials),
                "trials": sum(trial.counts for trial in fits.trials),
                "entries": len(entries),
            }
        ),
    )
    yield parent
    for fit in fits.all:
        yield _of_fit(record, fit, parent.key)
    for one in entries:
        yield _of_entry(one, parent.key, selected=one.entry.entry_id == chosen)


def _of_fit(study: StudyRecord, fit: TrialRecord, parent: str) -> PushedRun:
    tags = {
        "state": fit.state,
        "origin": fit.origin,
        "error": None if fit.error is None else without_paths(fit.error),
        "error_kind": fit.error_kind,
        "attempt": str(fit.attempt),
        "fold_of_shortlist": None if fit.fold is None else str(fit.fold),
        "seed": str(fit.seed),
    }
    judged_on = "fold" if fit.kind == "fold" else "validation"
    return PushedRun(
        key=_key(study, fit.kind, fit.job_id),
        study=study.name,
        name=fit.job_id,
        kind=fit.kind,
        state=fit.state,
        started=fit.started,
        finished=fit.finished,
        parent=parent,
        parameters=_flat(fit.config),
        tags=_facts(study) | {name: text for name, text in tags.items() if text is not None},
        scores=_known(
            {
                f"{judged_on}/best_{study.objective}": fit.value,
                "best_epoch": fit.best_epoch,
                "parameters": fit.parameters,
                "train_clips": fit.train_clips,
                "seconds": fit.seconds.get("total"),
                "peak_memory_mib": fit.peak_memory_mib,
            }
        ),
        curves=_curves(fit.epochs, judged_on),
        seconds={one.epoch: one.seconds for one in fit.epochs},
    )


def _of_entry(tested: ScoredEntry, parent: str | None, *, selected: bool) -> PushedRun:
    study, entry = tested.study, tested.entry
    why = why_unranked(study.protocol)
    interval, reason = (None, why) if why else tested.interval()
    recalls = {f"test/recall/{one.label}": one.recall for one in tested.test.per_class} if tested.test else {}
    scores = {
        **{f"test/{name}": tested.mean_score("test", name) for name in ("uar", "accuracy", "macro_f1")},
        "test/uar_low": interval.low if interval else None,
        "test/uar_high": interval.high if interval else None,
        **recalls,
        "validation/uar": tested.mean_score("validation", "uar"),
        f"search/{study.objective}": entry.search_value,
        "seeds": len(tested.refits),
        "test_evaluations": entry.looks,
    }
    tags = {
        "origin": entry.origin,
        "selected": "yes" if selected else "no",
        "runs": " ".join(entry.refits),
        "finals": entry.finals,
        "interval": _about(interval) if interval else reason,
    }
    if warned := warnings_of(tested):
        tags["warnings"] = "; ".join(warned)
    return PushedRun(
        key=_key(study, "entry", entry.entry_id),
        study=study.name,
        name=entry.entry_id,
        kind="entry",
        state="completed",
        started=entry.created,
        finished=entry.created,
        parent=parent,
        parameters=_flat(entry.config),
        tags=_facts(study) | tags,
        scores=_known(scores),
    )


def _about(interval: Interval) -> str:
    over = "speakers and seeds" if interval.seeds > 1 else "speakers, one seed"
    return f"{interval.level:.0%} over {interval.speakers} {over}"


def _facts(study: StudyRecord) -> dict[str, str]:
    """Tags of every run of a study."""
    corpus, protocol, made = study.corpus, study.protocol, study.environment
    facts = {
        "study": study.name,
        "family": study.family,
        "space": study.space_name,
        "space_hash": study.space_hash,
        "corpus": corpus.name,
        "corpus_digest": corpus.digest,
        "synthetic": "yes" if corpus.synthetic else "no",
        "labels": corpus.label_source,
        "protocol": protocol.name,
        "protocol_hash": protocol.hash,
        "shares_speakers": "yes" if protocol.shares_speakers else "no",
        "split_seed": str(protocol.split_seed),
        "serbench": made.serbench,
        "backend": made.backend,
    }
    if protocol.folds > 1:
        facts["fold"] = f"{protocol.fold} of {protocol.folds}" if protocol.fold else f"all {protocol.folds}"
    return facts


def _asked(study: StudyRecord) -> dict[str, str]:
    asked = study.asked.model_dump(exclude_none=True) if study.asked else {}
    return {f"asked_{name}": str(value) for name, value in asked.items()}


def _curves(epochs: tuple[EpochMetrics, ...], judged_on: str) -> dict[str, tuple[tuple[int, float], ...]]:
    found = {
        name.format(judged_on=judged_on): tuple(
            (one.epoch, float(value))
            for one in epochs
            if (value := getattr(one, attribute)) is not None and math.isfinite(value)
        )
        for name, attribute in _CURVES.items()
    }
    return {name: curve for name, curve in found.items() if curve}


def _flat(config: Mapping[str, Any], above: str = "") -> dict[str, Value]:
    """Joins the names of nested hyperparameters.

    >>> _flat({"layers": {"depth": 4}, "kernel": [3, 5], "l2": None})
    {'layers.depth': 4, 'kernel': '[3, 5]', 'l2': 'none'}
    """
    flat: dict[str, Value] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{name}.")
        elif isinstance(value, bool | int | float | str):
            flat[above + name] = value
        else:
            flat[above + name] = "none" if value is None else json.dumps(value, default=str)
    return flat


def _known(scores: Mapping[str, float | None]) -> dict[str, float]:
    """The scores that are numbers: an unknown one is absent rather than 0."""
    return {name: float(value) for name, value in scores.items() if value is not None and math.isfinite(value)}


def _key(study: StudyRecord, kind: str, name: str) -> str:
    """A study that is begun anew under its old name was created at another time, so it has other keys."""
    return digest_of([study.name, study.created, study.corpus.digest, study.protocol.hash, kind, name], length=32)


def _timestamp(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
