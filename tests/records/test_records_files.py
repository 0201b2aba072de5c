"""Atomic writes, under real failures: a killed process, a full disk, a folder that may not be written."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.errors import SerbenchError
from serbench.records.files import digest_of, publish_folder, write_bytes_atomic, write_text_atomic, writing


def script(code: str, *arguments: object, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process of its own."""
    command = [*before, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Makes the system refuse to write files beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_makes_folders_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_text_atomic(path, "old")
    write_text_atomic(path, "né\n")
    assert path.read_bytes() == "né\n".encode()
    assert [item.name for item in path.parent.iterdir()] == ["file.txt"]


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    write_text_atomic(tmp_path / "file.txt", "x")
    with publish_folder(tmp_path / "folder"):
        pass
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o755


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text_atomic(path, "old")
    with file_size_limit(1000), pytest.raises(SerbenchError, match=r"cannot write .*file\.txt: the file is larger"):
        write_bytes_atomic(path, b"x" * 5000)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_file_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, Path()):
        with pytest.raises(SerbenchError, match=r"cannot write .*: it is a folder; name a file"):
            write_text_atomic(folder, "x")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from records_made import trial
from serbench.records import TrialRecord

path = Path(sys.argv[1])
records = [trial(job_id=str(i), error=str(i) * 300_000) for i in range(2)]
seen = set()
for attempt in range(15):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        while True:
            for record in records:
                record.save(path)
                os.write(writer, b"x")
    for _ in range(1 + attempt % 3):
        os.read(reader, 1)
    for _ in range(attempt * 2000):  # kills at another moment of the next write each time
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader), os.close(writer)
    record = TrialRecord.load(path)
    assert record in records, "half-written"
    seen.add(record.job_id)
print(sorted(seen))
"""


@pytest.mark.children
def test_a_killed_writer_never_leaves_half_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    done = script(KILLED, tmp_path / "record.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['0', '1']"
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["record.json"]


FORBIDDEN = """
import os, sys
from pathlib import Path
from serbench.errors import SerbenchError
from serbench.records import ResultsFolder
from serbench.records.files import publish_folder, write_text_atomic

root = Path(sys.argv[1])
if os.geteuid() == 0:  # root may write anywhere
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)

def publish(path):
    with publish_folder(path):
        pass

write_text_atomic(root / "open" / "file.txt", "new")
for work in (lambda: write_text_atomic(root / "closed" / "file.txt", "new"),
             lambda: publish(root / "closed" / "folder"),
             lambda: ResultsFolder(root / "closed" / "results").prepare(),
             lambda: ResultsFolder(root / "closed").check_writable()):
    try:
        work()
    except SerbenchError as error:
        print(error)
"""


@pytest.mark.children
def test_a_folder_that_may_not_be_written_is_one_sentence() -> None:
    root = Path(tempfile.mkdtemp())  # not tmp_path: its parents are closed to other users
    try:
        for name, mode in (("open", 0o777), ("closed", 0o755)):
            (root / name).mkdir()
            (root / name).chmod(mode)
        (root / "closed" / "file.txt").write_text("old", encoding="utf-8")
        root.chmod(0o755)
        (root / "closed").chmod(0o555)
        done = script(FORBIDDEN, root)
        assert done.returncode == 0, done.stderr
        reason = "permission denied; name a folder you may write to and run the same command again"
        assert done.stdout.splitlines() == [
            f"cannot write {root}/closed{name}: {reason}" for name in ("/file.txt", "/folder", "/results", "")
        ]
        assert [path.name for path in (root / "closed").iterdir()] == ["file.txt"]
        assert (root / "closed" / "file.txt").read_text(encoding="utf-8") == "old"
        assert (root / "open" / "file.txt").read_text(encoding="utf-8") == "new"
    finally:
        (root / "closed").chmod(0o755)
        shutil.rmtree(root)


FULL = """
import json, subprocess, sys
from pathlib import Path
from serbench.errors import SerbenchError
from serbench.records.files import publish_folder, write_bytes_atomic, write_text_atomic

root = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", root], check=True)
write_text_atomic(root / "file.txt", "old")

def publish():
    with publish_folder(root / "folder") as folder:
        (folder / "small").write_bytes(b"x")
        (folder / "large").write_bytes(b"x" * 1_000_000)

errors = []
for work in (lambda: write_bytes_atomic(root / "file.txt", b"x" * 1_000_000), publish):
    try:
        work()
    except SerbenchError as error:
        errors.append(str(error))
left = {path.name: path.read_text() for path in root.iterdir()}
print(json.dumps([errors, left]))
"""


@pytest.mark.children
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path: Path) -> None:
    alone = ("unshare", "--user", "--map-root-user", "--mount")
    probe = "subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', sys.argv[1]], check=True)"
    if not shutil.which("unshare") or script(f"import subprocess, sys; {probe}", tmp_path, before=alone).returncode:
        pytest.skip("mounting a tiny file system in a namespace of one's own is not permitted here")
    done = script(FULL, tmp_path, before=alone)
    assert done.returncode == 0, done.stderr
    reason = "the disk is full; free some space and run the same command again"
    assert json.loads(done.stdout) == [
        [f"cannot write {tmp_path}/{name}: {reason}" for name in ("file.txt", "folder")],
        {"file.txt": "old"},
    ]


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(SerbenchError, match=r"cannot write .*: a (part of the path is a file|file of that name)"):
        write_text_atomic(tmp_path / "file" / "record.json", "x")
    with (
        pytest.raises(SerbenchError, match=r"cannot write .*/file: a part of the path is a file"),
        publish_folder(tmp_path / "file"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_the_system_does_not_refuse_is_no_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        (tmp_path / "absent").read_bytes()


def test_a_published_folder_is_whole_and_alone(tmp_path: Path) -> None:
    with publish_folder(tmp_path / "new" / "folder") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("x", encoding="utf-8")
        assert not (tmp_path / "new" / "folder").exists()
    assert (tmp_path / "new" / "folder" / "inner" / "file").read_text(encoding="utf-8") == "x"
    assert os.listdir(tmp_path / "new") == ["folder"]  # noqa: PTH208


def test_of_two_publishers_the_first_wins(tmp_path: Path) -> None:
    with publish_folder(tmp_path / "folder") as slow:
        (slow / "who").write_text("slow", encoding="utf-8")
        with publish_folder(tmp_path / "folder") as fast:
            (fast / "who").write_text("fast", encoding="utf-8")
    assert (tmp_path / "folder" / "who").read_text(encoding="utf-8") == "fast"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_exception_while_publishing_leaves_nothing(kind: type[BaseException], tmp_path: Path) -> None:
    def publish() -> None:
        with publish_folder(tmp_path / "folder") as folder:
            (folder / "file").write_text("x", encoding="utf-8")
            raise kind

    with pytest.raises(kind):
        publish()
    assert list(tmp_path.iterdir()) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=5), st.randoms())
def test_a_digest_ignores_the_order_of_keys_and_survives_json(value: dict[str, object], random) -> None:
    shuffled = list(value.items())
    random.shuffle(shuffled)
    assert digest_of(dict(shuffled)) == digest_of(value) == digest_of(json.loads(json.dumps(value)))


def test_a_digest_tells_values_and_order_of_lists_apart() -> None:
    values = [1, "1", True, None, [1, 2], [2, 1], {"a": 1}, {"a": 2}, 1.5, "é"]
    assert len({digest_of(value) for value in values}) == len(values)


def test_a_digest_is_the_same_on_every_machine_and_of_the_length_asked_for() -> None:
    value = {"b": [1, 2.5, "é"], "a": None}
    whole = hashlib.sha256(rb'{"a":null,"b":[1,2.5,"\u00e9"]}').hexdigest()
    assert digest_of(value) == whole[:16]
    assert digest_of(value, length=40) == whole[:40]
