"""Whole corpora by `Download` and by the command, from a server on this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_archives import wav, zipped
from hostile_server import Server, serving
from tiers import starts_children

from serbench.cli.corpus_download import download
from serbench.corpora import get_corpus
from serbench.corpora.download.addresses import RemoteFile, Source, source_names, source_of
from serbench.corpora.download.download import Download
from serbench.corpora.download.settings import FetchSettings
from serbench.errors import SerbenchError, UsageError


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def emo_archive(server: Server, path: Path) -> None:
    names = [f"{who}a01{code}a" for who in ("03", "08", "09") for code in "WFT"]
    server.payloads["download.zip"] = zipped(path, {f"wav/{name}.wav": wav() for name in names}).read_bytes()


def test_an_archive_becomes_a_corpus_that_is_read(server, tmp_path) -> None:
    emo_archive(server, tmp_path / "made.zip")
    plan = Download.of("emo-db", tmp_path / "emo", server.url)
    assert plan.run(FetchSettings()).fetched == ("download.zip",)
    assert len(get_corpus("emo-db").read(tmp_path / "emo").table) == 9
    assert not (tmp_path / "emo" / "download.zip").exists()


def test_a_file_of_the_archives_name_is_left_alone(server, tmp_path) -> None:
    emo_archive(server, tmp_path / "made.zip")
    (tmp_path / "emo").mkdir()
    (tmp_path / "emo" / "download.zip").write_bytes(b"mine")
    assert Download.of("emo-db", tmp_path / "emo", server.url).run(FetchSettings()).fetched == ("download.zip",)
    assert (tmp_path / "emo" / "download.zip").read_bytes() == b"mine"
    assert sorted(path.name for path in (tmp_path / "emo").iterdir()) == ["download.zip", "wav"]


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


def test_only_emo_db_comes_unprotected_which_the_command_says(capfd, tmp_path) -> None:
    """Its site has neither https nor checksums."""
    assert [name for name in source_names() if source_of(name).unprotected] == ["emo-db"]
    with pytest.raises(UsageError, match="add --yes"):
        download("emo-db", to=tmp_path / "emo")
    assert "comes without https and without a published checksum" in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"corpus": "crema"}, "did you mean 'crema-d'"),
        ({"corpus": "savee"}, "savee cannot be downloaded: register at"),
        ({"corpus": "demo"}, "is made when it is first used"),
        ({"corpus": "ravdess", "limit": 3}, "comes as one archive"),
        ({"corpus": "crema-d", "limit": 0}, "at least 1"),
        ({"corpus": "crema-d", "base_url": "ftp://x"}, "must begin with http"),
        ({"corpus": "emo-db", "base_url": "http://"}, "'http://' names no host; write it as in https://"),
        ({"corpus": "ravdess", "base_url": "https://[::1/"}, "names no host"),
        ({"corpus": "crema-d", "connections": 0}, "--connections"),
    ],
)
def test_wrong_words_are_answered(arguments, told) -> None:
    with pytest.raises(UsageError, match=told):
        Download.of(**arguments)


def run_cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serbench", "corpus", "download", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.children
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


@pytest.fixture
@starts_children
def held(server, tmp_path) -> Iterator[subprocess.Popen[str]]:
    """A download whose server has sent a part and holds the line."""
    command = [sys.executable, "-m", "serbench", "corpus", "download", "emo-db", "--yes", "--base-url"]
    command += [f"{server.url}/stalls-1", "--to", str(tmp_path / "emo")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    part = tmp_path / "emo" / ".serbench-download" / "download.zip.part"
    while not (part.is_file() and part.stat().st_size) and process.poll() is None:
        threading.Event().wait(0.01)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.children
def test_ctrl_c_ends_at_once_and_says_how_to_go_on(held, tmp_path) -> None:
    held.send_signal(signal.SIGINT)
    _, error = held.communicate(timeout=15)  # the server would hold the line for 20 seconds
    assert held.returncode == 130, error
    assert "run the same command to continue" in error
    assert (tmp_path / "emo" / ".serbench-download" / "download.zip.part").stat().st_size > 0


@pytest.mark.children
def test_two_downloads_into_one_folder_do_not_mix(held, server, tmp_path) -> None:
    again = Download.of("emo-db", tmp_path / "emo", server.url)
    with pytest.raises(SerbenchError, match=r"another download into .* is running"):
        again.run(FetchSettings())
    held.kill()
    held.communicate()
    emo_archive(server, tmp_path / "made.zip")
    assert again.run(FetchSettings()).fetched, "the dead hold no lock"
