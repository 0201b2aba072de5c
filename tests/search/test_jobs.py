"""What the jobs of a study hold, without a fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.simulated import SIMULATED, simulated_study
from serbench.search.jobs import JobMaker
from serbench.spaces import load_space


@pytest.fixture
def maker(tmp_path: Path):
    with simulated_study(tmp_path, load_space("cnn1d"), clips=300) as study:
        yield JobMaker(study, SIMULATED, "tensorflow")


def test_a_configuration_lasts_its_share_of_the_epochs_and_a_probe_a_share_of_that(maker) -> None:
    epochs = maker.study.space.training.epochs
    assert maker.search("t0000", 0, {}).settings.epochs == epochs
    assert maker.search("t0000", 0, {"training_length": 0.5}).settings.epochs == round(epochs / 2)
    assert maker.probe("p0000", 0, {"training_length": 0.5}, 0.25).settings.epochs == round(epochs / 8)


def test_final_runs_of_older_studies_are_kicked_until_their_end(maker) -> None:
    assert maker.search("t0000", 0, {}).late_kicks
    maker.study.record = maker.study.record.model_copy(update={"late_kicks": False})
    assert not maker.search("t0000", 0, {}).late_kicks


def test_a_jobs_arrays_are_its_copies_then_its_windows(maker) -> None:
    job = maker.search("t0000", 0, {"speed_perturbation": 0.1, "prediction_crops": 3})
    assert [copy.speed for copy in job.copies] == [0.9, 1.1, None, None, None]
    assert [copy.even_crop for copy in job.crops] == [(0, 3), (1, 3), (2, 3)]
    assert not maker.search("t0000", 0, {}).copies
