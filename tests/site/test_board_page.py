"""The first page: what it answers, its tabs, its card, and what it says of others' results."""

from __future__ import annotations

import html
import re

import pytest
from drawn_results import forge, run_of

from serbench.references import reported
from serbench.site import Site
from serbench.site.best_card import best_card
from serbench.site.board_page import project_address
from serbench.site.charts.lines import reference_lines

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def index_of(build, tmp_path):
    def index():
        return Site.build(build.read(), tmp_path / "site").index.read_text(encoding="utf-8")

    return index


def card_of(build):
    board = build.read().board()
    group = board.groups[0]
    protocol = next(one for one in board.tested if one.entry.entry_id == group.rows[0].entry).study.protocol
    return best_card(group, protocol, reference_lines(group.references, 6))


def test_the_card_has_the_entry_that_validation_chose_and_names_the_highest_score(build):
    study = build.study()
    build.entry("chosen", study, skill=0.5, validation=0.9)
    build.entry("best", study, skill=0.8, validation=0.4)
    build.reference(study, "svm", "SVM", skill=0.45)
    card = card_of(build)
    assert card.row.entry == "chosen"
    assert card.interval == f"{100 * card.row.uar_low:.1f}-{100 * card.row.uar_high:.1f}"
    assert [name for name, _ in card.beside] == ["chance", "SVM on means"]
    assert any("highest of 2 test scores is" in sentence and "(best)" in sentence for sentence in card.sentences)
    assert card.warning == ""


def test_without_a_selected_entry_the_card_has_the_highest_score(build):
    study = build.study()
    for name, skill in (("low", 0.5), ("high", 0.8)):  # no clip was held back, and no cross-validation judged them
        build.entry(
            name, study, skill=skill, values=(None, None), spoil=lambda frame, _: frame[frame["subset"] == "test"]
        )
    card = card_of(build)
    assert card.row.entry == "high"
    assert "No entry is selected; this is the highest of 2 test scores, so it is too high." in card.sentences


def test_a_reference_that_saw_the_test_speakers_is_no_line_to_be_measured_by(build):
    study = build.study()
    build.entry("a", study)
    build.reference(study, "svm", "SVM", skill=0.45)
    (row,) = build.read().board().groups[0].references
    assert [line.kind for line in reference_lines([row], 6)] == ["chance", "svm"]
    assert [line.kind for line in reference_lines([row.model_copy(update={"transductive": True})], 6)] == ["chance"]


def test_a_reference_that_left_clips_out_says_so_beside_its_score(build, index_of):
    study = build.study()
    build.entry("a", study)
    build.reference(study, "svm", "SVM", skill=0.45, left_out=7)
    build.reference(study, "listeners", "people", skill=0.4)
    page = index_of()
    (row,) = [line for line in page.splitlines() if 'data-value="SVM"' in line]
    assert re.search(r'class="badge warn"[^>]*>113 of 120 clips<', row)
    assert "<li>SVM: 7 of 120 test clips have no prediction and are left out</li>" in page
    (row,) = [line for line in page.splitlines() if 'data-value="people"' in line]
    assert "clips<" not in row


def test_one_speaker_may_be_many_that_are_not_named(build, index_of):
    build.entry("a", build.study(test_speakers=1))
    assert "12 test clips of 1 speaker, or none named." in index_of()


def test_a_card_of_shared_speakers_warns_and_one_without_interval_says_why(build):
    build.entry("a", build.study(protocol="random", shares_speakers=True))
    assert "not the score for a stranger" in card_of(build).warning


def test_too_few_speakers_have_no_interval_and_the_card_says_why(build):
    build.entry("a", build.study(test_speakers=4))
    card = card_of(build)
    assert card.interval == ""
    assert any("only 4 test speakers" in sentence for sentence in card.sentences)


def test_an_entry_below_a_baseline_is_said_to_be(build):
    study = build.study()
    build.entry("a", study, skill=0.4)
    build.reference(study, "functionals", "SVM on functionals", skill=0.9)
    assert any("below a baseline" in sentence for sentence in card_of(build).sentences)


def test_an_entry_that_fails_its_checks_is_never_the_best(build):
    study = build.study()
    build.entry("sound", study, skill=0.5)
    build.entry("forged", study, skill=0.9)
    folder = build.results.study(study)
    job = folder.job("refit", run_of("forged"))
    test = job.scores["test"].model_copy(update={"uar": 0.99, "accuracy": 0.99})
    job.model_copy(update={"scores": {**job.scores, "test": test}}).save(
        folder.job_path("refit", run_of("forged")) / "record.json"
    )
    assert [row.entry for row in build.read().board().groups[0].rows if row.problems] == ["forged"]
    assert card_of(build).row.entry == "sound"


