"""Children never run the script that started them, however it was started itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.children

SCRIPT = """
import os
with open("runs", "a") as file:
    file.write("x")
import multiprocessing
from serbench.child_processes import SPAWN, ForkServerContext
context = {context}
if isinstance(context, ForkServerContext):
    context.start_server(["json"])
for name in ("first", "second"):
    child = context.Process(target=os.mkdir, args=(name,))
    child.start()
    child.join()
    assert child.exitcode == 0, child.exitcode
assert __name__ == "__main__"
"""

OWN_CHILDREN = """
import multiprocessing, os
from serbench.child_processes import ForkServerContext

def own(name):
    os.mkdir(name)

if __name__ == "__main__":
    ours = ForkServerContext()
    ours.start_server(["json"])
    for context in (multiprocessing.get_context("forkserver"), multiprocessing.get_context("spawn")):
        child = context.Process(target=own, args=(context.get_start_method(),))
        child.start()
        child.join()
        assert child.exitcode == 0
    child = ours.Process(target=os.mkdir, args=("ours",))
    child.start()
    child.join()
"""

OWN_VARIABLE = """
import os, signal
from serbench.child_processes import ForkServerContext, _server

context = ForkServerContext()
context.start_server(["json"], {"SERBENCH_OF_SERVER": "own"})
for kept in (None, "mine"):
    child = context.Process(target=os.execvp, args=("sh", ["sh", "-c", 'test "$SERBENCH_OF_SERVER" = own']))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert os.environ.get("SERBENCH_OF_SERVER") == kept, os.environ.get("SERBENCH_OF_SERVER")
    os.environ["SERBENCH_OF_SERVER"] = "mine"
    os.kill(_server._forkserver_pid, signal.SIGKILL)
    os.waitid(os.P_PID, _server._forkserver_pid, os.WEXITED | os.WNOWAIT)
"""


def command(way: str, text: str, folder: Path) -> tuple[list[str], str | None]:
    """How a Python of the given way of starting runs the text; and what goes to its standard input."""
    (folder / "script.py").write_text(text, encoding="utf-8")
    ways = {
        "file": (["script.py"], None), "module": (["-m", "script"], None), "-c": (["-c", text], None),
        "standard input": (["-"], text),
    }  # fmt: skip
    arguments, typed = ways[way]
    return [sys.executable, *arguments], typed


@pytest.mark.parametrize("context", ["ForkServerContext()", "multiprocessing.get_context(SPAWN)"])
@pytest.mark.parametrize("way", ["file", "module", "-c", "standard input"])
def test_a_script_without_a_guard_runs_once(way: str, context: str, tmp_path: Path) -> None:
    arguments, typed = command(way, SCRIPT.format(context=context), tmp_path)
    subprocess.run(arguments, input=typed, cwd=tmp_path, text=True, timeout=60, check=True)
    assert (tmp_path / "runs").read_text() == "x"
    assert (tmp_path / "first").is_dir()
    assert (tmp_path / "second").is_dir()


@pytest.mark.parametrize("context", ["ForkServerContext()", "multiprocessing.get_context(SPAWN)"])
def test_no_process_imports_what_lies_in_the_working_folder(context: str, tmp_path: Path) -> None:
    """A caller's script that lies elsewhere does not import from there either."""
    script, stranger = tmp_path / "script.py", tmp_path / "stranger"
    script.write_text(SCRIPT.format(context=context), encoding="utf-8")
    stranger.mkdir()
    (stranger / "signal.py").write_text("open('imported', 'w').close()\n", encoding="utf-8")
    subprocess.run([sys.executable, script], cwd=stranger, timeout=60, check=True)
    assert (stranger / "second").is_dir()
    assert not (stranger / "imported").exists()


def test_children_still_import_what_their_parent_can(tmp_path: Path) -> None:
    """Such as a module beside a script, when the script runs in its own folder."""
    (tmp_path / "beside.py").write_text("import os\n\ndef make(name):\n    os.mkdir(name)\n", encoding="utf-8")
    text = SCRIPT.format(context="multiprocessing.get_context(SPAWN)").replace("os.mkdir", "beside.make")
    arguments, _ = command("file", f"import beside\n{text}", tmp_path)
    subprocess.run(arguments, cwd=tmp_path, timeout=60, check=True)
    assert (tmp_path / "second").is_dir()


def test_children_of_other_code_still_know_their_script(tmp_path: Path) -> None:
    arguments, _ = command("file", OWN_CHILDREN, tmp_path)
    subprocess.run(arguments, cwd=tmp_path, timeout=60, check=True)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} >= {"forkserver", "spawn", "ours"}


def test_a_server_keeps_its_own_variables_when_it_starts_again_and_ours_stay_as_they_are(tmp_path: Path) -> None:
    arguments, _ = command("file", OWN_VARIABLE, tmp_path)
    subprocess.run(arguments, cwd=tmp_path, timeout=60, check=True)
