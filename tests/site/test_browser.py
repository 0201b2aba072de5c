"""The site as a reader meets it: in a real headless Chromium, from disk, without a network."""

from __future__ import annotations

import json
from pathlib import Path

import axe_playwright_python
import pytest

from serbench.results import Results

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PAGES = ("index.html", "compare.html", "entries/cnn2d-best.html", "studies/crema-d-speaker-cnn2d.html")


@pytest.fixture
def open_page(browser, site):
    """Opens a page of the site; at the end nothing may have been said on the console or fetched from elsewhere."""
    contexts, trouble = [], []

    def opened(name, *, width=1280, theme="light", **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        page.on("request", lambda asked: _check_local(asked.url, site, trouble))
        page.goto(f"file://{site}/{name}")
        page.wait_for_load_state("load")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert trouble == []


def _check_local(url, site, trouble):
    if not url.startswith((f"file://{site}/", "data:", "blob:")):
        trouble.append(f"fetched {url}")


def shown_entries(page, group=0):
    """Names of the visible rows of one table, in their order."""
    rows = page.locator("table.board").nth(group).locator("tbody").first.locator("tr:visible th > a")
    return rows.all_inner_texts()


def test_a_table_is_sorted_by_any_column_either_way(open_page, drawn):
    page = open_page("index.html")
    by_uar = [row.entry for row in Results(drawn.root).board().groups[0].rows]
    table = page.locator("table.board").first
    assert shown_entries(page) == by_uar
    table.get_by_role("button", name="UAR %", exact=True).click()
    assert shown_entries(page) == by_uar[::-1]
    assert table.locator("th[aria-sort=ascending]").inner_text().startswith("UAR")
    table.get_by_role("button", name="entry").click()
    assert shown_entries(page) == sorted(by_uar)
    assert table.locator("th[aria-sort=ascending]").inner_text().startswith("entry")


def test_tables_are_narrowed_by_protocol_family_words_and_selection(open_page):
    page = open_page("index.html")
    assert page.locator("#found").inner_text() == "6 of 6"
    page.locator("[data-filter=protocol]").select_option("speaker")
    assert page.locator("#found").inner_text() == "4 of 6"
    assert page.locator("section.group:visible").count() == 1
    page.locator("[data-filter=family]").select_option("cnn2d")
    page.get_by_label("Search").fill("GOOD")
    assert page.locator("#found").inner_text() == "1 of 6"
    assert shown_entries(page) == ["cnn2d-good"]
    page.get_by_label("Search").fill("")
    page.get_by_label("selected only").check()
    assert page.locator("#found").inner_text() == "1 of 6"
    page.get_by_label("Search").fill("nothing like it")
    assert page.locator("section.group:visible").count() == 0


def test_a_protocol_that_shares_speakers_carries_its_warning(open_page):
    page = open_page("index.html")
    first, second = page.locator("section.group h2").all_inner_texts()
    assert "speakers shared" not in first
    assert "random" in second
    assert "speakers shared" in second


def test_more_columns_are_there_when_asked_for(open_page):
    page = open_page("index.html", width=1600)
    evaluations = page.get_by_role("button", name="test evals").first
    assert not evaluations.is_visible()
    page.get_by_label("all columns").check()
    assert evaluations.is_visible()


def test_an_entry_opens_and_shows_its_figures_and_its_way_back(open_page):
    page = open_page("index.html")
    page.get_by_role("link", name="cnn2d-best").first.click()
    page.wait_for_url("**/entries/cnn2d-best.html")
    assert page.get_by_role("heading", level=1).inner_text() == "cnn2d-best"
    page.locator("#plot-curve-accuracy").scroll_into_view_if_needed()
    page.wait_for_selector("#plot-curve-accuracy .main-svg")
    assert page.locator("table.matrix").count() == 2  # the model's and the listeners'
    page.get_by_role("link", name="crema-d-speaker-cnn2d").click()
    page.wait_for_url("**/studies/crema-d-speaker-cnn2d.html")
    page.get_by_role("link", name="serbench leaderboard").click()
    page.wait_for_url("**/index.html")


def test_the_theme_is_the_readers_choice_and_stays(open_page):
    page = open_page("index.html", theme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 29)"
    assert page.locator("#theme").get_attribute("aria-pressed") == "true"
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 252, 253)"
    page.reload()
    assert page.locator("#theme").get_attribute("aria-pressed") == "false"


def test_figures_take_the_colours_of_the_theme(open_page):
    page = open_page("studies/crema-d-speaker-cnn2d.html")
    page.wait_for_selector("#plot-history .main-svg")
    ink = "document.getElementById('plot-history')._fullLayout.font.color"
    light = page.evaluate(ink)
    page.locator("#theme").click()
    page.wait_for_function(f"{ink} !== '{light}'")


