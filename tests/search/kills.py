"""Starts the real program, kills it by real signals, runs it again, and says whether anything was lost or doubled."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import psutil

from serbench.records import ResultsFolder
from serbench.records.results import StudyFolder
from serbench.records.schemas import TrialRecord
from serbench.records.states import MAX_REPEATS, STATES
from serbench.render import render
from serbench.results import Results

POINTS = Path(__file__).with_name("kill_points.py")
PATIENCE_S = 600  # of a machine that others use, too; a hang is a failure, a slow run is none

_TIMES = {
    "seconds",
    "started",
    "finished",
    "created",
    "peak_memory_mib",
    "train_seconds",
    "features_ms",
    "model_ms",
    "ms_per_clip",
}
_TRACES = {"number", "attempt"}  # what a repeat may have that an unbroken trial has not


@dataclass
class Command:
    """One `serbench search` command, which may be run as often as one likes.

    Attributes:
        space: file.
        corpus: folder of clips.
        results: folder.
        cache: folder.
        trials: that are asked for.
        more: further options.
    """

    space: Path
    corpus: Path
    results: Path
    cache: Path
    trials: int
    more: tuple[str, ...] = ("--repeats", "1", "--workers", "1")

    @property
    def arguments(self) -> list[str]:
        """What follows `serbench` on the command line."""
        return [
            "search", str(self.space), "--corpus", "crema-d", "--data", str(self.corpus), "--results",
            str(self.results), "--trials", str(self.trials), "--format", "json", *self.more,
        ]  # fmt: skip

    @property
    def study(self) -> StudyFolder:
        """Of the one study it makes."""
        return ResultsFolder(self.results).study(f"crema-d-speaker-{self.space.stem}")

    def epochs_told(self) -> int:
        """Epochs that fits now running have told Optuna of."""
        asked = (
            "SELECT COUNT(*) FROM trial_intermediate_values JOIN trials USING (trial_id) WHERE trials.state = 'RUNNING'"
        )
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.study.storage_path}?mode=ro", uri=True)) as base:
                return int(base.execute(asked).fetchone()[0])
        except sqlite3.OperationalError:  # not there yet
            return 0

    def start(self, *runner: str) -> Life:
        """Starts the program in a session of its own, under `kill_points.py` where arguments for that are given."""
        how = [str(POINTS), *runner] if runner else ["-m", "serbench.cli.main"]
        process = subprocess.Popen(
            [sys.executable, *how, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "SERBENCH_CACHE": str(self.cache), "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )
        return Life(process)

    def finish(self) -> str:
        """Runs the command to its end; what it printed."""
        life = self.start()
        out, err = life.ended()
        assert life.process.returncode == 0, err
        return out

    def dies_at(self, pattern: str, nth: int = 1) -> None:
        """Runs the command until an exact point, where it must die."""
        life = self.start(pattern, str(nth))
        _, err = life.ended()
        assert life.process.returncode == -signal.SIGKILL, f"{pattern} {nth} was not reached:\n{err}"


@dataclass
class Life:
    """A running program: its processes, and what it has said so far."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    _lines: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue, repr=False)
    _out: list[str] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_err, self._read_out)]
        for reader in self._readers:
            reader.start()

    def _read_err(self) -> None:
        for line in self.process.stderr or ():
            self.said.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def _read_out(self) -> None:
        self._out.extend(self.process.stdout or ())

    def line(self) -> str | None:
        """The next line that it says; None, for ever, when it has said its last."""
        line = self._lines.get(timeout=PATIENCE_S)
        if line is None:
            self._lines.put(None)
        return line

    def says(self, text: str) -> str:
        """Waits for a line that has `text` in it."""
        while (line := self.line()) is not None:
            if text in line:
                return line
        raise AssertionError(f"it ended without '{text}':\n{''.join(self.said)}")

    def until(self, condition: Callable[[], Any]) -> Any:
        """Waits until something holds, as long as the program lives."""
        while not (found := condition()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.02)
                raise AssertionError(f"it ended before that:\n{''.join(self.said)}")
        return found

    def family(self) -> list[psutil.Process]:
        """All living processes of its session, also those whose parent is gone."""
        return [one for one in psutil.process_iter() if _session(one.pid) == self.process.pid and _lives(one)]

    def fits(self) -> list[psutil.Process]:
        """Its children that fit: those of the fork server."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                if (parent := process.parent()) is not None and parent.ppid() == self.process.pid:
                    found.append(process)
        return found

    def kill(self) -> None:
        """SIGKILL to the coordinator alone."""
        self.process.kill()

    def kill_all(self) -> None:
        """SIGKILL to every process of it."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def ended(self) -> tuple[str, str]:
        """Waits until it and all its children are gone; both streams."""
        self.process.wait(timeout=PATIENCE_S)
        _, orphans = psutil.wait_procs(self.family(), timeout=60)
        assert not orphans, f"outlive the coordinator: {orphans}"
        for reader in self._readers:
            reader.join(60)
        return "".join(self._out), "".join(self.said)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _lives(process: psutil.Process) -> bool:
    """Whether it runs: in a container, nobody may come to fetch the dead."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class Nursery:
    """Lives of tenths of a second: forked from one process that has everything loaded, with fits that are made up."""

    def __init__(self, cache: Path, notes: Path) -> None:
        self._notes = notes
        self._process = subprocess.Popen(
            [sys.executable, str(POINTS), "--nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SERBENCH_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE_S)

    def run(self, command: Command, pattern: str = "$nothing", nth: int = 1, diary: Path | None = None) -> int:
        """Lives one life; its exit code, negative where a signal ended it."""
        life = {
            "arguments": command.arguments,
            "pattern": pattern,
            "nth": nth,
            "diary": diary and str(diary),
            "cache": str(command.cache),
            "out": str(self._notes / "out"),
            "err": str(self._notes / "err"),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(life) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def said(self) -> str:
        """The last life's standard error."""
        return (self._notes / "err").read_text(encoding="utf-8")

    def finish(self, command: Command) -> None:
        assert self.run(command) == 0, self.said()


