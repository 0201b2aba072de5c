"""Downloads from a real server on this machine that does all that servers do to their clients."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_server import PAYLOAD, Server, checksum, serving

from serbench.corpora.download.addresses import RemoteFile
from serbench.corpora.download.settings import FetchSettings
from serbench.corpora.download.transfer import transfer


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def settings(waits) -> FetchSettings:
    """Waits are noted and not waited."""
    return FetchSettings(tries=3, stall_s=0.4, wait=waits.append)


def remote(server: Server, name: str, *mirrors: str, known: bool = True) -> RemoteFile:
    urls = tuple(f"{server.url}/{one}" for one in (name, *mirrors))
    return RemoteFile("folder/file.wav", urls, len(PAYLOAD) if known else None, checksum() if known else None)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != "file.wav")


@pytest.mark.parametrize(
    ("kind", "tries"),
    [
        ("good", 1),
        ("truncated", 2),
        ("stalls", 2),
        ("busy", 3),
        ("eternal", 2),
        ("broken", 3),
        ("drops", 2),
        ("whole", 2),
    ],
)
def test_what_a_second_try_mends_is_mended(server, settings, tmp_path, kind, tries) -> None:
    done = transfer([remote(server, f"{kind}-1")], tmp_path, settings)
    assert (done.fetched, done.failed) == (("folder/file.wav",), {})
    assert (tmp_path / "folder/file.wav").read_bytes() == PAYLOAD
    assert server.asked[f"{kind}-1"] == tries
    assert not leftovers(tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "tries", "told"),
    [
        ("missing", 1, "HTTP 404"),
        ("dead", 3, r"HTTP 503 \(3 tries\)"),
        ("pointer", 1, "a Git LFS pointer in place of the file"),
        ("page", 1, "a web page in place of the file"),
        ("wrong", 3, r"other bytes than published \(checksum\) \(3 tries\)"),
        ("short", 3, r"cut off after 1,000 of 512,000 bytes \(3 tries\)"),
        ("endless", 1, "sends more than the 512,000 bytes"),
        ("round", None, "from address to address without end"),
        ("disk", 1, "an address that is not http"),
    ],
)
def test_what_no_try_mends_is_told_and_the_next_mirror_asked(server, settings, tmp_path, kind, tries, told) -> None:
    alone = transfer([remote(server, f"{kind}-1")], tmp_path / "alone", settings)
    assert not (tmp_path / "alone/folder/file.wav").exists()
    assert re.search(told, alone.failed["folder/file.wav"])
    if tries is not None:
        assert server.asked[f"{kind}-1"] == tries
    mirrored = transfer([remote(server, f"{kind}-2", "good-2")], tmp_path / "mirrored", settings)
    assert mirrored.fetched == ("folder/file.wav",)
    assert (tmp_path / "mirrored/folder/file.wav").read_bytes() == PAYLOAD


def test_a_server_that_asks_for_patience_gets_it_within_bounds(server, settings, waits, tmp_path) -> None:
    transfer([remote(server, "busy-1")], tmp_path, settings)
    assert waits == [7.0, 7.0]


def test_back_off_grows(server, settings, waits, tmp_path) -> None:
    transfer([remote(server, "dead-1")], tmp_path, settings)
    first, second = waits
    assert 0.5 <= first <= 1.5
    assert 1.0 <= second <= 3.0


@pytest.mark.parametrize("known", [True, False])
def test_what_came_before_a_break_is_not_fetched_again(server, settings, tmp_path, known) -> None:
    transfer([remote(server, "truncated-1", known=known)], tmp_path, settings)
    assert len(server.ranges) == 1
    assert int(server.ranges[0].removeprefix("bytes=").rstrip("-")) > 0
    assert (tmp_path / "folder/file.wav").read_bytes() == PAYLOAD


def test_a_part_that_is_not_of_this_file_is_found_out(server, settings, tmp_path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file.wav.part").write_bytes(b"x" * 1000)
    done = transfer([remote(server, "good-1")], tmp_path, settings)
    assert done.fetched
    assert (tmp_path / "folder/file.wav").read_bytes() == PAYLOAD


def test_what_is_there_is_not_asked_for_and_what_was_damaged_is(server, settings, tmp_path) -> None:
    file = remote(server, "good-1")
    transfer([file], tmp_path, settings)
    again = transfer([file], tmp_path, settings)
    assert (again.there, again.fetched, server.asked["good-1"]) == (("folder/file.wav",), (), 1)
    (tmp_path / "folder/file.wav").write_bytes(PAYLOAD[::-1])
    assert transfer([file], tmp_path, settings).fetched


def test_what_came_whole_before_a_kill_is_not_fetched_again(server, settings, tmp_path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file.wav.part").write_bytes(PAYLOAD)
    got: list[int] = []
    assert transfer([remote(server, "good-1")], tmp_path, settings, received=got.append).fetched
    assert not server.asked
    assert sum(got) == len(PAYLOAD)


def test_a_dead_host_is_given_up_after_a_few_files(server, settings, waits, tmp_path) -> None:
    files = [RemoteFile(f"{n}.wav", (f"{server.url}/dead-{n}",), len(PAYLOAD), checksum()) for n in range(40)]
    done = transfer(files, tmp_path, settings, connections=2)
    assert len(done.failed) == 40
    assert sum(server.asked.values()) <= 5 * settings.tries
    assert "given up" in done.failed["39.wav"]


@pytest.mark.parametrize("kind", ["good", "truncated", "stalls", "whole", "wrong"])
def test_progress_adds_up_to_what_is_there(server, settings, tmp_path, kind) -> None:
    got: list[int] = []
    done = transfer([remote(server, f"{kind}-1")], tmp_path, settings, received=got.append)
    assert sum(got) == (len(PAYLOAD) if done.fetched else 0)


def test_one_file_that_fails_keeps_the_others(server, settings, tmp_path) -> None:
    files = [
        RemoteFile(f"{kind}.wav", (f"{server.url}/{kind}-1",), len(PAYLOAD), checksum())
        for kind in ("good", "missing", "truncated", "wrong")
    ]
    done = transfer(files, tmp_path, settings, connections=2)
    assert sorted(done.fetched) == ["good.wav", "truncated.wav"]
    assert sorted(done.failed) == ["missing.wav", "wrong.wav"]


def test_a_stop_ends_it_and_the_next_one_resumes(server, settings, tmp_path) -> None:
    got: list[int] = []

    def stop(size: int) -> None:
        got.append(size)
        if size:
            settings.stop.set()

    first = transfer([remote(server, "good-1")], tmp_path, settings, received=stop)
    assert first.stopped
    assert not (tmp_path / "folder/file.wav").exists()
    resumed = FetchSettings(tries=1)
    assert transfer([remote(server, "good-1")], tmp_path, resumed).fetched
    assert server.ranges


SCRIPT = """
import sys
from pathlib import Path
from hostile_server import checksum, PAYLOAD
from serbench.corpora.download.addresses import RemoteFile
from serbench.corpora.download.settings import FetchSettings
from serbench.corpora.download.transfer import transfer
url, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
files = [RemoteFile(f"{n:02}.wav", (f"{url}/good-{n:02}",), len(PAYLOAD), checksum()) for n in range(count)]
done = transfer(files, folder, FetchSettings(), connections=2)
print(len(done.fetched), len(done.there), len(done.failed))
"""


@pytest.mark.children
def test_a_download_that_is_killed_again_and_again_loses_and_doubles_nothing(server, tmp_path) -> None:
    count, folder = 12, tmp_path / "corpus"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, server.url, str(folder), str(count)]
    for share in (0.2, 0.45, 0.7):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        while server.sent < share * count * len(PAYLOAD) and process.poll() is None:
            threading.Event().wait(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        finished = [path for path in folder.glob("*.wav") if path.is_file()]
        assert all(path.read_bytes() == PAYLOAD for path in finished)
    before = {path.name for path in folder.glob("*.wav")}
    asked = server.asked.copy()
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert [int(number) for number in out] == [count - len(before), len(before), 0]
    assert all(server.asked[f"good-{name[:2]}"] == asked[f"good-{name[:2]}"] for name in before)
    assert sorted(path.name for path in folder.iterdir()) == [f"{n:02}.wav" for n in range(count)]
    assert all(path.read_bytes() == PAYLOAD for path in folder.iterdir())
