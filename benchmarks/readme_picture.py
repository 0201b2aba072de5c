"""Draws the pictures of the docs from the site of the published results: study.png of the README, and leaderboard.png.

uv run python benchmarks/readme_picture.py

It needs Chromium and the development packages. Run it again when the figures of the site or the study change.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
STUDY, PICTURE = "s26-cnn1d", ROOT / "docs" / "images" / "study.png"
BOARD = ROOT / "docs" / "images" / "leaderboard.png"
WIDTH, BOARD_SIZE, LARGEST_BYTES = 1000, (1280, 960), 200 * 1024

_EDGES = """() => {
  const head = document.querySelector("h2#search").getBoundingClientRect();
  const figures = [...document.querySelectorAll("figure")];
  const last = figures.find(figure => figure.innerText.startsWith("Learning curves")).getBoundingClientRect();
  return [head.top + window.scrollY, last.bottom + window.scrollY];
}"""


@contextmanager
def _opened(page: Path, width: int, height: int) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        view.goto(page.as_uri())
        view.wait_for_timeout(3000)
        yield view
        browser.close()


def draw_study(page: Path, to: Path) -> None:
    """Writes the section "How the search went" of a study's page, up to the learning curves, as a PNG."""
    with _opened(page, WIDTH, 800) as view:
        top, bottom = view.evaluate(_EDGES)
        clip = {"x": 0, "y": top - 16, "width": WIDTH, "height": bottom - top + 32}
        view.screenshot(path=to, full_page=True, clip=clip)
    _shrink(to)


def draw_board(page: Path, to: Path) -> None:
    """Writes the first screen of the leaderboard as a PNG."""
    with _opened(page, *BOARD_SIZE) as view:
        view.screenshot(path=to)
    _shrink(to)


def _shrink(path: Path) -> None:
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(64).save(path, optimize=True)


def main() -> int:
    """Writes the pictures; 1 if one is too large."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        command = [sys.executable, "-m", "serbench", "leaderboard", "--results", "results/published"]
        subprocess.run([*command, "--html", str(site)], cwd=ROOT, check=True)
        draw_study(site / "studies" / f"{STUDY}.html", PICTURE)
        draw_board(site / "index.html", BOARD)
    sizes = {path: path.stat().st_size for path in (PICTURE, BOARD)}
    for path, size in sizes.items():
        print(f"{path.relative_to(ROOT)}: {size:,} bytes", file=sys.stderr)
    return 1 if max(sizes.values()) > LARGEST_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
