"""A real Dask scheduler and real worker processes on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PATIENCE_S = 300


def until(true: Callable[[], object], what: str) -> None:
    """Waits for a condition; fails when it does not come about."""
    deadline = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        pause.wait(0.05)


class Dask:
    """A scheduler, and workers as they are asked for; all of them are gone after `close`."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._env = os.environ | {"SERBENCH_CACHE": str(cache), "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False"}
        self._processes: list[subprocess.Popen[bytes]] = []
        known = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(known), "--no-dashboard")
        until(lambda: known.is_file() and known.stat().st_size, "a scheduler")
        self.address: str = json.loads(known.read_text(encoding="utf-8"))["address"]

    def _start(self, what: str, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--host", "127.0.0.1", *arguments]
        log = (self._folder / f"{what}{len(self._processes)}.log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log, env=self._env | env, start_new_session=True)
        self._processes.append(process)
        return process

    def worker(self, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        """Starts a worker; it may take seconds until the scheduler knows it."""
        given = arguments or ("--no-nanny", "--nthreads", "1")
        return self._start(
            "worker", self.address, "--local-directory", str(self._folder), "--no-dashboard", *given, **env
        )

    def close(self) -> None:
        """Ends all of them."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()


def fits_of(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Processes that fit for a worker: those that its fork server has started."""
    try:
        return [fit for server in psutil.Process(worker.pid).children() for fit in server.children()]
    except psutil.NoSuchProcess:
        return []


def alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