def result(command: Command) -> dict[str, Any]:
    """All that a finished search says, but for times and for the traces of repeats."""
    study, results = command.study, ResultsFolder(command.results)
    return {
        "trials": {record.job_id: _lasting(record.model_dump()) for record in study.jobs("search")},
        "refits": {record.job_id: _lasting(record.model_dump()) for record in study.jobs("refit")},
        "folds": {record.job_id: _lasting(record.model_dump()) for record in study.jobs("fold")},
        "shortlist": [_lasting(study.shortlisted(job_id).model_dump()) for job_id in study.shortlisted_ids()],
        "answers": {job_id: study.out_of_fold(job_id).to_csv() for job_id in study.shortlisted_ids()},
        "probes": {record.job_id: _lasting(record.model_dump()) for record in study.jobs("probe")},
        "predictions": {
            f"{kind} {job_id}": study.predictions(kind, job_id).to_csv()
            for kind in ("search", "refit")
            for job_id in study.job_ids(kind)
            if study.job(kind, job_id).value is not None
        },
        "entries": [_lasting(entry.model_dump()) for entry in study.entries()],
        "leaderboard": _lasting(json.loads(render(Results(results.root).board(), "json"))),
    }


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(part) for key, part in value.items() if key not in _TIMES | _TRACES}
    return [_lasting(part) for part in value] if isinstance(value, list | tuple) else value


def check_files(command: Command) -> list[TrialRecord]:
    """What must hold after any kill: no record is half-written, in the wrong place, or there twice; the records."""
    if not command.study.record_path.exists():
        return []
    study, found = command.study, []
    assert study.record().name == command.study.path.name
    for kind in ("search", "refit", "probe", "fold"):
        for job_id in study.job_ids(kind):
            record = study.job(kind, job_id)
            assert (record.job_id, record.kind, record.study) == (job_id, kind, study.path.name)
            if record.value is not None:
                assert len(study.predictions(kind, job_id))
            found.append(record)
    for path in study.attempts():
        record = TrialRecord.load(path / "record.json")
        assert path.name == f"{record.job_id}.{record.attempt}"
        assert STATES[record.state].repeated or STATES[record.state].retryable
        assert STATES[record.state].retryable or record.attempt < MAX_REPEATS
    for entry in study.entries():
        assert entry.entry_id
    return found


def check(command: Command, trials: int | None = None) -> None:
    """What must hold after a finished search: as many trials as asked for, each once, and Optuna says the same."""
    records = [record for record in check_files(command) if record.kind == "search"]
    counted = [record.job_id for record in records if record.counts]
    assert len(counted) == (command.trials if trials is None else trials)
    assert not list(command.results.rglob("*.tmp")), "leftovers"
    told = Counter(_told(command.study))
    learned = {"score": "COMPLETE", "pruned": "PRUNED", "infeasible": "PRUNED", "nothing": "FAIL"}
    for record in records:
        finished = learned[STATES[record.state].sampler]
        assert told[record.job_id, finished] == (told[record.job_id, "FAIL"] if finished == "FAIL" else 1)
        assert sum(told[record.job_id, state] for state in ("COMPLETE", "PRUNED")) == (finished != "FAIL")
        assert told[record.job_id, finished] >= 1
    assert not [job for job, state in told if state in {"RUNNING", "WAITING"}]
    assert {job for job, _ in told if job is not None} <= {record.job_id for record in records}


def _told(study: StudyFolder) -> Iterator[tuple[str | None, str]]:
    """What Optuna's database says: job id and state of each of its trials."""
    url = f"sqlite:///{study.storage_path}"
    for trial in optuna.load_study(study_name=study.path.name, storage=url).get_trials(deepcopy=False):
        yield trial.user_attrs.get("job_id"), trial.state.name
