"""Leaderboard, report, export and predict on the results of a real search."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

REQUIRED_KEYS = {
    "family", "corpus", "protocol", "uar", "accuracy", "macro_f1", "selected", "entry", "study", "validation_uar",
    "seeds", "looks", "trials", "parameters", "winners_curse", "optimism_gap", "synthetic", "shares_speakers",
}  # fmt: skip


def entries(serbench, results) -> list[dict]:
    return json.loads(serbench("leaderboard", "--results", results, "--format", "json").out)["rows"]


def test_the_leaderboard_has_both_families_with_stable_keys(serbench, searched) -> None:
    rows = entries(serbench, searched)
    assert {row["family"] for row in rows} == {"cnn1d", "cnn2d"}
    assert all(row.keys() >= REQUIRED_KEYS for row in rows)
    assert sorted(row["selected"] for row in rows) == [False, True], "one of both families, by validation"
    assert all(row["rank"] is None and row["uar_low"] is None for row in rows)  # too few speakers


@pytest.mark.parametrize("form", ["table", "csv", "markdown", "latex"])
def test_every_format_names_every_entry(serbench, searched, form) -> None:
    out = serbench("leaderboard", "--results", searched, "--format", form).out
    assert all(row["entry"].replace("_", r"\_") in out.replace("_", r"\_") for row in entries(serbench, searched))


def test_a_report_has_every_class(serbench, searched, tmp_path) -> None:
    entry = entries(serbench, searched)[0]["entry"]
    page = tmp_path / "page.html"
    ran = serbench("report", entry, "--results", searched, "--format", "csv", "--html", page)
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["label"] for row in rows] == ["anger", "disgust", "fear", "happiness", "neutral", "sadness"]
    assert sum(int(row["support"]) for row in rows) == 24
    assert "<html" in page.read_text(encoding="utf-8")


def test_every_refit_says_what_a_prediction_costs(serbench, searched) -> None:
    for row in entries(serbench, searched):
        assert row["multiply_accumulates"] > 0
        assert row["ms_per_clip"] > 0
        assert row["model_bytes"] > 4 * row["parameters"]


def test_entries_are_compared_on_the_same_clips(serbench, searched) -> None:
    names = [row["entry"] for row in entries(serbench, searched)]
    ran = serbench("compare", *names, "--results", searched, "--format", "json")
    (pair,) = json.loads(ran.out)["pairs"]
    assert [pair["first"], pair["second"]] == names
    assert "at least 8" in pair["why_not"]
    assert serbench("compare", names[0], "--results", searched).code == 2


def test_the_page_of_a_2d_entry_shows_the_mask(serbench, searched, tmp_path) -> None:
    entry = next(row["entry"] for row in entries(serbench, searched) if row["family"] == "cnn2d")
    page = tmp_path / "page.html"
    serbench("report", entry, "--results", searched, "--html", page)
    assert "With random masks" in page.read_text(encoding="utf-8")


def test_the_site_of_a_real_search_is_written_and_its_way_told(serbench, searched, tmp_path) -> None:
    ran = serbench("leaderboard", "--results", searched, "--html", tmp_path / "site")
    assert ran.code == 0
    assert str(tmp_path / "site" / "index.html") in ran.err
    assert ran.out == ""
    names = {row["entry"] for row in entries(serbench, searched)}
    assert {path.stem for path in (tmp_path / "site" / "entries").iterdir()} == names
    assert list((tmp_path / "site" / "clips").glob("*.png"))
    assert not list((tmp_path / "site" / "clips").glob("*.wav"))
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html"))
    assert str(searched) not in text


def test_sound_goes_with_a_site_only(serbench, searched, tmp_path) -> None:
    assert serbench("leaderboard", "--results", searched, "--audio").code == 2
    assert serbench("leaderboard", "--results", searched, "--html", tmp_path / "site", "--audio").code == 0
    assert list((tmp_path / "site" / "clips").glob("*.wav"))


def test_export_selects_by_validation_and_predict_reads_any_audio(serbench, searched, exported, tmp_path) -> None:
    folder, said = exported
    (clip,) = re.findall(rf"^try it: serbench predict {re.escape(str(folder))} (.+)$", said, re.MULTILINE)
    assert Path(clip).is_file()
    bundle = shutil.copytree(folder, tmp_path / "bundle")  # which this test damages
    assert {path.name for path in bundle.iterdir()} == {"model.keras", "bundle.json", "metrics.json", "README.md"}
    record = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    _, metadata, card = (bundle / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    (index,) = yaml.safe_load(metadata)["model-index"]
    assert index["name"] == record["entry"]
    assert [one["type"] for one in index["results"][0]["metrics"]] == ["recall", "accuracy", "f1"]
    assert card.lstrip().startswith("# Speech emotion recognition: ")
    best = max(entries(serbench, searched), key=lambda row: row["validation_uar"])
    assert record["entry"] == best["entry"]
    assert record["check"]["clips"] == 24
    assert record["check"]["largest_difference"] <= 1e-4

    sounds = tmp_path / "sounds"
    sounds.mkdir()
    tone = 0.3 * np.sin(np.arange(48_000 * 3) * 0.1)
    soundfile.write(sounds / "stereo48k.wav", np.stack([tone, tone], axis=1), 48_000)
    soundfile.write(sounds / "short.flac", tone[:2000], 22_050)
    soundfile.write(sounds / "eight_bit.wav", tone[:9000], 11_025, subtype="PCM_U8")
    predicted = json.loads(serbench("predict", bundle, sounds, "--format", "json").out)
    assert [len(row["probabilities"]) for row in predicted] == [6, 6, 6]
    assert all(sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4) for row in predicted)
    long_one = next(row for row in predicted if row["path"].endswith("stereo48k.wav"))
    assert long_one["windows"] > 1
    each = json.loads(serbench("predict", bundle, sounds, "--format", "json", "--windows").out)
    assert len(each) == sum(row["windows"] for row in predicted)

    low, high = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["check"]["levels_db"]
    soundfile.write(sounds / "soft.wav", tone[:9000] * 10 ** ((low - 30) / 20), 11_025, subtype="FLOAT")
    soundfile.write(sounds / "like_tested.wav", tone[:9000] / 0.3 * 2**0.5 * 10 ** ((low + high) / 40), 11_025)
    told = serbench("predict", bundle, sounds / "soft.wav", sounds / "like_tested.wav").err
    assert "1 of 2 files are much softer than the clips that the network was tested on" in told
    assert f"soft.wav has {low - 43.47:.0f} dB" in told
    assert "tested on" not in serbench("predict", bundle, sounds / "like_tested.wav").err
    (sounds / "soft.wav").unlink()
    (sounds / "like_tested.wav").unlink()

    (sounds / "broken.wav").write_bytes(b"no audio at all")
    soundfile.write(sounds / "silence.wav", np.zeros(9000), 11_025)
    ran = serbench("predict", bundle, sounds, "--format", "csv")
    assert ran.code == 1
    assert "broken.wav" in ran.err
    assert ran.err.count("digital silence") == 1
    assert "silence.wav: digital silence of 0.82 s; its label means nothing" in ran.err
    assert len(ran.out.splitlines()) == 5
    ran = serbench("predict", bundle, sounds / "broken.wav")
    assert (ran.code, ran.out) == (1, "")

    assert "already holds a bundle" in serbench("export", "--results", searched, "--to", bundle).sentence

    told = bundle / "bundle.json"
    said = json.loads(told.read_text(encoding="utf-8"))
    for change in ({"labels": said["labels"][::-1]}, {"features": said["features"] | {"fmax": 3000.0}}):
        told.write_text(json.dumps(said | change), encoding="utf-8")
        assert "was changed since the export" in serbench("predict", bundle, sounds).sentence
    told.write_text(json.dumps(said), encoding="utf-8")

    (bundle / "model.keras").write_bytes(b"something else")
    assert "not the file that was exported" in serbench("predict", bundle, sounds).sentence


@pytest.mark.slow
def test_light_files_are_proved_without_serbench_and_answer_for_it(serbench, searched, tmp_path) -> None:
    """One graph from the waveform to the probabilities, in three formats, each checked by the bundle's own script."""
    bundle = tmp_path / "bundle"
    ran = serbench("export", "--results", searched, "--to", bundle, "--format", "litert,saved-model,keras,onnx")
    assert ran.code == 0
    record = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    assert {one["format"]: one["path"] for one in record["light"]} == {
        "onnx": "model.onnx", "litert": "model.tflite", "saved-model": "saved_model",
    }  # fmt: skip
    for one in record["light"]:
        assert one["check"]["clips"] == one["check"]["same_label"] == 24
        assert one["check"]["largest_difference"] <= 1e-4
        report = (bundle / "proof" / f"{one['format']}.csv").read_text(encoding="utf-8").splitlines()
        assert len(report) == 25
    assert "python run.py --runtime" in (bundle / "README.md").read_text(encoding="utf-8")

    tone = 0.3 * np.sin(np.arange(48_000 * 3) * 0.1) + 0.01 * np.random.default_rng(0).standard_normal(48_000 * 3)
    soundfile.write(tmp_path / "long.wav", np.stack([tone, tone], axis=1), 48_000)
    answers = [
        json.loads(serbench("predict", bundle, tmp_path / "long.wav", "--format", "json", "--runtime", runtime).out)
        for runtime in ("keras", "onnx", "litert")
    ]
    assert answers[0][0]["windows"] > 1
    for (row,) in answers[1:]:
        assert row["probabilities"] == pytest.approx(answers[0][0]["probabilities"], abs=1e-4)
    ran_alone = subprocess.run(
        [sys.executable, bundle / "run.py", tmp_path / "long.wav"], capture_output=True, text=True, check=True
    )
    assert json.loads(ran_alone.stdout)["probabilities"] == pytest.approx(answers[0][0]["probabilities"], abs=1e-4)

    for name in ("model.onnx", "model.tflite"):
        data = bytearray((bundle / name).read_bytes())
        data[len(data) // 2] ^= 1
        (bundle / name).write_bytes(data)
    for runtime in ("onnx", "litert"):
        assert "is damaged or was replaced" in serbench("predict", bundle, tmp_path, "--runtime", runtime).sentence


@pytest.mark.slow
def test_export_refuses_a_model_that_does_not_repeat_its_predictions(serbench, searched, tmp_path) -> None:
    """Another model than the one that was tested: nothing may be exported on the strength of its numbers."""
    import keras

    results = tmp_path / "results"
    shutil.copytree(searched, results)
    entry = entries(serbench, results)[0]
    for path in (results / "studies" / entry["study"] / "refits").glob("*/model.keras"):
        model = keras.saving.load_model(path, compile=False)
        model.set_weights([weights[..., ::-1] for weights in model.get_weights()])
        model.save(path)
    ran = serbench("export", entry["entry"], "--results", results, "--to", tmp_path / "bundle")
    assert ran.code == 1
    assert "does not repeat the recorded predictions" in ran.sentence
    assert not list(tmp_path.glob("*bundle*"))
