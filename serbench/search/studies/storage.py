"""`StudyStorage`: the Optuna database of one study, opened for one writer. Its failures become one-sentence errors."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import RDBStorage

from serbench.errors import SerbenchError, UsageError, require
from serbench.records import StudyFolder, StudyRecord, writing
from serbench.search.studies.samplers import make_pruner, make_sampler
from serbench.search.studies.sole_writer_storage import SoleWriterStorage

__all__ = ["StudyStorage", "check_storage_url"]

_LOCK_TIMEOUT_S = 60
_IDENTITY = "serbench_identity"


@dataclass
class StudyStorage:
    """An opened database.

    Attributes:
        study: Optuna's study in it.
        place: its address for messages, without a password.
    """

    study: optuna.Study
    place: str
    _storage: RDBStorage = field(repr=False)
    _lease: sqlalchemy.Connection | None = field(default=None, repr=False)

    @classmethod
    def open(cls, folder: StudyFolder, record: StudyRecord, url: str | None = None) -> StudyStorage:
        """Opens or creates the database and the study in it.

        Args:
            folder: folder of the study, which holds the database if there is no `url`.
            record: record of the study.
            url: address of a PostgreSQL database; None for a file.

        Raises:
            UsageError: the database has another study of this name.
            SerbenchError: it cannot be opened, or another process is running this study.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        if url is None:
            return cls._open(_sqlite_url(folder.storage_path), str(folder.storage_path), record, _SQLITE_OPTIONS)
        shared = check_storage_url(url)
        return cls._open(shared, _without_password(shared.render_as_string()), record, {"pool_pre_ping": True})

    @classmethod
    def _open(cls, url: sqlalchemy.URL, place: str, record: StudyRecord, options: dict[str, object]) -> StudyStorage:
        with storage_errors(place):
            storage = RDBStorage(url.render_as_string(hide_password=False), engine_kwargs=options)
            _sync_at_checkpoints(storage.engine)
            study = optuna.create_study(
                storage=SoleWriterStorage(storage),
                study_name=record.name,
                direction="maximize",
                load_if_exists=True,
                sampler=make_sampler(record.sampler, 0),
                pruner=make_pruner(record.pruner),
            )
            opened = cls(study, place, storage)
            try:
                opened._claim(record)
            except BaseException:
                opened.close()
                raise
        return opened

    def _claim(self, record: StudyRecord) -> None:
        """Checks that the study found is this one, and that no other process is running it."""
        found = self.study.user_attrs.get(_IDENTITY)
        if found is None and record.identity is not None:
            self.study.set_user_attr(_IDENTITY, record.identity)
        elif found != record.identity:
            raise UsageError(
                f"{self.place} has a study '{record.name}' of another results folder, or of one that was "
                "removed; go back to that folder with --results, or begin another study with --study NAME"
            )
        if self._storage.engine.dialect.name != "postgresql":
            return  # the folder's lock guards a database in the study's own folder
        # A transaction that stays open for the whole search keeps the server from tidying up what all others delete.
        self._lease = self._storage.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        asked = sqlalchemy.text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
        if not self._lease.execute(asked, {"name": f"serbench {record.name} {record.identity}"}).scalar():
            raise SerbenchError(
                f"study '{record.name}' is being run by another serbench process that uses {self.place}; wait for it, "
                "or name another --study"
            )

    def errors(self) -> contextlib.AbstractContextManager[None]:
        """Turns failures of this database into a `SerbenchError` of one sentence."""
        return storage_errors(self.place)

    def close(self) -> None:
        """Closes the database. The lease ends with its connection, which a server that restarted has closed before."""
        if self._lease is not None:
            with contextlib.suppress(sqlalchemy.exc.SQLAlchemyError):
                self._lease.detach()
                self._lease.close()
        self._storage.remove_session()
        self._storage.engine.dispose()


