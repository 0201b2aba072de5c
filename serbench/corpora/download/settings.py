"""`FetchSettings`: how patient a download is, and how it is stopped."""

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
"""A host that failed for so many files in a row is left."""


@dataclass(frozen=True)
class FetchSettings:
    """How patient a download is.

    Attributes:
        tries: of each mirror.
        stall_s: seconds without a byte before a connection is given up.
        first_wait_s: before the second try; each further wait is twice as long, with a random part.
        longest_wait_s: of any wait, whatever the server asks for.
        stop: ends everything at once.
        wait: waits so many seconds, or until the stop.
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
        """Ends all running answers, so that nobody waits for a server after a stop."""
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def listening(self, response: httpx.Response) -> Iterator[None]:
        """Keeps the line of an answer within reach of `hang_up`."""
        stream = response.extensions.get("network_stream")
        line = stream.get_extra_info("socket") if stream is not None else None
        if line is not None:
            self._lines.add(line)
        try:
            yield
        finally:
            self._lines.discard(line)

    def gave_up(self, host: str) -> bool:
        """Whether a host failed for so many files in a row that others need not wait for it."""
        return self._failed_hosts[host] >= HOST_FAILURES

    def note(self, host: str, *, failed: bool) -> None:
        """Counts files in a row that a host failed for."""
        self._failed_hosts[host] = self._failed_hosts[host] + 1 if failed else 0

    def pause(self, seconds: float) -> None:
        """Waits, but not beyond the longest wait."""
        (self.wait or self.stop.wait)(min(max(seconds, 0.0), self.longest_wait_s))
