import re
from html.parser import HTMLParser

import numpy as np
import pytest
from serbench.report.figures import class_figure, confusion_figure, curve_figure, mask_figure
from serbench.report.page import render_page, write_page

from serbench.errors import SerbenchError
from serbench.report import EntryReport


class Outline(HTMLParser):
    """Collects tags, the text outside scripts, and everything that would be fetched."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.fetched = [], [], []
        self._in = []
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
def report(build):
    build.entry("a", build.study(synthetic=True, protocol="random", shares_speakers=True))
    return EntryReport.from_results(build.results, "a")


def test_the_page_needs_no_network(report):
    page = render_page(report)
    assert Outline(page).fetched == []
    assert "default-src 'none'" in page
    assert not re.search(r"@import|url\(\s*['\"]?http", page.split("<script", maxsplit=1)[0])


def test_plotly_is_there_once_and_every_figure_has_a_caption(report):
    page = render_page(report)
    outline = Outline(page)
    assert page.count("* plotly.js v") == 1
    assert outline.tags.count("figure") == outline.tags.count("figcaption") == 4
    assert len(set(re.findall(r'id="(figure-\d+)"', page))) == 4


def test_badges_and_numbers_are_shown(report):
    words = Outline(render_page(report)).words
    for part in (
        "synthetic",
        "speakers shared",
        "selected by validation",
        "learning_rate",
        "tensorflow",
        "ODbL 1.0",
    ):
        assert part in words
    assert f"{100 * report.row.uar:.1f} % UAR" in words
    assert f"{100 * report.per_class[0].recall:.1f}" in words


def test_no_badge_without_its_reason(build):
    build.entry("a", build.study())
    words = Outline(render_page(EntryReport.from_results(build.results, "a"))).words
    assert "speakers shared" not in words
    assert "synthetic" not in words


def test_names_cannot_become_markup(build):
    evil = "</script><img src=x onerror=alert(1)>"
    study = build.study(labels=("joy", evil), corpus_warnings=(evil,))
    build.entry("a", study, config={"name": evil})
    page = render_page(EntryReport.from_results(build.results, "a"), [(evil, evil, class_figure([]))])
    outline = Outline(page)
    assert "img" not in outline.tags
    assert outline.words.count("onerror=alert(1)") >= 5
    assert evil not in page


def test_extra_figures_come_with_title_and_caption(report):
    figure = mask_figure(np.zeros((8, 10)), np.ones((8, 10)), 16000, 512)
    outline = Outline(render_page(report, [("Frequency mask", "A band is covered.", figure)]))
    assert "Frequency mask" in outline.words
    assert "A band is covered." in outline.words
    assert outline.tags.count("figure") == 5


def test_an_entry_without_refits_or_epochs_has_a_page_too(build):
    build.entry("a", build.study(), refits=0, failed=("a-r0",))
    page = render_page(EntryReport.from_results(build.results, "a"))
    assert Outline(page).tags.count("figure") == 0
    assert "no refit was completed" in page


def test_the_same_records_give_the_same_page(report):
    assert render_page(report) == render_page(report)


def test_the_page_is_written_whole_or_not_at_all(report, tmp_path):
    write_page(report, tmp_path / "out" / "a.html")
    assert (tmp_path / "out" / "a.html").read_text(encoding="utf-8") == render_page(report)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SerbenchError, match="cannot write"):
        write_page(report, tmp_path / "file" / "a.html")


def test_confusion_figure_shows_percent_and_clips(report):
    figure = confusion_figure(report.confusion, report.confusion_by_row, list(report.corpus.labels))
    heat, text = figure.data
    assert np.asarray(heat.z)[0] == pytest.approx(100 * np.array(report.confusion_by_row[0]))
    assert text.text[0] == f"<b>{round(100 * report.confusion_by_row[0][0])}</b><br>{report.confusion[0][0]}"
    assert figure.layout.yaxis.autorange == "reversed"


def test_strong_cells_get_the_other_ink():
    figure = confusion_figure([[9, 1], [5, 5]], [[0.9, 0.1], [0.5, 0.5]], ["a", "b"])
    inks = figure.data[1].textfont.color
    assert len(set(inks[1:])) == 1
    assert inks[0] != inks[1]


def test_curves_mark_the_epoch_that_was_kept(report):
    for kind, scale in (("accuracy", 100), ("loss", 1)):
        figure = curve_figure(report.refits, kind)
        kept = figure.data[-1]
        epoch = next(one for one in report.refits[0].epochs if one.epoch == 14)
        assert list(kept.x) == [14, 14]
        assert kept.y[0] == pytest.approx(scale * getattr(epoch, f"val_{kind}"))
        assert len(figure.data) == 2 * len(report.refits) + 1
        assert list(figure.data[0].y) == pytest.approx([scale * getattr(e, kind) for e in report.refits[0].epochs])


def test_bars_show_each_class_in_percent(report):
    figure = class_figure(report.per_class)
    assert [bar.name for bar in figure.data] == ["precision", "recall", "F1"]
    assert list(figure.data[1].y) == pytest.approx([100 * row.recall for row in report.per_class])


def test_mask_figure_has_one_scale_and_seconds():
    before = np.arange(12.0).reshape(3, 4)
    after = before.copy()
    after[1] = 0.0
    figure = mask_figure(before, after, sample_rate=1000, hop_length=500)
    first, second = figure.data
    assert (first.zmin, first.zmax) == (second.zmin, second.zmax) == (0.0, 11.0)
    assert list(first.x) == [0.0, 0.5, 1.0, 1.5]
    assert np.array_equal(np.asarray(second.z), after)


@pytest.mark.parametrize("shape", [(3, 5), (12,)])
def test_spectrograms_of_two_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="one 2-D shape"):
        mask_figure(np.zeros((3, 4)), np.zeros(shape), 16000, 512)
