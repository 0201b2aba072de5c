"""Downloads from a real server on this machine that does all that servers do to their clients."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from corpora_files import noise
from hostile_server import PAYLOAD, Server, checksum, serving

from serbench.corpora import get_corpus
from serbench.corpora.download import unpack as unpacking
from serbench.corpora.download.addresses import RemoteFile, Source, source_names, source_of
from serbench.corpora.download.download import Download
from serbench.corpora.download.settings import FetchSettings
from serbench.corpora.download.transfer import transfer
from serbench.corpora.download.unpack import unpack
from serbench.errors import SerbenchError, UsageError


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
    [("good", 1), ("truncated", 2), ("stalls", 2), ("busy", 3), ("broken", 3), ("drops", 2), ("whole", 2)],
)
def test_what_a_second_try_mends_is_mended(server, settings, tmp_path, kind, tries) -> None:
    done = transfer([remote(server, f"{kind}-1")], tmp_path, settings)
    assert (done.fetched, done.failed) == (("folder/file.wav",), {})
    assert (tmp_path / "folder/file.wav").read_bytes() == PAYLOAD
    assert server.asked[f"{kind}-1"] == tries
    assert not leftovers(tmp_path)


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


# Archives


def wav() -> bytes:
    out = io.BytesIO()
    soundfile.write(out, noise(), 16000, format="WAV")
    return out.getvalue()


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return path


def unix_link(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        entry = zipfile.ZipInfo("a.wav")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        packed.writestr(entry, "/etc/passwd")
    return path


def test_audio_and_tables_are_kept_and_nothing_else(tmp_path) -> None:
    entries = {
        "set/a/1.wav": wav(),
        "set/speakers.csv": b"x",
        "set/run.sh": b"x",
        "__MACOSX/._1.wav": b"x",
        "set/.hidden.wav": b"x",
    }
    assert unpack(zipped(tmp_path / "a.archive", entries), tmp_path / "out") == 1
    found = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert found == ["set/a/1.wav", "set/speakers.csv"]


@pytest.mark.parametrize(
    "make",
    [
        lambda path: zipped(path, {"a.wav": wav(), "../evil.wav": b"x"}),
        lambda path: zipped(path, {"/etc/evil.wav": b"x"}),
        lambda path: zipped(path, {"a\\..\\..\\evil.wav": b"x"}),
        lambda path: zipped(path, {"C:/evil.wav": b"x"}),
        unix_link,
    ],
)
def test_what_leads_out_or_is_no_file_keeps_everything_out(tmp_path, make) -> None:
    with pytest.raises(SerbenchError, match="nothing was kept"):
        unpack(make(tmp_path / "a.zip"), tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("*.wav"))
    assert not list((tmp_path / "deep" / "out").iterdir())


def test_a_bomb_is_not_unpacked(tmp_path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {"a.wav": bytes(64 << 20)})
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(SerbenchError, match="unpacks to more than"):
        unpack(bomb, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_what_else_lies_there_is_neither_replaced_nor_removed(tmp_path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a.wav": wav(), "notes.csv": b"theirs"})
    out = tmp_path / "out"
    (out / "notes.csv").mkdir(parents=True)
    (out / "notes.csv" / "mine.txt").write_text("mine")
    with pytest.raises(SerbenchError, match="nothing was changed"):
        unpack(archive, out)
    assert (out / "notes.csv" / "mine.txt").read_text() == "mine"
    (out / "notes.csv" / "mine.txt").unlink()
    (out / "notes.csv").rmdir()
    (out / "notes.csv").write_text("mine")
    with pytest.raises(SerbenchError, match="nothing was changed"):
        unpack(archive, out)
    assert not (out / "a.wav").exists()
    (out / "notes.csv").write_bytes(b"theirs")
    assert unpack(archive, out) == 1


def test_a_folder_that_leads_elsewhere_is_not_followed(tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "wav").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SerbenchError, match="nothing was changed"):
        unpack(zipped(tmp_path / "a.zip", {"wav/a.wav": wav()}), tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize(
    "names", [["a.wav", "a.wav"], ["a.wav", "a.wav/b.wav"], ["a\n.wav", "a?.wav"], ["x" * 300 + ".wav"]]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_cannot_be_are_a_sentence(tmp_path, names) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for name in names:
            packed.writestr(name, wav())
    with pytest.raises(SerbenchError, match="cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_damaged_archive_of_any_method_is_told(tmp_path, method) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as packed:
        packed.writestr("a.wav", wav())
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[60:200] = bytes(140)
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(SerbenchError, match=r"damaged|cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_too_many_entries_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_FILES", 3)
    with pytest.raises(SerbenchError, match="more than 3 entries"):
        unpack(zipped(tmp_path / "a.zip", {f"{n}.wav": b"" for n in range(4)}), tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"x" * 1000])
def test_what_is_no_archive_is_told(tmp_path, content) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(SerbenchError, match="damaged or no zip archive"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


# Whole corpora and the command


def emo_archive(server: Server, path: Path) -> None:
    names = [f"{who}a01{code}a" for who in ("03", "08", "09") for code in "WFT"]
    server.payloads["download.zip"] = zipped(path, {f"wav/{name}.wav": wav() for name in names}).read_bytes()


def test_an_archive_becomes_a_corpus_that_is_read(server, tmp_path) -> None:
    emo_archive(server, tmp_path / "made.zip")
    plan = Download.of("emo-db", tmp_path / "emo", server.url)
    assert plan.run(FetchSettings()).fetched == ("download.zip",)
    assert len(get_corpus("emo-db").read(tmp_path / "emo").table) == 9
    assert not (tmp_path / "emo" / "download.zip").exists()


def test_what_a_killed_unpacking_left_is_cleared_away(server, tmp_path) -> None:
    emo_archive(server, tmp_path / "made.zip")
    leftover = tmp_path / "emo" / ".serbench-unpack-x" / "wav"
    leftover.mkdir(parents=True)
    (leftover / "03a01Fa.wav").write_bytes(b"half")
    Download.of("emo-db", tmp_path / "emo", server.url).run(FetchSettings())
    assert [path.name for path in (tmp_path / "emo").iterdir()] == ["wav"]


def test_an_archive_that_cannot_be_trusted_is_told_and_removed(server, tmp_path) -> None:
    server.payloads["download.zip"] = zipped(tmp_path / "made.zip", {"../x.wav": wav()}).read_bytes()
    done = Download.of("emo-db", tmp_path / "emo", server.url).run(FetchSettings())
    assert "leads out of its folder" in done.failed["download.zip"]
    assert not list((tmp_path / "emo").iterdir())


def test_a_full_disk_is_told_beforehand(tmp_path) -> None:
    source = Source((RemoteFile("a.wav", ("http://127.0.0.1:9/a",)),), unpacked=1 << 60)
    with pytest.raises(SerbenchError, match="MiB are free; make room"):
        Download("crema-d", tmp_path, source).run(FetchSettings())


def test_every_corpus_has_addresses_of_the_web_and_only_known_checksums() -> None:
    for name in source_names():
        for file in source_of(name).files:
            assert all(url.startswith(("https://", "http://")) for url in file.urls)
            assert file.checksum is None or file.checksum.partition(":")[0] in {"sha256", "md5"}
    assert len(source_of("crema-d").files) == 7442 + 2
    few = source_of("crema-d", limit=60)
    assert len({file.name[9:13] for file in few.files[2:]}) > 30, "spread over speakers"
    assert len({file.name[18:21] for file in few.files[2:]}) == 6, "and over emotions"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"corpus": "crema"}, "did you mean 'crema-d'"),
        ({"corpus": "savee"}, "handed out after a registration"),
        ({"corpus": "demo"}, "makes itself"),
        ({"corpus": "ravdess", "limit": 3}, "comes as one archive"),
        ({"corpus": "crema-d", "limit": 0}, "at least 1"),
        ({"corpus": "crema-d", "base_url": "ftp://x"}, "must begin with http"),
        ({"corpus": "crema-d", "connections": 0}, "--connections"),
    ],
)
def test_wrong_words_are_answered(arguments, told) -> None:
    with pytest.raises(UsageError, match=told):
        Download.of(**arguments)


def run_cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serbench", "corpus", "download", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def test_the_command_asks_first_and_says_what_came_of_it(server, tmp_path) -> None:
    emo_archive(server, tmp_path / "made.zip")
    options = ["emo-db", "--to", tmp_path / "emo", "--base-url", server.url]
    refused = run_cli(*options)
    assert refused.returncode == 2
    assert "licence: CC0" in refused.stderr
    assert "--yes" in refused.stderr
    assert not (tmp_path / "emo").exists()
    done = run_cli(*options, "--yes", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fetched"] == 1
    missing = run_cli("ravdess", "--to", tmp_path / "rav", "--base-url", f"{server.url}/missing-1", "--yes")
    assert missing.returncode == 1
    assert "1 failed" in missing.stdout
