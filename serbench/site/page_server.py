"""`PageServer`: serves a folder to this machine only, for `serbench demo`."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

from serbench.errors import SerbenchError
from serbench.site.live.dashboard import is_local
from serbench.site.live.server import listen_locally

__all__ = ["PageServer"]

_FIRST_PORT: Final = 8441

_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Handler(SimpleHTTPRequestHandler):
    """Serves files of one folder, without lists of folders."""

    # Not of the machine's own table, which may know neither modules nor WebAssembly.
    extensions_map = {  # noqa: RUF012 - as the base class has it
        "": "application/octet-stream",
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".mjs": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".wasm": "application/wasm",
    }

    def do_GET(self) -> None:
        """Answers a GET request from this machine."""
        if self._is_local():
            super().do_GET()

    def do_HEAD(self) -> None:
        """Answers a HEAD request from this machine."""
        if self._is_local():
            super().do_HEAD()

    def list_directory(self, path: Any) -> None:  # noqa: ARG002 - the base class hands it over
        """Refuses: nobody needs a list of the files."""
        self.send_error(404)

    def end_headers(self) -> None:
        """Adds headers that keep other pages away from this one."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Prints nothing."""

    def _is_local(self) -> bool:
        local = is_local(self.headers.get("Host"))
        if not local:
            self.send_error(403, "only this machine has access")
        return local


class PageServer:
    """Serves a folder on 127.0.0.1.

    Args:
        folder: the folder.
        port: port to listen on; None for the first free one from 8441 on.

    Attributes:
        address: URL of the page.

    Raises:
        SerbenchError: the port is not free.
    """

    def __init__(self, folder: Path, port: int | None = None) -> None:
        try:
            self._server = listen_locally(partial(_Handler, directory=str(folder)), port, _FIRST_PORT)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SerbenchError(f"port {port} cannot be used ({reason}); name another with --port") from error
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def serve(self) -> None:
        """Serves until `stop` is called from another thread, or until an interrupt."""
        try:
            self._server.serve_forever()
        finally:
            self._server.server_close()

    def stop(self) -> None:
        """Ends `serve`."""
        self._server.shutdown()
