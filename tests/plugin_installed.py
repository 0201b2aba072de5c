"""The example plug-in as `pip install --target` leaves it behind. No network and no build tool is needed for that."""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path

PACKAGE = Path(__file__).parent / "plugin_example"


def install_example(target: Path) -> Path:
    """Copies the package and writes what its pyproject.toml declares as installed metadata."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module = project["name"].replace("-", "_")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE / module, target / module, ignore=ignored, dirs_exist_ok=True)
    info = target / f"{module}-{project['version']}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), ""])
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    return target


def environment(target: Path, **more: str) -> dict[str, str]:
    """Of a process that finds what is installed in a folder."""
    paths = [str(target), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}
