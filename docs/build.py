"""Builds the documentation site into build/site: the pages, the commands, the API, and the board of results/published.

uv run --group docs python docs/build.py
uv run --group docs python docs/build.py --no-board    # seconds sooner, without the board

The site needs no network and no server: open build/site/index.html. A broken link, anchor or name fails the build.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

__all__ = ["broken_links", "build", "page_text"]

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES, SITE = ROOT / "build" / "pages", ROOT / "build" / "site"
ELSEWHERE = {
    ROOT / "CONTRIBUTING.md": "contributing.md",
    ROOT / "CHANGELOG.md": "changelog.md",
    ROOT / "README.md": "index.md",
    ROOT / "results" / "published": "board/index.html",
}
"""What pages link to outside docs/, and where it stands in the site."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def page_text(page: Path) -> str:
    """Returns the text of a Markdown page as the site holds it.

    Links to files of the repository become links within the site. Where the site does not have the file, the text of
    the link is kept alone.
    """

    def moved(link: re.Match[str]) -> str:
        picture, text, target = link.groups()
        path, mark, anchor = target.partition("#")
        if "://" in target or not path:
            return link.group()
        there = (page.parent / path).resolve()
        inside = str(there.relative_to(DOCS)) if there.is_relative_to(DOCS) else ELSEWHERE.get(there)
        if inside is None:
            return text
        here = ELSEWHERE.get(page) or str(page.relative_to(DOCS))
        return f"{picture}[{text}]({'../' * here.count('/')}{inside}{mark}{anchor})"

    return _LINK.sub(moved, page.read_text(encoding="utf-8"))


def _commands() -> str:
    """Returns a page with the help of every command, as a terminal of 80 columns shows it."""
    import typer
    from typer.testing import CliRunner

    from serbench.cli.main import app

    def names(command: typer.core.TyperGroup, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        found = []
        for name, one in command.commands.items():
            found += names(one, (*above, name)) if hasattr(one, "commands") else [(*above, name)]
        return found

    text = "# Commands\n\nEvery command and option, as `--help` prints them.\n"
    for words in names(typer.main.get_command(app)):
        help_text = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80", "NO_COLOR": "1"}).stdout
        text += f"\n## {' '.join(words)}\n\n```text\n{help_text.strip()}\n```\n"
    return text


def _write_pages(*, board: bool) -> None:
    """Fills build/pages with what the site is made of."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS, PAGES, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for page in DOCS.rglob("*.md"):
        (PAGES / page.relative_to(DOCS)).write_text(page_text(page), encoding="utf-8")
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        (PAGES / name.lower()).write_text(page_text(ROOT / name), encoding="utf-8")
    (PAGES / "commands.md").write_text(_commands(), encoding="utf-8")
    if board:
        command = [sys.executable, "-m", "serbench", "leaderboard", "--results", "results/published"]
        subprocess.run([*command, "--html", str(PAGES / "board")], cwd=ROOT, check=True)
    else:
        (PAGES / "board").mkdir()
        (PAGES / "board" / "index.html").write_text("<p>Built without the board.</p>", encoding="utf-8")


class _Page(HTMLParser):
    """Collects where a page leads, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := known.get(name))}
        targets = [value for name in ("href", "src") if (value := known.get(name))]
        self.targets += targets
        if tag in {"script", "img", "iframe", "source"} or known.get("rel") == "stylesheet":
            self.loaded += targets


def broken_links(site: Path) -> list[str]:
    """Returns one line for each link, picture, script or style of a built site that leads nowhere.

    Addresses of other hosts are not visited; scripts, styles and pictures of other hosts are broken, since the site
    has to open without a network.
    """
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    broken = []
    for path, page in pages.items():
        broken += [f"{path.relative_to(site)}: loads {one}" for one in page.loaded if re.match(r"(https?:)?//", one)]
        for target in page.targets:
            address, _, anchor = target.partition("#")
            address = unquote(address.partition("?")[0])
            if re.match(r"[a-z]+:|//", target) or path.name == "404.html":
                continue
            there = (path.parent / address).resolve() if address else path
            there = there / "index.html" if there.is_dir() else there
            if not there.is_file():
                broken.append(f"{path.relative_to(site)}: {target}")
            elif anchor and there in pages and unquote(anchor) not in pages[there].anchors:
                broken.append(f"{path.relative_to(site)}: no anchor {target}")
    return broken


def build(*, board: bool = True) -> list[str]:
    """Builds the site and returns its broken links.

    Raises:
        SystemExit: a page names what does not exist; the message says what and where.
        subprocess.CalledProcessError: the board could not be made.
    """
    _write_pages(board=board)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    output = re.sub(r"\x1b\[[\d;]*m", "", done.stdout).partition("Traceback")[0].strip()
    if done.returncode or "No issues found" not in output:
        raise SystemExit(f"{output}\nthe documentation site was not built")
    return broken_links(SITE)


def main() -> int:
    """Builds the site; 1 if a link leads nowhere."""
    parser = argparse.ArgumentParser(description="Builds the documentation site into build/site.")
    parser.add_argument("--no-board", action="store_true", help="leave out the board of results/published")
    broken = build(board=not parser.parse_args().no_board)
    for line in broken:
        print(line, file=sys.stderr)
    print(f"{SITE.relative_to(ROOT)}/index.html: {len(broken)} broken links", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
