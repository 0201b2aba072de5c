"""`run.py` of a bundle: it cuts files as serbench does, and its answers are compared with the recorded ones."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from serbench.errors import SerbenchError
from serbench.export.light import proof
from serbench.export.windows import windows
from serbench.features import FeatureSpec, decode

SCRIPT = Path(proof.__file__).with_name("run.py")
LABELS = ("calm", "angry")
EXPECTED = pd.DataFrame({"clip_id": ["a", "b"], "p_calm": [0.75, 0.25], "p_angry": [0.25, 0.75]})
PATHS = {"a": "/somewhere/a.wav", "b": "/somewhere/b.wav"}


def facts_of(spec: FeatureSpec, crops: int = 1) -> dict[str, object]:
    """What `bundle.json` says of how files are cut."""
    return {"features": spec.model_dump(mode="json"), "longest_clip_s": 1.5, "prediction_crops": crops}


@pytest.mark.parametrize("crop", ["start", "centre"])
@pytest.mark.parametrize("samples", [1_000, 7_999, 8_000, 8_001, 12_001, 12_002, 20_001, 32_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("crops", [1, 3])
def test_the_script_cuts_files_as_serbench_does(
    tmp_path: Path, crop: str, samples: int, channels: int, crops: int
) -> None:
    spec = FeatureSpec(kind="log_mel", sample_rate=8_000, duration_s=1.0, crop=crop)
    sound = 0.1 * np.random.default_rng(0).standard_normal((samples, channels))
    soundfile.write(tmp_path / "a.wav", sound, 8_000, subtype="FLOAT")
    cut = runpy.run_path(str(SCRIPT))["windows"](tmp_path / "a.wav", facts_of(spec, crops))
    assert np.array_equal(np.stack(cut), windows(decode(tmp_path / "a.wav", 8_000), spec, 1.5, crops)[1])


def test_the_script_resamples_as_serbench_does(tmp_path: Path) -> None:
    spec = FeatureSpec(kind="log_mel", sample_rate=8_000, duration_s=1.0)
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(11_025), 11_025)
    cut = runpy.run_path(str(SCRIPT))["windows"](tmp_path / "a.wav", facts_of(spec))
    assert np.array_equal(cut[0], windows(decode(tmp_path / "a.wav", 8_000), spec, 1.5)[1][0])


def test_the_script_has_at_most_sixty_lines_and_knows_nothing_of_serbench() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60
    assert not any("serbench" in line for line in lines)


def bundle(folder: Path, shares: list[list[float]], first: str = "") -> Path:
    """A bundle whose script answers with these probabilities."""
    rows = [dict(zip(LABELS, row, strict=True)) for row in shares]
    script = f"""
import json, sys
{first}
for file, row in zip(sys.argv[3:], {rows!r}):
    print(json.dumps({{"file": file, "label": max(row, key=row.get), "probabilities": row}}))
"""
    (folder / "run.py").write_text(script, encoding="utf-8")
    return folder


@pytest.mark.children
def test_every_clip_has_its_line_in_the_report(tmp_path: Path) -> None:
    check = proof.prove(bundle(tmp_path, [[0.75001, 0.24999], [0.25, 0.75]]), "onnx", EXPECTED, PATHS, ())
    assert (check.clips, check.same_label) == (2, 2)
    assert check.largest_difference == pytest.approx(1e-5, rel=0.05)
    lines = (tmp_path / "proof" / "onnx.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "clip_id,recorded_label,label,largest_difference"
    assert lines[1].startswith("a,calm,calm,1")
    assert lines[2] == "b,angry,angry,0"


@pytest.mark.children
@pytest.mark.parametrize(
    ("shares", "first", "words"),
    [
        ([[0.75, 0.25], [0.26, 0.74]], "", r"b differs by 0\.01 \(allowed: 0\.0001\)"),
        ([[0.75, 0.25]], "", "labelled 1 of 2 clips with onnx"),
        (
            [[0.75, 0.25], [0.25, 0.75]],
            "import json.tool, colorsys",
            "could not label the test clips with onnx: .*colorsys",
        ),
    ],
)
def test_a_file_that_is_not_the_model_is_refused(tmp_path: Path, shares, first: str, words: str) -> None:
    """The last one imports what the process must do without."""
    with pytest.raises(SerbenchError, match=words):
        proof.prove(bundle(tmp_path, shares, first), "onnx", EXPECTED, PATHS, ("colorsys",))
    assert not (tmp_path / "proof").exists()


@pytest.mark.children
def test_another_label_is_refused_however_small_the_difference(tmp_path: Path) -> None:
    tie = pd.DataFrame({"clip_id": ["a"], "p_calm": [0.50001], "p_angry": [0.49999]})
    with pytest.raises(SerbenchError, match="does not repeat the recorded labels: a gets another one"):
        proof.prove(bundle(tmp_path, [[0.49999, 0.50001]]), "onnx", tie, PATHS, ())
