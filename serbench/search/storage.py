"""The Optuna database of one study: opened for a single writer, its failures told in a sentence."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import RDBStorage

from serbench.errors import SerbenchError
from serbench.records.schemas import StudyRecord
from serbench.search.samplers import make_pruner, make_sampler

__all__ = ["open_storage", "storage_errors"]

_LOCK_TIMEOUT_S = 60


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns a database that cannot be read or written into one sentence.

    Raises:
        SerbenchError: the disk is full, the file damaged or read-only, ...
    """
    try:
        yield
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError, sqlite3.Error) as error:
        cause = error.__cause__ or error
        reason = str(getattr(cause, "orig", cause)).splitlines()[0]
        raise SerbenchError(
            f"cannot use the study's database {path}: {reason}; free disk space or mend its permissions and run the "
            "same command again"
        ) from error


def open_storage(path: Path, record: StudyRecord) -> tuple[optuna.Study, RDBStorage]:
    """Opens or creates the database and the study in it.

    Raises:
        SerbenchError: it cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if set("{}") & set(str(path)):
        raise SerbenchError(f"a results folder may not have braces in its path ({path}); name another with --results")
    with storage_errors(path):
        _allow_readers(path)
        url = sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)
        storage = RDBStorage(url, engine_kwargs={"connect_args": {"timeout": _LOCK_TIMEOUT_S}})
        study = optuna.create_study(
            storage=storage,
            study_name=record.name,
            direction="maximize",
            load_if_exists=True,
            sampler=make_sampler(record.sampler, 0),
            pruner=make_pruner(record.pruner),
        )
    return study, storage


def _allow_readers(path: Path) -> None:
    """Write-ahead logging, so that others may read while a search writes; where the file system has it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            connection.execute("PRAGMA journal_mode=DELETE")
