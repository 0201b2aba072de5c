"""Runs a function over many items in worker processes, and survives the crash of a worker."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from serbench.child_processes import SpawnContext, start_tracker
from serbench.records import Progress

__all__ = ["map_in_processes"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Sequence[Item]], list[Result]],
    items: Sequence[Item],
    *,
    on_crash: Result,
    workers: int,
    chunk: int,
    progress: Progress | None = None,
    finished: Callable[[int, list[Result]], None] | None = None,
) -> list[Result]:
    """Maps `function` over chunks of `items`.

    Workers are spawned, not forked from the server of training, which has Keras loaded. None of them runs the caller's
    script again.

    Args:
        function: importable from a module; returns one result for each item, in order.
        items: the items, which must be picklable.
        on_crash: the result of an item that crashes its worker.
        workers: number of processes; with 1 or less, everything runs in this process.
        chunk: number of items that a worker takes at a time.
        progress: called with (done, total) items.
        finished: called with each chunk's first position and results, as soon as they are there.

    Returns:
        One result for each item, in order.
    """
    results: dict[int, list[Result]] = {}
    starts = list(range(0, len(items), chunk))
    done = 0

    def keep(start: int, found: list[Result]) -> None:
        nonlocal done
        results[start] = found
        done += len(found)
        if finished is not None:
            finished(start, found)
        if progress is not None:
            progress(done, len(items))

    if workers > 1:
        broken = _run(function, {start: items[start : start + chunk] for start in starts}, workers, keep)
        if broken and _workers_start():
            for start in sorted(broken):
                keep(start, _isolate(function, items[start : start + chunk], on_crash))
    for start in starts:
        if start not in results:
            keep(start, function(items[start : start + chunk]))
    return [result for start in starts for result in results[start]]


def _run(
    function: Callable[[Sequence[Item]], list[Result]],
    parts: dict[int, Sequence[Item]],
    workers: int,
    keep: Callable[[int, list[Result]], None],
) -> set[int]:
    """Runs all parts in one pool. Returns the parts that were not finished when a worker crashed."""
    left = set(parts)
    with _pool(min(workers, len(parts))) as pool:
        futures: dict[Future[list[Result]], int] = {}
        try:
            for start, part in parts.items():
                futures[pool.submit(function, part)] = start
            for future in as_completed(futures):
                keep(futures[future], future.result())
                left.discard(futures[future])
        except BrokenProcessPool:
            return left
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return left


def _isolate(
    function: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], on_crash: Result
) -> list[Result]:
    """Halves `items` until the ones that crash a worker are isolated."""
    answer: list[Result] = []
    if not _run(function, {0: items}, 1, lambda _, results: answer.extend(results)):
        return answer
    if len(items) == 1:
        return [on_crash]
    middle = len(items) // 2
    return [*_isolate(function, items[:middle], on_crash), *_isolate(function, items[middle:], on_crash)]


def _pool(workers: int) -> ProcessPoolExecutor:
    start_tracker()
    # Ctrl-C reaches every process of the terminal; only the parent handles it.
    return ProcessPoolExecutor(
        workers,
        SpawnContext(),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )


def _workers_start() -> bool:
    """Whether a worker can start at all: a machine without memory or semaphores keeps it from doing so."""
    with _pool(1) as pool:
        try:
            return pool.submit(bool, 1).result()
        except BrokenProcessPool:
            return False
