"""`Dashboards`: Optuna Dashboard on the storage of a study, for looking only."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from serbench.errors import SerbenchError, with_extra
from serbench.records import ResultsFolder

__all__ = ["Dashboards", "is_local"]


def is_local(host: str | None) -> bool:
    """Whether a request names this machine: a page elsewhere must not read results through a rebound name."""
    return (host or "").rsplit(":", 1)[0] in {"127.0.0.1", "localhost"}


class Dashboards:
    """One server a study, begun when it is first asked for, on this machine alone.

    Args:
        results: where studies lie.
        storage: of all of them, where they share a database; None for the file that each has.
    """

    def __init__(self, results: Path, storage: str | None = None) -> None:
        self._results = results
        self._storage = storage
        self._addresses: dict[str, str] = {}
        self._lock = threading.Lock()

    def address(self, study: str) -> str:
        """Where the dashboard of a study is.

        Raises:
            SerbenchError: there is no such study or storage, or the extra is not installed.
        """
        with self._lock:
            if study not in self._addresses:
                self._addresses[study] = self._begin(study)
            return self._addresses[study]

    def _begin(self, study: str) -> str:
        folder = ResultsFolder(self._results).existing_study(study)
        if importlib.util.find_spec("optuna_dashboard") is None:
            raise SerbenchError(f"Optuna Dashboard is an extra; {with_extra('dashboard')}")
        if self._storage is None and not folder.storage_path.is_file():
            raise SerbenchError(f"study '{study}' has no database in its folder; it is kept in another storage")
        try:
            application = self._application(folder.storage_path)
        except Exception as error:  # of Optuna, SQLAlchemy or the database's driver
            raise SerbenchError(f"the storage of study '{study}' cannot be opened ({type(error).__name__})") from error
        server = make_server("127.0.0.1", 0, application, _Threading, _Quiet)
        threading.Thread(target=server.serve_forever, daemon=True, name=f"dashboard-{study}").start()
        return f"http://127.0.0.1:{server.server_address[1]}/dashboard"

    def _application(self, path: Path) -> Any:
        import optuna_dashboard
        from optuna.storages import RDBStorage

        # A file is opened read-only. Of a shared database only requests that look are let through.
        url = self._storage or f"sqlite:///file:{quote(str(path.resolve()))}?mode=ro&uri=true"
        application = optuna_dashboard.wsgi(RDBStorage(url, skip_compatibility_check=True, skip_table_creation=True))

        def looking(environ: dict[str, Any], start_response: Any) -> Any:
            if not is_local(environ.get("HTTP_HOST")):
                start_response("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"only this machine may look"]
            if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
                start_response("403 Forbidden", [("Content-Type", "application/json")])
                return [b'{"reason": "only for looking: the search alone writes to its storage"}']
            return application(environ, start_response)

        return looking


class _Threading(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Says nothing of browsers that hang up."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:  # the terminal belongs to the search
        """Says nothing."""
