"""Formats of export: found by entry point, refused in one sentence, written whole or not at all."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest
from drawn_results import Builder
from typer.testing import CliRunner

import serbench
from serbench.cli.main import app
from serbench.errors import SerbenchError, UsageError
from serbench.export import Exporter, check_quantised, export_bundle, exporter_names, exporters_of, get_exporter
from serbench.results import Results

PLUG = """
from dataclasses import dataclass
from serbench.errors import SerbenchError
from serbench.export.bundle import BundleCheck, BundleRecord

@dataclass(frozen=True)
class Weights:
    name: str = "weights"
    description: str = "The size of the model's file."
    extra: str | None = EXTRA
    modules: tuple[str, ...] = MODULES

    def write(self, trained, folder):
        (folder / "bytes.txt").write_text(str(trained.model.stat().st_size))
        if FAILS:
            raise SerbenchError("this format has no such layer")
        check = BundleCheck(clips=0, largest_difference=0.0)
        return BundleRecord.model_construct(entry=trained.entry.entry_id, check=check)

WEIGHTS = Weights()
"""


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Installs a package that offers the format `weights`, as pip would leave it behind."""

    def install(module: str, *, extra: str | None = None, modules: tuple[str, ...] = (), fails: bool = False) -> None:
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[serbench.exporters]\nweights = {module}:WEIGHTS\n")
        values = {"EXTRA": extra, "MODULES": modules, "FAILS": fails}
        code = functools.reduce(lambda text, item: text.replace(item[0], repr(item[1])), values.items(), PLUG)
        (tmp_path / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)

    return install


@pytest.fixture
def results(tmp_path):
    """A drawn entry whose best run on validation has a file of seven bytes for its model."""
    build = Builder(tmp_path / "results")
    study = build.study()
    build.entry("best", study)
    folder = build.results.study(study)
    for number, job_id in enumerate(folder.entry("best").refits):
        path = folder.model_path(job_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (7 + number))
    return Results(build.results.root)


def test_the_format_keras_is_installed() -> None:
    assert "keras" in exporter_names()
    assert isinstance(get_exporter("keras"), Exporter)


def test_several_formats_are_written_by_one_command_and_the_keras_bundle_first() -> None:
    assert [exporter.name for exporter in exporters_of(" onnx,litert, keras,onnx ")] == ["keras", "onnx", "litert"]
    with pytest.raises(UsageError, match="unknown export format 'onx'; did you mean 'onnx'"):
        exporters_of("keras,onx")
    with pytest.raises(UsageError, match="--format needs a name"):
        exporters_of(" , ")


def test_a_plug_in_writes_its_format_and_nothing_else(plug_in, results, tmp_path) -> None:
    plug_in("weights_whole")
    export_bundle(results, "best", tmp_path / "out", format="weights")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["bytes.txt"]
    ((study, entry),) = results.members("best")
    folder = study.folder
    best = max(entry.refits, key=lambda job_id: (folder.job("refit", job_id).value or 0.0, job_id))
    assert (tmp_path / "out" / "bytes.txt").read_text() == str(folder.model_path(best).stat().st_size)


def test_a_format_that_returns_no_record_is_refused(plug_in, results, tmp_path) -> None:
    plug_in("weights_silent")
    code = tmp_path / "weights_silent.py"
    code.write_text(code.read_text().replace("return BundleRecord", "BundleRecord"))
    with pytest.raises(SerbenchError, match=r"'weights' returned NoneType in place of a serbench.export.BundleRecord"):
        export_bundle(results, "best", tmp_path / "out", format="weights")
    assert not (tmp_path / "out").exists()


def test_what_holds_no_network_is_neither_tried_nor_loaded(plug_in, results, tmp_path) -> None:
    plug_in("weights_alone")
    words = ["export", "best", "--results", str(results.root), "--to", str(tmp_path / "out"), "--format", "weights"]
    ran = CliRunner().invoke(app, words)
    assert (ran.exit_code, ran.stdout.strip()) == (0, str(tmp_path / "out")), ran.exception
    assert "try it" not in ran.stderr
    view = serbench.open_results(results.root).entry("best")
    assert view.export(tmp_path / "again", format="weights") is None
    assert [path.name for path in (tmp_path / "again").iterdir()] == ["bytes.txt"]


def test_a_broken_format_does_not_keep_others_from_being_quantised(plug_in, tmp_path) -> None:
    plug_in("weights_bad")
    (tmp_path / "weights_bad.py").write_text("raise RuntimeError('no scales')")
    check_quantised(exporters_of("onnx"), "int8")
    with pytest.raises(UsageError, match="'saved-model' cannot be quantised to int8, only litert and onnx can"):
        check_quantised(exporters_of("saved-model"), "int8")


