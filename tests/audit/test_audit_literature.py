"""Is a score too good to be true?"""

from __future__ import annotations

import pytest
from drawn_results import Builder

from serbench.audit.literature import against_literature, literature_finding
from serbench.errors import SerbenchError
from serbench.references import reported
from serbench.results import Results

ROWS = [
    {"system": "CNN", "trained_from_scratch": "yes", "metric": "UAR", "value_pct": "55.4", "speakers_shared": "no"},
    {"system": "SVM", "trained_from_scratch": "yes", "metric": "accuracy", "value_pct": 52.3, "speakers_shared": "no"},
    {"system": "old", "trained_from_scratch": "yes", "metric": "accuracy", "value_pct": 57.1, "speakers_shared": "yes"},
    {"system": "big", "trained_from_scratch": "no", "metric": "UAR", "value_pct": "74.5", "speakers_shared": "no"},
    {"system": "F1", "trained_from_scratch": "yes", "metric": "macro-F1", "value_pct": "70", "speakers_shared": "no"},
    {
        "system": "heard", "trained_from_scratch": "yes", "metric": "UAR", "value_pct": "71", "speakers_shared": "no",
        "labels": "perceived",
    },
    {"system": "people", "trained_from_scratch": "", "metric": "accuracy", "value_pct": "40.9", "speakers_shared": ""},
]  # fmt: skip


def literature(uar, accuracy, shares=False, rows=ROWS, **kwargs):
    return literature_finding(uar, accuracy, shares_speakers=shares, literature=rows, **kwargs)


def test_far_above_what_is_published_is_a_leak_until_shown_otherwise():
    found = literature(0.76, 0.5)
    assert found.level == "alarm"
    assert "leak" in found.verdict
    assert found.numbers["published_system"] == "CNN"
    assert found.numbers["above_points"] == pytest.approx(20.6)


def test_what_test_clips_chose_is_not_compared_with(tmp_path):
    build = Builder(tmp_path / "results")
    build.entry("a", build.study(corpus="emo-db", protocol="random", shares_speakers=True), skill=0.9)
    chose = max(one.value_pct for one in reported("emo-db") if one.test_chose)
    found = against_literature(Results(build.results.root).scored_entry("a"))
    assert found.numbers["published_system"] == "TIM-Net"
    assert chose > 95, "a higher one is known, and test clips chose it"


@pytest.mark.parametrize(("uar", "level"), [(0.55, "ok"), (0.56, "note"), (0.754, "note"), (0.755, "alarm")])
def test_levels(uar, level):
    assert literature(uar, 0.5).level == level


def test_each_metric_has_its_own_best_figure():
    assert literature(0.5, 0.9).level == "alarm"  # far above the best published accuracy, whatever its UAR


def test_protocols_that_share_speakers_are_compared_with_their_kind():
    found = literature(None, 0.58, shares=True)
    assert found.level == "note"
    assert (found.numbers["metric"], found.numbers["published_percent"]) == ("accuracy", 57.1)
    assert literature(0.9, 0.9, shares=True).level == "alarm"


def test_accuracy_stands_in_for_an_undefined_uar():
    found = literature(None, 0.6)
    assert (found.numbers["metric"], found.numbers["published_metric"]) == ("accuracy", "accuracy")
    assert found.level == "note"


def test_perceived_labels_are_compared_among_themselves():
    assert literature(0.76, 0.3, labels="perceived").numbers["published_system"] == "heard"


def test_without_figures_nothing_is_said():
    assert literature(0.99, 0.99, rows=[]).level == "skipped"
    assert literature(0.99, 0.99, rows=ROWS[2:3]).level == "skipped"


def test_damaged_figures_are_named():
    with pytest.raises(SerbenchError, match="'CNN' has the value_pct 'much'"):
        literature(0.5, 0.5, rows=[ROWS[0] | {"value_pct": "much"}])
    with pytest.raises(SerbenchError, match="no column 'metric'"):
        literature(0.5, 0.5, rows=[{"trained_from_scratch": "yes"}])
