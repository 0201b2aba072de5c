"""`FetchSettings`: retries and time limits of a download, and how it is stopped."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx

__all__ = ["HOST_FAILURES", "FetchSettings"]

HOST_FAILURES: Final = 3
"""A host is given up after it failed for this many files in a row."""


@dataclass(frozen=True)
class FetchSettings:
    """Retries and time limits of a download.

    Attributes:
        tries: attempts for each mirror.
        stall_s: seconds without data before a connection is given up.
        first_wait_s: seconds before the second attempt. Each further wait is twice as long, with a random factor.
        longest_wait_s: longest wait, whatever the server asks for.
        stop: set it to stop the download.
        wait: waits for a number of seconds, or until the stop; None waits on `stop`.
    """

    tries: int = 5
    stall_s: float = 30.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 120.0
    stop: threading.Event = field(default_factory=threading.Event)
    wait: Callable[[float], object] | None = None
    _lines: set[Any] = field(default_factory=set, repr=False)
    _failed_hosts: Counter[str] = field(default_factory=Counter, repr=False)

    def hang_up(self) -> None:
        """Closes all open connections, so that a stop does not wait for a server."""
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def interruptible(self, response: httpx.Response) -> Iterator[None]:
        """Context manager that lets `hang_up` close the connection of a response."""
        stream = response.extensions.get("network_stream")
        line = stream.get_extra_info("socket") if stream is not None else None
        if line is not None:
            self._lines.add(line)
        try:
            yield
        finally:
            self._lines.discard(line)

    def gave_up(self, host: str) -> bool:
        """Whether a host is given up, since it failed for `HOST_FAILURES` files in a row."""
        return self._failed_hosts[host] >= HOST_FAILURES

    def note(self, host: str, *, failed: bool) -> None:
        """Counts consecutive failures of a host; a success resets the count."""
        self._failed_hosts[host] = self._failed_hosts[host] + 1 if failed else 0

    def pause(self, seconds: float) -> None:
        """Waits this many seconds, at most `longest_wait_s`."""
        (self.wait or self.stop.wait)(min(max(seconds, 0.0), self.longest_wait_s))
