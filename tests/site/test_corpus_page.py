"""The page of a corpus: complete, escaped, standing alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import plotly.graph_objects as go
import pytest

from serbench.corpora import UNKNOWN_SPEAKER, choose_corpus, load_clips
from serbench.site.charts.corpus import corpus_charts
from serbench.site.corpus_page import corpus_page, write_corpus_page


@pytest.fixture
def clips(tone_corpus: Path):
    return load_clips(*choose_corpus("crema-d", tone_corpus))


@pytest.mark.children
def test_it_shows_every_class_speaker_and_finding_and_needs_nothing_beside_it(clips, tmp_path) -> None:
    write_corpus_page(clips, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    specs = {
        key: json.loads(text) for key, text in re.findall(r'data-for="plot-(\w+)">(.*?)</script>', page, re.DOTALL)
    }
    assert {"speakers", "durations", "levels"} <= set(specs)
    heat = specs["speakers"]["data"][0]
    assert heat["y"] == list(clips.labels)
    assert len(heat["x"]) == 12
    assert sum(map(sum, heat["z"])) == len(clips.table)
    assert sum(sum(trace["y"]) for trace in specs["durations"]["data"]) == len(clips.table)
    assert page.count('<img src="data:image/png;base64') == len(clips.labels)
    assert all(finding.message.split(":")[0] in page for finding in clips.findings)
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="(?!data:|#)', markup)


@pytest.mark.children
def test_figures_are_what_plotly_takes(clips) -> None:
    mixed = clips.table.assign(sample_rate=[8000, 16000] * (len(clips.table) // 2))
    charts = corpus_charts(mixed)
    assert [chart.key for chart in charts] == ["speakers", "durations", "levels", "rates"]
    for chart in charts:
        go.Figure(chart.spec)


@pytest.mark.children
def test_speakers_without_names_are_not_counted(clips) -> None:
    table = clips.table.assign(speaker=UNKNOWN_SPEAKER)
    page = corpus_page(type(clips)(clips.corpus, table, (), (), clips.digest))
    assert f"{len(table):,} clips, speakers not named, {len(clips.labels)} emotions" in page
    assert "<dt>speakers</dt><dd>none named</dd>" in page


@pytest.mark.children
def test_markup_in_names_stays_text(clips) -> None:
    evil = "<script>alert(1)</script>"
    table = clips.table.assign(speaker=evil, label=[evil, "joy"] * (len(clips.table) // 2))
    page = corpus_page(type(clips)(clips.corpus, table, (), (), clips.digest))
    assert evil not in page
