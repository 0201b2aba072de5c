"""Temporary folders: removed at the end, or by a later run if their process was killed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from serbench.temporary import sweep_temporary, temporary_folder


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def aged(folder: Path) -> Path:
    os.utime(folder, (1, 1))
    return folder


def test_a_folder_is_there_and_then_gone(tmp_path: Path) -> None:
    with temporary_folder() as folder:
        (folder / "a").write_text("x")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_is_held_is_not(tmp_path: Path) -> None:
    left = tmp_path / "serbench-tmp-left"
    left.mkdir()
    (left / "sound.wav").write_text("x")
    others = tmp_path / "other"
    others.mkdir()
    with temporary_folder() as held:
        aged(held), aged(left), aged(others)
        assert sweep_temporary() == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([held.name, "other"])


def test_a_new_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "serbench-tmp-new").mkdir()
    assert sweep_temporary() == 0
