"""`serbench study push mlflow` against a real MLflow server of this machine's, started for the tests.

The server is the whole of MLflow, which does not live beside the newest pyarrow: `uv tool install mlflow` puts it into
an environment of its own. Without one these tests are skipped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawn_results import run_of
from tests_shared import needs
from tiers import starts_children
from trackers_made import STUDY, retried

from serbench.errors import SerbenchError
from serbench.trackers import push_study, study_runs

pytestmark = [pytest.mark.slow, needs("mlflow")]


def program() -> str | None:
    """The program `mlflow` of a whole MLflow: named by the variable, or a tool of uv."""
    tools = os.environ.get("UV_TOOL_DIR", Path.home() / ".local" / "share" / "uv" / "tools")
    return os.environ.get("SERBENCH_TEST_MLFLOW") or shutil.which(Path(tools) / "mlflow" / "bin" / "mlflow")


@pytest.fixture(scope="module")
@starts_children
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with an empty SQLite database, reached on 127.0.0.1 only; its address."""
    mlflow = program()
    if mlflow is None:
        pytest.skip("no MLflow server on this machine; install it with `uv tool install mlflow`")
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        mlflow, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "log").open("wb") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log, env=quiet, start_new_session=True, cwd=folder)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", started, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def _wait_for(address: str, started: subprocess.Popen[bytes], log: Path) -> None:
    last = time.monotonic() + 300
    while time.monotonic() < last and started.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
            if answer.status == 200:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(0.5)  # before the server is asked again
    raise AssertionError(log.read_text(errors="replace")[-2000:])


def client(server):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=server)


def runs_of(server):
    """All runs of the study's experiment by serbench's key."""
    found = client(server).get_experiment_by_name("serbench/demo/speaker")
    listed = client(server).search_runs([found.experiment_id], max_results=1000)
    keys = [run.data.tags["serbench.key"] for run in listed]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, listed, strict=True))


def test_a_study_arrives_whole_once_and_is_brought_up_to_date(drawn, server):
    runs = {run.name: run for run in study_runs(drawn.read(), STUDY)}
    done = push_study(drawn.read(), STUDY, "mlflow", server)
    assert (done.added, done.updated, done.unchanged, done.place) == (11, 0, 0, server)
    found = runs_of(server)
    assert set(found) == {run.key for run in runs.values()}

    entry = found[runs["good"].key]
    for name in ("test/uar", "test/uar_low", "test/uar_high"):
        assert entry.data.metrics[name] == pytest.approx(runs["good"].scores[name])
    assert entry.data.params == {"learning_rate": "0.001", "batch_size": "32", "layers.depth": "4"}
    assert entry.data.tags["serbench.corpus_digest"] == drawn.results.study(STUDY).record().corpus.digest
    assert entry.data.tags["mlflow.parentRunId"] == found[runs[STUDY].key].info.run_id
    states = {name: found[runs[name].key].info.status for name in ("t0", "t2", "t3")}
    assert states == {"t0": "FINISHED", "t2": "FINISHED", "t3": "FAILED"}, "completed, pruned, crashed"

    refit = found[runs[run_of("good")].key]
    history = client(server).get_metric_history(refit.info.run_id, "validation/uar")
    expected = runs[run_of("good")].curves["validation/uar"]
    assert [(one.step, one.value) for one in history] == [(step, pytest.approx(value)) for step, value in expected]

    again = push_study(drawn.read(), STUDY, "mlflow", server)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 11)
    assert len(client(server).get_metric_history(refit.info.run_id, "validation/uar")) == 20

    retried(drawn)
    drawn.entry("third", STUDY)
    last = push_study(drawn.read(), STUDY, "mlflow", server)
    assert (last.added, last.updated, last.unchanged) == (3, 2, 9)
    now = runs_of(server)
    assert len(now) == 14
    assert now[runs[STUDY].key].info.run_id == found[runs[STUDY].key].info.run_id, "what lies below it stays there"
    assert now[runs["t3"].key].data.metrics["validation/best_uar"] == 0.25
    assert now[runs["t3"].key].info.status == "FINISHED"
    assert now[runs[STUDY].key].data.metrics["entries"] == 3


def test_a_push_that_was_broken_off_is_finished_by_the_next(build, server):
    study = build.study("broken-cnn2d", corpus="other")
    build.entry("one", study)
    calls = []

    def stop(done, _total):
        calls.append(done)
        if done == 3:
            raise KeyboardInterrupt

    from serbench.trackers import get_tracker

    runs = study_runs(build.read(), study)
    with pytest.raises(KeyboardInterrupt):
        get_tracker("mlflow").push(runs, server, stop)
    done = push_study(build.read(), study, "mlflow", server)
    assert (done.added, done.unchanged) == (len(runs) - 3, 3)


def test_a_server_that_does_not_answer_is_one_sentence_without_the_password(drawn):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://me:secret@127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(SerbenchError, match="is the server running") as raised:
        push_study(drawn.read(), STUDY, "mlflow", address)
    assert "secret" not in str(raised.value)
    assert "***@127.0.0.1" in str(raised.value)
