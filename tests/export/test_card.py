"""The model card: what it says of the scores and of the data holds for its own entry."""

from __future__ import annotations

import pytest
from drawn_results import Builder
from web_bundles import make_bundle

from serbench.export.card import model_card


@pytest.fixture
def card(tmp_path):
    """Writes the card of a drawn entry. `row` are changes to its row, `corpus` to the corpus of its bundle."""
    build = Builder(tmp_path / "results")
    study = build.study(corpus_warnings=("2 clips of training are byte-identical to test clips",))
    build.entry("best", study, failed=("best-r9",))
    report, record = build.read().report("best"), build.results.study(study).record()

    def write(row=None, corpus=None) -> str:
        bundle = make_bundle(tmp_path / "bundle", **(corpus or {}))
        return model_card(bundle, report.model_copy(update={"row": report.row.model_copy(update=row or {})}), record)

    return write


def scores_of(text: str) -> str:
    return text.split("## Scores")[1].split("\n## ", maxsplit=1)[0]


def test_scores_come_with_all_warnings_of_the_entry(card) -> None:
    scores = scores_of(card())
    assert "\n- 2 clips of training are byte-identical to test clips\n" in scores
    assert "\n- 1 of 3 runs failed or were interrupted, and are left out of all means\n" in scores


def test_a_test_score_that_is_too_high_is_called_so(card) -> None:
    sentence = "configurations that the search began with were chosen on 4 of the test speakers, so the test scores are"
    assert f"\n- {sentence} too high\n" in scores_of(card({"warnings": (f"{sentence} too high",)}))


def test_an_entry_without_warnings_has_no_list_of_them(card) -> None:
    assert "with care" not in card({"warnings": ()})


def test_the_data_is_called_acted_only_where_that_is_known(card) -> None:
    limits = "Expect lower scores on other speech, microphones and languages."
    assert f"\nThe training data is acted emotion. {limits}" in card()
    assert f"\nThe training data holds synthetic speech. {limits}" in card(corpus={"name": "demo", "synthetic": True})
    assert f"\n{limits}" in card(corpus={"name": "my-calls"})
    merged = {"name": "crema-d", "parts": ("crema-d", "emo-db")}
    assert "acted emotion" in card(corpus={"choice": merged})
    assert "acted emotion" not in card(corpus={"choice": merged | {"own": {"emo-db": "folder"}}})


def test_one_speaker_is_one_speaker(card) -> None:
    assert "9 clips, 1 speaker, or none named. Licence" in card(corpus={"speakers": 1})
