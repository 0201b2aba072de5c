"""A web server on this machine that does to each file what its name's first word says."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from corpora_files import LFS_POINTER

PAYLOAD = bytes(range(256)) * 2000
"""What every file holds: 512,000 bytes."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.sent = 0
        self.lock = threading.Lock()
        self.release = threading.Event()
        self.payloads: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what is tested."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        with self.server.lock:
            self.server.asked[name] += 1
            number = self.server.asked[name]
            if "Range" in self.headers:
                self.server.ranges.append(self.headers["Range"])
        kind = name.partition("-")[0]
        getattr(self, f"_{kind}", self._good)(number, self.server.payloads.get(name, PAYLOAD))

    def _answer(self, body: bytes, code: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        with contextlib.suppress(OSError):
            for start in range(0, len(body), 1 << 14):
                self.wfile.write(body[start : start + (1 << 14)])
                with self.server.lock:
                    self.server.sent += len(body[start : start + (1 << 14)])

    def _good(self, _number: int, body: bytes) -> None:
        start = self._start()
        if start >= len(body):
            return self._answer(b"", 416)
        if start:
            return self._answer(
                body[start:], 206, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}", ETag='"x"'
            )
        return self._answer(body, ETag='"x"')

    def _start(self) -> int:
        asked = self.headers.get("Range", "")
        return int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0

    def _truncated(self, number: int, body: bytes) -> None:
        """The first answer breaks off in the middle."""
        if number > 1:
            return self._good(number, body)
        self._answer(body[:100_000], length=len(body), ETag='"x"')
        self.close_connection = True
        return None

    def _short(self, _number: int, body: bytes) -> None:
        """Ends early and says that this is all."""
        self._answer(body[:1000])

    def _stalls(self, number: int, body: bytes) -> None:
        """The first answer stops sending and holds the line."""
        if number > 1:
            return self._good(number, body)
        self._answer(body[:50_000], length=len(body), ETag='"x"')
        self.server.release.wait(20)
        self.close_connection = True
        return None

    def _missing(self, _number: int, _body: bytes) -> None:
        self._answer(b"nothing here", 404)

    def _busy(self, number: int, body: bytes) -> None:
        """Asks for patience twice."""
        self._answer(b"", 429, Retry_After="7") if number < 3 else self._good(number, body)

    def _eternal(self, number: int, body: bytes) -> None:
        """Asks for patience until a year that no clock has."""
        until = "Mon, 01 Jan 99999999999999 00:00:00 GMT"
        self._answer(b"", 503, Retry_After=until) if number < 2 else self._good(number, body)

    def _broken(self, number: int, body: bytes) -> None:
        self._answer(b"", 500) if number < 3 else self._good(number, body)

    def _dead(self, _number: int, _body: bytes) -> None:
        self._answer(b"", 503)

    def _pointer(self, _number: int, _body: bytes) -> None:
        self._answer(LFS_POINTER.encode())

    def _page(self, _number: int, _body: bytes) -> None:
        self._answer(b"<!DOCTYPE html><html>Sign in</html>")

    def _wrong(self, _number: int, body: bytes) -> None:
        """As many bytes, but others."""
        self._answer(body[::-1])

    def _drops(self, number: int, body: bytes) -> None:
        """Hangs up before it answers."""
        if number > 1:
            return self._good(number, body)
        self.close_connection = True
        return None

    def _whole(self, number: int, body: bytes) -> None:
        """Breaks off once, and knows no ranges."""
        if number == 1:
            return self._truncated(number, body)
        return self._answer(body)

    def _endless(self, _number: int, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.release.is_set():
                self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")

    def _round(self, _number: int, _body: bytes) -> None:
        """Sends from here to here."""
        self._answer(b"", 302, Location=self.path)

    def _disk(self, _number: int, _body: bytes) -> None:
        """Sends to a file of the client's own."""
        self._answer(b"", 302, Location="file:///etc/passwd")


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def checksum(body: bytes = PAYLOAD) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