_FAILURES = (
    optuna.exceptions.StorageInternalError,
    sqlalchemy.exc.SQLAlchemyError,
    sqlite3.Error,
    UnicodeDecodeError,  # of a file with flipped bytes, like the next two
    json.JSONDecodeError,
    OverflowError,
)


@contextlib.contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """Turns failures to read or write the database into an error of one sentence.

    Raises:
        SerbenchError: the disk is full, the file is damaged or read-only, the server is gone, ...
    """
    try:
        yield
    except _FAILURES as error:
        cause = error.__cause__ or error
        reason = (str(getattr(cause, "orig", cause)).splitlines() or [type(cause).__name__])[0]
        raise SerbenchError(
            f"cannot use the study's database {place}: {reason}; fix that (disk space, permissions, or delete a "
            "damaged file: it is rebuilt from the records) and run the same command again"
        ) from error


def check_storage_url(url: str) -> sqlalchemy.URL:
    """Parses the address of a shared database.

    Raises:
        UsageError: it is not a PostgreSQL address.
        SerbenchError: the driver is not installed.
    """
    try:
        parsed = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise UsageError(
            f"--storage '{_without_password(url)}' is not a PostgreSQL address; write "
            "postgresql://USER:PASSWORD@HOST/DATABASE, or leave it out for a file in the study's folder"
        )
    require("--storage", {"psycopg": "a PostgreSQL driver"}, extra="postgres")
    return parsed.set(drivername="postgresql+psycopg")


def _without_password(url: str) -> str:
    """Hides what stands between the first ':' (after '//') and the last '@', and values of passwords in a query.

    >>> _without_password("mysql://me:p@ss@host/db?password=x&a=b")
    'mysql://me:***@host/db?password=***&a=b'
    """
    url = re.sub(r"(//[^:/?]*):.*@" if "//" in url else r"^([^:/?]*):.*@", r"\1:***@", url)
    return re.sub(r"((?:password|passwd|pwd)=)[^&\s]*", r"\1***", url, flags=re.IGNORECASE)


_SQLITE_OPTIONS: dict[str, object] = {"connect_args": {"timeout": _LOCK_TIMEOUT_S}}


def _sync_at_checkpoints(engine: sqlalchemy.Engine) -> None:
    """Makes SQLite wait for the disk at checkpoints only, instead of at each of about seventy writes per trial.

    A kill loses nothing. A power cut may lose the last writes, which the records restore.
    """
    if engine.dialect.name != "sqlite":
        return

    @sqlalchemy.event.listens_for(engine, "connect")
    def relax(connection: sqlite3.Connection, _: object) -> None:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            connection.execute("PRAGMA synchronous=NORMAL")

    engine.dispose()  # connections opened so far do not have the setting


def _sqlite_url(path: Path) -> sqlalchemy.URL:
    """Returns the address of a database file, prepared so that others can read it while a search writes."""
    if set("{}") & set(str(path)):
        raise SerbenchError(f"a results folder must not have braces in its path ({path}); name another with --results")
    if not path.exists():
        _make_database(path)
    with storage_errors(str(path)), contextlib.closing(sqlite3.connect(path)) as connection:
        # Write-ahead logging needs shared memory, which some file systems lack.
        if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode=DELETE")
    return sqlalchemy.URL.create("sqlite", database=str(path))


def _make_database(path: Path) -> None:
    """Makes an empty database with all its tables, or none at all.

    Tables and their indices are created one by one. If a kill came between a table and its unique index, a database
    created in place would accept two studies of one name forever.
    """
    with writing(path):
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        try:
            made = folder / path.name
            with storage_errors(str(path)):
                storage = RDBStorage(_address(made))
                storage.remove_session()
                storage.engine.dispose()
            # Files of a database that was removed: SQLite would apply them to this one.
            for name in ("-wal", "-shm", "-journal"):
                path.with_name(path.name + name).unlink(missing_ok=True)
            made.replace(path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _address(path: Path) -> str:
    return sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)
