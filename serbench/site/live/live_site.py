"""`LiveSite`: shows a running search. It is a process of its own, so that pages do not slow trials down."""

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
        results: path of the results folder; it need not exist yet.
        corpus: only entries of the corpus of this name.
        protocol: only entries under the protocol of this name; None for all.
        port: port to listen on; None for the first free one from 8421 on.
        storage: URL of a database that all studies share; None if each study has its own file.

    Attributes:
        address: URL of the site, inside the `with` block.
    """

    address = ""

    def __init__(
        self, results: Path, corpus: str, protocol: str | None, port: int | None = None, storage: str | None = None
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
            SerbenchError: the process cannot listen on the port.
        """
        self._folder = self._asked["folder"] = tempfile.mkdtemp(prefix="serbench-live-")
        # A session of its own: Ctrl-C is for the search. The server ends when the pipe closes, even after SIGKILL.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "serbench.site.live.server"],  # -P: no modules of the working folder
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018
        # Not on the command line, which other users can read: the storage URL may contain a password.
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
        shutil.rmtree(self._folder, ignore_errors=True)  # in case the server was killed before it did so
