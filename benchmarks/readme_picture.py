"""Draws docs/images/study.png, the README's picture of a published study, from the site's own page of it.

uv run python benchmarks/readme_picture.py

It needs Chromium and the development packages. Run it again when the figures of the site or the study change.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
STUDY, PICTURE = "s26-cnn1d", ROOT / "docs" / "images" / "study.png"
WIDTH, LARGEST_BYTES = 1000, 200 * 1024

_EDGES = """() => {
  const head = document.querySelector("h2#search").getBoundingClientRect();
  const figures = [...document.querySelectorAll("figure")];
  const last = figures.find(figure => figure.innerText.startsWith("Learning curves")).getBoundingClientRect();
  return [head.top + window.scrollY, last.bottom + window.scrollY];
}"""


def draw(page: Path, to: Path) -> None:
    """Writes the section "How the search went" of a study's page, up to the learning curves, as a PNG of 64 colours."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": WIDTH, "height": 800}, color_scheme="light")
        view.goto(page.as_uri())
        view.wait_for_timeout(3000)
        top, bottom = view.evaluate(_EDGES)
        clip = {"x": 0, "y": top - 16, "width": WIDTH, "height": bottom - top + 32}
        view.screenshot(path=to, full_page=True, clip=clip)
        browser.close()
    with Image.open(to) as picture:
        picture.convert("RGB").quantize(64).save(to, optimize=True)


def main() -> int:
    """Writes the picture; 1 if it is too large."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        command = [sys.executable, "-m", "serbench", "leaderboard", "--results", "results/published"]
        subprocess.run([*command, "--html", str(site)], cwd=ROOT, check=True)
        draw(site / "studies" / f"{STUDY}.html", PICTURE)
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size:,} bytes", file=sys.stderr)
    return 1 if size > LARGEST_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
