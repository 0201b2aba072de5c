"""The options of `serbench search`: declared once, grouped in the help, and refused where they are too small."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from drawn_results import Builder

from serbench.cli.printing import command_line
from serbench.errors import UsageError
from serbench.search.request import Panel, SearchRequest, option_of, request_options, seconds_of

COUNTED = [option_of(one) for one in request_options() if option_of(one).least is not None]


def test_help_has_every_option_once_under_its_panel(serbench) -> None:
    text = serbench("search", "--help").out
    titles = [line.rstrip(":") for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Arguments", *(panel.value for panel in Panel), "Options"]
    sections = dict(zip(titles, re.split(r"(?m)^\S.*:$", text)[1:], strict=True))
    for declared in request_options():
        option = option_of(declared)
        holding = [title for title, lines in sections.items() if re.search(rf"(?m)^  {option.flags[0]}[ ,]", lines)]
        assert holding == [option.panel.value], option.flags


def test_every_field_of_a_request_is_an_option_but_the_spaces() -> None:
    assert {one.name for one in fields(SearchRequest)} - {one.name for one in request_options()} == {"spaces"}


@pytest.mark.parametrize("option", COUNTED, ids=lambda option: option.flags[0])
def test_a_number_that_is_too_small_is_refused_by_its_option(serbench, option) -> None:
    ran = serbench("search", option.flags[0], option.least - 1)
    assert ran.code == 2
    assert f"{option.flags[0]} must be at least {option.least}, got {option.least - 1}" in ran.sentence


def test_a_tilde_that_no_shell_has_replaced_is_the_home_folder(serbench, tmp_path, monkeypatch) -> None:
    Builder(tmp_path / "mine").study()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "demo-speaker-cnn2d" in serbench("study", "list", "--results=~/mine").out
    monkeypatch.setenv("SERBENCH_RESULTS", "~/mine")
    assert "demo-speaker-cnn2d" in serbench("study", "list").out
    assert str(tmp_path / "mine") in serbench("verify").out + serbench("leaderboard").sentence
    ran = serbench("corpus", "check", "emo-db", "--data=~/nowhere")
    assert str(tmp_path / "nowhere") in ran.sentence


@pytest.mark.parametrize("option", ["--html", "--to"])
def test_a_tilde_is_replaced_where_something_is_written(serbench, tmp_path, monkeypatch, option) -> None:
    builder = Builder(tmp_path / "mine")
    study = builder.study()
    builder.entry("a", study)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    words = ["study", "publish", study] if option == "--to" else ["report", "a"]
    assert serbench(*words, f"{option}=~/new/place", "--results", builder.results.root).code == 0
    assert (tmp_path / "home" / "new" / "place").exists()
    assert not (tmp_path / "~").exists()


def test_a_tilde_before_a_name_that_nobody_has_stays(serbench, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Builder(tmp_path / "~no such user").study()
    assert "demo-speaker-cnn2d" in serbench("study", "list", "--results", "~no such user").out


@pytest.mark.parametrize("text", ["1h30", "15m30", "", "h", "1,5h", "10s5"])
def test_a_number_without_a_unit_after_others_is_no_duration(text) -> None:
    with pytest.raises(UsageError, match="is not a duration"):
        seconds_of(text)


def test_words_that_are_as_usual_are_left_out() -> None:
    assert SearchRequest().argv() == ["serbench", "search"]
    request = SearchRequest(spaces=("a b.toml",), drop=("calm", "joy"), seconds=seconds_of("1h30m"))
    assert request.argv()[2:] == ["a b.toml", "--drop", "calm", "--drop", "joy", "--time", "5400"]


def test_a_printed_command_starts_as_the_running_one_did(monkeypatch) -> None:
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    assert command_line("report", "x") == "uv run serbench report x"


def test_a_printed_command_names_a_folder_of_results_that_is_not_the_usual_one() -> None:
    assert command_line("report", "x") == "serbench report x"
    assert command_line("report", "x", results=Path("my results")) == "serbench report x --results 'my results'"
