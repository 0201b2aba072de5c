"""The examples of docs/python.md and of the notebook run as they stand."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), flags=re.S)
READS_PUBLISHED = BLOCKS[2:6]
NOTEBOOK = ROOT / "docs" / "notebooks" / "quickstart.ipynb"


def run(blocks: list[str]) -> dict[str, object]:
    """Runs blocks one after the other in one namespace."""
    names: dict[str, object] = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"docs/python.md, block {number}", "exec"), names)  # noqa: S102
    return names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the published results where the page expects them."""
    shutil.copytree(ROOT / "results" / "published", tmp_path / "results" / "published")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.long
def test_examples_that_read_results_run(folder: Path) -> None:
    assert 'open_results("results/published")' in READS_PUBLISHED[0]
    names = run(["import serbench", *READS_PUBLISHED])
    assert len(names["comparison"].pairs) == 1
    assert (folder / "confusion.html").stat().st_size > 1000


@pytest.mark.slow
def test_all_examples_run_in_order(folder: Path) -> None:
    names = run(BLOCKS)
    assert names["bundle"].labels == names["corpus"].labels
    assert (folder / "bundle" / "README.md").is_file()


def test_the_notebook_is_small_and_was_run_without_an_error() -> None:
    assert NOTEBOOK.stat().st_size < 300 * 1024
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert (tmp_path / "bundle" / "model.keras").is_file()
    assert "conf" in str(notebook.cells)
