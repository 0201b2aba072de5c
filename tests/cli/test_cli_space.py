"""`serbench space show`: every hyperparameter with its values and its meaning, at any width of the screen."""

from __future__ import annotations

import json

import pytest

from serbench.families import get_family
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


def test_a_family_of_a_plug_in_that_fails_is_a_line_of_the_list(serbench, monkeypatch) -> None:
    def fail(_self):
        raise FileNotFoundError("its weights are gone")

    monkeypatch.setattr(type(get_family("cnn1d")), "default_features", fail)
    ran = serbench("space", "list", "--format", "json")
    rows = {row["name"]: row for row in json.loads(ran.out)}
    assert ran.code == 0
    assert rows["cnn1d"]["title"] == "invalid: FileNotFoundError: its weights are gone"
    assert rows["cnn2d"]["family"] == "cnn2d"


def test_the_comparison_by_cross_validation_belongs_to_the_budget(serbench) -> None:
    budget = load_space("cnn1d").budget
    assert f"{budget.trials} trials, {budget.shortlist} of them compared" in serbench("space", "show", "cnn1d").out


def test_a_space_that_leaves_everything_open_is_shown(serbench, tmp_path) -> None:
    (tmp_path / "bare.toml").write_text('[space]\nfamily = "cnn1d"\n')
    ran = serbench("space", "show", tmp_path / "bare.toml")
    assert ran.code == 0, ran.err


def test_a_space_of_which_every_configuration_is_refused_is_not_valid(serbench, tmp_path) -> None:
    (tmp_path / "mine.toml").write_text('[space]\nfamily = "cnn1d"\n[parameters]\nwaveform_copies = 1\n')
    ran = serbench("space", "check", tmp_path / "mine.toml")
    assert ran.code != 0
    assert "space 'mine' has no valid configuration" in " ".join(ran.err.split())


def test_settings_that_are_not_the_usual_ones_are_shown(serbench, tmp_path) -> None:
    bare = '[space]\nfamily = "cnn1d"\n'
    (tmp_path / "bare.toml").write_text(bare)
    (tmp_path / "more.toml").write_text(
        f"{bare}[protocol]\nspeaker_normalisation = true\n[training]\ntrial_timeout_s = 90\n"
        '[budget]\nprobes = 8\nfinals = "held-out"\n'
    )
    shown = [" ".join(serbench("space", "show", tmp_path / f"{name}.toml").out.split()) for name in ("bare", "more")]
    for words in (
        "normalised by speaker (transductive)",
        "a trial is ended after 90 s",
        "8 probes of a quarter of the epochs, then 30 trials",
        "final runs without the validation clips",
    ):
        assert [words in text for text in shown] == [False, True]
