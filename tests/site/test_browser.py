"""The site as a reader meets it: in a real headless Chromium, from disk, without a network."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import axe_playwright_python
import pytest

from serbench.results import Results
from serbench.site.entry_page import write_entry_page
from serbench.site.pages import asset

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PAGES = ("index.html", "compare.html", "entries/cnn2d-best.html", "studies/crema-d-speaker-cnn2d.html")


@pytest.fixture
def open_page(browser, site):
    """Opens a page of the site; at the end nothing may have been said on the console or fetched from elsewhere."""
    contexts, trouble = [], []

    def opened(name, *, width=1280, height=900, theme="light", **options):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, **options)
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


def hash_of(page):
    return page.evaluate("location.hash")


def test_a_table_is_sorted_by_any_column_either_way(open_page, drawn):
    page = open_page("index.html")
    by_uar = [row.entry for row in Results(drawn.root).board().groups[0].rows]
    table = page.locator("table.board").first
    assert shown_entries(page) == by_uar
    table.get_by_role("button", name="UAR %", exact=True).click()
    assert shown_entries(page) == by_uar[::-1]
    assert table.locator("th[aria-sort=ascending]").inner_text().startswith("UAR")
    table.get_by_role("button", name="entry", exact=True).click()
    assert shown_entries(page) == sorted(by_uar)
    assert table.locator("th[aria-sort=ascending]").inner_text().startswith("entry")


def test_references_stand_in_their_place_among_the_entries(open_page, drawn):
    page = open_page("index.html")
    rows = page.locator("table.board").first.locator("tbody tr:visible")
    scores = [float(text) for text in rows.locator("td[data-key=uar] b").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    names = rows.locator("th").all_inner_texts()
    svm, weak = names.index("SVM"), next(at for at, name in enumerate(names) if name.startswith("cnn2d-weak"))
    assert svm < weak


def test_there_is_one_tab_for_each_test_set(open_page):
    page = open_page("index.html")
    assert page.locator("#tabs a").all_inner_texts() == ["crema-d, speaker", "crema-d, random"]
    assert page.locator("section.group:visible h2").all_inner_texts() == ["crema-d: 6 emotions, unseen speakers"]
    page.get_by_role("link", name="crema-d, random").click()
    heading = page.locator("section.group:visible h2").inner_text()
    assert "known speakers (also in training)" in heading
    assert "speakers shared" in heading
    assert page.locator("#tabs a[aria-current]").inner_text() == "crema-d, random"
    assert hash_of(page) == "#crema-d-random"
    page = open_page("index.html#crema-d-random", height=300)
    assert page.locator("#tabs a[aria-current]").inner_text() == "crema-d, random"
    assert page.evaluate("scrollY") == 0, "a tab begins at the title"


def test_the_address_keeps_tab_filter_and_sort(open_page):
    page = open_page("index.html")
    page.locator("[data-filter=family]").select_option("cnn2d")
    page.get_by_label("Search").fill("w")
    page.locator("table.board").first.get_by_role("button", name="acc. %", exact=True).click()
    page.get_by_label("all columns").check()
    address, shown = page.url, shown_entries(page)
    assert shown == ["cnn2d-weak"]
    again = open_page("index.html#" + address.partition("#")[2])
    assert shown_entries(again) == shown
    assert again.get_by_label("Search").input_value() == "w"
    assert again.locator("section.group:visible th[aria-sort=descending]").inner_text().startswith("acc.")
    assert again.get_by_label("all columns").is_checked()
    other = open_page("index.html#crema-d-random&sort=name:descending")
    assert shown_entries(other, 1) == ["cnn2d-leaky2", "cnn2d-leaky"]


def test_an_address_that_means_nothing_shows_the_first_tab(open_page):
    page = open_page("index.html#%E0%A4%A&sort=<b>:up&family=none&=")
    assert len(shown_entries(page)) == 4


def test_a_table_is_narrowed_by_family_words_and_selection(open_page):
    page = open_page("index.html")
    assert page.locator("#found").inner_text() == "4 of 4"
    page.locator("[data-filter=family]").select_option("cnn2d")
    assert page.locator("#found").inner_text() == "3 of 4"
    page.get_by_label("Search").fill("GOOD")
    assert page.locator("#found").inner_text() == "1 of 4"
    assert shown_entries(page) == ["cnn2d-good"]
    page.get_by_label("Search").fill("")
    page.get_by_label("selected only").check()
    assert page.locator("#found").inner_text() == "1 of 4"
    page.get_by_label("Search").fill("nothing like it")
    assert shown_entries(page) == []
    assert page.locator("table.board tr.reference:visible").count() > 0  # references belong to every choice


def test_the_best_score_with_its_interval_is_on_the_first_screen_of_a_telephone(open_page, drawn):
    page = open_page("index.html", width=390, height=844)
    best = Results(drawn.root).board().groups[0].rows[0]
    card = page.locator(".card:visible")
    words = card.inner_text()
    assert f"{100 * best.uar:.1f}" in words
    assert f"({100 * best.uar_low:.1f} to {100 * best.uar_high:.1f})" in words
    assert "chance 16.7" in words
    interval = card.locator(".range").bounding_box()
    assert interval["y"] + interval["height"] < 844
    assert page.locator("h1").inner_text().endswith("in a stranger's voice?")


def test_the_interval_can_be_seen_beside_its_point(open_page):
    page = open_page("index.html")
    for row in page.locator("table.board").first.locator("tbody tr:has(.span)").all():
        assert row.locator(".span").bounding_box()["width"] > 2 * row.locator(".dot").bounding_box()["width"]
        assert row.bounding_box()["height"] <= 64  # two lines


def test_every_header_explains_itself(open_page):
    page = open_page("index.html")
    heads = page.locator("table.board").first.locator("thead th:visible")
    assert heads.locator(".help").count() == heads.count()
    assert not page.locator("#help-uar").is_visible()
    heads.get_by_role("button", name="What is UAR?").click()
    assert "average recall" in page.locator("#help-uar").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("#help-uar").is_visible()


@pytest.mark.slow
def test_more_columns_are_there_when_asked_for(open_page):
    page = open_page("index.html", width=1600)
    evaluations = page.get_by_role("button", name="test evals", exact=True).first
    assert not evaluations.is_visible()
    page.get_by_label("all columns").check()
    assert evaluations.is_visible()


def test_an_entry_opens_and_shows_its_figures_and_its_way_back(open_page):
    page = open_page("index.html")
    page.get_by_role("link", name="cnn2d-best").first.click()
    page.wait_for_url("**/entries/cnn2d-best.html")
    assert page.get_by_role("heading", level=1).inner_text() == "cnn2d-best"
    assert page.locator("#plot-curve-accuracy path.path").count() == 4  # two runs, training and validation
    assert page.locator("#plot-speakers svg.point").count() == 10
    assert page.locator("table.matrix").count() == 2  # the model's and the listeners'
    page.get_by_role("link", name="crema-d-speaker-cnn2d").click()
    page.wait_for_url("**/studies/crema-d-speaker-cnn2d.html")
    page.get_by_role("link", name="serbench leaderboard").click()
    page.wait_for_url("**/index.html")


@pytest.mark.slow
def test_the_theme_is_the_readers_choice_and_stays(open_page):
    page = open_page("index.html", theme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 29)"
    assert page.locator("#theme").get_attribute("aria-pressed") == "true"
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 252, 253)"
    page.reload()
    assert page.locator("#theme").get_attribute("aria-pressed") == "false"


def test_paper_is_light_and_shows_all_columns(open_page):
    page = open_page("index.html", theme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    for event, shown in (("beforeprint", "rgb(251, 252, 253)"), ("afterprint", "rgb(18, 22, 29)")):
        page.evaluate("name => window.dispatchEvent(new Event(name))", event)
        assert page.evaluate(colour) == shown
    assert not page.evaluate("document.documentElement.hasAttribute('data-theme')")
    page.emulate_media(media="print")
    assert page.locator(".wide").first.evaluate("one => getComputedStyle(one).overflowX") == "visible"


def test_a_badge_with_a_long_sentence_fits_a_phone(open_page):
    page = open_page("entries/cnn2d-best.html", width=360)
    sentence = "fails checks: the labels in studies/" + "a-long-name-of-a-study" * 8 + " are not those of its clips"
    page.locator(".badges li").first.evaluate("(one, text) => { one.textContent = text; }", sentence)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_border_of_a_field_is_seen(open_page, theme):
    """Contrast of at least 3 to 1 (WCAG 2.2, 1.4.11)."""
    page = open_page("index.html", theme=theme)
    style = page.locator("#search").evaluate(
        "one => [getComputedStyle(one).borderTopColor, getComputedStyle(one).backgroundColor, "
        "getComputedStyle(one.closest('form')).backgroundColor]"
    )
    border, inside, outside = (_luminance(colour) for colour in style)
    for beside in (inside, outside):
        assert (max(border, beside) + 0.05) / (min(border, beside) + 0.05) >= 3


def _luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_live_page_asks_on_after_the_connection_was_cut(browser):
    page, answers = browser.new_page(), [True]
    page.route("http://live.test/", lambda route: route.fulfill(content_type="text/html", body='<p id="live">live</p>'))
    page.route(
        "http://live.test/version",
        lambda route: route.fulfill(json={"version": 1, "note": ""}) if answers[0] else route.abort(),
    )
    page.clock.install()
    page.goto("http://live.test/")
    badge = page.locator("#live")
    with page.expect_request_finished():
        page.add_script_tag(content=asset("live.js"))
    answers[0] = False
    for wait in (2_000, 2_000, 2_000):
        with page.expect_event("requestfailed"):
            page.clock.run_for(wait)
    badge.filter(has_text="or the connection is cut").wait_for()
    assert badge.get_attribute("class") == "gone"
    answers[0] = True
    with page.expect_request_finished():
        page.clock.run_for(15_000)
    badge.filter(has_text=re.compile("^live$")).wait_for()
    assert badge.get_attribute("class") == ""
    page.close()


@pytest.mark.slow
def test_figures_take_the_colours_of_the_theme(open_page):
    page = open_page("studies/crema-d-speaker-cnn2d.html")
    ink = "getComputedStyle(document.querySelector('#plot-history text')).fill"
    light = page.evaluate(ink)
    page.locator("#theme").click()
    assert page.evaluate(ink) != light


def test_a_point_leads_to_its_trial(open_page):
    page = open_page("studies/crema-d-speaker-cnn2d.html")
    page.locator("details:has(#trial-1)").evaluate("list => { list.open = false; }")
    page.locator('#plot-history a[href="#trial-1"] svg').first.click()
    page.wait_for_function("document.getElementById('trial-1').closest('details').open")
    assert page.locator("#trial-1").inner_text().startswith("t0")
    assert hash_of(page) == "#trial-1"


def test_a_point_of_the_costs_leads_to_its_entry_and_another_cost_is_a_choice(open_page):
    page = open_page("index.html", java_script_enabled=False)
    group = page.locator("section.group").first
    assert group.locator(".cost:visible h3").all_text_contents() == ["Score against size"]
    group.get_by_label("Score against training").check()
    assert group.locator(".cost:visible h3").all_text_contents() == ["Score against training"]
    group.locator('.cost:visible a[href="entries/cnn2d-weak.html"] svg').first.click()
    page.wait_for_url("**/entries/cnn2d-weak.html")


def test_the_confusion_matrix_is_one_ramp_with_readable_numbers(open_page):
    """The darker of two shares is always the larger one, and 47 % and 53 % look alike."""
    page = open_page("entries/cnn2d-best.html")
    shade = """share => {
        const cell = document.querySelector("table.matrix td[style]").cloneNode(true);
        cell.style.setProperty("--share", share);
        document.querySelector("table.matrix tbody tr").appendChild(cell);
        const canvas = document.createElement("canvas").getContext("2d");
        canvas.fillStyle = getComputedStyle(cell).backgroundColor;
        canvas.fillRect(0, 0, 1, 1);
        cell.remove();
        return Array.from(canvas.getImageData(0, 0, 1, 1).data).slice(0, 3).reduce((a, b) => a + b);
    }"""
    shades = [page.evaluate(shade, share / 100) for share in range(0, 101, 4)]
    steps = [one - other for one, other in itertools.pairwise(shades)]
    assert all(step > 0 for step in steps)
    assert max(steps) < 3 * min(steps)
    assert page.locator("table.matrix th.axis").first.inner_text() == "predicted emotion"


def test_two_entries_are_picked_and_compared_as_the_command_compares_them(open_page, drawn):
    page = open_page("index.html")
    page.get_by_label("Compare cnn2d-best").check()
    assert not page.locator("#picked-link").is_visible()
    page.get_by_label("Compare cnn2d-weak").check()
    page.get_by_role("link", name="Compare them").click()
    page.wait_for_url("**/compare.html#*")
    cells = page.locator("#comparison table").first.locator("tbody tr").locator("th, td").all_inner_texts()
    pair = Results(drawn.root).comparison(["cnn2d-best", "cnn2d-weak"]).pairs[0]
    assert cells[:3] == ["cnn2d-best", "cnn2d-weak", f"{100 * pair.difference:+.1f}"]
    assert cells[3] == f"{100 * pair.low:+.1f} to {100 * pair.high:+.1f}"
    assert cells[-1] == ("yes" if pair.separable else "no")
    assert page.locator("#comparison .diverging").count() == 10  # one for each test speaker
    tables = page.locator("#comparison caption").all_inner_texts()
    assert any("only" in text or "disagree" in text for text in tables)
    total = page.locator("#comparison tr", has=page.locator("th", has_text="all")).locator("td").all_inner_texts()
    assert [int(text) for text in total] == [pair.only_first, pair.only_second]
    said = page.locator("#compared[role=status]").inner_text()
    assert re.fullmatch(r"cnn2d-best is ahead for \d+ of 10 test speakers\.", said)
    assert page.locator("main [aria-live]").count() == 0, "no table is read out as a whole"
    page.get_by_label("cnn2d-good").check()
    said = page.locator("#compared").inner_text().removesuffix(" are compared.")
    assert set(said.split(", ")) == {"cnn2d-best", "cnn2d-good", "cnn2d-weak"}


@pytest.mark.slow
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


def test_what_was_picked_in_one_table_is_not_compared_with_another(open_page):
    page = open_page("index.html")
    page.get_by_label("Compare cnn2d-best").check()
    page.get_by_role("link", name="crema-d, random").click()
    assert page.locator('input[name="pick"]:checked').count() == 0
    assert not page.locator("#picked").is_visible()


def test_names_from_records_stay_text(open_page):
    page = open_page("entries/cnn2d-leaky.html")
    assert page.locator("img").count() == 0
    assert "onerror" in page.locator("main").inner_text()


@pytest.mark.parametrize("name", PAGES)
def test_no_accessibility_violation_in_either_theme(open_page, name):
    page = open_page(name)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.evaluate(AXE)
    light = _violations(page)
    page.emulate_media(color_scheme="dark")
    assert light == _violations(page) == []


def _violations(page):
    checked = "axe.run(document, {resultTypes: ['violations'], preload: false})"
    found = page.evaluate(f"{checked}.then(found => JSON.stringify(found.violations))")
    return [
        (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary", "")[:300])
        for one in json.loads(found)
    ]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.slow
def test_a_page_is_never_wider_than_a_telephone(open_page, name):
    page = open_page(name, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.slow
def test_the_table_is_worked_with_the_keyboard_alone(open_page):
    page = open_page("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#search").focus()
    page.keyboard.type("weak")
    assert page.locator("#found").inner_text() == "1 of 4"
    header = page.locator("table.board").first.get_by_role("button", name="UAR %", exact=True)
    header.focus()
    page.keyboard.press("Enter")
    assert page.locator("table.board").first.locator("th[aria-sort=ascending]").count() == 1


def test_without_scripts_everything_but_the_comparison_is_read_as_it_is(open_page):
    page = open_page("index.html", java_script_enabled=False)
    assert len(shown_entries(page)) == 4
    assert len(shown_entries(page, 1)) == 2
    assert page.locator("#filters").is_hidden()
    page.get_by_role("button", name="What is UAR?").first.click()
    assert page.locator("#help-uar").is_visible()
    study = open_page("studies/crema-d-speaker-cnn2d.html", java_script_enabled=False)
    assert study.locator("svg[id^=plot-]").count() >= 2


@pytest.mark.parametrize("name", PAGES)
def test_no_figure_is_cut_off_at_any_width(open_page, name):
    """Points lie inside their figure, whatever its width."""
    outside = """() => Array.from(document.querySelectorAll(".drawing")).flatMap(one => {
        const frame = one.getBoundingClientRect();
        return Array.from(one.querySelectorAll("svg.point")).map(point => point.getBoundingClientRect())
            .filter(point => point.left < frame.left - 8 || point.right > frame.right + 8);
    }).length"""
    for width in (390, 1440):
        page = open_page(name, width=width)
        assert page.evaluate(outside) == 0


@pytest.fixture
def open_alone(browser, drawn, tmp_path):
    """Opens the page that stands alone: its own scripts run under its policy, and nothing else does."""

    pages = []

    def page(change=lambda text: text):
        path = tmp_path / "page.html"
        write_entry_page(Results(drawn.root), "cnn2d-best", path)
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
        said = []
        shown = browser.new_page()
        pages.append(shown)
        shown.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
        shown.on("dialog", lambda one: (said.append(one.message), one.dismiss()))
        shown.goto(f"file://{path}")
        return shown, said

    yield page
    for shown in pages:
        shown.close()


@pytest.mark.slow
def test_figures_of_a_page_alone_are_drawn_and_its_theme_switches(open_alone):
    page, said = open_alone()
    assert page.locator("#plot-curve-accuracy path.path").count() == 4
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert said == []


def test_a_script_that_is_not_its_own_does_not_run_on_a_page_alone(open_alone):
    page, said = open_alone(lambda text: text.replace("<main", "<script>alert(1)</script><main", 1))
    assert [one for one in said if "Content Security Policy" in one]
    assert "1" not in said
    page.wait_for_selector("h1")
