"""What else may befall a search: a full disk, a wrong clock, a neighbour, a kill with children that fit.

uv run pytest -m slow -n 0 tests/search/test_kills_slow.py
"""

from __future__ import annotations

import dataclasses
import shutil
import signal
import subprocess

import pytest
from kills import check, check_files, result
from tiers import starts_children

pytestmark = pytest.mark.slow


def test_a_kill_while_features_are_computed(made_up, nursery, unbroken, tmp_path) -> None:
    command = dataclasses.replace(made_up, cache=tmp_path / "cache")
    for point in (
        "progress examining clips",
        "progress computing features 96",
        "rename .*/meta.json",
        "rename .*features/",
    ):
        assert nursery.run(command, point) == -signal.SIGKILL, (point, nursery.said())
        check_files(command)
    nursery.finish(command)
    assert not list((command.cache / "features").glob(".*.tmp"))
    check(command)
    assert result(command) == unbroken


def test_a_clock_that_was_set_back_does_not_matter(real, unbroken_real) -> None:
    """The second life takes the time for a day earlier than the first did."""
    life = real.start()
    life.says("trial t0000")
    life.until(real.epochs_told)
    life.kill()
    life.ended()
    life = real.start("--days-back", "1")
    _, err = life.ended()
    assert life.process.returncode == 0, err
    assert real.study.job("search", "t0001").finished < real.study.job("search", "t0000").started
    check(real)
    assert result(real) == unbroken_real


def test_two_searches_fill_one_cache_at_once(real, unbroken_real, tmp_path) -> None:
    both = [dataclasses.replace(real, results=tmp_path / name, cache=tmp_path / "cache") for name in ("one", "two")]
    lives = [command.start() for command in both]
    for life in lives:
        _, err = life.ended()
        assert life.process.returncode == 0, err
    kept = [path.name for path in (tmp_path / "cache" / "features").iterdir() if path.name != ".locks"]
    assert len(kept) == 2, "the study's features and those of the SVM beside it, nothing unfinished"
    assert not any(name.startswith(".") for name in kept)
    for command in both:
        check(command)
        assert result(command) == unbroken_real


@pytest.fixture
@starts_children
def small_disk(tmp_path):
    """A file system of 100 KiB, and what makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: int, *options: str) -> bool:
        option = ",".join([*options, f"size={size}k"])
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", place], capture_output=True, check=False)
        return done.returncode == 0

    if not mount(100):
        pytest.skip("mounting a tmpfs needs root")
    yield place, lambda size: mount(size, "remount")
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_disk_that_is_full_again_and_again(made_up, nursery, unbroken, small_disk) -> None:
    """Each life ends with a sentence wherever the disk is full; once there is room, nothing is missing."""
    place, enlarge = small_disk
    command = dataclasses.replace(made_up, results=place / "results")
    full = 0
    for size in range(100, 3000, 24):
        assert enlarge(size)
        code = nursery.run(command)
        check_files(command)
        if code == 0:
            break
        full += 1
        assert code == 1
        assert "Traceback" not in nursery.said()
        assert "full" in nursery.said().splitlines()[-1]
    assert full >= 5
    assert enlarge(8000)  # what a search can do without, such as references, is made by the next one
    nursery.finish(command)
    check(command)
    assert result(command) == unbroken


def test_a_search_that_was_killed_again_and_again_ends_as_if_unbroken(real, unbroken_real) -> None:
    # The coordinator alone, in mid-epoch. `ended` proves that the child trains no more.
    life = real.start()
    life.until(real.epochs_told)
    assert life.fits()
    life.kill()
    life.ended()
    check_files(real)

    # Everything at once, after the cache was deleted under a running search.
    life = real.start()
    life.until(real.epochs_told)
    shutil.rmtree(real.cache)
    life.says("trial t0000")
    life.until(real.epochs_told)
    life.kill_all()
    life.ended()
    assert [path.name for path in real.study.attempts()] == ["t0000.0"]
    check_files(real)

    real.dies_at(r"rename .*/trials/t0001$")
    assert [path.name for path in real.study.attempts()] == ["t0000.0", "t0001.0"]
    assert not real.study.has_job("search", "t0001")
    real.finish()
    check(real)
    assert [path.name for path in real.study.attempts()] == ["t0000.0", "t0001.0", "t0001.1"]
    assert result(real) == unbroken_real


def test_what_ended_a_trial_is_told_apart(real, unbroken_real, place) -> None:
    """A killed child is a crash of its trial and counts; a second Ctrl-C is not the trial's fault."""
    shutil.copytree(place / "whole", real.results)
    real.trials = 4
    life = real.start()
    life.says("resuming study")
    life.process.send_signal(signal.SIGSTOP)  # the study stays open for as long as the second needs to find that out
    second = real.start()
    _, err = second.ended()
    assert (second.process.returncode, "run by another serbench process" in err) == (1, True)
    life.process.send_signal(signal.SIGCONT)
    life.until(real.epochs_told)
    life.process.send_signal(signal.SIGINT)
    life.process.send_signal(signal.SIGINT)
    life.ended()
    assert life.process.returncode == 130

    life = real.start()
    life.until(real.epochs_told)
    (child,) = life.fits()
    child.kill()
    life.says("t0002 (3/4) crashed: the child was killed by SIGKILL")
    life.ended()
    assert life.process.returncode == 0
    check(real)
    after = result(real)
    assert {job: after["trials"][job] for job in unbroken_real["trials"]} == unbroken_real["trials"]
    assert len(after["trials"]) == 4


def test_a_search_whose_coordinator_is_killed_ends_as_if_unbroken(real, unbroken_real) -> None:
    life = real.start()
    life.until(real.epochs_told)  # in mid-epoch; `ended` proves that the child trains no more
    assert life.fits()
    life.kill()
    life.ended()
    check_files(real)
    real.finish()
    check(real)
    assert [path.name for path in real.study.attempts()] == ["t0000.0"]
    assert result(real) == unbroken_real


def test_a_shortlist_killed_at_one_exact_point_after_another_ends_as_if_unbroken(real, place) -> None:
    more = ("--repeats", "1", "--workers", "1", "--shortlist", "1", "--epochs", "2")
    command = dataclasses.replace(real, trials=1, more=more)
    whole = dataclasses.replace(command, results=place / "whole_shortlist")
    whole.finish()
    check(whole)
    expected = result(whole)
    assert len(expected["entries"]) == 2
    for point, nth in (
        ("rename .*folds/", 1),
        ("rename .*folds/", 2),
        ("rename .*shortlist/.*parquet", 1),
        ("rename .*shortlist/.*json", 1),
        ("rename .*refits/.*-a0", 1),
        ("rename .*refits/.*-bag", 1),
        ("rename .*entries/", 1),
    ):
        command.dies_at(point, nth)
        check_files(command)
    command.finish()
    check(command)
    assert result(command) == expected
