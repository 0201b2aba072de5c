"""The page that stands alone, in a real browser: its own scripts run under its policy, and nothing else does."""

from __future__ import annotations

import pytest

from serbench.results import Results
from serbench.site.entry_page import write_entry_page


@pytest.fixture
def opened(browser, drawn, tmp_path):
    def page(change=lambda text: text):
        path = tmp_path / "page.html"
        write_entry_page(Results(drawn.root), "cnn2d-best", path)
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
        said = []
        shown = browser.new_page()
        shown.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
        shown.on("dialog", lambda one: (said.append(one.message), one.dismiss()))
        shown.goto(f"file://{path}")
        return shown, said

    return page


@pytest.mark.slow
def test_figures_are_drawn_and_the_theme_switches(opened):
    page, said = opened()
    assert page.locator("#plot-curve-accuracy path.path").count() == 4
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert said == []


def test_a_script_that_is_not_its_own_does_not_run(opened):
    page, said = opened(lambda text: text.replace("<main", "<script>alert(1)</script><main", 1))
    assert [one for one in said if "Content Security Policy" in one]
    assert "1" not in said
    page.wait_for_selector("h1")
