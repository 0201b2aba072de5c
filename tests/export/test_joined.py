"""Entries of folded protocols: one network whose answer is the mean of the folds' final networks."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from drawn_results import Builder
from typer.testing import CliRunner

from serbench.cli.main import app
from serbench.errors import SerbenchError
from serbench.export import export_bundle
from serbench.results import Results
from serbench.site.words import entry_commands

LABELS = ("anger", "happiness")
SPACE = """
[space]
family = "cnn1d"

[features]
sample_rate = 8000
duration_s = 0.4
window_length = 256
hop_length = 128
n_mels = 24
n_mfcc = 8
deltas = false

[training]
epochs = 3

[budget]
shortlist = 0

[parameters]
depth = 1
width = [8, 16]
dense_width = 16
batch_size = 16
learning_rate = 0.005
prediction_crops = 3
"""


def folded(root: Path, folds: int = 3) -> Builder:
    """A drawn run of a folded protocol, an entry in each fold. No network was kept."""
    build = Builder(root)
    for fold in range(1, folds + 1):
        build.study(
            f"run-cnn1d-fold{fold}", family="cnn1d", protocol="speaker-cv", fold=fold, folds=folds, labels=LABELS,
            test_speakers=4, validation_speakers=3,
        )  # fmt: skip
        build.entry(f"cnn1d-{fold}", f"run-cnn1d-fold{fold}")
    return build


def test_a_pooled_entry_without_networks_is_told_where_they_are_missing(tmp_path) -> None:
    results = folded(tmp_path / "results").read()
    with pytest.raises(SerbenchError, match=r"run-cnn1d-fold1 \(published results hold none\); train it again"):
        export_bundle(results, results.select().entry, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.children
def test_a_joined_network_answers_with_the_mean_of_its_networks(tmp_path) -> None:
    import keras
    from test_onnx_network import SPECS, answers, built, waveforms

    from serbench.features import extract
    from serbench.training import join_networks

    files, expected = [], []
    features = extract(waveforms(SPECS["acoustic"]), SPECS["acoustic"])
    for name in ("relu", "elu", "swish"):
        model, _ = built("cnn1d", {"activation": name, "depth": 2})
        model.save(tmp_path / f"{name}.keras")
        files.append((tmp_path / f"{name}.keras").read_bytes())
        expected.append(answers(model, features))
    each, joined = join_networks(files, "cnn1d", features)
    np.testing.assert_allclose(each, expected, atol=1e-6)
    (tmp_path / "joined.keras").write_bytes(joined)
    network = keras.models.load_model(tmp_path / "joined.keras", compile=False)
    np.testing.assert_allclose(answers(network, features), np.mean(expected, axis=0), atol=1e-6)


@pytest.fixture(scope="module")
def searched(tmp_path_factory, tone_corpus) -> Path:
    """A finished search of three folds."""
    folder = tmp_path_factory.mktemp("folded")
    space = folder / "tiny.toml"
    space.write_text(SPACE, encoding="utf-8")
    arguments = ["search", space, "--corpus", "crema-d", "--data", tone_corpus, "--protocol", "speaker-cv:3"]
    budget = ["--trials", 1, "--finalists", 1, "--repeats", 2, "--results", folder / "results"]
    ran = CliRunner().invoke(app, [str(one) for one in (*arguments, *budget)])
    assert ran.exit_code == 0, ran.stderr
    return folder / "results"


@pytest.mark.slow
def test_a_folded_entry_is_one_bundle_whose_networks_were_each_checked_on_their_own_fold(
    searched, tone_corpus, tmp_path
) -> None:
    results = Results(searched)
    row = results.select()
    record = export_bundle(results, row.entry, tmp_path / "bundle", format="onnx", quantise="int8")
    assert [one.fold for one in record.joined] == [1, 2, 3]
    assert sum(one.check.clips for one in record.joined) == record.check.clips == 144
    assert max(one.check.largest_difference for one in record.joined) <= 1e-4
    light, int8 = record.light
    assert light.check.same_label == light.check.clips == 144
    assert int8.int8 is not None
    assert int8.int8.trained_on
    assert int8.check.clips < 144
    card = (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    assert "The joined model has heard all of them" in " ".join(card.split())
    assert "The network was trained on these clips, too" in card
    clip = str(next(tone_corpus.glob("*_HAP_*.wav")))
    for runtime in ("onnx", "onnx-int8"):
        ran = CliRunner().invoke(
            app, ["predict", str(tmp_path / "bundle"), clip, "--runtime", runtime, "--format", "csv"]
        )
        assert ran.exit_code == 0, ran.stderr
        assert clip in ran.stdout
    study = results.study(record.joined[1].study)
    recorded = study.folder.predictions("refit", record.joined[1].refit)
    assert (recorded["subset"] == "test").sum() == record.joined[1].check.clips


@pytest.mark.slow
def test_the_commands_that_the_page_of_a_folded_entry_shows_work(searched, tone_corpus, tmp_path) -> None:
    results = Results(searched)
    row = results.select()
    studies = [study.record for study, _ in results.members(row.entry)]
    commands = dict(entry_commands(row, studies[:1], "", {}))
    words = shlex.split(commands["Export it"])[1:-1]
    ran = CliRunner().invoke(app, [*words, str(tmp_path / "bundle"), "--results", str(searched)])
    assert ran.exit_code == 0, ran.stderr
    tried = shlex.split(next(line for line in ran.stderr.splitlines() if line.startswith("try it: ")))
    assert Path(tried[-1]).parent == tone_corpus
    words = shlex.split(commands["Predict with it"])
    ran = CliRunner().invoke(app, [words[1], str(tmp_path / "bundle"), tried[-1]])
    assert ran.exit_code == 0, ran.stderr


@pytest.mark.slow
def test_a_fold_whose_network_is_not_the_tested_one_is_named(searched, tmp_path) -> None:
    import keras

    shutil.copytree(searched, tmp_path / "results")
    entry = Results(tmp_path / "results").select().entry
    for path in (tmp_path / "results" / "studies").glob("*-fold2/refits/*/model.keras"):
        model = keras.saving.load_model(path, compile=False)
        model.set_weights([weights[..., ::-1] for weights in model.get_weights()])
        model.save(path)
    with pytest.raises(SerbenchError, match="the network of fold 2 does not repeat the recorded predictions"):
        export_bundle(Results(tmp_path / "results"), entry, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
