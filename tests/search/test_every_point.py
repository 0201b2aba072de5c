"""A kill at every point there is: at each event, of hundreds, that leaves something else behind on the disk.

uv run pytest -m slow -n 0 tests/search/test_every_point.py
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest
from kills import Command, Nursery, check, check_files, result

pytestmark = pytest.mark.slow

_NOTHING_NEW = re.compile(r"sync|make |remove ")
"""Events at which the disk says what it says at the one before or after."""


def points(diary: Path) -> list[int]:
    """Numbers of the events at which a kill leaves something else behind than at the last."""
    events = diary.read_text(encoding="utf-8").splitlines()
    return [number for number, event in enumerate(events, 1) if not _NOTHING_NEW.match(event)]


def survives(nursery: Nursery, begun: Command, numbers: Iterable[int], unbroken: object, trials: int) -> None:
    """Goes on from a study as it stands, once for each number, is killed at that event, and is run to its end."""
    lost = []
    for number in numbers:
        command = dataclasses.replace(begun, results=begun.results.with_name("attempted"), trials=trials)
        shutil.rmtree(command.results, ignore_errors=True)
        if begun.results.exists():
            shutil.copytree(begun.results, command.results)
        try:
            assert nursery.run(command, "", number) == -signal.SIGKILL, nursery.said()
            check_files(command)
            nursery.finish(command)
            check(command)
            assert result(command) == unbroken
        except AssertionError as error:
            lost.append((number, str(error)[:300]))
    assert not lost


def test_any_point_of_a_search(made_up, nursery, unbroken, place) -> None:
    survives(nursery, made_up, points(place / "diary"), unbroken, made_up.trials)


def test_any_point_of_the_repairs_after_a_kill(made_up, nursery, unbroken, tmp_path) -> None:
    """A kill in mid-epoch of a repeat, then another while that is recorded, told and queued for the last time."""
    assert nursery.run(made_up, "queue again") == -signal.SIGKILL
    assert nursery.run(made_up, "epoch 1") == -signal.SIGKILL
    whole = dataclasses.replace(made_up, results=tmp_path / "repaired")
    shutil.copytree(made_up.results, whole.results)
    assert nursery.run(whole, diary=tmp_path / "diary") == 0
    assert result(whole) == unbroken
    events = (tmp_path / "diary").read_text(encoding="utf-8").splitlines()
    repairs = [number for number in points(tmp_path / "diary") if number < events.index("asked")]
    survives(nursery, made_up, repairs, unbroken, made_up.trials)


def test_any_point_at_which_the_sampler_has_learnt(made_up, nursery, tmp_path) -> None:
    """From the tenth trial on, proposals and pruning depend on all trials before and on their order."""
    begun = dataclasses.replace(made_up, trials=11)
    nursery.finish(begun)
    whole = dataclasses.replace(made_up, trials=14, results=tmp_path / "whole")
    shutil.copytree(begun.results, whole.results)
    assert nursery.run(whole, diary=tmp_path / "diary") == 0
    in_one_go = dataclasses.replace(whole, results=tmp_path / "in_one_go")
    nursery.finish(in_one_go)
    assert result(in_one_go)["trials"] == result(whole)["trials"]
    survives(nursery, begun, points(tmp_path / "diary")[::2], result(whole), 14)
