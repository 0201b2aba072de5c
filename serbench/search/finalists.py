"""Finalists: the best configurations are retrained on fresh seeds, and each refit is scored on the test set once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serbench.records import STATES, EntryRecord, TrialRecord, digest_of, now
from serbench.search.coordinator import Coordinator
from serbench.search.observer import Observer
from serbench.search.session import Session
from serbench.search.studies.study import Study

__all__ = ["Finalist", "choose_finalists", "refit_finalists"]


@dataclass(frozen=True)
class Finalist:
    """A configuration that will be retrained and tested."""

    job_id: str
    name: str
    config: dict[str, Any]
    search_value: float
    forced: bool = False

    @property
    def number(self) -> int:
        """The stable number that its seeds are derived from."""
        return int(self.job_id[1:])

    def refit_id(self, repeat: int) -> str:
        """Returns the job id of one of its refits."""
        return f"{self.job_id}-r{repeat}"


def choose_finalists(trials: Sequence[TrialRecord], count: int, forced: Sequence[str] = ()) -> list[Finalist]:
    """Selects the best completed trials by validation score, without duplicates, and the ones that the space forces.

    Args:
        trials: all trials of one study.
        count: number of finalists selected by validation score.
        forced: names of enqueued configurations that are tested whatever their score.
    """
    done = [t for t in trials if t.state == "completed" and t.value is not None]
    done.sort(key=lambda t: (-(t.value or 0.0), t.job_id))
    chosen: dict[str, Finalist] = {}
    picked = 0
    for trial in done:
        key = digest_of(trial.config)
        if key in chosen:
            continue
        must = trial.origin is not None and trial.origin in forced
        if picked >= count and not must:
            continue
        among_best = picked < count
        picked += among_best
        name = trial.origin or f"trial {int(trial.job_id[1:])}"
        chosen[key] = Finalist(trial.job_id, name, trial.config, trial.value or 0.0, must and not among_best)
    return list(chosen.values())


def refit_finalists(session: Session, finalists: Sequence[Finalist], repeats: int) -> list[EntryRecord]:
    """Refits each finalist `repeats` times, predicts its test set, and writes its entry.

    Recorded refits are kept, so each refit is evaluated on the test set only once. A refit that crashed, was
    interrupted, or ran out of time or memory has not been evaluated on the test set and runs again.

    Args:
        session: the study and what its jobs run on.
        finalists: configurations to test.
        repeats: refits of each finalist, on fresh seeds.

    Returns:
        Entries of all finalists with at least one completed refit.
    """
    study, observer = session.study, session.observer
    for refit in list(study.folder.jobs("refit")):
        if STATES[refit.state].refit_again:
            study.folder.retire_job("refit", refit.job_id)
    wanted = [
        (finalist, repeat)
        for finalist in finalists
        for repeat in range(repeats)
        if not study.folder.has_job("refit", finalist.refit_id(repeat))
    ]
    observer.refits_started(len(wanted))
    maker = session.maker.for_jobs(len(wanted))
    jobs = [maker.refit(f.refit_id(repeat), f.number, repeat, f.config) for f, repeat in wanted]
    origins = {f.refit_id(repeat): f.name for f, repeat in wanted}
    Coordinator(session).run_jobs(jobs, origins)
    return [entry for finalist in finalists if (entry := _settled_entry(study, finalist, observer)) is not None]


def _settled_entry(study: Study, finalist: Finalist, observer: Observer) -> EntryRecord | None:
    """Returns the entry of a finalist, and writes it if it is new or has new refits."""
    entry = _entry(study, finalist)
    if entry is None:
        observer.warning(f"no refit of {finalist.name} completed, so it has no entry")
        return None
    known = next((old for old in study.folder.entries() if old.entry_id == entry.entry_id), None)
    if known is not None and known.model_copy(update={"created": entry.created}) == entry:
        return known
    study.folder.save_entry(entry)
    observer.entry_added(entry)
    return entry


def _entry(study: Study, finalist: Finalist) -> EntryRecord | None:
    """Builds the entry of a finalist from all its recorded refits; None if none of them completed."""
    prefix = finalist.refit_id(0)[:-1]
    refits = [r for r in study.folder.jobs("refit") if r.job_id.startswith(prefix)]
    good = sorted((r.job_id for r in refits if r.state == "completed"), key=lambda name: int(name[len(prefix) :]))
    if not good:
        return None
    reported = {known.name: known.reported for known in study.space.enqueued}
    identity = digest_of([study.record.name, finalist.job_id, study.record.space_hash], length=6)
    return EntryRecord(
        entry_id=f"{study.space.family.name}-{identity}",
        study=study.record.name,
        family=study.space.family.name,
        origin=finalist.name,
        forced=finalist.forced,
        config=finalist.config,
        reported=reported.get(finalist.name),
        search_value=finalist.search_value,
        refits=tuple(good),
        failed_refits=tuple(sorted(r.job_id for r in refits if r.state != "completed")),
        looks=len(good),
        created=now(),
    )
