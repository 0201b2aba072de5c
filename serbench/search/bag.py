"""The bag: the fold models of the selected configuration, averaged into one model and tested once."""

from __future__ import annotations

from serbench.errors import SerbenchError
from serbench.records import EntryRecord, JobId, ShortlistRecord, StudyFolder, digest_of, now
from serbench.search.coordinator import Coordinator
from serbench.search.finalists import save_if_new, shortlist_fields
from serbench.search.session import Session

__all__ = ["fold_models", "run_bag"]


def run_bag(session: Session, shortlisted: ShortlistRecord) -> EntryRecord | None:
    """Averages the fold models of a configuration, predicts the test set once, and writes the entry.

    A recorded bag is kept.

    Args:
        session: the study and what its jobs run on.
        shortlisted: the configuration with the best out-of-fold score.

    Returns:
        The entry; None if the bag could not be tested, which a warning explains.
    """
    study, job_id = session.study, str(JobId(shortlisted.job_id, "bag"))
    study.folder.retire_retryable("refit", {job_id})
    if not study.folder.has_job("refit", job_id):
        try:
            models = fold_models(study.folder, shortlisted)
        except SerbenchError as error:
            session.observer.warning(f"no bag of {shortlisted.origin}: {error}")
            return None
        job = session.maker.for_jobs(1).bag(shortlisted, models)
        Coordinator(session).run_jobs([job], {job_id: shortlisted.origin})
    record = study.folder.job("refit", job_id) if study.folder.has_job("refit", job_id) else None
    if record is None or record.state != "completed":
        if record is not None:
            session.observer.warning(f"the bag of {shortlisted.origin} ended as {record.state}: {record.error}")
        return None
    return save_if_new(study, _entry(session, shortlisted), session.observer)


def fold_models(folder: StudyFolder, shortlisted: ShortlistRecord) -> list[bytes]:
    """Reads the fold models of a configuration as `.keras` files.

    Raises:
        SerbenchError: one is missing. Published results hold none.
    """
    paths = [folder.model_path(fold, "fold") for fold in shortlisted.folds]
    if absent := [path for path in paths if not path.is_file()]:
        raise SerbenchError(f"the fold models are needed, and {absent[0]} is missing (published results hold none)")
    return [path.read_bytes() for path in paths]


def _entry(session: Session, shortlisted: ShortlistRecord) -> EntryRecord:
    record = session.study.record
    identity = digest_of([record.name, shortlisted.job_id, record.space_hash, "bag"], length=6)
    return EntryRecord(
        entry_id=f"{record.family}-{identity}",
        study=record.name,
        family=record.family,
        origin=f"bag of {len(shortlisted.folds)} ({shortlisted.origin})",
        config=shortlisted.config,
        search_value=shortlisted.search_value,
        **shortlist_fields(shortlisted),
        finals="all",
        bag=len(shortlisted.folds),
        refits=(str(JobId(shortlisted.job_id, "bag")),),
        looks=1,
        created=now(),
    )
