"""What the docs show is true: commands parse, spaces load, links lead somewhere."""

from __future__ import annotations

import functools
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import serbench
from docs.build import broken_links, page_text

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, text) of every fenced block of a language."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found += [(page.name, block) for block in re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)]
    return found


def commands(*, in_text: bool) -> list[str]:
    """Every serbench command in a shell block, or those with an option in the text."""
    inline = re.compile(r"`(serbench [a-z]+ [^`\n]*--[^`\n]*)`")
    if in_text:
        lines = [found for page in PAGES for found in inline.findall(page.read_text(encoding="utf-8"))]
    else:
        lines = [line.strip() for _, block in blocks("sh") for line in block.splitlines()]
    ends_at_once = re.compile(r"--(help|list-formats)\b")
    ours = [line for line in lines if re.match(r"(uv run )?serbench ", line) and not ends_at_once.search(line)]
    return sorted({line.removeprefix("uv run ").split("  #")[0] for line in ours})


@pytest.mark.parametrize("command", commands(in_text=False))
def test_commands_parse(command: str) -> None:
    """Names, options and kinds of values are right; nothing is run."""
    parse(command)


@pytest.mark.parametrize("command", commands(in_text=True))
def test_commands_in_the_text_name_options_that_exist(command: str) -> None:
    """They may leave out arguments, such as the bundle of `serbench predict --runtime onnx`."""
    try:
        parse(command)
    except Exception as error:
        if type(error).__name__ != "MissingParameter":
            raise


@functools.cache
def program() -> Any:
    """The whole command line, which takes longer to make than to ask."""
    import typer

    from serbench.cli.main import app

    return typer.main.get_command(app)


def parse(command: str) -> None:
    words = shlex.split(command)[1:]
    group = program()
    context = group.make_context("serbench", words, resilient_parsing=False)
    while hasattr(group, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, group, rest = group.resolve_command(context, rest)
        context = group.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("page", "text"), [b for b in blocks("toml") if "[space]" in b[1]])
def test_spaces_are_valid(page: str, text: str, tmp_path: Path) -> None:
    from serbench.spaces import load_space

    path = tmp_path / "space.toml"
    path.write_text(text, encoding="utf-8")
    assert load_space(path).searched


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        place = page.parent / target if target else page
        assert place.exists(), target
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The places on a page that a link can name, as GitHub calls its headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def example(name: str) -> bool:
    """Whether a name is one that a worked example makes up."""
    return "my_" in name or "my-" in name


def exists(dotted: str) -> bool:
    """Whether `serbench.a.b` is a module, a name in one, or an entry-point group."""
    if f'"{dotted}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8"):
        return True
    parts = dotted.split(".")
    folder = ROOT.joinpath(*parts)
    if folder.is_dir() or folder.with_suffix(".py").is_file():
        return True
    home = ROOT.joinpath(*parts[:-1])
    sources = [home.with_suffix(".py"), home / "__init__.py"]
    return any(re.search(rf"\b{parts[-1]}\b", path.read_text(encoding="utf-8")) for path in sources if path.is_file())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    paths = {path for path in re.findall(r"`((?:serbench|tests)/[\w./-]*)`", text) if not example(path)}
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    names = {name for name in re.findall(r"`(serbench(?:\.\w+)+)[`(]", text) if not example(name)}
    assert {name for name in names if not exists(name)} == set()


def test_the_readme_starts_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first, second = text.index("uv run serbench search"), text.index("uv run pytest")
    assert first < second < text.index("##", second)


def test_ci_runs_the_readmes_test_command() -> None:
    assert "\nuv run pytest\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_handbook_is_that_of_the_families() -> None:
    from serbench.families.handbook import handbook

    _, mark, table = (ROOT / "docs" / "hyperparameters.md").read_text(encoding="utf-8").rpartition("-->\n")
    assert mark
    assert table == handbook(), "put what serbench.families.handbook.handbook() returns into docs/hyperparameters.md"


def test_the_handbook_names_every_setting_of_the_front_end() -> None:
    from serbench.features.frontends.acoustic import AcousticSettings
    from serbench.features.frontends.log_mel import LogMelSettings

    text = (ROOT / "docs" / "hyperparameters.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in {*AcousticSettings.model_fields, *LogMelSettings.model_fields})


def test_links_of_a_page_stay_within_the_site(tmp_path: Path) -> None:
    assert "](contributing.md)" in page_text(ROOT / "docs" / "export.md")
    assert "](architecture.md)" in page_text(ROOT / "CONTRIBUTING.md")
    assert "](../search.md#" in page_text(ROOT / "docs" / "tutorials" / "few-speakers.md")
    plugins = page_text(ROOT / "docs" / "plugins.md")
    assert "../tests" not in plugins
    assert "tests/plugin_example" in plugins, "the text of a link that leads out of the site is kept"


def test_what_leads_nowhere_in_the_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text('<h2 id="here">x</h2>', encoding="utf-8")
    good = '<a href="there.html#here"></a><a href="https://example.org/"></a><script src="there.html"></script>'
    (tmp_path / "good.html").write_text(good, encoding="utf-8")
    assert broken_links(tmp_path) == []
    for bad in (
        '<a href="gone.html"></a>',
        '<a href="there.html#gone"></a>',
        '<script src="https://example.org/a.js"></script>',
        '<link rel="stylesheet" href="//example.org/a.css">',
    ):
        (tmp_path / "bad.html").write_text(bad, encoding="utf-8")
        assert len(broken_links(tmp_path)) == 1, bad


def test_every_page_has_its_place_in_the_menu() -> None:
    menu = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.M)
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert sorted(menu) == sorted(pages | {"contributing.md", "changelog.md", "commands.md"})


def test_no_page_holds_both_sides_of_a_merge() -> None:
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*.toml")):
        found = re.findall(r"^(?:<{7}|>{7}) .*", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert not found, f"{page.name}: {found[0]}"


def test_the_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == serbench.__version__
    assert {"cff-version", "title", "message", "authors"} <= cited.keys()


def test_the_project_and_its_badge_are_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == serbench.__version__
    (badge,) = re.findall(r"\[version ([\w.]+),", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert badge == serbench.__version__
    drawn = (ROOT / "docs" / "images" / "badge-version.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"\d+\.\d+\.\d+\S*(?= alpha)", drawn)) == {serbench.__version__}


def test_the_readme_shows_one_table_of_four_columns_and_small_pictures() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("|---:|") == 1
    assert "| tested on | model | UAR % | 95 % interval |" in text
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
        assert (ROOT / picture).stat().st_size < 200 * 1024, "a picture has to be here, and small"


def test_every_key_of_a_study_is_documented() -> None:
    from serbench.records import SubsetFacts
    from serbench.results import FailureRow, FitRow, StudyReport
    from serbench.results.study import EntrySummary, FileCount
    from serbench.results.study_rows import ShortlistRow

    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    kinds = (StudyReport, SubsetFacts, FitRow, ShortlistRow, EntrySummary, FailureRow, FileCount)
    assert {name for kind in kinds for name in kind.model_fields if f"`{name}`" not in text} == set()
