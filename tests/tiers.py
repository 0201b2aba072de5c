"""The tiers of the tests: which test is quick, what keeps it so, and which one begins first.

A test is *slow* or *long* where it is marked so. It is of *children* where it, its file or a fixture that it uses is
marked so. All others are *quick*: under `-m quick` they fail if they start a Python process or import a backend.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Tiers", "starts_children"]

BACKENDS = ("keras", "tensorflow", "jax", "torch")
GUESSED_S = {"quick": 0.1, "long": 5.0, "children": 5.0, "slow": 30.0}
"""Seconds of a test that has not run here before."""

_CACHE = "serbench/durations"
_HOW = "mark it, its file or its fixture as one of `children` (tests/tiers.py)"


class _Guard:
    """Refuses Python processes while a quick test runs."""

    def __init__(self) -> None:
        self.on = False
        self.refused: list[str] = []

    def start(self, what: str) -> None:
        if self.on:
            self.refused.append(what)
            pytest.fail(f"a quick test starts {what}: {_HOW}", pytrace=False)


_guard = _Guard()


def starts_children(fixture: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a fixture's function: tests that use it, by however many steps, are of `children`."""
    fixture.starts_children = True  # type: ignore[attr-defined]
    return fixture


class Tiers:
    """Sorts the tests into tiers, keeps quick ones quick, and lets the longest files begin first.

    How long each test took is kept in pytest's cache. The controller reads it once and hands it to all workers of
    pytest-xdist, since they must come to the same order.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._is_worker = hasattr(config, "workerinput")
        # Elsewhere a test may find a cache that another one filled, or not: whether it starts a process is then chance.
        self._guarded = "quick" in (config.option.markexpr or "")
        self._cache: pytest.Cache | None = getattr(config, "cache", None)  # None under `-p no:cacheprovider`
        kept = config.workerinput["durations"] if self._is_worker else self._cache and self._cache.get(_CACHE, {})
        self._seconds: dict[str, float] = dict(kept or {})
        self.at_collection: list[str] = []
        _watch_processes()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Sends a worker the durations."""
        node.workerinput["durations"] = self._seconds

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Iterator[None]:
        """Marks each test with its tier, before `-m` selects; then, where processes share files, sorts the files."""
        for item in items:
            if starts_any(item):
                item.add_marker("children")
            elif all(item.get_closest_marker(tier) is None for tier in ("slow", "long")):
                item.add_marker("quick")
        result = yield
        if self._is_worker:
            seconds: Counter[str] = Counter()
            for item in items:
                known = self._seconds.get(place(item.location))
                seconds[item.location[0]] += GUESSED_S[tier_of(item)] if known is None else known  # type: ignore[assignment]
            items.sort(key=lambda item: -seconds[item.location[0]])
        return result

    def pytest_collection_finish(self) -> None:
        """Nothing may import a backend while the tests are collected; in a worker tests/test_tiers.py says so."""
        self.at_collection = loaded_backends()
        if self.at_collection and not self._is_worker:
            raise pytest.UsageError(
                f"collecting the tests imports {', '.join(self.at_collection)}; import it inside a test"
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Guards a quick test and its fixtures."""
        _guard.refused.clear()
        _guard.on = self._guarded and tier_of(item) == "quick"
        self._loaded = loaded_backends()
        try:
            return (yield)
        finally:
            _guard.on = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Fails a quick test that imported a backend, or that started a process in a thread of its own."""
        result = yield
        new = [name for name in loaded_backends() if name not in self._loaded]
        if self._guarded and tier_of(item) == "quick" and (new or _guard.refused):
            pytest.fail(f"a quick test imports or starts {', '.join([*new, *_guard.refused])}: {_HOW}", pytrace=False)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts the seconds of a test: set-up, call and teardown."""
        if not self._is_worker:
            key = place(report.location)
            self._seconds[key] = report.duration + (self._seconds.get(key, 0.0) if report.when != "setup" else 0.0)

    def pytest_sessionfinish(self) -> None:
        """Keeps the durations for the next run."""
        if not self._is_worker and self._cache is not None:
            self._cache.set(_CACHE, {key: round(value, 2) for key, value in self._seconds.items()})


def starts_any(item: pytest.Item) -> bool:
    """Whether a test, its file or a fixture that it uses is marked as one that starts children."""
    fixtures = item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
    marked = (hasattr(definition.func, "starts_children") for definitions in fixtures for definition in definitions)
    return item.get_closest_marker("children") is not None or any(marked)


def tier_of(item: pytest.Item) -> str:
    """The tier of a collected test."""
    return next(tier for tier in ("slow", "children", "long", "quick") if item.get_closest_marker(tier) is not None)


def place(location: tuple[str, int | None, str]) -> str:
    """A test's name in the cache."""
    return f"{location[0]}::{location[2]}"


def loaded_backends() -> list[str]:
    """The backends that this process has imported."""
    return [name for name in BACKENDS if name in sys.modules]


def _watch_processes() -> None:
    """Lets the guard know of every Python process that is to start, whichever way."""

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            command = arguments[1] if isinstance(arguments[1], list | tuple) else [arguments[1]]
            if Path(str(command[0])).name.startswith("python"):
                _guard.start(f"`{' '.join(map(str, command))[:100]}`")

    sys.addaudithook(heard)
    start = BaseProcess.start

    @wraps(start)
    def noted_start(process: BaseProcess) -> None:
        _guard.start(f"the process {process.name}")
        start(process)

    running = forkserver.ensure_running

    def noted_running() -> None:
        _guard.start("the fork server")
        running()

    forkserver.ensure_running = noted_running
    BaseProcess.start = noted_start  # type: ignore[method-assign]
