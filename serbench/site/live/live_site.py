"""`LiveSite`: a process of its own that shows a search while it runs, so that a page never slows a trial down."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from serbench.errors import SerbenchError

__all__ = ["LiveSite"]


class LiveSite:
    """Serves the site of a results folder on this machine until the block ends or this process dies.

    Args:
        results: the folder; it need not exist yet.
        corpus: whose entries are shown.
        protocol: likewise.
        port: where it listens; the next free one where it is taken.
        storage: of the studies, where that is a database that several share.

    Attributes:
        address: of the site, once it is entered.
    """

    address = ""

    def __init__(
        self, results: Path, corpus: str, protocol: str, port: int | None = None, storage: str | None = None
    ) -> None:
        self._asked = {
            "results": str(results), "corpus": corpus, "protocol": protocol, "port": port, "storage": storage,
            "folder": "",
        }  # fmt: skip
        self._process: subprocess.Popen[str] | None = None
        self._folder = ""

    def __enter__(self) -> Self:
        """Starts the process.

        Raises:
            SerbenchError: it cannot listen.
        """
        self._folder = self._asked["folder"] = tempfile.mkdtemp(prefix="serbench-live-")
        # Ctrl-C is for the search; the pipe tells the server when that has ended, even by SIGKILL.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "serbench.site.live.server"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018
        # Not on the command line, which others on this machine can read: the storage may name a password.
        self._process.stdin.write(json.dumps(self._asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer.startswith("http://"):
            self.__exit__()
            raise SerbenchError(f"the live pages cannot be served: {answer or 'their process ended'}")
        self.address = answer
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the process."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)  # the server does that itself, unless it was killed
