"""What `--cluster` is told that leads to no cluster: no address, nobody there, no Dask."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import threading

import pytest

from serbench.errors import SerbenchError, UsageError
from serbench.search import run_search
from serbench.search.engines.dask.cluster import open_cluster
from serbench.search.resources import Resources


@pytest.mark.long  # it waits for an answer
@pytest.mark.parametrize("says", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\nno such thing"])
def test_a_scheduler_that_does_not_answer_is_a_sentence(says) -> None:
    """Nobody listens; somebody listens and is silent; somebody listens and is no scheduler."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken: list[socket.socket] = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept()[0])
                    taken[-1].sendall(says)

        if says is None:
            server.close()
        else:
            threading.Thread(target=serve, daemon=True).start()
        with (
            pytest.raises(SerbenchError, match=rf"no Dask scheduler answers at tcp://127\.0\.0\.1:{port} within 1 s"),
            open_cluster(f"tcp://127.0.0.1:{port}", "tensorflow", Resources.elsewhere(1), connect_s=1.0),
        ):
            pass
        assert bool(taken) == (says is not None)


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://127.0.0.1", "lokal", ""])
def test_what_is_no_address_is_refused(make_plan, address) -> None:
    with pytest.raises(UsageError, match="is not the address of a Dask scheduler; write tcp://HOST:8786"):
        run_search(make_plan(cluster=address))


def test_a_missing_extra_is_named(make_plan, monkeypatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "distributed" else find(name))
    with pytest.raises(SerbenchError, match=r"--cluster needs Dask; .*install the extra serbench\[cluster\]"):
        run_search(make_plan(cluster="local"))
