"""Whole searches on the states of a frozen encoder: each family trains, is tested and can be replayed."""

from __future__ import annotations

import pytest
from encoder_made import UNITS, write_encoder

from serbench.features import register_encoder
from serbench.records import ResultsFolder
from serbench.results import Results
from serbench.search import run_search

SPACE = """
[space]
family = "{family}"

[features]
kind = "{kind}"
model = "{model}"
units = {units}
sample_rate = 8000
duration_s = 0.6
layers = [0, 1]
weights = [1.0, 3.0]
{more}

[training]
epochs = 8
patience = 8

[budget]
shortlist = 0
trials = 1
finalists = 1
repeats = 2

[parameters]
{parameters}
batch_size = 16
learning_rate = 0.01
schedule = "constant"
mixup = 0.0
"""
CONVOLUTION = 'depth = 1\nwidth = [8, 16]\ndense_width = 16\nbatch_norm = false\noptimizer = "adam"'
HEAD = 'head = ["average", "attention"]\ndense_width = 16\noptimizer = "adam"'
FORMS = {
    "cnn1d": ("encoder", "steps = 20", CONVOLUTION),
    "cnn2d": ("encoder_map", "steps = 20", CONVOLUTION),
    "head": ("encoder", 'summary = "mean_deviation"', HEAD),
}


@pytest.mark.slow
@pytest.mark.children
@pytest.mark.parametrize("family", FORMS)
def test_a_family_is_searched_on_a_frozen_encoder(make_plan, tmp_path, monkeypatch, family) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    model = register_encoder(write_encoder(tmp_path / "tiny")).digest
    kind, more, parameters = FORMS[family]
    space = tmp_path / "own.toml"
    space.write_text(SPACE.format(family=family, kind=kind, model=model, units=UNITS, more=more, parameters=parameters))
    plan = make_plan(space=space, trials=1)
    (name,) = run_search(plan)
    record = ResultsFolder(plan.results).study(name).record()
    assert (record.features["kind"], record.features["model"]) == (kind, model)
    assert str(tmp_path / "tiny") not in record.model_dump_json()
    (row,) = Results(plan.results).board().rows
    assert row.family == family
    assert row.uar > 1 / 6, "tones are told apart by more than chance"
