"""`serbench audit` and `serbench reference` on the command line."""

from __future__ import annotations

import importlib.util
import json
import shutil

import pytest
from drawn_results import forge

from serbench.records import ResultsFolder

STUDY = "crema-d-speaker-tiny_cnn1d"


@pytest.fixture
def copied(searched, tmp_path):
    """Results of a search that a test may add to."""
    return shutil.copytree(searched, tmp_path / "results")


@pytest.mark.children
def test_an_audit_without_fits_is_one_page_of_verdicts(serbench, copied) -> None:
    ran = serbench("audit", STUDY, "--results", copied, "--no-refits", "--format", "json")
    record = json.loads(ran.out)
    alarms = {found["check"] for found in record["findings"] if found["level"] == "alarm"}
    assert alarms <= {"literature"}, "tones are told apart better than any emotion was"
    assert ran.code == bool(alarms), ran.err
    assert record["study"] == STUDY
    assert {"check", "level", "verdict", "numbers", "table"} <= record["findings"][0].keys()
    assert record["draws"] == []
    table = serbench("audit", record["entry"], "--results", copied, "--no-refits").out
    assert f"Audit of {record['entry']}" in table
    assert "exact duplicates" in table


@pytest.mark.children
def test_an_alarm_ends_with_one(serbench, copied) -> None:
    folder = ResultsFolder(copied).study(STUDY)
    (entry,) = folder.entries()
    forge(folder, entry.entry_id)
    ran = serbench("audit", entry.entry_id, "--results", copied, "--no-refits", "--format", "json")
    levels = {found["check"]: found["level"] for found in json.loads(ran.out)["findings"]}
    assert levels["records"] == "alarm"
    assert (ran.code, "raised an alarm" in ran.sentence) == (1, True)


def test_an_unknown_entry_or_moved_audio_is_one_sentence(serbench, copied, tmp_path) -> None:
    assert "unknown entry 'cnn1d-zzz'" in serbench("audit", "cnn1d-zzz", "--results", copied).sentence
    ran = serbench("audit", STUDY, "--results", copied, "--data", tmp_path / "gone", "--no-refits")
    assert (ran.code, "gone does not exist" in ran.sentence) == (1, True)


def test_a_reference_that_cannot_be_computed_fails(serbench, copied) -> None:
    ran = serbench("reference", "listeners", "--study", STUDY, "--results", copied)
    assert ran.code == 1
    assert "listeners was not computed" in ran.sentence


@pytest.mark.skipif(importlib.util.find_spec("opensmile") is not None, reason="openSMILE is installed")
def test_a_reference_without_its_extra_names_it(serbench, copied) -> None:
    ran = serbench("reference", "egemaps", "--study", STUDY, "--results", copied)
    assert (ran.code, "serbench[egemaps]" in ran.sentence) == (1, True)
    assert serbench("reference", "egemap", "--study", STUDY, "--results", copied).code == 2
