"""Downloads one file over HTTP. A broken download is resumed, and a file gets its final name after its check."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serbench.corpora.download.addresses import RemoteFile
from serbench.corpora.download.settings import HOST_FAILURES, FetchSettings

if TYPE_CHECKING:
    import httpx

__all__ = ["FetchError", "Stopped", "fetch", "is_there"]

_LFS_MARK: Final = b"version https://git-lfs.github.com/spec/"
_HTML_MARKS: Final = (b"<!doctype html", b"<html")
_GONE: Final = frozenset({401, 403, 404, 410, 451})


class FetchError(Exception):
    """A file could not be downloaded from any mirror. The message gives the reason for each mirror."""


class Stopped(Exception):  # noqa: N818
    """The download was stopped on request. The received part is kept and resumed next time."""


class _RetryError(Exception):
    """This attempt failed, but the next one may succeed. `wait_s` is the wait that the server asked for."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _MirrorError(Exception):
    """This mirror cannot deliver the file."""


def is_there(file: RemoteFile, folder: Path) -> bool:
    """Whether the complete file is there, with the published size and checksum."""
    path = folder / file.name
    if not path.is_file() or (file.size is not None and path.stat().st_size != file.size):
        return False
    return file.checksum is None or _digest(path, file.checksum) == file.checksum


def fetch(
    client: httpx.Client,
    file: RemoteFile,
    folder: Path,
    settings: FetchSettings,
    received: Callable[[int], None] = lambda _: None,
) -> None:
    """Downloads a file from the first mirror that has it.

    Args:
        client: an HTTP client with a read timeout.
        file: the file.
        folder: folder of the corpus. An incomplete file is called `<name>.part`.
        settings: retries and time limits.
        received: called with the number of bytes received; negative if bytes turned out to be wrong.

    Raises:
        FetchError: no mirror has the file as published.
        Stopped: a stop was requested.
    """
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    count = _Count(received)
    for url in file.urls:
        host, reason, tries = url.split("/")[2], "", 0
        if settings.gave_up(host):
            reasons.append(f"{host}: given up, since it failed for {HOST_FAILURES} files in a row")
            continue
        for number in range(settings.tries):
            if settings.stop.is_set():
                raise Stopped
            try:
                _try(client, url, file, path, settings, count)
            except _RetryError as error:
                tries = number + 1
                reason = f"{error} ({tries} tries)" if number else str(error)
                if number + 1 < settings.tries:
                    usual = settings.first_wait_s * 2**number * random.uniform(0.5, 1.5)  # noqa: S311
                    settings.pause(usual if error.wait_s is None else error.wait_s)
            except _MirrorError as error:
                reason = str(error)
                break
            else:
                settings.note(host, failed=False)
                return
        settings.note(host, failed=tries == settings.tries)
        reasons.append(f"{host}: {reason}")
    raise FetchError("; ".join(dict.fromkeys(reasons)))


class _Count:
    """Reports the received bytes of one file as differences, so that wrong bytes can be subtracted again."""

    def __init__(self, received: Callable[[int], None]) -> None:
        self._received, self._reported = received, 0

    def at(self, size: int) -> None:
        self._received(size - self._reported)
        self._reported = size


def _try(client: httpx.Client, url: str, file: RemoteFile, path: Path, settings: FetchSettings, count: _Count) -> None:
    import httpx

    part, tag = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.tag")
    headers = {"Accept-Encoding": "identity"}
    start = part.stat().st_size if part.is_file() else 0
    if start and file.checksum and start >= (file.size or 0) and _digest(part, file.checksum) == file.checksum:
        count.at(start)  # an earlier run had received all of it
        _finish(file, path, part, tag, count)
        return
    known = _read(tag)
    if start and (known or file.checksum):
        headers["Range"] = f"bytes={start}-"
        if known and not file.checksum:
            headers["If-Range"] = known
    else:
        start = 0
    try:
        with client.stream("GET", url, headers=headers) as response, settings.interruptible(response):
            _check_status(response, part)
            if response.status_code != 206 or not _begins_at(response, start):
                start = 0
            _note(tag, response)
            _receive(response, file, part, start, settings, count)
    except httpx.TimeoutException:
        raise _RetryError(f"no byte for {settings.stall_s:g} s") from None
    except httpx.TooManyRedirects:
        raise _MirrorError("sends from address to address without end") from None
    except httpx.UnsupportedProtocol:
        raise _MirrorError("sends to an address that is not http") from None
    except httpx.InvalidURL:
        raise _MirrorError("is no address") from None
    except httpx.HTTPError as error:
        if settings.stop.is_set():
            raise Stopped from None
        raise _RetryError(f"connection broken ({type(error).__name__})") from None
    _finish(file, path, part, tag, count)


def _check_status(response: httpx.Response, part: Path) -> None:
    code = response.status_code
    if code in {200, 206}:
        return
    if code == 416:  # the partial file is longer than the file
        part.unlink(missing_ok=True)
        raise _RetryError("asked to begin anew")
    if code in _GONE:
        raise _MirrorError(f"HTTP {code}")
    raise _RetryError(f"HTTP {code}", _asked_wait(response.headers.get("Retry-After")))


def _asked_wait(value: str | None) -> float | None:
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return parsedate_to_datetime(value).timestamp() - time.time()
    return None


def _begins_at(response: httpx.Response, start: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-")


def _note(tag: Path, response: httpx.Response) -> None:
    value = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    if value.startswith("W/") or not value.isascii():  # it could not be sent back in a header
        value = ""
    tag.write_text(value, encoding="utf-8")


def _read(tag: Path) -> str:
    try:
        return tag.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _receive(
    response: httpx.Response,
    file: RemoteFile,
    part: Path,
    start: int,
    settings: FetchSettings,
    count: _Count,
) -> None:
    limit = file.most if file.size is None else file.size
    size = start
    count.at(size)
    with part.open("r+b" if start else "wb") as out:
        out.seek(start)
        for chunk in response.iter_raw():  # unbuffered: a stop would lose what a buffer holds
            if settings.stop.is_set():
                raise Stopped
            if size == 0:
                _check_beginning(chunk)
            size += len(chunk)
            if size > limit:
                count.at(0)
                out.truncate(0)
                raise _MirrorError(f"sends more than the {limit:,} bytes of the file")
            out.write(chunk)
            count.at(size)
        out.truncate()
        out.flush()
        os.fsync(out.fileno())
    if file.size is not None and size < file.size:
        raise _RetryError(f"cut off after {size:,} of {file.size:,} bytes")


def _check_beginning(chunk: bytes) -> None:
    if chunk.startswith(_LFS_MARK):
        raise _MirrorError("serves a Git LFS pointer in place of the file")
    if chunk.lstrip()[:20].lower().startswith(_HTML_MARKS):
        raise _MirrorError("serves a web page in place of the file")


def _finish(file: RemoteFile, path: Path, part: Path, tag: Path, count: _Count) -> None:
    if file.checksum is not None and _digest(part, file.checksum) != file.checksum:
        count.at(0)
        part.unlink()
        raise _RetryError("other bytes than published (checksum)")
    tag.unlink(missing_ok=True)  # first, since nobody looks at it again once the file is there
    part.replace(path)


def _digest(path: Path, like: str) -> str:
    name = like.partition(":")[0]
    with path.open("rb") as file:
        return f"{name}:{hashlib.file_digest(file, name).hexdigest()}"
