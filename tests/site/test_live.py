"""Live pages: a process that serves, notices records, and ends with the search, however that ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from drawn_results import Builder

from serbench.errors import SerbenchError
from serbench.search.studies.storage import StudyStorage
from serbench.site.live import server
from serbench.site.live.live_site import LiveSite
from serbench.site.live.server import _State, _Watcher
from serbench.spaces import load_space

pytestmark = pytest.mark.children  # the live pages are served by a process of their own


def fetch(address, host=None):
    asked = urllib.request.Request(address, headers={"Host": host} if host else {})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return answer.status, answer.read().decode("utf-8")


def version(address):
    return json.loads(fetch(f"{address}version")[1])["version"]


def until(true, seconds=30):
    """Waits for something that another process brings about."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    made = Builder(tmp_path_factory.mktemp("live") / "results")
    made.study("demo-speaker-cnn2d")
    return made


@pytest.fixture(scope="module")
def live(build):
    with LiveSite(build.results.root, "demo", "speaker") as site:
        until(lambda: version(site.address))
        yield site


def test_the_search_waits_for_no_page(tmp_path, monkeypatch, capsys):
    """The address is printed while the first pages are being made; what is there meanwhile loads itself again."""
    made, printed, shown = threading.Event(), [], []

    class Pipe:
        def readline(self):
            names = {"results": "results", "corpus": None, "protocol": None, "port": None, "storage": None}
            return json.dumps(names | {"folder": str(tmp_path / "live")})

        def read(self):
            printed.append(capsys.readouterr().out)
            shown.append(fetch(printed[0].strip())[1])
            made.set()

    def build_site(*_, **__):
        assert made.wait(60)

    monkeypatch.setattr(server.Site, "build", build_site)
    monkeypatch.setattr(server.os, "nice", lambda _: None)
    monkeypatch.setattr(server.sys, "stdin", Pipe())
    server.main()
    assert printed[0].startswith("http://127.0.0.1:")
    assert "The first pages are being made" in shown[0]
    assert 'http-equiv="refresh"' in shown[0]


@pytest.mark.slow
def test_a_new_record_makes_a_new_version_with_the_trial_on_its_page(build, live):
    page = f"{live.address}studies/demo-speaker-cnn2d.html"
    assert "t9" not in fetch(page)[1]
    before = version(live.address)
    build.results.study("demo-speaker-cnn2d").publish_job(
        build._trial("demo-speaker-cnn2d", "search", "t9", "completed", 9, 0.8)
    )
    until(lambda: version(live.address) > before)
    assert "t9" in fetch(page)[1]
    assert "live.js" in fetch(page)[1]
    build.entry("first", "demo-speaker-cnn2d")
    until(lambda: "first.html" in fetch(live.address)[1])


@pytest.mark.parametrize("part", ["folds", "shortlist"])
def test_a_fold_of_the_cross_validation_makes_a_new_version(tmp_path, part):
    """The thread that looks every second, here with a clock of its own: it waits four times."""
    made, versions, state = Builder(tmp_path / "results"), [], _State()
    folder = made.results.study(made.study("demo-speaker-cnn2d")).path / part
    folder.mkdir()
    asked = {"results": tmp_path / "results", "corpus": "demo", "protocol": "speaker"}
    watcher = _Watcher(asked, tmp_path / "site", state)

    def wait(_seconds):
        versions.append(state.version)
        if len(versions) == 2:  # nothing was new at the first look
            (folder / "t0").mkdir()
        return len(versions) == 4  # the third time it makes room for the search, after it has built

    watcher.stopped = SimpleNamespace(wait=wait)
    watcher.run()
    assert versions == [1, 1, 2, 2]


def test_only_this_machine_may_look(live):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(live.address, host="evil.example")
    assert live.address.startswith("http://127.0.0.1:")
    for path in ("..%2f..%2fetc/passwd", "../../../../etc/passwd"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(live.address + path)


@pytest.mark.slow
def test_a_port_that_is_taken_is_told_when_it_was_asked_for(live, build):
    port = int(live.address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(SerbenchError, match="--live-port"), LiveSite(build.results.root, "demo", "speaker", port):
        pass


@pytest.mark.children
def test_it_shows_results_that_do_not_exist_yet_and_ends_with_the_search_even_when_that_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from serbench.site.live.live_site import LiveSite\n"
        "with LiveSite(Path(sys.argv[1]), 'demo', 'speaker') as site:\n"
        "    print(site.address, flush=True); time.sleep(600)"
    )
    search = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "results")], stdout=subprocess.PIPE, text=True
    )
    address = search.stdout.readline().strip()
    until(lambda: version(address))
    assert "No entry was tested yet" in fetch(address)[1]
    place = urllib.parse.urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=60) as line:
        os.kill(search.pid, signal.SIGKILL)
        search.wait()
        search.stdout.close()
        with contextlib.suppress(ConnectionError):
            assert line.recv(1) == b"", "the connection ends with the server"


