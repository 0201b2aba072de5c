"""`Dashboards`: read-only Optuna Dashboard on the storage of a study."""

from __future__ import annotations

import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from serbench.errors import SerbenchError, require
from serbench.records import ResultsFolder

__all__ = ["Dashboards", "is_local"]


def is_local(host: str | None) -> bool:
    """Whether a request's host is this machine. Other hosts are refused, against DNS rebinding by foreign pages."""
    return (host or "").rsplit(":", 1)[0] in {"127.0.0.1", "localhost"}


class Dashboards:
    """Dashboard servers, one for each study. A server starts on first use and answers this machine only.

    Args:
        results: path of the results folder.
        storage: URL of a database that all studies share; None if each study has its own file.
    """

    def __init__(self, results: Path, storage: str | None = None) -> None:
        self._results = results
        self._storage = storage
        self._addresses: dict[str, str] = {}
        self._lock = threading.Lock()

    def address(self, study: str) -> str:
        """URL of the dashboard of a study.

        Raises:
            SerbenchError: the study or its storage does not exist, or the extra is not installed.
        """
        with self._lock:
            if study not in self._addresses:
                self._addresses[study] = self._begin(study)
            return self._addresses[study]

    def _begin(self, study: str) -> str:
        folder = ResultsFolder(self._results).existing_study(study)
        require("a dashboard", {"optuna_dashboard": "Optuna Dashboard"}, extra="dashboard")
        if self._storage is None and not folder.storage_path.is_file():
            raise SerbenchError(f"study '{study}' has no database in its folder; it is in another storage")
        try:
            application = self._application(folder.storage_path)
        except Exception as error:  # from Optuna, SQLAlchemy or the database's driver
            raise SerbenchError(f"the storage of study '{study}' cannot be opened ({type(error).__name__})") from error
        server = make_server("127.0.0.1", 0, application, _Threading, _Quiet)
        threading.Thread(target=server.serve_forever, daemon=True, name=f"dashboard-{study}").start()
        return f"http://127.0.0.1:{server.server_address[1]}/dashboard"

    def _application(self, path: Path) -> Any:
        import optuna_dashboard
        from optuna.storages import RDBStorage

        # A file is opened read-only. For a shared database, only read requests are allowed.
        url = self._storage or f"sqlite:///file:{quote(str(path.resolve()))}?mode=ro&uri=true"
        application = optuna_dashboard.wsgi(RDBStorage(url, skip_compatibility_check=True, skip_table_creation=True))

        def read_only(environ: dict[str, Any], start_response: Any) -> Any:
            if not is_local(environ.get("HTTP_HOST")):
                start_response("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"only this machine has access"]
            if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
                start_response("403 Forbidden", [("Content-Type", "application/json")])
                return [b'{"reason": "read-only: only the search writes to its storage"}']
            return application(environ, start_response)

        return read_only


class _Threading(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Prints nothing when a browser closes the connection."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:  # the terminal belongs to the search
        """Prints nothing."""
