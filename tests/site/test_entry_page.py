"""The page of an entry: complete, safe against the names in records, and the same twice."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from serbench.errors import SerbenchError, UsageError
from serbench.site.confusions import largest_confusions
from serbench.site.entry_page import write_entry_page


class Outline(HTMLParser):
    """Collects tags, the text outside scripts, and everything that would be fetched."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.fetched, self._in = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._in.append(tag)
        self.fetched += [value for name, value in attrs if name in {"src", "href", "srcset", "action", "data"}]

    def handle_endtag(self, tag):
        if tag in self._in:
            while self._in.pop() != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self._in):
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture
def page_of(build, tmp_path):
    def page(entry):
        write_entry_page(build.read(), entry, tmp_path / "page.html")
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return page


@pytest.fixture
def report(build):
    build.entry("a", build.study(synthetic=True, protocol="random", shares_speakers=True))
    return build.read().report("a")


def test_masks_that_are_no_numbers_are_no_masks(build, page_of):
    build.entry("a", build.study(), config={"frequency_mask": "x", "time_mask": -3})
    assert "frequency_mask" in page_of("a")


def test_the_single_page_needs_nothing_beside_it(report, page_of):
    page = page_of("a")
    assert [way for way in Outline(page).fetched if not way.startswith(("#", "data:,"))] == []
    assert "default-src 'none'" in html.unescape(page)
    assert "plotly.js" not in page
    assert len(page) < 200_000
    assert not re.search(r"@import|url\(\s*['\"]?http", page.split("</style>", maxsplit=1)[0])


def test_badges_and_numbers_are_shown(report, page_of):
    words = Outline(page_of("a")).words
    for part in (
        "synthetic", "speakers shared", "selected by validation", "learning_rate", "tensorflow", "ODbL 1.0",
        "Do not expect this score for a new person",
    ):  # fmt: skip
        assert part in words
    assert f"{100 * report.row.uar:.1f} % UAR" in words
    assert f"{100 * report.per_class[0].recall:.1f}" in words


def test_no_badge_without_its_reason(build, page_of):
    build.entry("a", build.study())
    words = Outline(page_of("a")).words
    assert "speakers shared" not in words
    assert "synthetic" not in words


def test_every_figure_has_a_caption_and_words_for_those_who_do_not_see_it(report, page_of):
    page = page_of("a")
    outline = Outline(page)
    assert outline.tags.count("figure") == outline.tags.count("figcaption") == 5
    assert len(re.findall(r'<svg[^>]* role="img" aria-label="[^"]{20,}" id="plot-', page)) == 5


def test_the_confusion_matrix_has_percent_and_clips(report, page_of):
    page = page_of("a")
    cells = re.findall(r"<b>(\d+|-)</b><small>([\d,.]+)</small>", page)
    assert len(cells) == len(report.corpus.labels) ** 2
    a_run = report.confusion[0][0] / len(report.refits)
    assert cells[0] == (str(round(100 * report.confusion_by_row[0][0])), f"{a_run:.1f}")
    assert "clips a run, mean of 2" in page


def test_the_largest_confusions_are_said_in_words(report, page_of):
    first, *others = largest_confusions(report)
    assert all(one.share <= first.share for one in others)
    row, column = report.corpus.labels.index(first.true), report.corpus.labels.index(first.predicted)
    assert first.share == report.confusion_by_row[row][column]
    assert first.back == report.confusion_by_row[column][row]
    words = Outline(page_of("a")).words
    assert f"{first.true} is taken for {first.predicted} : {100 * first.share:.1f} % of its clips" in words


def test_the_contents_list_every_section(report, page_of):
    page = page_of("a")
    listed = re.findall(r'<li><a href="#([\w-]+)">', page.split("</nav>", 2)[1])
    assert listed == re.findall(r'<h2 id="([\w-]+)"', page)
    assert {"right-and-wrong", "speakers", "audit", "again"} <= set(listed)


def test_listeners_stand_beside_the_model(build, page_of):
    study = build.study(corpus="crema-d")
    build.entry("a", study)
    assert "matrix of human listeners" not in page_of("a")
    build.reference(study, "listeners", "human listeners", skill=1.0)
    page = page_of("a")
    assert "matrix of human listeners" in page
    assert "accuracy 100.0 %" in Outline(page).words


def test_names_cannot_become_markup(build, page_of):
    evil = "</script><img src=x onerror=alert(1)>"
    study = build.study(labels=("joy", evil), corpus_warnings=(evil,))
    build.entry("a", study, config={"name": evil})
    page = page_of("a")
    outline = Outline(page)
    assert "img" not in outline.tags
    assert outline.words.count("onerror=alert(1)") >= 5
    assert evil not in page


def test_an_entry_without_refits_or_epochs_has_a_page_too(build, page_of):
    build.entry("a", build.study(), refits=0, failed=("a-r0",))
    page = page_of("a")
    assert Outline(page).tags.count("figure") == 0
    assert "no run was completed" in page


def test_the_same_records_give_the_same_page(report, page_of):
    assert page_of("a") == page_of("a")


def test_an_entry_that_is_not_there_is_told_with_the_nearest(build, tmp_path):
    build.entry("cnn2d-a", build.study())
    with pytest.raises(UsageError, match="cnn2d-a"):
        write_entry_page(build.read(), "cnn2d-b", tmp_path / "page.html")


def test_a_page_in_the_way_of_a_file_is_one_sentence(report, build, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SerbenchError, match="cannot write"):
        write_entry_page(build.read(), "a", tmp_path / "file" / "a.html")


@pytest.mark.parametrize("shown", [True, False])
def test_the_page_says_which_clips_are_in_no_slice(build, page_of, shown):
    """One test speaker has two sexes, or all have, so that there is no table; the note is there either way."""
    study = build.study()
    build.entry("a", study)
    folder = build.results.study(study)
    clips = folder.clips()
    by_speaker = np.where(clips["speaker"].str[-1].astype(int) % 2, "female", "male")
    clips["sex"] = by_speaker if shown else np.where(np.arange(len(clips)) % 2, "female", "male")
    clips.loc[clips.index[clips["speaker"] == "test0-00"][:1], "sex"] = "female"
    clips.to_parquet(folder.clips_path, index=False)
    words = Outline(page_of("a")).words
    assert "by sex, some clips are in no group: " in words
    assert ("largest difference" in words) == shown
