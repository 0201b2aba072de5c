"""Finalists: the best configurations are retrained on fresh seeds, and each refit is scored on the test set once."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serbench.families import settings_in_use
from serbench.records import EntryRecord, Finals, JobId, ShortlistRecord, TrialRecord, digest_of, now
from serbench.search.coordinator import Coordinator
from serbench.search.observer import Observer
from serbench.search.session import Session
from serbench.search.studies.study import Study

__all__ = ["Finalist", "choose_finalists", "choose_shortlisted", "refit_finalists", "save_if_new", "shortlist_fields"]


@dataclass(frozen=True)
class Finalist:
    """A configuration that will be retrained and tested.

    Attributes:
        job_id: of the trial that it comes from.
        name: 'trial 12', or the name of an enqueued configuration.
        config: its hyperparameters.
        search_value: validation score of the trial.
        forced: whether it is tested because the space says so.
        shortlisted: what cross-validation said of it; None if it was not on the shortlist.
        finals: what its runs are trained on.
    """

    job_id: str
    name: str
    config: dict[str, Any]
    search_value: float
    forced: bool = False
    shortlisted: ShortlistRecord | None = None
    finals: Finals = "held-out"

    @property
    def number(self) -> int:
        """The stable number that its seeds are derived from."""
        return JobId(self.job_id).number

    def refit_id(self, repeat: int) -> str:
        """Returns the job id of one of its final runs."""
        return str(JobId(self.job_id, "final" if self.finals == "all" else "refit", repeat))


def choose_finalists(
    family: str,
    trials: Sequence[TrialRecord],
    count: int,
    forced: Sequence[str] = (),
    known: Collection[str] = (),
    *,
    any_ratio: bool = False,
) -> list[Finalist]:
    """Selects the best completed trials by validation score, without duplicates, and the ones that the space forces.

    Trials that differ only in hyperparameters that neither uses are duplicates: they train the same network.

    Args:
        family: name of their family.
        trials: all trials of one study.
        count: number of finalists selected by validation score.
        forced: names of enqueued configurations that are tested whatever their score.
        known: trials whose configuration was tested or cross-validated already. Of trials with one configuration such
            a one stands for all, so that it is not tested again under another name.
        any_ratio: whether trials that differ only in their split ratio are duplicates, too. They are where the fits to
            come replace the split, as those of a cross-validation do.
    """
    done = [t for t in trials if t.state == "completed" and t.value is not None]
    done.sort(key=lambda t: (-(t.value or 0.0), t.job_id))
    networks: dict[str, list[TrialRecord]] = {}
    for trial in done:
        networks.setdefault(_network(family, trial.config, any_ratio=any_ratio), []).append(trial)
    chosen = []
    for rank, alike in enumerate(networks.values()):  # the best network first
        must = next((t.origin for t in alike if t.origin is not None and t.origin in forced), None)
        if rank < count or must is not None:
            trial = next((t for t in alike if t.job_id in known), alike[0])
            name = must or trial.origin or f"trial {JobId(trial.job_id).number}"
            chosen.append(Finalist(trial.job_id, name, trial.config, trial.value or 0.0, forced=rank >= count))
    return chosen


def _network(family: str, config: Mapping[str, Any], *, any_ratio: bool = False) -> str:
    """What two configurations share that train the same network."""
    used = settings_in_use(family, config)
    return digest_of({name: value for name, value in used.items() if not (any_ratio and name == "split_ratio")})


def choose_shortlisted(
    family: str,
    trials: Sequence[TrialRecord],
    shortlisted: Sequence[ShortlistRecord],
    count: int,
    finals: Finals,
    forced: Sequence[str] = (),
    tested: Collection[str] = (),
) -> list[Finalist]:
    """Selects the configurations with the best out-of-fold scores, and the ones that the space forces.

    Args:
        family: name of the family.
        trials: all trials of one study.
        shortlisted: the compared configurations, best first.
        count: number of finalists selected by out-of-fold score.
        finals: what the runs of these are trained on. A forced finalist that was not compared leaves the validation
            clips out, because the length of its training is not known.
        forced: as in `choose_finalists`.
        tested: trials whose configuration was tested already.
    """
    best = [
        Finalist(one.job_id, one.origin, one.config, one.search_value, False, one, finals)
        for one in shortlisted[:count]
    ]
    network = functools.partial(_network, family, any_ratio=finals == "all")
    compared = {one.job_id: one for one in shortlisted}
    alike = {network(one.config): one for one in reversed(shortlisted)}
    # A forced one that was not compared keeps its split: two that differ in its ratio are two.
    for must in choose_finalists(family, trials, 0, forced, {*tested, *compared}):
        record = compared.get(must.job_id) or alike.get(network(must.config))
        if record is None:
            best.append(must)
            continue
        place = next((place for place, one in enumerate(best) if one.job_id == record.job_id), None)
        if place is None:
            best.append(_as_shortlisted(must, record, finals))
        elif best[place].name not in forced:  # perhaps as another trial, which the sampler drew
            best[place] = replace(best[place], name=must.name)
    return best


def _as_shortlisted(must: Finalist, record: ShortlistRecord, finals: Finals) -> Finalist:
    """A forced finalist, as the trial whose configuration cross-validation compared."""
    return replace(
        must,
        job_id=record.job_id,
        config=record.config,
        search_value=record.search_value,
        shortlisted=record,
        finals=finals,
    )


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
    study.folder.retire_retryable("refit")
    wanted = [
        (finalist, repeat)
        for finalist in finalists
        for repeat in range(repeats)
        if not study.folder.has_job("refit", finalist.refit_id(repeat))
    ]
    observer.refits_started(len(wanted))
    maker = session.maker.for_jobs(len(wanted))
    jobs = [
        maker.final(f.shortlisted, repeat)
        if f.shortlisted is not None and f.finals == "all"
        else maker.refit(f.refit_id(repeat), f.number, repeat, f.config)
        for f, repeat in wanted
    ]
    origins = {f.refit_id(repeat): f.name for f, repeat in wanted}
    Coordinator(session).run_jobs(jobs, origins)
    return [entry for finalist in finalists if (entry := _settled_entry(study, finalist, observer)) is not None]


def shortlist_fields(shortlisted: ShortlistRecord | None) -> dict[str, Any]:
    """Returns the fields of an entry that say what cross-validation found."""
    return {} if shortlisted is None else {"shortlisted": shortlisted.job_id, "out_of_fold": shortlisted.value}


def save_if_new(study: Study, entry: EntryRecord, observer: Observer) -> EntryRecord:
    """Writes an entry if it is new or has new refits, and returns it as it stands on disk."""
    known = next((old for old in study.folder.entries() if old.entry_id == entry.entry_id), None)
    if known is not None and known.model_copy(update={"created": entry.created}) == entry:
        return known
    study.folder.save_entry(entry)
    observer.entry_added(entry)
    return entry


def _settled_entry(study: Study, finalist: Finalist, observer: Observer) -> EntryRecord | None:
    """Returns the entry of a finalist, and writes it if it is new or has new refits."""
    entry = _entry(study, finalist)
    if entry is None:
        observer.warning(f"no refit of {finalist.name} completed, so it has no entry")
        return None
    return save_if_new(study, entry, observer)


def _entry(study: Study, finalist: Finalist) -> EntryRecord | None:
    """Builds the entry of a finalist from all its recorded refits; None if none of them completed."""
    run = JobId.parse(finalist.refit_id(0)).repeats
    refits = [r for r in study.folder.jobs("refit") if JobId.parse(r.job_id).repeats == run]
    refits.sort(key=lambda refit: JobId.parse(refit.job_id).index or 0)
    good = tuple(refit.job_id for refit in refits if refit.state == "completed")
    if not good:
        return None
    reported = {known.name: known.reported for known in study.space.enqueued}
    parts = [study.record.name, finalist.job_id, study.record.space_hash]
    identity = digest_of(parts if finalist.finals == "held-out" else [*parts, finalist.finals], length=6)
    return EntryRecord(
        entry_id=f"{study.space.family.name}-{identity}",
        study=study.record.name,
        family=study.space.family.name,
        origin=finalist.name,
        forced=finalist.forced,
        config=finalist.config,
        reported=reported.get(finalist.name),
        search_value=finalist.search_value,
        **shortlist_fields(finalist.shortlisted),
        finals=finalist.finals,
        refits=good,
        failed_refits=tuple(sorted(r.job_id for r in refits if r.state != "completed")),
        looks=len(good),
        created=now(),
    )
