"""Whole tables: parallel work, the cache, and workers that crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from corpora_files import LFS_POINTER, crash_on_seven, double, noise, process_ids, write

from serbench.audio.sound import examine_file
from serbench.corpora.inspection import inspect
from serbench.corpora.inspection.inspect import INSPECTION_COLUMNS, inspect_clips
from serbench.corpora.inspection.processes import map_in_processes
from serbench.corpora.table import clip_table


def table_of(folder: Path, count: int) -> pd.DataFrame:
    paths = [write(folder / f"{index:03d}.wav", noise(index)) for index in range(count)]
    return clip_table(
        pd.DataFrame(
            {
                "clip_id": [path.stem for path in paths],
                "path": [str(path) for path in paths],
                "label": "anger",
                "speaker": "1",
            }
        )
    )


def stored(cache: Path) -> Path:
    (file,) = cache.iterdir()
    return file


def test_rows_follow_the_table_and_its_index(tmp_path: Path) -> None:
    table = table_of(tmp_path, 5).iloc[[3, 0, 4]]
    (tmp_path / "000.wav").write_text(LFS_POINTER)
    found = inspect_clips(table)
    assert tuple(found.columns) == INSPECTION_COLUMNS
    assert found.index.tolist() == [3, 0, 4]
    assert found["clip_id"].tolist() == ["003", "000", "004"]
    assert found["state"].tolist() == ["ok", "lfs_pointer", "ok"]
    assert found.loc[3, "digest"] == examine_file(str(tmp_path / "003.wav")).digest
    assert pd.isna(found.loc[0, "digest"])
    assert pd.isna(found.loc[0, "sample_rate"])


@pytest.mark.children
def test_worker_processes_find_the_same(tmp_path: Path) -> None:
    table = table_of(tmp_path / "audio", 70)
    calls: list[tuple[int, int]] = []
    spread = inspect_clips(table, lambda done, total: calls.append((done, total)), workers=2)
    assert spread.equals(inspect_clips(table, workers=1))
    assert calls[-1] == (70, 70)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_no_clips_at_all(tmp_path: Path) -> None:
    assert len(inspect_clips(table_of(tmp_path, 1).iloc[:0], cache=tmp_path / "cache")) == 0


def test_the_cache_answers_for_unchanged_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(tmp_path / "audio", 4)
    cache = tmp_path / "cache"
    first = inspect_clips(table, cache=cache)
    monkeypatch.setattr("serbench.corpora.inspection.inspect.examine_files", lambda _: pytest.fail("examined again"))
    calls: list[tuple[int, int]] = []
    again = inspect_clips(table, lambda done, total: calls.append((done, total)), cache=cache)
    assert again.equals(first)
    assert calls == [(4, 4)]


def test_other_audio_with_the_old_size_and_time_is_examined_again(tmp_path: Path) -> None:
    """So it is after an archive with fixed times was unpacked over another one."""
    table = table_of(tmp_path / "audio", 4)
    cache = tmp_path / "cache"
    inspect_clips(table, cache=cache)
    path = Path(table["path"][1])
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert inspect_clips(table, cache=cache)["state"].tolist() == ["ok", "undecodable", "ok", "ok"]


def test_the_cache_survives_a_look_at_a_part(tmp_path: Path) -> None:
    table = table_of(tmp_path / "audio", 4)
    cache = tmp_path / "cache"
    inspect_clips(table.iloc[:2], cache=cache)
    inspect_clips(table.iloc[2:], cache=cache)
    assert len(pd.read_parquet(stored(cache))) == 4


def test_what_cannot_be_decoded_is_looked_at_again(tmp_path: Path) -> None:
    table = table_of(tmp_path / "audio", 2)
    Path(table["path"][0]).unlink()
    inspect_clips(table, cache=tmp_path / "cache")
    assert pd.read_parquet(stored(tmp_path / "cache"))["path"].tolist() == [table["path"][1]]


@pytest.mark.parametrize("damage", ["garbage", "columns", "state"])
def test_a_damaged_cache_is_ignored(tmp_path: Path, damage: str) -> None:
    table = table_of(tmp_path / "audio", 3)
    cache = tmp_path / "cache"
    first = inspect_clips(table, cache=cache)
    file = stored(cache)
    if damage == "garbage":
        file.write_bytes(b"PAR1 no more")
    elif damage == "columns":
        pd.read_parquet(file).drop(columns="digest").to_parquet(file)
    else:
        pd.read_parquet(file).assign(state="splendid").to_parquet(file)
    assert inspect_clips(table, cache=cache).equals(first)
    assert len(pd.read_parquet(stored(cache))) == 3


def test_a_cache_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    table = table_of(tmp_path / "audio", 2)
    (tmp_path / "file").write_text("in the way")
    assert inspect_clips(table, cache=tmp_path / "file")["state"].tolist() == ["ok", "ok"]


@pytest.mark.children
def test_a_crash_costs_the_one_item() -> None:
    found = map_in_processes(crash_on_seven, range(10), on_crash=-1, workers=2, chunk=5)
    assert found == [0, 2, 4, 6, 8, 10, 12, -1, 16, 18]


def test_one_worker_stays_in_this_process() -> None:
    found = map_in_processes(process_ids, range(3), on_crash=-1, workers=1, chunk=2)
    assert found == [os.getpid()] * 3


@pytest.mark.children
def test_two_workers_are_other_processes() -> None:
    found = map_in_processes(process_ids, range(3), on_crash=-1, workers=2, chunk=1)
    assert os.getpid() not in found


@pytest.mark.children
def test_a_script_without_a_main_guard_runs_once_and_no_worker_imports_from_the_working_folder(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        f"open({str(tmp_path / 'runs')!r}, 'a').write('x')\n"
        "from corpora_files import double\n"
        "from serbench.corpora.inspection.processes import map_in_processes\n"
        "print(map_in_processes(double, range(4), on_crash=-1, workers=2, chunk=2))\n"
    )
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "signal.py").write_text("open('imported', 'w').close()\n")  # a name that multiprocessing imports
    command = [sys.executable, script]
    done = subprocess.run(command, cwd=stranger, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[0, 2, 4, 6]"
    assert (tmp_path / "runs").read_text() == "x"
    assert not (stranger / "imported").exists()


@pytest.mark.children
def test_an_interrupted_progress_ends_the_work() -> None:
    def interrupt(_: int, __: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_in_processes(double, range(6), on_crash=-1, workers=2, chunk=2, progress=interrupt)


def test_what_is_found_is_saved_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends early leaves what it has found to the next one."""
    monkeypatch.setattr(inspect, "_SAVED_CLIPS", 64)
    table = table_of(tmp_path / "audio", 150)

    def stop(done: int, total: int) -> None:
        if done > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect_clips(table, stop, workers=1, cache=tmp_path / "cache")
    calls: list[int] = []
    inspect_clips(table, lambda done, _: calls.append(done), workers=1, cache=tmp_path / "cache")
    assert calls[0] == 150
