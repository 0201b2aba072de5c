"""`Cluster`: the connection to a Dask scheduler and its workers. `--cluster local` starts both on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from serbench.child_processes import SPAWN, start_tracker
from serbench.errors import SerbenchError, UsageError, require
from serbench.search.engines.dask import worker
from serbench.search.resources import GPU_BACKENDS, Resources

__all__ = ["CONNECT_S", "LOCAL", "Cluster", "check_cluster", "open_cluster"]

LOCAL = "local"

_ADDRESS = re.compile(r"(?:tcp|tls)://(?:\[[0-9A-Fa-f:]+\]|[\w.-]+):\d{1,5}", re.ASCII)
CONNECT_S = 10.0
"""How long a scheduler may take to answer, in seconds."""

_CLOSE_S = 30.0
_CHECK_GRACE_S = 2.0
_EVENTS = "all"  # the scheduler's topic for workers that join and leave
_LOGGERS = ("distributed", "distributed.client", "distributed.gc")


def check_cluster(address: str) -> None:
    """Checks an address as far as is possible without a connection.

    Raises:
        UsageError: the address is invalid.
        SerbenchError: Dask is not installed.
    """
    if address != LOCAL and not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"--cluster '{address}' is not the address of a Dask scheduler; write tcp://HOST:8786, or local for "
            "workers on this machine"
        )
    require("--cluster", {"distributed": "Dask"}, extra="cluster")


@dataclass(frozen=True)
class _Member:
    """A worker process: the number of jobs it runs at a time, and the machine it is on."""

    slots: int
    host: str


class Cluster:
    """A connection to a scheduler for the duration of one command.

    Args:
        client: connected Dask client.
        place: address of the scheduler, for messages.
        backend: Keras backend. On some backends a worker with GPUs runs one job at a time.
    """

    def __init__(self, client: Any, place: str, backend: str) -> None:
        self.client = client
        self.place = place
        self._backend = backend
        self._members: dict[str, _Member] = {}
        self._gpus: dict[str, int] = {}
        self._watchers: list[Callable[[str], None]] = []
        self._refreshing = asyncio.Lock()
        client.subscribe_topic(_EVENTS, self._on_event)
        self.start(self._refresh()).result(CONNECT_S)

    @property
    def connected(self) -> bool:
        """Whether the scheduler answers. A lost connection is not reopened: the scheduler has dropped its tasks."""
        return bool(self.client.status == "running")

    def lost(self) -> SerbenchError:
        """Returns the error to raise when the scheduler is gone."""
        return SerbenchError(
            f"the connection to the Dask scheduler at {self.place} is lost; when it is up again, the same command "
            "resumes the search"
        )

    @property
    def slots(self) -> int:
        """Number of jobs that the present workers can run at the same time.

        Raises:
            SerbenchError: the scheduler is gone.
        """
        if not self.connected:
            raise self.lost()
        return sum(member.slots for member in list(self._members.values()))

    def neighbours(self, address: str) -> int:
        """Returns the largest number of jobs that share the machine of a worker, its own included."""
        members = dict(self._members)
        host = members[address].host if address in members else None
        return max(1, sum(member.slots for member in members.values() if member.host == host))

    @contextlib.contextmanager
    def watching(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Calls `tell` with the address of each worker that leaves during the block, on the connection's thread."""
        self._watchers.append(tell)
        try:
            yield
        finally:
            self._watchers.remove(tell)

    def start(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Runs a coroutine on the connection's thread.

        Raises:
            SerbenchError: that thread has ended.
        """
        try:
            return asyncio.run_coroutine_threadsafe(work, self.client.loop.asyncio_loop)
        except RuntimeError as error:
            work.close()
            raise self.lost() from error

    def leave(self) -> None:
        """Unsubscribes from scheduler events, so that closing the client does not look like a lost connection."""
        if self.connected:
            self.client.unsubscribe_topic(_EVENTS)

    def _on_event(self, event: tuple[float, Any]) -> None:
        _, message = event
        action = message.get("action") if isinstance(message, dict) else None
        if action == "remove-worker":
            self._leave(message["worker"])
        elif action == "add-worker":
            self.start(self._refresh())

    def _leave(self, address: str) -> None:
        self._members.pop(address, None)
        for tell in list(self._watchers):
            tell(address)

    async def _refresh(self) -> None:
        """Asks the scheduler for its workers. Workers that leave in the meantime send an event of their own."""
        async with self._refreshing:
            with contextlib.suppress(OSError):
                found = (await self.client.scheduler.identity(n_workers=-1))["workers"]
                await self._count_gpus([address for address in found if address not in self._gpus])
                for address in set(self._members) - set(found):
                    self._leave(address)
                for address, facts in found.items():
                    slots = 1 if self._gpus.get(address) else facts["nthreads"]
                    self._members[address] = _Member(slots, facts["host"])

    async def _count_gpus(self, addresses: list[str]) -> None:
        if self._backend not in GPU_BACKENDS or not addresses:
            return
        counts = await self.client.run(worker.gpu_count, workers=addresses, on_error="ignore", asynchronous=True)
        self._gpus.update(counts)


@contextlib.contextmanager
def open_cluster(
    address: str, backend: str, resources: Resources, *, connect_s: float = CONNECT_S
) -> Iterator[Cluster]:
    """Connects to a scheduler, or starts one with workers on this machine, for the duration of the block.

    Args:
        address: address of the scheduler, or `local`.
        backend: Keras backend.
        resources: number of workers to start if the address is `local`.
        connect_s: how long the scheduler may take to answer, in seconds.

    Raises:
        SerbenchError: no scheduler answers at the address.
    """
    import distributed

    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        where = stack.enter_context(_own_workers(resources)) if address == LOCAL else address
        place = address if isinstance(where, str) else where.scheduler_address
        if isinstance(where, str):
            _check_scheduler(where, connect_s)
        client = distributed.Client(where, timeout=connect_s, set_as_default=False)
        stack.callback(_close, client)
        connection = Cluster(client, place, backend)
        stack.callback(connection.leave)
        yield connection


def _check_scheduler(address: str, connect_s: float) -> None:
    """Checks that a scheduler answers. On another kind of server, Dask's client may wait forever or fill the memory.

    Raises:
        SerbenchError: the server is no scheduler, or does not answer in time.
    """
    from distributed import Security
    from distributed.core import rpc

    answer: Future[None] = Future()

    async def ask() -> None:
        async with rpc(address, connection_args=Security().get_connection_args("client")) as there:
            await there.identity(n_workers=0)  # only a scheduler accepts this argument; a worker does not

    def check() -> None:
        try:
            asyncio.run(asyncio.wait_for(ask(), connect_s))
            answer.set_result(None)
        except BaseException as error:
            answer.set_exception(error)

    # In a thread, since the caller may run its own event loop, and a hanging server must not hang the command.
    threading.Thread(target=check, name="serbench-scheduler-check", daemon=True).start()
    try:
        answer.result(connect_s + _CHECK_GRACE_S)
    except Exception as error:
        raise SerbenchError(
            f"no Dask scheduler answers at {address} within {connect_s:g} s; start one there with `dask scheduler`, "
            "or correct --cluster"
        ) from error


@contextlib.contextmanager
def _own_workers(resources: Resources) -> Iterator[Any]:
    """Starts a scheduler in this process and worker processes with one slot each; with GPUs, one worker per GPU."""
    import dask
    from distributed import Nanny, Scheduler, Security, SpecCluster

    options = {
        "host": "127.0.0.1",
        "protocol": "tcp://",
        "security": Security(),
        "silence_logs": logging.CRITICAL,
        "dashboard": False,
    }
    settings = {
        "distributed.worker.daemon": False,  # in the configuration, to reach workers that a nanny restarts later, too
        "distributed.worker.multiprocessing-method": SPAWN,  # workers never run the caller's script
        "distributed.nanny.pre-spawn-environ": {},  # would change the environment of this process, too
    }
    workers = {}
    for place in range(resources.workers):
        device = resources.devices[place % len(resources.devices)] if resources.devices else None
        workers[place] = {
            "cls": Nanny,
            "options": {
                **options,
                "nthreads": 1,
                "memory_limit": 0,  # each job has its own limit
                "preload": [worker.__name__],
                "env": {} if device is None else {"CUDA_VISIBLE_DEVICES": device},
            },
        }
    scheduler = {"cls": Scheduler, "options": {**options, "port": 0, "dashboard_address": "127.0.0.1:0"}}
    scheduler["options"].pop("silence_logs")
    start_tracker()
    with dask.config.set(settings):
        cluster = SpecCluster(
            workers=workers, scheduler=scheduler, security=options["security"], silence_logs=logging.CRITICAL
        )
        try:
            yield cluster
        finally:
            _close(cluster)


def _close(what: Any) -> None:
    """Closes a client or a cluster. A lost connection must not keep the command from ending."""
    with contextlib.suppress(OSError, TimeoutError, RuntimeError):
        what.close(timeout=_CLOSE_S)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences Dask's log in this process, since serbench reports what matters in its own messages."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
