"""A table says in its heading where its selected entry is below a plain baseline."""

from __future__ import annotations

import pytest
from drawn_results import Builder


@pytest.fixture
def build(tmp_path) -> Builder:
    return Builder(tmp_path / "results")


def heading(build: Builder) -> str:
    (group,) = build.read().board().groups
    return group.heading


def test_a_baseline_above_the_selected_entry_is_named_with_its_score(build) -> None:
    study = build.study()
    build.entry("chosen", study, skill=0.5, validation=0.7)
    build.entry("better", study, skill=0.95, validation=0.5)  # not the one that validation chose
    build.reference(study, "svm", "SVM on means", skill=0.6)
    build.reference(study, "functionals", "SVM on functionals", skill=0.8)
    (group,) = build.read().board().groups
    (best,) = [row for row in group.references if row.name == "functionals"]
    assert group.heading.endswith(
        f"the selected entry is below a baseline: SVM on functionals, {100 * best.uar:.1f} % UAR"
    )


def test_nothing_is_said_where_the_selected_entry_is_above(build) -> None:
    study = build.study()
    build.entry("chosen", study, skill=0.9, validation=0.7)
    build.reference(study, "functionals", "SVM on functionals", skill=0.4)
    assert "baseline" not in heading(build)


@pytest.mark.parametrize("name", ["listeners", "encoder-wavlm-1a2b3c", "brought-mine"])
def test_people_pretrained_encoders_and_what_is_brought_are_no_plain_baselines(build, name) -> None:
    study = build.study()
    build.entry("chosen", study, skill=0.5)
    build.reference(study, name, "another", skill=0.9)
    assert "baseline" not in heading(build)


def test_nothing_is_said_of_a_split_that_shares_speakers(build) -> None:
    study = build.study("demo-random-cnn2d", protocol="random", protocol_hash="hash-b", shares_speakers=True)
    build.entry("chosen", study, skill=0.4)
    build.reference(study, "functionals", "SVM on functionals", skill=0.9)
    assert "baseline" not in heading(build)


def test_a_reference_that_is_normalised_by_speaker_is_transductive_whatever_its_record_says(build) -> None:
    study = build.study()
    build.entry("chosen", study, skill=0.4)
    build.reference(study, "functionals-speaker", "SVM on functionals, per speaker", skill=0.9)
    (row,) = build.read().board().references
    assert (row.transductive, row.uar_low, row.difference) == (True, None, None)