def test_a_format_that_fails_leaves_nothing_behind(plug_in, results, tmp_path) -> None:
    plug_in("weights_failing", fails=True)
    before = set(tmp_path.iterdir())
    with pytest.raises(SerbenchError, match="no such layer"):
        export_bundle(results, "best", tmp_path / "out", format="weights")
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "__pycache__"}


def test_the_working_folder_is_refused_before_anything_is_read(plug_in, tmp_path, monkeypatch) -> None:
    plug_in("weights_here")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    before = set(tmp_path.iterdir())
    for to in (Path(), here, Path("../here")):
        with pytest.raises(UsageError, match=r"is the working folder, .*; name a folder in it: --to .*bundle"):
            export_bundle(Results(tmp_path / "none"), "best", to, format="weights", replace=True)
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "__pycache__"}
    assert not list(here.iterdir())


@pytest.mark.skipif(not os.path.ismount("/proc"), reason="this system has no /proc")
def test_a_mount_point_is_refused_before_anything_is_read(plug_in, tmp_path) -> None:
    plug_in("weights_mount")
    with pytest.raises(UsageError, match=r"/proc is a mount point, .*; name a folder in it: --to /proc/bundle"):
        export_bundle(Results(tmp_path / "none"), "best", Path("/proc"), format="weights", replace=True)


def test_what_another_process_wrote_in_the_meantime_stays(plug_in, results, tmp_path) -> None:
    plug_in("weights_meantime")
    code = tmp_path / "weights_meantime.py"
    other = "(folder.parent / 'out').mkdir(); (folder.parent / 'out' / 'mine').touch()\n        return BundleRecord"
    code.write_text(code.read_text().replace("return BundleRecord", other))
    with pytest.raises(UsageError, match="out already exists and is not a bundle"):
        export_bundle(results, "best", tmp_path / "out", format="weights")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_a_runtime_that_no_format_reads_is_refused(plug_in, results, tmp_path) -> None:
    plug_in("weights_runtime")
    with pytest.raises(UsageError, match="--runtime is read by the format web alone; use --format weights,web"):
        export_bundle(results, "best", tmp_path / "out", format="weights", runtime=tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def bundle(tmp_path):
    """A folder that holds a bundle of an earlier export."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "bundle.json").write_text("{}")
    return folder


def test_a_bundle_is_replaced_only_where_that_is_asked_for(plug_in, results, bundle) -> None:
    plug_in("weights_again")
    with pytest.raises(UsageError, match="already holds a bundle"):
        export_bundle(results, "best", bundle, format="weights")
    assert [path.name for path in bundle.iterdir()] == ["bundle.json"]
    export_bundle(results, "best", bundle, format="weights", replace=True)
    assert [path.name for path in bundle.iterdir()] == ["bytes.txt"]


def test_the_command_replaces_a_bundle_with_force_alone(plug_in, results, bundle) -> None:
    plug_in("weights_forced")
    words = ["export", "best", "--results", str(results.root), "--to", str(bundle), "--format", "weights"]
    assert "already holds a bundle" in str(CliRunner().invoke(app, words).exception)
    assert [path.name for path in bundle.iterdir()] == ["bundle.json"]
    assert CliRunner().invoke(app, [*words, "--force"]).exit_code == 0
    assert [path.name for path in bundle.iterdir()] == ["bytes.txt"]


def test_an_extra_that_is_missing_is_named_and_nothing_is_written(plug_in, results, tmp_path) -> None:
    plug_in("weights_extra", extra="scales", modules=("no_such_module",))
    with pytest.raises(SerbenchError, match=r"'weights' needs no_such_module; .*install the extra serbench\[scales\]"):
        export_bundle(results, "best", tmp_path / "out", format="weights")
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_is_answered_before_anything_is_read(tmp_path) -> None:
    with pytest.raises(UsageError, match="unknown export format 'kera'; did you mean 'keras'"):
        get_exporter("kera")
    ran = CliRunner().invoke(app, ["export", "--format", "kera", "--results", str(tmp_path / "none")])
    assert "unknown export format" in str(ran.exception)


def test_the_command_lists_the_formats_and_a_broken_one_costs_its_own_line(plug_in, tmp_path) -> None:
    plug_in("weights_broken")
    (tmp_path / "weights_broken.py").write_text("raise RuntimeError('no scales')")
    lines = CliRunner().invoke(app, ["export", "--list-formats"]).stdout.splitlines()
    assert any(line.startswith("keras  A bundle") for line in lines)
    assert any(line.startswith("weights  ") and "no scales" in line for line in lines)
