"""What `serbench export` says of an entry before it exports it."""

from __future__ import annotations

from drawn_results import Builder

from serbench.cli.bundle import _unfinished


def test_final_runs_that_are_missing_are_told(tmp_path) -> None:
    build = Builder(tmp_path / "results")
    study = build.study()
    build.entry("whole", study)
    build.entry("stopped", study, failed=("t9-r2",))
    found = build.read()
    assert list(_unfinished(found, "whole")) == []
    (note,) = _unfinished(found, "stopped")
    assert note.startswith("1 of 3 final runs of stopped failed or were interrupted")