def test_two_entries_are_picked_and_compared_as_the_command_compares_them(open_page, drawn):
    page = open_page("index.html")
    page.get_by_label("Compare cnn2d-best").check()
    assert page.get_by_label("Compare cnn2d-leaky", exact=True).is_disabled()  # another test set
    assert not page.locator("#picked-link").is_visible()
    page.get_by_label("Compare cnn2d-weak").check()
    page.get_by_role("link", name="Compare them").click()
    page.wait_for_url("**/compare.html#*")
    cells = page.locator("#comparison table").first.locator("tbody tr").locator("th, td").all_inner_texts()
    pair = Results(drawn.root).comparison(["cnn2d-best", "cnn2d-weak"]).pairs[0]
    assert cells[:3] == ["cnn2d-best", "cnn2d-weak", f"{100 * pair.difference:+.1f}"]
    assert cells[3] == f"{100 * pair.low:+.1f} to {100 * pair.high:+.1f}"
    assert cells[-1] == ("yes" if pair.separable else "no")
    page.wait_for_selector("#plot-compared .main-svg")
    tables = page.locator("#comparison caption").all_inner_texts()
    assert any("only" in text or "disagree" in text for text in tables)
    total = page.locator("#comparison tr", has=page.locator("th", has_text="all")).locator("td").all_inner_texts()
    assert [int(text) for text in total] == [pair.only_first, pair.only_second]


def test_three_entries_are_corrected_for_three_pairs(open_page, drawn):
    names = ["cnn2d-best", "cnn2d-good", "cnn1d-first"]
    page = open_page("compare.html#" + ",".join(names))
    rows = page.locator("#comparison table").first.locator("tbody tr")
    shown = {
        tuple(row.locator("th, td").all_inner_texts()[:2]): row.locator("td").all_inner_texts()[4] for row in rows.all()
    }
    pairs = Results(drawn.root).comparison(names).pairs
    assert len(shown) == len(pairs) == 3
    for pair in pairs:
        text = "< 0.001" if pair.p_holm < 0.001 else f"{pair.p_holm:.3f}"
        assert shown.get((pair.first, pair.second), shown.get((pair.second, pair.first))) == text


def test_the_scatter_takes_another_cost(open_page):
    page = open_page("index.html")
    figure = page.locator("section.group").nth(1)
    figure.locator(".plot").scroll_into_view_if_needed()
    page.wait_for_selector("#plot-cost-1 .main-svg")
    figure.get_by_role("button", name="training minutes of one run").click()
    title = "document.getElementById('plot-cost-1')._fullLayout.xaxis.title.text"
    page.wait_for_function(f"{title} === 'training minutes of one run'")
    assert page.evaluate("document.getElementById('plot-cost-1').data[0].x[0]") == pytest.approx(1.25)


def test_names_from_records_stay_text(open_page):
    page = open_page("entries/cnn2d-leaky.html")
    assert page.locator("img").count() == 0
    assert "onerror" in page.locator("main").inner_text()


@pytest.mark.parametrize("name", PAGES)
def test_no_serious_accessibility_violation_in_either_theme(open_page, name):
    page = open_page(name)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.evaluate(AXE)
    light = _serious(page)
    page.emulate_media(color_scheme="dark")
    assert light == _serious(page) == []


def _serious(page):
    checked = "axe.run(document, {resultTypes: ['violations'], preload: false})"
    found = page.evaluate(f"{checked}.then(found => JSON.stringify(found.violations))")
    return [
        (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary", "")[:300])
        for one in json.loads(found)
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_never_wider_than_a_telephone(open_page, name):
    page = open_page(name, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("name", PAGES)
def test_nothing_moves_while_figures_are_drawn(open_page, name):
    page = open_page(name)
    height = "document.documentElement.scrollHeight"
    before = page.evaluate(height)
    page.evaluate("document.querySelectorAll('.plot').forEach(window.serbenchDraw)")
    page.wait_for_function(
        "Array.from(document.querySelectorAll('.plot')).every(one => one.querySelector('.main-svg'))"
    )
    assert page.evaluate(height) == before


def test_the_table_is_worked_with_the_keyboard_alone(open_page):
    page = open_page("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#search").focus()
    page.keyboard.type("weak")
    assert page.locator("#found").inner_text() == "1 of 6"
    header = page.locator("table.board").first.get_by_role("button", name="UAR %", exact=True)
    header.focus()
    page.keyboard.press("Enter")
    assert page.locator("table.board").first.locator("th[aria-sort=ascending]").count() == 1


def test_without_scripts_the_tables_are_read_as_they_are(open_page):
    page = open_page("index.html", java_script_enabled=False)
    assert len(shown_entries(page)) == 4