@pytest.mark.long
def test_what_cannot_be_compared_is_named_with_the_reason(build, tmp_path):
    test_an_entry_that_fails_its_checks_is_never_the_best(build)
    study = next(iter(build.results.studies()))[0].path.name
    build.entry("second", study, skill=0.6)
    build.entry("untrained", study, refits=0, failed=("untrained-r0",))
    index = Site.build(build.read(), tmp_path / "site").index
    page = (index.parent / "compare.html").read_text(encoding="utf-8")
    offered = page.split('id="compare-data"')[1].split("</script>")[0]
    left_out = page.split("Not offered here")[1]
    assert '"id": "forged"' not in offered
    assert re.search(r"forged</a>.*fails its checks", left_out)
    assert re.search(r"untrained</a>.*no run was completed", left_out)
    assert "second</a>" not in left_out
    assert 'name="pick" value="forged"' not in index.read_text(encoding="utf-8")  # nor can it be picked


def test_tables_of_the_same_name_have_tabs_that_differ(build, index_of):
    build.entry("a", build.study("one", protocol_hash="hash-a"))
    build.entry("b", build.study("two", protocol_hash="hash-b", test_speakers=12))
    page = index_of()
    keys = re.findall(r'<section class="group" id="([^"]+)"', page)
    assert len(set(keys)) == 2
    assert re.findall(r'<a href="#([^"]+)" data-tab', page) == keys
    assert "120 test clips" in page
    assert "144 test clips" in page


def test_a_title_that_only_promises_what_was_tested(build, index_of):
    build.entry("a", build.study(protocol="random", shares_speakers=True))
    page = index_of()
    assert "stranger" not in page.split("</header>")[0]
    assert page.count("<h1>") == 1


def test_names_of_strangers_stay_text_in_tabs_figures_and_cards(build, index_of, tmp_path):
    study = build.study(corpus=MARKUP, family=MARKUP, protocol=f'"{MARKUP}')
    build.entry("a", study)
    build.entry("b", build.study("other", corpus=MARKUP, family="cnn1d", protocol=f'"{MARKUP}'), skill=0.7)
    folder = build.results.study(study)
    clips = folder.clips()
    clips.assign(speaker=MARKUP + clips["speaker"]).to_parquet(folder.clips_path, index=False)
    page = index_of()
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html")]
    assert not [text for text in pages if MARKUP in text]
    assert "&lt;img src=x" in page
    assert any("speaker &lt;img" in text for text in pages)


def test_published_results_are_closed_and_lead_to_their_source(build, index_of):
    build.entry("a", build.study(corpus="crema-d"))
    page = index_of()
    literature = page.split('<details class="literature"')[1].split("</details>")[0]
    assert not literature.split(">")[0].endswith("open")
    rows = [row for row in reported("crema-d") if row.address.startswith("https://")]
    assert rows
    for row in rows:
        assert f'<a href="{row.address}" rel="noreferrer">{row.source}</a>' in html.unescape(literature)


def test_the_project_is_linked_where_the_package_names_it(monkeypatch):
    import importlib.metadata
    from email.message import Message

    found = Message()
    found["Project-URL"] = "Homepage, javascript:alert(1)"
    found["Project-URL"] = "Source, https://example.org/serbench"
    monkeypatch.setattr(importlib.metadata, "metadata", lambda _: found)
    assert project_address() == "https://example.org/serbench"
    monkeypatch.setattr(importlib.metadata, "metadata", lambda _: Message())
    assert project_address() == ""


def test_the_first_page_needs_neither_a_network_nor_a_large_script(build, index_of, tmp_path):
    build.entry("a", build.study())
    page = index_of()
    assert not re.search(r'(?:src|srcset)="(?:https?:)?//', page)
    assert not list((tmp_path / "site").rglob("plotly*"))
    assert sum(path.stat().st_size for path in (tmp_path / "site" / "assets").iterdir()) < 80_000


def test_the_table_beside_the_pages_holds_no_formula(build, index_of, tmp_path):
    build.entry("a", build.study(corpus="=HYPERLINK(1)"))
    index_of()
    table = (tmp_path / "site" / "leaderboard.csv").read_text(encoding="utf-8")
    assert ",'=HYPERLINK(1)" in table
    assert ",=HYPERLINK" not in table


def test_what_fails_its_checks_is_told_to_the_script_that_sorts(build, index_of):
    study = build.study()
    build.entry("a", study)
    forge(build.results.study(study), "a")
    assert index_of().count(" data-fails>") == 1
