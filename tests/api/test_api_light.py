"""`import serbench` costs nothing, and its public names are there however it was imported."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import resources

import pytest

import serbench
from serbench import api


def printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.children
def test_the_package_imports_nothing_heavy() -> None:
    loaded = printed("import sys, serbench; print(*sys.modules)").split()
    assert not {"numpy", "pandas", "pydantic", "keras", "optuna", "plotly", "inspect", "serbench.api"} & set(loaded)


@pytest.mark.children
def test_a_results_folder_is_opened_without_a_backend_or_a_plot() -> None:
    code = "import sys, serbench; serbench.open_results('.').leaderboard(); print(*sys.modules)"
    assert not {"keras", "tensorflow", "optuna", "plotly", "librosa", "IPython"} & set(printed(code).split())


@pytest.mark.children
@pytest.mark.parametrize(
    "before",
    [
        "",
        pytest.param("import serbench.search.plan;", marks=pytest.mark.slow),
        "from serbench.search import SearchPlan;",
    ],
)
def test_search_is_called_although_a_package_has_its_name(before: str) -> None:
    code = (
        f"{before}import serbench, inspect\n"
        "assert 'trials' in inspect.signature(serbench.search).parameters\n"
        "from serbench.search import plan\n"
        "import serbench.search.observer as observer\n"
        "assert observer is __import__('sys').modules['serbench.search.observer']\n"
        "try: serbench.search('no-such-space')\n"
        "except serbench.UsageError as error: print(error)"
    )
    assert "unknown space 'no-such-space'" in printed(code)


def test_every_public_name_is_there_and_listed() -> None:
    for name in serbench.__all__:
        assert getattr(serbench, name) is not None
        assert name in dir(serbench)
    assert set(api.__all__) < set(serbench.__all__)


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = serbench.serach


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert (resources.files("serbench") / "py.typed").is_file()


def test_the_search_has_every_option_of_the_command() -> None:
    """What only a terminal has aside: live pages and the format of the table."""
    import typer

    from serbench.cli.main import app

    command = typer.main.get_command(app).commands["search"]
    flags = {param.opts[0].lstrip("-").replace("-", "_") for param in command.params if param.opts[0].startswith("-")}
    named = {"map": "label_map", "names": "file_names"}
    asked = {named.get(flag, flag) for flag in flags} - {"live", "live_port", "format", "help"}
    assert len(asked) > 25
    assert asked <= set(inspect.signature(api.search).parameters)
