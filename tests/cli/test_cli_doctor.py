"""`serbench doctor`: what it finds on a sound machine, and on one where things are missing."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
from tests_shared import needs_own_permissions

from serbench.doctor import diagnosis
from serbench.doctor.child_check import ChildCheck, run_child
from serbench.errors import SerbenchError


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No child is started."""
    monkeypatch.setattr(diagnosis, "run_child", lambda _: ChildCheck(0.1, 0.1, "3"))


def found(ran) -> dict[str, dict]:
    return {finding["name"]: finding for finding in json.loads(ran.out)["findings"]}


@pytest.mark.children
def test_a_sound_machine_passes_and_a_child_has_run(serbench, tmp_path) -> None:
    ran = serbench("doctor", "--results", tmp_path / "results", "--format", "json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["ok"] is True
    findings = found(ran)
    assert not [name for name, finding in findings.items() if finding["state"] == "failed"]
    assert findings["children"]["values"]["second_s"] > 0
    assert findings["children"]["values"]["keras"] == findings["packages"]["values"]["keras"]
    assert findings["memory"]["values"]["workers"] >= 1
    assert findings["backend"]["values"]["chosen"] in findings["backend"]["values"]["installed"]
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"


def test_the_table_has_a_line_for_each_finding(serbench, tmp_path, quick, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = serbench("doctor", "--results", tmp_path).out
    for name in ("serbench", "backend", "GPUs", "memory", "cache", "results", "children", "extra jax"):
        assert f"\n{name} " in f"\n{out}"
    assert re.fullmatch(
        r"Searches can run here(; \d+ notes? above)?\. Try one: `serbench search`", out.splitlines()[-1]
    )


def test_a_missing_extra_is_named_with_its_purpose_and_command(serbench, tmp_path, quick, monkeypatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in {"jax", "torch"} else real(name))
    ran = serbench("doctor", "--results", tmp_path, "--format", "json")
    assert ran.code == 0, "an extra is not essential"
    assert "pip install 'jax>=" in found(ran)["extra jax"]["text"]
    assert "--sampler gp" in found(ran)["extra gp"]["text"]
    assert found(ran)["extra cluster"]["state"] == "ok"


@pytest.mark.parametrize(
    ("group", "noun", "key", "ours"),
    [
        ("families", "family", "families", {"cnn1d", "cnn2d"}),
        ("front_ends", "front end", "front_ends", {"acoustic", "log_mel"}),
        ("corpora", "corpus", "corpora", {"demo", "crema-d"}),
        ("exporters", "export format", "export_formats", {"keras", "onnx"}),
        ("trackers", "tracker", "trackers", {"mlflow", "tensorboard"}),
    ],
)
def test_plug_ins_are_listed_and_a_broken_one_is_named(
    serbench, tmp_path, quick, monkeypatch, group, noun, key, ours
) -> None:
    info = tmp_path / "broken_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[serbench.{group}]\nbroken = no_such_module_at_all:X\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins = found(serbench("doctor", "--results", tmp_path / "results", "--format", "json"))["plug-ins"]
    assert {"broken", *ours} <= set(plugins["values"][key])
    assert plugins["state"] == "note"
    assert f"{noun} 'broken' (no_such_module_at_all:X of package broken-package) cannot be loaded" in plugins["text"]


def test_an_unknown_backend_is_wrong_usage(serbench) -> None:
    ran = serbench("doctor", "--backend", "tensorflw")
    assert ran.code == 2
    assert ran.sentence.count("tensorflw") == 1
    assert "'tensorflow'" in ran.sentence


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("tensorflw", "did you mean 'tensorflow'?"),
        ("jax", "is not installed; install the extra serbench[jax]: `uv sync --extra jax"),
    ],
)
def test_a_backend_that_is_not_there_fails(serbench, tmp_path, quick, monkeypatch, backend, told) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jax" else real(name))
    monkeypatch.setenv("KERAS_BACKEND", backend)
    ran = serbench("doctor", "--results", tmp_path, "--format", "json")
    assert (ran.code, json.loads(ran.out)["ok"]) == (1, False)
    assert found(ran)["backend"]["state"] == "failed"
    assert told in ran.sentence


@needs_own_permissions
def test_folders_that_cannot_be_written_fail_by_permission(serbench, tmp_path, quick) -> None:
    tmp_path.chmod(0o500)
    ran = serbench("doctor", "--results", tmp_path / "results", "--format", "json")
    tmp_path.chmod(0o700)
    assert (ran.code, found(ran)["results"]["state"]) == (1, "failed")


def test_folders_in_the_way_fail(serbench, tmp_path, quick, monkeypatch) -> None:
    place = tmp_path / "file"
    place.write_text("mine", encoding="utf-8")
    monkeypatch.setenv("SERBENCH_CACHE", str(place / "cache"))
    ran = serbench("doctor", "--results", place, "--format", "json")
    assert ran.code == 1
    assert "--results" in found(ran)["results"]["text"]
    assert "SERBENCH_CACHE" in found(ran)["cache"]["text"]
    assert place.read_text(encoding="utf-8") == "mine"


def test_whatever_a_check_throws_is_a_finding(serbench, tmp_path, quick, monkeypatch) -> None:
    def broken(name: str) -> None:
        raise ImportError(f"lib{name}.so: cannot open shared object file")

    monkeypatch.setattr(diagnosis.importlib, "import_module", broken)
    ran = serbench("doctor", "--results", tmp_path, "--format", "json")
    assert ran.code == 1
    assert "libsoundfile.so" in found(ran)["audio"]["text"]
    assert found(ran)["memory"]["state"] == "ok"


def test_children_that_cannot_start_fail(serbench, tmp_path, monkeypatch) -> None:
    def refuse(backend: str) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("serbench.doctor.child_check.process_context", refuse)
    with pytest.raises(SerbenchError, match=r"no child process could be started .*ulimit -u"):
        run_child("tensorflow")
    ran = serbench("doctor", "--results", tmp_path, "--format", "json")
    assert (ran.code, found(ran)["children"]["state"]) == (1, "failed")


def test_memory_for_less_than_one_worker_is_a_note(serbench, tmp_path, quick, monkeypatch) -> None:
    monkeypatch.setattr(diagnosis, "available_memory_mib", lambda: 300.0)
    finding = found(serbench("doctor", "--results", tmp_path, "--format", "json"))["memory"]
    assert (finding["state"], "too little" in finding["text"]) == ("note", True)


def test_the_cache_is_measured(serbench, tmp_path: Path, quick, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path))
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "x.npy").write_bytes(b"0" * 5000)
    values = found(serbench("doctor", "--results", tmp_path, "--format", "json"))["cache"]["values"]
    assert (values["path"], values["bytes"]) == (str(tmp_path), 5000)
    assert values["limit_bytes"] > 0 < values["free_bytes"]
