"""Multiprocessing contexts whose child processes do not run the caller's script again.

A process that multiprocessing spawns, or forks from its server, first imports the parent's `__main__` again. A script
that calls a search without an `if __name__ == "__main__"` guard would start over in each child. The functions that
serbench runs in children are always defined in importable modules, so its children do not need `__main__`. The contexts
below do not pass it to the child. A new Python also looks for modules in the working folder first, which may be a
stranger's; those that start here do not. Other code and threads see none of this, but for environment variables, which
this process has, too, while a process starts or a child is asked for.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import (
    context,
    forkserver,
    popen_forkserver,
    popen_spawn_posix,
    reduction,
    resource_tracker,
    spawn,
)
from multiprocessing import util as process_util
from multiprocessing.process import BaseProcess
from typing import Any

__all__ = ["SPAWN", "ForkServerContext", "SpawnContext", "start_tracker"]

_SCRIPT_KEYS = ("init_main_from_name", "init_main_from_path")
_SAFE = {"PYTHONSAFEPATH": "1"}
"""Keeps a new Python from importing modules of the working folder. Children still get the `sys.path` of this one."""


class _SpawnPopen(popen_spawn_posix.Popen):
    """Spawns a process as CPython 3.11 to 3.13 does, except for what `_message` leaves out."""

    _fds: list[int]

    def _launch(self, process_obj: BaseProcess) -> None:
        start_tracker()
        tracker: Any = resource_tracker.getfd()
        self._fds.append(tracker)
        message = _message(self, process_obj)
        parent_r, child_w = os.pipe()
        child_r, parent_w = os.pipe()
        try:
            command = spawn.get_command_line(tracker_fd=tracker, pipe_handle=child_r)
            self._fds.extend([child_r, child_w])
            program: Any = spawn.get_executable()
            with _environment(_SAFE):
                self.pid = process_util.spawnv_passfds(program, command, self._fds)
            self.sentinel = parent_r
            with open(parent_w, "wb", closefd=False) as pipe:
                pipe.write(message)
        finally:
            self.finalizer = process_util.Finalize(self, _close, (parent_r, parent_w))
            os.close(child_r)
            os.close(child_w)


class _ForkServerPopen(popen_forkserver.Popen):
    """Requests a process from the fork server as CPython 3.11 to 3.13 does, except for what `_message` leaves out."""

    _fds: list[int]

    def _launch(self, process_obj: BaseProcess) -> None:
        message = _message(self, process_obj)
        self.sentinel, pipe = _server.connect_to_new_process(self._fds)
        # The child watches this end of the pipe to notice when its parent ends.
        held = os.dup(pipe)
        self.finalizer = process_util.Finalize(self, _close, (held, self.sentinel))
        with open(pipe, "wb", closefd=True) as stream:  # noqa: PTH123
            stream.write(message)
        self.pid = forkserver.read_signed(self.sentinel)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _message(popen: _SpawnPopen | _ForkServerPopen, process_obj: BaseProcess) -> memoryview:
    """Returns what a child reads first: its preparation data without the script, then the process object."""
    preparation = spawn.get_preparation_data(process_obj.name)
    for key in _SCRIPT_KEYS:
        preparation.pop(key, None)
    buffer = io.BytesIO()
    context.set_spawning_popen(popen)
    try:
        reduction.dump(preparation, buffer)
        reduction.dump(process_obj, buffer)
    finally:
        context.set_spawning_popen(None)
    return buffer.getbuffer()


class _SpawnProcess(context.SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802
        return _SpawnPopen(process_obj)


class _ForkServerProcess(context.ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802
        return _ForkServerPopen(process_obj)


class SpawnContext(context.SpawnContext):
    """Like `multiprocessing.get_context("spawn")`, but its children do not run the script.

    The target of a child must be importable. The context also works as `mp_context` of a `ProcessPoolExecutor`.
    """

    Process = _SpawnProcess


SPAWN = "serbench-spawn"
"""What `multiprocessing.get_context` calls a `SpawnContext`, for libraries that take the name of a context."""
context._concrete_contexts[SPAWN] = SpawnContext()  # type: ignore[attr-defined]


class _ForkServer(forkserver.ForkServer):
    """A fork server with environment variables of its own, each time it starts: after it was killed, too."""

    def __init__(self) -> None:
        super().__init__()
        self.environment: Mapping[str, str] = {}

    def ensure_running(self) -> None:
        with _environment({**_SAFE, **self.environment}):
            super().ensure_running()


_environment_lock = threading.RLock()


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables, and afterwards puts back what they were. One thread at a time."""
    with _environment_lock:
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def start_tracker() -> None:
    """Starts the process with which multiprocessing tracks locks and queues, unless it runs.

    The first lock would start it, too, but then it would look for its modules in the working folder first.
    """
    with _environment(_SAFE):
        resource_tracker.ensure_running()


_server = _ForkServer()
"""A separate server, so that serbench and other users of multiprocessing do not preload each other's modules."""
_server_lock = threading.Lock()


class ForkServerContext(context.ForkServerContext):
    """Like `multiprocessing.get_context("forkserver")`, but with its own server, and children do not run the script."""

    Process = _ForkServerProcess

    def start_server(self, preload: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Starts the fork server if it is not running.

        Args:
            preload: modules that the server imports before its first fork. Ignored if the server is already running.
            environment: variables that the server has besides those of this process. Ignored likewise.
        """
        with _server_lock:
            _server.set_forkserver_preload(list(preload))
            _server.environment = dict(environment or {})
            _server.ensure_running()
