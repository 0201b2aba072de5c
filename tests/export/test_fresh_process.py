"""Processes of their own: what they get, and what is said of one that fails without a word."""

from __future__ import annotations

import pytest

from serbench.export.fresh_process import run_fresh, why_it_failed

pytestmark = pytest.mark.children


def test_it_gets_its_words_and_variables_beside_those_of_this_process(monkeypatch) -> None:
    monkeypatch.setenv("FROM_HERE", "1")
    done = run_fresh(
        "-c", "import os, sys; print(sys.argv[1], os.environ['FROM_HERE'], os.environ['OWN'])", "x", OWN="2"
    )
    assert (done.returncode, done.stdout) == (0, "x 1 2\n")


def test_it_imports_nothing_from_the_working_folder(tmp_path, monkeypatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a module of a stranger')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run_fresh("-c", "import json").returncode == 0


def test_the_last_line_says_why_it_failed_or_else_its_code() -> None:
    assert why_it_failed(run_fresh("-c", "import sys; sys.exit('first\\nlast')")) == "last"
    assert why_it_failed(run_fresh("-c", "import os; os._exit(9)")) == "the process ended with code 9"
