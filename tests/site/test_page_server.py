"""The server of `serbench demo`: for this machine, for the files of one folder, for no other page."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request

import pytest

from serbench.errors import SerbenchError
from serbench.site import PageServer


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "page"
    (folder / "runtime").mkdir(parents=True)
    (folder / "index.html").write_text("<title>page</title>", encoding="utf-8")
    (folder / "runtime" / "a.mjs").write_text("1", encoding="utf-8")
    (folder / "runtime" / "a.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    made = PageServer(folder)
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.stop()
    thread.join()


def fetch(address, host=None):
    asked = urllib.request.Request(address, headers={"Host": host} if host else {})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return answer.headers, answer.read().decode("utf-8")


def test_the_page_is_served_with_headers_that_keep_others_away(server) -> None:
    headers, text = fetch(server.address)
    assert "page" in text
    assert server.address.startswith("http://127.0.0.1:")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "microphone=(self)" in headers["Permissions-Policy"]


def test_modules_and_webassembly_have_their_types_on_every_machine(server) -> None:
    assert fetch(f"{server.address}runtime/a.mjs")[0]["Content-Type"].startswith("text/javascript")
    assert fetch(f"{server.address}runtime/a.wasm")[0]["Content-Type"] == "application/wasm"


def test_another_host_is_refused(server) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(server.address, host="evil.example")


@pytest.mark.long
@pytest.mark.parametrize("path", ["..%2fsecret.txt", "../secret.txt", "%2e%2e/secret.txt", "runtime/", "runtime"])
def test_nothing_else_is_served_and_no_folder_listed(server, path) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(server.address + path)


def test_a_port_that_is_taken_is_named(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SerbenchError, match=rf"port {port} cannot be used .*--port"):
            PageServer(tmp_path, port)
