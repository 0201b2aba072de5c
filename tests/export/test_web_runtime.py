"""The runtime of the browser: fetched once, only as published, and unpacked without a path of the archive."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from serbench.errors import SerbenchError, UsageError
from serbench.export.web import runtime
from serbench.export.web.runtime import REGISTRY, RuntimeFile, runtime_files, unpack_runtime

CONTENT = {"ort.wasm.min.mjs": b"export const a = 1;", "ort.wasm": b"\0asm"}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A published package of two small files, in place of the 33 MiB of the real one; and a cache of its own."""
    files = tuple(RuntimeFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENT.items())
    monkeypatch.setattr(runtime, "RUNTIME_FILES", files)
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))
    return files


def packed(path: Path, entries: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def published(path: Path, **others: bytes) -> Path:
    return packed(path, {f"package/dist/{name}": data for name, data in CONTENT.items()} | others)


def test_the_named_files_are_read_and_nothing_is_written(small, tmp_path) -> None:
    archive = published(tmp_path / "a.tgz", **{"../evil": b"x", "package/dist/../../evil": b"x", "/evil": b"x"})
    before = sorted(tmp_path.rglob("*"))
    assert unpack_runtime(archive) == CONTENT
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("entries", "links"),
    [
        ({"package/dist/ort.wasm": b"\0asm"}, {"package/dist/ort.wasm.min.mjs": "/etc/passwd"}),
        ({"package/dist/ort.wasm": b"\0asm", "package/dist/ort.wasm.min.mjs": b"export const a = 2;"}, {}),
        ({"package/dist/ort.wasm": b"\0asm", "package/dist/ort.wasm.min.mjs": b"x" * 5_000}, {}),
        ({"package/dist/ort.wasm": b"\0asm", "package/./dist/ort.wasm.min.mjs": b"export const a = 1;"}, {}),
    ],
    ids=["link", "other bytes", "other size", "other name"],
)
def test_an_archive_without_a_file_as_published_is_refused(small, tmp_path, entries, links) -> None:
    with pytest.raises(SerbenchError, match=r"does not hold ort\.wasm\.min\.mjs as published"):
        unpack_runtime(packed(tmp_path / "a.tgz", entries, links))


def test_a_damaged_archive_is_refused_in_one_sentence(small, tmp_path) -> None:
    whole = published(tmp_path / "a.tgz").read_bytes()
    (tmp_path / "cut.tgz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tgz").write_bytes(b"<html>")
    for name in ("cut.tgz", "text.tgz"):
        with pytest.raises(SerbenchError, match=rf"{name} is damaged or no npm package|does not hold"):
            unpack_runtime(tmp_path / name)


@pytest.mark.parametrize("inside", ["", "dist", "package/dist"])
def test_a_named_folder_serves_without_a_network(small, tmp_path, monkeypatch, inside) -> None:
    monkeypatch.setenv(REGISTRY, "http://127.0.0.1:9")  # nobody answers there
    (tmp_path / "given" / inside).mkdir(parents=True)
    for name, data in CONTENT.items():
        (tmp_path / "given" / inside / name).write_bytes(data)
    assert runtime_files(tmp_path / "given") == CONTENT


def test_a_named_folder_with_other_bytes_is_refused(small, tmp_path) -> None:
    for name in CONTENT:
        (tmp_path / name).write_bytes(b"alert(1)")
    with pytest.raises(UsageError, match=r"does not hold onnxruntime-web .*`npm pack .*--runtime DIR"):
        runtime_files(tmp_path)


@pytest.fixture
def registry(small, tmp_path, monkeypatch):
    """A registry on this machine that serves the small package. Yields the paths that were asked for."""
    archive = published(tmp_path / "package.tgz").read_bytes()
    integrity = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    monkeypatch.setattr(runtime, "_INTEGRITY", f"sha512-{integrity}")
    monkeypatch.setattr(runtime, "_ARCHIVE_BYTES", len(archive))
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        served = archive

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.served)))
            self.end_headers()
            self.wfile.write(self.served)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(REGISTRY, f"http://127.0.0.1:{server.server_address[1]}/mirror/")
    yield Handler, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_is_fetched_once_and_a_spoiled_cache_is_fetched_anew(registry, tmp_path) -> None:
    _, asked = registry
    said: list[str] = []
    assert runtime_files(None, said.append) == CONTENT
    assert runtime_files(None, said.append) == CONTENT
    assert len(said) == 1
    (path,) = asked
    assert path == "/mirror/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz"
    home = next((tmp_path / "cache").rglob("ort.wasm")).parent
    assert sorted(path.name for path in home.iterdir()) == sorted(CONTENT)
    (home / "ort.wasm").write_bytes(b"\0evl")
    assert runtime_files(None) == CONTENT
    assert len(asked) == 2


@pytest.mark.long
def test_a_registry_with_another_archive_is_not_believed(registry, tmp_path) -> None:
    handler, _ = registry
    handler.served = handler.served[:-1] + b"x"
    with pytest.raises(SerbenchError, match=rf"checksum.*{REGISTRY} names another npm registry, or unpack"):
        runtime_files()
    assert not list((tmp_path / "cache").rglob("ort.wasm"))


def test_an_address_that_is_none_is_refused(small, monkeypatch) -> None:
    monkeypatch.setenv(REGISTRY, "ftp://npm.example")
    with pytest.raises(UsageError, match="no http address"):
        runtime_files()


def test_the_pinned_files_are_named_by_their_digests() -> None:
    assert all(len(file.sha256) == 64 and file.size > 0 for file in runtime.RUNTIME_FILES)
    assert len(runtime._remote().checksum) == len("sha512:") + 128
