"""A script: runs the program until an exact point between two of its lines, and there kills it by a real SIGKILL.

`kill_points.py PATTERN NTH search ...` lives the life of `serbench search ...` up to its `NTH` event (from 1) whose
name matches the regular expression. Events are named just before they happen: whatever reaches the disk (`make`,
`rename`, `sync`, `create`, `commit`, `remove`) and the steps between them (`asked`, `epoch`, `tell`, `told`, ...).

`kill_points.py --nursery` loads everything once, then reads such lives from standard input, one JSON object a line,
and forks a process for each: tenths of a second a life, where Keras takes eight. Their fits are made up.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serbench.training import FeatureSource, JobControl, TrialJob, TrialOutcome


class Doom:
    """Counts events and kills this process at one of them."""

    def __init__(self, pattern: str, nth: int, diary: str | None = None) -> None:
        self._pattern, self._left, self._diary = re.compile(pattern), nth, diary
        self._pid = os.getpid()

    def __call__(self, event: str) -> None:
        if os.getpid() != self._pid:  # a child of the search
            return
        if self._diary is not None:
            with open(self._diary, "a", encoding="utf-8") as diary:  # noqa: PTH123 (its own events would count)
                diary.write(event + "\n")
        if self._pattern.search(event):
            self._left -= 1
            if self._left == 0:
                os.kill(self._pid, signal.SIGKILL)

    def before(self, place: Any, name: str, event: Callable[..., str]) -> None:
        """Makes each call of a function an event, just before it happens."""
        happens = getattr(place, name)

        @functools.wraps(happens)
        def call(*args: Any, **kwargs: Any) -> Any:
            self(event(*args, **kwargs))
            return happens(*args, **kwargs)

        setattr(place, name, call)

    def after(self, place: Any, name: str, event: Callable[..., str]) -> None:
        """Makes each return of a function an event."""
        happens = getattr(place, name)

        @functools.wraps(happens)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = happens(*args, **kwargs)
            self(event(*args, **kwargs))
            return result

        setattr(place, name, call)


def watch_everything(doom: Doom) -> None:
    """Has the program tell of every durable step."""
    import optuna
    import sqlalchemy

    from serbench.cli.plain import PlainView
    from serbench.search import plan
    from serbench.search.studies.optuna_history import OptunaHistory
    from serbench.spaces.space import SearchSpace

    for name in ("rename", "replace"):
        doom.before(os, name, lambda *paths, **_: f"rename {paths[1]}")
    for name in ("mkdtemp", "mkstemp"):
        doom.after(tempfile, name, lambda *_, prefix="", **__: f"make {prefix}")
    doom.before(os, "fsync", lambda *_: "sync")
    doom.before(shutil, "rmtree", lambda path, *_, **__: f"remove {path}")
    doom.before(PlainView, "progress", lambda *it: f"progress {it[1]} {it[2]}")

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "commit")
    def commit(_: object) -> None:
        doom("commit")

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
    def create(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        words = statement.split()
        if words[0] == "CREATE":
            doom(" ".join(words[:3]).lower())

    plan.check_draws = lambda *_: None  # it asks a study in memory, before there is anything to lose
    doom.after(optuna.Study, "ask", lambda *_, **__: "asked")
    doom.before(optuna.Trial, "set_user_attr", lambda *it: f"attribute {it[1]}")
    doom.before(SearchSpace, "suggest", lambda *_, **__: "suggest")
    doom.before(OptunaHistory, "report", lambda *it: f"epoch {it[3]}")
    doom.before(OptunaHistory, "tell", lambda *it: f"tell {it[2].job_id}")
    doom.after(OptunaHistory, "tell", lambda *it: f"told {it[2].job_id}")
    doom.before(OptunaHistory, "queue_again", lambda *_: "queue again")


def make_fits_up() -> None:
    """Puts made-up fits in place of children that fit; some trials of a search are lost or invalid."""
    from fits_made import made_up_fit

    from serbench.search.engines import local as engine
    from serbench.training import TrialOutcome

    def run_job(job: TrialJob, source: FeatureSource, control: JobControl) -> TrialOutcome:
        source.paths(job.features, job.augmentations)
        if job.kind == "search" and job.seed % 3 == 0 and job.attempt == 0:
            return TrialOutcome("lost", error="the worker is gone", error_kind="worker")
        if job.kind == "search" and job.seed % 5 == 0:
            return TrialOutcome("invalid", parameters=10**6, error="too large", error_kind="parameters")
        return made_up_fit(job, source, control)

    engine.run_job = run_job


def set_clock_back(days: float) -> None:
    """What this process takes for now is earlier than it is. Time that runs (`monotonic`) is the kernel's affair."""
    import pandas as pd  # noqa: F401 (compiled code takes the real class as it is imported, and fails on another)

    behind = 86400 * days
    real_time, real_datetime = time.time, datetime.datetime
    time.time = lambda: real_time() - behind

    class Earlier(real_datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return real_datetime.now(tz) - datetime.timedelta(seconds=behind)

    datetime.datetime = Earlier  # type: ignore[misc]


def run(arguments: list[str]) -> None:
    from serbench.cli.main import main

    sys.argv = ["serbench", *arguments]
    main()


def nursery() -> None:
    import serbench.cli.main
    import serbench.cli.results
    import serbench.cli.watch
    import serbench.corpora
    import serbench.results
    import serbench.search.run_spaces  # noqa: F401

    for line in sys.stdin:
        life = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            for stream, path in ((1, life["out"]), (2, life["err"])):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            os.environ["SERBENCH_CACHE"] = life["cache"]
            make_fits_up()
            watch_everything(Doom(life["pattern"], life["nth"], life["diary"]))
            code = 0
            try:
                run(life["arguments"])
            except SystemExit as ended:
                code = int(ended.code or 0)
            except BaseException:
                import traceback

                traceback.print_exc()
                code = 70
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--nursery":
        nursery()
    elif sys.argv[1] == "--days-back":
        set_clock_back(float(sys.argv[2]))
        run(sys.argv[3:])
    else:
        watch_everything(Doom(sys.argv[1], int(sys.argv[2])))
        run(sys.argv[3:])
