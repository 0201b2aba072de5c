"""Downloads many files in parallel over one pool of connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serbench.corpora.download.addresses import RemoteFile
from serbench.corpora.download.fetch import FetchError, Stopped, fetch, is_there
from serbench.corpora.download.settings import FetchSettings
from serbench.errors import SerbenchError

__all__ = ["Transfer", "fetch_file", "transfer"]

_LOOK_S: Final = 0.2
"""Seconds between two checks for a stop."""

Received = Callable[[int], None]


@dataclass(frozen=True)
class Transfer:
    """Result of a download.

    Attributes:
        fetched: names of the files that were downloaded now.
        there: names of the files that were already there.
        failed: the reason for each file that could not be downloaded, by name.
        stopped: whether the download was stopped early.
    """

    fetched: tuple[str, ...]
    there: tuple[str, ...]
    failed: dict[str, str]
    stopped: bool


def transfer(
    files: Sequence[RemoteFile],
    folder: Path,
    settings: FetchSettings,
    connections: int = 8,
    received: Received = lambda _: None,
) -> Transfer:
    """Downloads the files that are not there yet.

    Args:
        files: the files.
        folder: folder of the corpus.
        settings: retries and time limits.
        connections: most connections at once.
        received: called with the number of bytes that were received or already there, from any thread.
    """
    import httpx

    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    lock = threading.Lock()

    def count(size: int) -> None:
        with lock:
            received(size)

    def one(file: RemoteFile) -> bool:
        if is_there(file, folder):
            count((folder / file.name).stat().st_size)
            return False
        if settings.stop.is_set():
            raise Stopped
        fetch(client, file, folder, settings, count)
        return True

    fetched: list[str] = []
    there: list[str] = []
    failed: dict[str, str] = {}
    timeout = httpx.Timeout(settings.stall_s)
    headers = {"User-Agent": "serbench"}
    with (
        httpx.Client(timeout=timeout, limits=limits, headers=headers, follow_redirects=True, max_redirects=5) as client,
        ThreadPoolExecutor(connections, thread_name_prefix="download") as pool,
    ):
        running: dict[Future[bool], RemoteFile] = {}
        waiting = iter(files)
        try:
            while True:
                # Only a few are submitted at a time, so that a stop need not cancel thousands.
                while len(running) < 2 * connections and (file := next(waiting, None)) is not None:
                    running[pool.submit(one, file)] = file
                if not running or settings.stop.is_set():
                    break
                done, _ = wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
                for future in done:
                    _sort(future, running.pop(future), fetched, there, failed)
        except KeyboardInterrupt:
            settings.stop.set()
        if settings.stop.is_set():
            settings.hang_up()
        for future, file in running.items():
            _sort(future, file, fetched, there, failed)
    return Transfer(tuple(fetched), tuple(there), failed, settings.stop.is_set())


def fetch_file(file: RemoteFile, folder: Path, settings: FetchSettings | None = None) -> Path:
    """Downloads one file, unless it is there already.

    Args:
        file: the file.
        folder: where to write it.
        settings: retries and time limits.

    Returns:
        Its path.

    Raises:
        SerbenchError: no address delivers the file as published.
        KeyboardInterrupt: the download was interrupted; what was received is resumed next time.
    """
    done = transfer([file], folder, settings or FetchSettings(tries=3), connections=1)
    if done.stopped:
        raise KeyboardInterrupt
    if done.failed:
        raise SerbenchError(f"{file.name} cannot be downloaded: {done.failed[file.name]}")
    return folder / file.name


def _sort(future: Future[bool], file: RemoteFile, fetched: list[str], there: list[str], failed: dict[str, str]) -> None:
    try:
        (fetched if future.result() else there).append(file.name)
    except Stopped:
        return
    except FetchError as error:
        failed[file.name] = str(error)
    except OSError as error:
        failed[file.name] = f"cannot be written: {error.strerror or error}"
