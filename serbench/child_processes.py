"""Child processes that never run the caller's script again.

A process that multiprocessing spawns, or forks from its server, first imports the parent's `__main__` a second time: a
script that calls a search without an `if __name__ == "__main__"` guard would begin anew in every child. What serbench
runs in a child always lies in a module of its own, so its children need no `__main__`. The contexts below leave it out
of what a child is told. Nothing that other code or another thread could see is changed for that.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Sequence
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

__all__ = ["SPAWN", "ForkServerContext", "SpawnContext"]

_SCRIPT_KEYS = ("init_main_from_name", "init_main_from_path")


class _SpawnPopen(popen_spawn_posix.Popen):
    """As CPython 3.11 to 3.13 spawns a process, apart from what `_message` leaves out."""

    _fds: list[int]

    def _launch(self, process_obj: BaseProcess) -> None:
        tracker: Any = resource_tracker.getfd()
        self._fds.append(tracker)
        message = _message(self, process_obj)
        parent_r, child_w = os.pipe()
        child_r, parent_w = os.pipe()
        try:
            command = spawn.get_command_line(tracker_fd=tracker, pipe_handle=child_r)
            self._fds.extend([child_r, child_w])
            program: Any = spawn.get_executable()
            self.pid = process_util.spawnv_passfds(program, command, self._fds)
            self.sentinel = parent_r
            with open(parent_w, "wb", closefd=False) as pipe:
                pipe.write(message)
        finally:
            self.finalizer = process_util.Finalize(self, _close, (parent_r, parent_w))
            os.close(child_r)
            os.close(child_w)


class _ForkServerPopen(popen_forkserver.Popen):
    """As CPython 3.11 to 3.13 asks the fork server for a process, apart from what `_message` leaves out."""

    _fds: list[int]

    def _launch(self, process_obj: BaseProcess) -> None:
        message = _message(self, process_obj)
        self.sentinel, pipe = _server.connect_to_new_process(self._fds)
        # The child notices by this end that its parent is gone.
        held = os.dup(pipe)
        self.finalizer = process_util.Finalize(self, _close, (held, self.sentinel))
        with open(pipe, "wb", closefd=True) as stream:  # noqa: PTH123
            stream.write(message)
        self.pid = forkserver.read_signed(self.sentinel)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _message(popen: _SpawnPopen | _ForkServerPopen, process_obj: BaseProcess) -> memoryview:
    """What a child reads first: how to set itself up, then the process object."""
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
    """Like `multiprocessing.get_context("spawn")`; its children do not run the script. Their target must be importable.

    Works as the `mp_context` of a `ProcessPoolExecutor`, too.
    """

    Process = _SpawnProcess


SPAWN = "serbench-spawn"
"""What `multiprocessing.get_context` calls a `SpawnContext`, for libraries that take the name of a context."""
context._concrete_contexts[SPAWN] = SpawnContext()  # type: ignore[attr-defined]

_server = forkserver.ForkServer()
"""serbench's own, beside the one that multiprocessing keeps for everybody: neither preloads the other's modules."""
_server_lock = threading.Lock()


class ForkServerContext(context.ForkServerContext):
    """Like `multiprocessing.get_context("forkserver")` with a server of its own. Its children do not run the script."""

    Process = _ForkServerProcess

    def start_server(self, preload: Sequence[str]) -> None:
        """Starts the server unless it runs.

        Args:
            preload: modules that it imports before its first fork; ignored where it runs already.
        """
        with _server_lock:
            _server.set_forkserver_preload(list(preload))
            _server.ensure_running()
