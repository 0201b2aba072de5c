"""A package of somebody else: checked, searched, tested, reported and exported by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_installed import environment, install_example
from tiers import starts_children

CHECKS = """
import warnings; warnings.filterwarnings("ignore")
from serbench.corpora import get_corpus
from serbench.families import get_family
from serbench.features import get_front_end
from serbench.testing import check_corpus, check_family, check_front_end
check_front_end(get_front_end("band_energy"))
check_corpus(get_corpus("example-tones"), "tones")
check_family(get_family("gated_gru"), input_shape=(31, 16))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
@starts_children
def work(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Path:
    folder = tmp_path_factory.mktemp("work")
    code = "from serbench_plugin_example.corpus import write_corpus; write_corpus('tones')"
    run([sys.executable, "-c", code], folder, installed)
    return folder


def run(command: list[str], folder: Path, installed: Path | None) -> str:
    paths = {} if installed is None else environment(installed)
    own = {"SERBENCH_CACHE": str(folder / "cache"), "SERBENCH_CONFIG": str(folder / "config")}
    env = {**environment(folder / "nothing"), **paths, **own, "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def serbench(*words: str, folder: Path, installed: Path | None) -> str:
    return run([sys.executable, "-m", "serbench", *words], folder, installed)


@pytest.mark.slow
def test_it_keeps_all_contracts(work: Path, installed: Path) -> None:
    run([sys.executable, "-c", CHECKS], work, installed)


@pytest.mark.slow
def test_it_goes_all_the_way_to_predictions(work: Path, installed: Path) -> None:
    said = serbench(
        "search", "gated_gru", "--corpus", "example-tones", "--data", "tones", "--trials", "2", "--results", "results",
        "--workers", "1", "--shortlist", "0", folder=work, installed=installed,
    )  # fmt: skip
    assert "gated_gru" in said
    board = json.loads(
        serbench("leaderboard", "--results", "results", "--format", "json", folder=work, installed=installed)
    )
    (row,) = board["rows"]
    assert row["multiply_accumulates"] > 0
    report = serbench("report", row["entry"], "--results", "results", folder=work, installed=installed)
    assert "filters" in report
    serbench("export", row["entry"], "--results", "results", "--to", "bundle", folder=work, installed=installed)
    predicted = json.loads(
        serbench("predict", "bundle", "tones/s01-ang-1.wav", "--format", "json", folder=work, installed=installed)
    )
    assert predicted[0]["label"] in {"anger", "neutral", "sadness"}

    without = subprocess.run(
        [sys.executable, "-m", "serbench", "predict", "bundle", "tones/s01-ang-1.wav"],
        cwd=work, env={**environment(work / "nothing"), "KERAS_BACKEND": "tensorflow"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert without.returncode != 0
    assert "Traceback" not in without.stderr
    assert "Install the package that offers it" in without.stderr
