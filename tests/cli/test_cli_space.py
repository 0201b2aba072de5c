"""`serbench space show`: every hyperparameter with its values and its meaning, at any width of the screen."""

from __future__ import annotations

import pytest

from serbench.spaces import load_space


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_every_hyperparameter_is_shown_with_its_whole_meaning(serbench, monkeypatch, columns) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    ran = serbench("space", "show", "cnn2d")
    space = load_space("cnn2d")
    text = " ".join(ran.out.split())
    assert max(map(len, ran.out.splitlines()[5:])) <= columns
    for name, dimension in space.parameters.items():
        meaning = " ".join((space.family.hyperparameters.model_fields[name].description or "").split())
        assert meaning in text
        assert f"{name} {dimension}" in text
    assert "weight_decay 0.0001 ... 0.1 (log), if optimizer = adamw" in text


def test_the_comparison_by_cross_validation_belongs_to_the_budget(serbench) -> None:
    budget = load_space("cnn1d").budget
    assert f"{budget.trials} trials, {budget.shortlist} of them compared" in serbench("space", "show", "cnn1d").out


def test_a_space_that_leaves_everything_open_is_shown(serbench, tmp_path) -> None:
    (tmp_path / "bare.toml").write_text('[space]\nfamily = "cnn1d"\n')
    ran = serbench("space", "show", tmp_path / "bare.toml")
    assert ran.code == 0, ran.err
