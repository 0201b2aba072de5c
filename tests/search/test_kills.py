"""Searches that are killed, really: the same command then comes to what an unbroken one comes to.

Here the fits are made up, and the program kills itself at exact points: a tenth of a second each, so that every point
can have its turn, which `test_every_point.py` gives. `test_kills_slow.py` kills from outside, with children that fit.
"""

from __future__ import annotations

import signal
import subprocess

import pytest
from kills import check, check_files, result


@pytest.mark.slow
@pytest.mark.children
def test_a_database_made_read_only_is_one_sentence_and_goes_on(made_up, nursery, unbroken) -> None:
    assert nursery.run(made_up, "epoch", 8) == -signal.SIGKILL
    base = made_up.study.storage_path
    mounts = (["mount", "--bind", base, base], ["mount", "-o", "remount,ro,bind", base])
    if any(subprocess.run(mount, capture_output=True, check=False).returncode for mount in mounts):
        pytest.skip("a read-only bind mount needs root, and root heeds no permissions")
    try:
        assert nursery.run(made_up) == 1
        assert "readonly database" in nursery.said()
        assert "Traceback" not in nursery.said()
    finally:
        subprocess.run(["umount", base], check=True)
    nursery.finish(made_up)
    check(made_up)
    assert result(made_up) == unbroken


POINTS = [
    "rename .*clips.parquet$",
    "rename .*study.json$",
    "create table trial_params",
    "create table alembic",
    "rename .*probes/p0001$",
    "asked",
    "suggest",
    "epoch 1",
    "rename .*trials/t0000$",
    "tell t0000",
    "told t0000",
    "attribute job_id",
    "rename .*trials/.t000..*record.json",
    "queue again",
    "tell t0002",
    "rename .*refits/",
    "rename .*entries/",
    "rename .*references/",
]
"""In this order, each is reached by the life after the one that died at the last; some are in the midst of repairs."""


@pytest.mark.slow
def test_a_search_killed_at_one_exact_point_after_another_ends_as_if_unbroken(made_up, nursery, unbroken) -> None:
    for point in POINTS:
        assert nursery.run(made_up, point) == -signal.SIGKILL, (point, nursery.said())
        check_files(made_up)
    nursery.finish(made_up)
    check(made_up)
    assert result(made_up) == unbroken
    # Two kills in t0000 and one in t0001, the rest were lost; none is there twice, and no ask that came to nothing.
    broken_off = ["t0000.0", "t0000.1", "t0001.0", "t0001.1", "t0002.0", "t0003.0"]
    assert [path.name for path in made_up.study.attempts()] == broken_off


@pytest.mark.slow
def test_a_trial_that_was_broken_off_three_times_gives_way_to_another(made_up, nursery, unbroken) -> None:
    for _ in range(3):
        assert nursery.run(made_up, "epoch 1") == -signal.SIGKILL
        check_files(made_up)
    nursery.finish(made_up)
    check(made_up)
    given_up = made_up.study.job("search", "t0000")
    assert (given_up.state, given_up.attempt, given_up.origin) == ("interrupted", 2, "first")
    assert len(made_up.study.attempts("t0000")) == 2


def test_a_database_that_is_gone_comes_back_from_the_records(made_up, nursery, unbroken) -> None:
    for point in ("asked", "epoch 1", "tell t0002"):
        assert nursery.run(made_up, point) == -signal.SIGKILL
        if made_up.study.attempts("t0001"):
            made_up.study.storage_path.write_bytes(b"no database" * 1000)
            assert nursery.run(made_up) == 1
            assert "rebuilt from the records" in nursery.said()
        made_up.study.storage_path.unlink()
    nursery.finish(made_up)
    check(made_up)
    assert result(made_up) == unbroken
