"""`serbench study push`: the command, and trackers of other packages."""

from __future__ import annotations

import pytest
from trackers_made import STUDY
from typer.testing import CliRunner

from serbench.cli.main import app
from serbench.errors import SerbenchError

PLUG = """
from dataclasses import dataclass
from serbench.trackers import Pushed

@dataclass(frozen=True)
class Diary:
    name: str = "diary"
    extra: str | None = None
    modules: tuple[str, ...] = MODULES

    def push(self, runs, to, progress):
        with open(to, "w") as file:
            file.writelines(f"{run.kind} {run.name}\\n" for run in runs)
        progress(len(runs), len(runs))
        return Pushed(to, len(runs), 0, 0, f"read {to}")

DIARY = Diary()
"""


@pytest.fixture
def diary(tmp_path, monkeypatch):
    """Installs a package with the tracker `diary`, as pip would leave it behind."""

    def install(module, modules=()):
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[serbench.trackers]\ndiary = {module}:DIARY\n")
        (tmp_path / f"{module}.py").write_text(PLUG.replace("MODULES", repr(modules)))
        monkeypatch.syspath_prepend(tmp_path)

    return install


def call(*words):
    return CliRunner().invoke(app, ["study", "push", *map(str, words)])


def test_the_command_counts_the_runs_and_says_how_to_see_them(drawn, tmp_path):
    pytest.importorskip("tensorboard")
    first = call("tensorboard", STUDY, "--to", tmp_path / "tb", "--results", drawn.results.root)
    assert first.exit_code == 0, first.stderr
    assert "11 runs added, 0 updated, 0 unchanged" in first.stderr
    assert f"tensorboard --logdir {tmp_path / 'tb'}" in first.stderr
    again = call("tensorboard", STUDY, "--to", tmp_path / "tb", "--results", drawn.results.root)
    assert "0 runs added, 0 updated, 11 unchanged" in again.stderr


def test_a_tracker_of_another_package_is_found_by_name(drawn, diary, tmp_path):
    diary("diary_whole")
    ran = call("diary", STUDY, "--to", tmp_path / "pages", "--results", drawn.results.root)
    assert ran.exit_code == 0, ran.stderr
    lines = (tmp_path / "pages").read_text().splitlines()
    assert lines[0] == f"study {STUDY}"
    assert "entry good" in lines


def test_a_tracker_without_its_library_says_what_to_install(drawn, diary, tmp_path):
    diary("diary_lacking", ("no_such_library",))
    ran = call("diary", STUDY, "--to", tmp_path / "pages", "--results", drawn.results.root)
    assert isinstance(ran.exception, SerbenchError)
    assert "run `pip install no_such_library`" in str(ran.exception)
    assert not (tmp_path / "pages").exists()


def test_a_tracker_that_does_not_say_what_it_did_is_told(drawn, diary, tmp_path):
    diary("diary_silent")
    code = tmp_path / "diary_silent.py"
    code.write_text(code.read_text().replace("return Pushed", "Pushed"))
    ran = call("diary", STUDY, "--to", tmp_path / "pages", "--results", drawn.results.root)
    assert isinstance(ran.exception, SerbenchError)
    assert "'diary' returned NoneType in place of a serbench.trackers.Pushed" in str(ran.exception)
