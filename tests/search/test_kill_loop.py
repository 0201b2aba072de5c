"""A hundred kills at random moments, one after the other; run by hand, each of them told on standard output.

uv run pytest -m slow -n 0 -s tests/search/test_kill_loop.py          # SERBENCH_KILLS=20 for fewer
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import signal
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from kills import PATIENCE_S, Command, Life, Nursery, check, check_files, result

KILLS = int(os.environ.get("SERBENCH_KILLS", "100"))
TRIALS = 6
_MOST_LINES = 16  # about as many as a whole life says
_LONGEST_DELAY_S = 1.5
_LONGEST_LIFE_S = 15.0


class Fate:
    """Draws victims and moments, always the same ones."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def victim(self) -> str:
        return str(self._rng.choice(["coordinator", "child", "all"]))

    def strikes(self, life: Life, victim: str) -> str | None:
        """Waits for a random moment and kills; the moment in words, or None where the life ended before."""
        if self._rng.random() < 0.25:
            delay, moment = self._rng.uniform(0, _LONGEST_LIFE_S), "the start"
        else:
            wanted, line = int(self._rng.integers(1, _MOST_LINES)), ""
            for _ in range(wanted):
                line = life.line()
                if line is None:
                    return None
            delay, moment = self._rng.uniform(0, _LONGEST_DELAY_S), line.strip()[:70]
        with contextlib.suppress(subprocess.TimeoutExpired):
            life.process.wait(timeout=delay)
            return None
        if victim == "child":
            fits = life.fits()
            if not fits:
                return "no child was there"
            with contextlib.suppress(Exception):
                fits[0].kill()
        else:
            (life.kill_all if victim == "all" else life.kill)()
        return f"{delay:.1f} s after {moment}"


@pytest.mark.slow
def test_nothing_is_lost_at_random_moments(tiny_space, tone_corpus, tmp_path: Path, own_cache) -> None:
    space = tiny_space(epochs="12", patience="12")
    # A sampler that learns would propose something else after a trial that was lost.
    whole = Command(space, tone_corpus, tmp_path / "whole", own_cache, TRIALS, ("--sampler", "random"))
    whole.finish()
    check(whole)
    unbroken = result(whole)
    fate, struck, studies, equal = Fate(0), Counter(), 0, 0
    command = dataclasses.replace(whole, results=tmp_path / "study0")
    while struck.total() < KILLS:
        life = command.start()
        while life.process.poll() is None and struck.total() < KILLS:
            victim = fate.victim()
            moment = fate.strikes(life, victim)
            if moment is None or moment.startswith("no child"):
                continue
            struck[victim] += 1
            print(f"kill {struck.total():3}: {victim}, {moment}", flush=True)
            if victim != "child":
                break
        if struck.total() >= KILLS and life.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired, queue.Empty):
                life.process.wait(PATIENCE_S)
        _, err = life.ended()
        check_files(command)
        if life.process.returncode == 1 and "no refit of study" in err:
            continue  # the child of the only refit was killed: told in a sentence, and tried again
        if life.process.returncode >= 0:
            assert life.process.returncode == 0, err
            equal += _as_if_unbroken(command, unbroken)
            studies += 1
            command = dataclasses.replace(whole, results=tmp_path / f"study{studies}")
    command.finish()
    equal += _as_if_unbroken(command, unbroken)
    print(f"{struck.total()} kills {dict(struck)} in {studies + 1} studies; {equal} of them equal to an unbroken one")


@pytest.mark.slow
def test_nothing_is_lost_at_random_points(tiny_space, tone_corpus, tmp_path: Path, own_cache) -> None:
    """The coordinator kills itself before a random one of all its durable steps; fits are made up, all else is real."""
    whole = Command(
        tiny_space(), tone_corpus, tmp_path / "whole", own_cache, TRIALS,
        ("--repeats", "2", "--workers", "1", "--probes", "2"),
    )  # fmt: skip
    nursery, rng = Nursery(own_cache, tmp_path), np.random.default_rng(1)
    try:
        assert nursery.run(whole, diary=tmp_path / "diary") == 0, nursery.said()
        check(whole)
        unbroken, steps = result(whole), (tmp_path / "diary").read_text(encoding="utf-8").splitlines()
        struck, studies, given_up = 0, 0, 0
        command = dataclasses.replace(whole, results=tmp_path / "study0")
        while struck < KILLS:
            code = nursery.run(command, ".", int(rng.integers(1, len(steps) + 1)))
            assert code in {0, -signal.SIGKILL}, nursery.said()
            check_files(command)
            if code:
                struck += 1
                continue
            given_up += not _as_if_never_killed(command, unbroken)
            studies += 1
            command = dataclasses.replace(whole, results=tmp_path / f"study{studies}")
        nursery.finish(command)
        given_up += not _as_if_never_killed(command, unbroken)
    finally:
        nursery.close()
    print(
        f"{struck} kills at {len(steps)} possible points in {studies + 1} studies; in {given_up} a trial was given up"
    )


def _as_if_never_killed(command: Command, unbroken: dict) -> bool:
    """Checks a finished study; False where a trial was broken off three times, so that another took its place."""
    check(command)
    found = result(command)
    if any(trial["state"] == "interrupted" for trial in found["trials"].values()):
        return False
    assert found == unbroken
    return True


def _as_if_unbroken(command: Command, unbroken: dict) -> bool:
    """Checks a finished study; whether it is equal to an unbroken one in all things.

    A trial whose child was killed has crashed and counts; one that was broken off three times is given up. All others
    are as they would have been.
    """
    check(command)
    found = result(command)
    if found == unbroken:
        return True
    trials = found["trials"]
    struck = {job for job, trial in trials.items() if trial["state"] in {"crashed", "interrupted"}}
    assert struck or any(refit["state"] == "crashed" for refit in found["refits"].values())
    for job in trials.keys() & unbroken["trials"].keys() - struck:
        assert trials[job] == unbroken["trials"][job]
    assert len(found["entries"]) == 1
    return False