def test_its_process_imports_nothing_from_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('a module of a stranger')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with LiveSite(tmp_path / "results", "demo", "speaker") as site:
        assert fetch(site.address)[0] == 200


def test_the_dashboard_of_a_study_only_looks(build, live):
    pytest.importorskip("optuna_dashboard")
    folder = build.results.study("demo-speaker-cnn2d")
    record = folder.record().model_copy(update={"sampler": {"name": "random"}, "pruner": {"name": "none"}})
    storage = StudyStorage.open(folder, record)  # as while a search runs
    try:
        storage.study.add_trial(_some_trial())
        status, page = fetch(f"{live.address}dashboard/demo-speaker-cnn2d")
        assert status == 200
        assert "Optuna" in page
        with urllib.request.urlopen(f"{live.address}dashboard/demo-speaker-cnn2d", timeout=60) as answer:
            root = answer.url.removesuffix("dashboard")
        (study,) = json.loads(fetch(f"{root}api/studies")[1])["study_summaries"]
        assert study["study_name"] == "demo-speaker-cnn2d"
        remove = urllib.request.Request(f"{root}api/studies/{study['study_id']}", method="DELETE")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(remove, timeout=60)
        storage.study.add_trial(_some_trial())  # the search goes on writing beside it
        assert len(storage.study.trials) == 2
    finally:
        storage.close()


def _some_trial():
    import optuna

    space = load_space("demo_cnn1d")
    name = space.searched[0]
    values = {name: space.parameters[name].probes()[0]}
    return optuna.trial.create_trial(value=0.5, params=values, distributions=space.distributions([name]))


def test_a_study_that_is_not_there_has_no_dashboard(live):
    with pytest.raises(urllib.error.HTTPError) as found:
        fetch(f"{live.address}dashboard/demo-speaker-cnn9")
    assert found.value.code == 404
    assert "demo-speaker-cnn2d" in found.value.read().decode("utf-8")


def test_nothing_of_what_is_shown_stands_on_the_command_line(live):
    """The storage may name a password; what a process was started with can be read by everyone."""
    assert psutil.Process(live._process.pid).cmdline()[1:] == ["-P", "-m", "serbench.site.live.server"]


def test_other_methods_and_the_dashboard_are_for_this_machine_alone_too(build, live):
    head = urllib.request.Request(live.address, headers={"Host": "evil.example"}, method="HEAD")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(head, timeout=60)
    with urllib.request.urlopen(f"{live.address}dashboard/demo-speaker-cnn2d", timeout=60) as answer:
        root = answer.url.removesuffix("dashboard")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(f"{root}api/studies", host="evil.example")


@pytest.mark.slow
def test_a_record_that_no_build_can_read_is_told_and_the_next_one_shows_again(build, live):
    study = build.results.study("demo-speaker-cnn2d")
    record, before = study.record_path.read_text(encoding="utf-8"), version(live.address)
    study.record_path.write_text("{}", encoding="utf-8")
    (study.path / "trials" / "nudge").mkdir()
    until(lambda: version(live.address) > before or json.loads(fetch(f"{live.address}version")[1])["note"])
    now = version(live.address)  # before the record is whole again: a build may follow at once
    study.record_path.write_text(record, encoding="utf-8")
    (study.path / "trials" / "nudge").rmdir()
    until(lambda: version(live.address) > now)
    assert json.loads(fetch(f"{live.address}version")[1])["note"] == ""
    assert "demo-speaker-cnn2d" in fetch(live.address)[1]


def test_the_last_records_get_their_page_unless_that_takes_long(tmp_path):
    made, state = Builder(tmp_path / "results"), _State()
    asked = {"results": tmp_path / "results", "corpus": "demo", "protocol": "speaker"}
    watcher = _Watcher(asked, tmp_path / "site", state)
    watcher.build()
    assert not watcher.build_last(), "there is nothing new"
    made.study("demo-speaker-cnn2d")
    watcher._took = 60.0
    assert not watcher.build_last(), "the search waits for it"
    watcher._took = 0.1
    assert watcher.build_last()
    assert state.version == 2
    assert "demo-speaker-cnn2d" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_a_page_is_open_while_it_asks():
    state = _State()
    assert not state.is_watched()
    state.asked = time.monotonic()
    assert state.is_watched()
    state.asked -= 60
    assert not state.is_watched()


@pytest.mark.slow
def test_nothing_is_left_when_it_ends(build):
    with LiveSite(build.results.root, "demo", "speaker") as site:
        folder = Path(site._folder)
        until(lambda: version(site.address))
        assert (folder / "site" / "index.html").is_file()
        build.results.study("demo-speaker-cnn2d").publish_job(
            build._trial("demo-speaker-cnn2d", "search", "t77", "completed", 77, 0.1)
        )  # so that a build may be under way
    assert not folder.exists()
