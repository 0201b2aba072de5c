"""The process behind `LiveSite`: rebuilds the site when records appear, and serves it to this machine only.

It reads one line of JSON from standard input (what to serve), prints its address, and ends when that pipe closes.
"""

from __future__ import annotations

import contextlib
import html
import json
import math
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from serbench.errors import SerbenchError, UsageError
from serbench.printable import without_paths
from serbench.records import StudyFolder
from serbench.results import Results
from serbench.site.build import Site
from serbench.site.live.dashboard import Dashboards, is_local

__all__ = ["LocalServer", "listen_locally", "main"]

PORT = 8421
_CHECK_EVERY_S = 1.0
_PAUSE = 5.0  # pause in multiples of the last build's duration: pages use at most a sixth of one CPU core
_QUICK_S = 1.0  # a search waits for its last pages only if they are made in this time
_LAST_S = 3.0  # how long the last pages are served: an open page asks every two seconds
_WATCHED_S = 5.0
_PORTS_TRIED = 20
_FIRST_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>serbench</title>
<p>The first pages are being made. They appear here by themselves.</p><p>{note}</p></html>
"""
_GROWING = ("trials", "probes", "folds", "shortlist", "refits", "entries", "attempts", "audits")


class _State:
    """Version of the newest site (0 before the first), a message if the last build failed, when a page asked last."""

    def __init__(self) -> None:
        self.version = 0
        self.note = ""
        self.asked = -math.inf

    def is_watched(self) -> bool:
        """Whether a page is open in a browser."""
        return time.monotonic() - self.asked < _WATCHED_S


class _Watcher(threading.Thread):
    """Rebuilds the site when a record appears."""

    def __init__(self, asked: dict[str, Any], folder: Path, state: _State) -> None:
        super().__init__(daemon=True, name="site-watcher")
        self._results = Path(asked["results"])
        self._filters = {"corpus": asked["corpus"], "protocol": asked["protocol"]}
        self._folder = folder
        self._state = state
        self._seen: list[tuple[str, int]] = []
        self._took = 0.0
        self.stopped = threading.Event()

    def run(self) -> None:
        """Makes the first site, then checks every second whether there is news, until `stopped` is set."""
        self.build()
        while not self.stopped.wait(_CHECK_EVERY_S):
            if self._is_outdated():
                self.stopped.wait(_PAUSE * self.build())

    def _is_outdated(self) -> bool:
        return list(_modified_times(self._results)) != self._seen

    def build_last(self) -> bool:
        """Writes the site once more if there are new records and the last build was quick. Returns whether it did."""
        if self._took > _QUICK_S or not self._is_outdated():
            return False
        self.build()
        return True

    def build(self) -> float:
        """Writes the site and returns the seconds it took. A record that is still being written appears next time."""
        began = time.perf_counter()
        self._seen = list(_modified_times(self._results))
        try:
            try:
                Site.build(Results(self._results), self._folder, live=True, **self._filters)
            except UsageError:  # no entry of this corpus and protocol yet
                Site.build(Results(self._results), self._folder, live=True)
            self._state.note = ""
            self._state.version += 1
        except Exception as error:  # the next record may fix it, and the search must go on
            self._state.note = without_paths(str(error) or type(error).__name__)
        self._took = time.perf_counter() - began
        return self._took


def _modified_times(results: Path) -> Iterator[tuple[str, int]]:
    """Modification times of the folders that change when a record is written, and whether each study runs."""
    for study in sorted((results / "studies").glob("*")):
        for part in (study, *(study / name for name in _GROWING)):
            with contextlib.suppress(OSError):
                yield str(part), part.stat().st_mtime_ns
        yield f"{study} runs", int(StudyFolder(study).is_running())


class _Handler(SimpleHTTPRequestHandler):
    """Serves the files of the site, its version, and redirects to a study's Optuna Dashboard."""

    def __init__(self, *args: Any, state: _State, dashboards: Dashboards, **kwargs: Any) -> None:
        self._state = state
        self._dashboards = dashboards
        super().__init__(*args, **kwargs)

    def do_HEAD(self) -> None:
        """Answers a HEAD request for a file of the site."""
        if self._is_local():
            super().do_HEAD()

    def do_GET(self) -> None:
        """Answers a GET request from this machine."""
        if not self._is_local():
            return
        path = unquote(urlsplit(self.path).path)
        if path == "/version":
            self._state.asked = time.monotonic()
            self._answer(200, json.dumps({"version": self._state.version, "note": self._state.note}))
        elif path.startswith("/dashboard/"):
            self._dashboard(path.removeprefix("/dashboard/"))
        elif not self._state.version and path.endswith(("/", ".html")):
            self._answer(200, _FIRST_PAGE.format(note=html.escape(self._state.note)), "text/html")
        else:
            super().do_GET()

    def end_headers(self) -> None:
        """Forbids caching, because pages change all the time."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Prints nothing: the terminal belongs to the search."""

    def _is_local(self) -> bool:
        local = is_local(self.headers.get("Host"))
        if not local:
            self.send_error(403, "only this machine has access")
        return local

    def _dashboard(self, study: str) -> None:
        try:
            address = self._dashboards.address(study)
        except SerbenchError as error:
            self._answer(404, f"{error}\n", "text/plain")
            return
        self.send_response(302)
        self.send_header("Location", address)
        self.end_headers()

    def _answer(self, code: int, text: str, kind: str = "application/json") -> None:
        data = text.encode("utf-8")
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class LocalServer(ThreadingHTTPServer):
    """Server that prints nothing of its own."""

    def handle_error(self, *_: object) -> None:
        """Prints nothing when a browser closes the connection: the terminal belongs to the search."""


def listen_locally(handler: Any, port: int | None, first: int = PORT) -> LocalServer:
    """Makes a server that only this machine reaches.

    Args:
        handler: what answers a request.
        port: port to listen on; None for the first free one from `first` on.
        first: the first port to try.

    Raises:
        OSError: the port is not free.
    """
    if port is not None:
        return LocalServer(("127.0.0.1", port), handler)
    for candidate in (*range(first, first + _PORTS_TRIED), 0):
        with contextlib.suppress(OSError):
            return LocalServer(("127.0.0.1", candidate), handler)
    raise OSError("no port is free")


def main() -> None:
    """Serves the site until standard input closes."""
    asked = json.loads(sys.stdin.readline())
    with contextlib.suppress(OSError):
        os.nice(10)
    state, folder = _State(), Path(asked["folder"])
    dashboards = Dashboards(Path(asked["results"]), asked["storage"])
    try:
        server = listen_locally(
            partial(_Handler, directory=str(folder / "site"), state=state, dashboards=dashboards), asked["port"]
        )
    except OSError as error:
        print(f"port {asked['port']}: {error.strerror or error}; name another with --live-port", flush=True)
        return
    watcher = _Watcher(asked, folder / "site", state)
    watcher.start()  # the search does not wait for the first pages, which take minutes of a thousand entries
    threading.Thread(target=server.serve_forever, daemon=True, name="site-server").start()
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    sys.stdin.read()
    watcher.stopped.set()
    watcher.join()  # otherwise it could still write into the folder that is removed next
    if state.is_watched() and watcher.build_last():
        time.sleep(_LAST_S)  # until open pages have loaded it
    server.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
