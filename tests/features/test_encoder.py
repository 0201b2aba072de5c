"""Frozen encoders as front ends: a tiny ONNX encoder that the test makes, run for real."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from encoder_made import HOP, UNITS, states_of, write_encoder
from pydantic import Field
from typer.testing import CliRunner

from serbench.cli.main import app
from serbench.errors import SerbenchError, UsageError
from serbench.features import FeatureSpec, FeatureStore, encoder_folders, extract, forget_encoder, register_encoder
from serbench.features.encoder_files import find_encoder, read_encoder_folder
from serbench.features.frontends.encoder import Encoder, EncoderMap, EncoderMapSettings, EncoderSettings
from serbench.spaces import read_space
from serbench.testing import check_front_end


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """The digest of an encoder that was added."""
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    return register_encoder(write_encoder(tmp_path / "tiny")).digest


def spec_of(model, kind="encoder", **more):
    values = {"sample_rate": 8_000, "duration_s": 0.5, "steps": 5, "normalise": False} | more
    return FeatureSpec(kind=kind, model=model, units=UNITS, **values)


def noise(n=4_000, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal((1, n))).astype(np.float32)


def test_both_front_ends_keep_the_contract(encoder) -> None:
    class Settings(EncoderSettings):
        model: str = encoder
        units: int = Field(default=UNITS, ge=1)

    class MapSettings(EncoderMapSettings):
        model: str = encoder
        units: int = Field(default=UNITS, ge=1)

    class Frames(Encoder):
        settings = Settings

    class Maps(EncoderMap):
        settings = MapSettings

    check_front_end(Frames(), Settings(summary="mean_deviation"), Settings(layers=(0, -1), weights=(0.2, 0.8)))
    check_front_end(Maps())


def test_the_states_are_those_of_the_model_averaged_to_steps(encoder) -> None:
    waveform = noise(4_100)
    spec = spec_of(encoder, duration_s=4_100 / 8_000, steps=4)
    first, second = states_of(waveform[0])
    assert len(second) == 40
    found = extract(waveform, spec)[0]
    assert found == pytest.approx(second.reshape(4, 10, UNITS).mean(axis=1), abs=1e-5)
    found = extract(waveform, spec_of(encoder, duration_s=4_100 / 8_000, steps=40, layers=[0]))[0]
    assert found == pytest.approx(first, abs=1e-5)
    weighted = spec_of(encoder, duration_s=4_100 / 8_000, steps=40, layers=[0, 1], weights=[3, 1])
    assert extract(waveform, weighted)[0] == pytest.approx(0.75 * first + 0.25 * second, abs=1e-5)
    turned = extract(waveform, spec_of(encoder, "encoder_map", duration_s=4_100 / 8_000, steps=40))[0]
    assert turned == pytest.approx(second.T, abs=1e-5)
    assert len(states_of(np.zeros(3 * HOP))[0]) == 2, "fewer frames than steps"
    assert extract(noise(1_600), spec_of(encoder, duration_s=0.2, steps=60)).shape == (1, 60, UNITS)


def test_mean_and_deviation_are_over_what_holds_sound(encoder) -> None:
    spec = spec_of(encoder, summary="mean_deviation", duration_s=1.0)
    assert spec.shape == (1, 2 * UNITS)
    short = noise(4_000)
    padded = np.pad(short, ((0, 0), (2_000, 2_000)))
    last = states_of(padded[0])[1]
    middles = (np.arange(len(last)) + 0.5) / len(last) * 8_000
    inside = last[(middles >= 2_000) & (middles <= 6_000)]
    assert 30 < len(inside) < len(last)
    expected = np.concatenate([inside.mean(axis=0), inside.std(axis=0)])
    assert extract(padded, spec)[0, 0] == pytest.approx(expected, abs=1e-5)
    everything = np.concatenate([last.mean(axis=0), last.std(axis=0)])
    assert np.abs(expected - everything).max() > 0.02


def test_padding_and_level_do_not_change_what_a_normalised_encoder_hears(encoder) -> None:
    spec = spec_of(encoder, normalise=True, duration_s=0.5)
    loud = extract(noise(), spec)
    assert extract(7 * noise() + 0.25, spec) == pytest.approx(loud, abs=1e-3)


def test_an_encoder_is_known_by_its_content_and_not_by_its_path(encoder, tmp_path, make_clips) -> None:
    clips, store, spec = make_clips(3), FeatureStore(tmp_path / "cache"), spec_of(encoder)
    first = np.array(store.get(clips, spec))
    shutil.move(tmp_path / "tiny", tmp_path / "elsewhere")
    assert np.array_equal(FeatureStore(tmp_path / "cache").get(clips, spec), first), "cached"
    with pytest.raises(SerbenchError, match=rf"encoder '{encoder}' is not where it was"):
        find_encoder(encoder)
    assert register_encoder(tmp_path / "elsewhere").digest == encoder
    assert np.array_equal(FeatureStore(tmp_path / "other").get(clips, spec), first)
    assert str(tmp_path) not in spec.model_dump_json()
    other = register_encoder(write_encoder(tmp_path / "second", seed=1)).digest
    assert store.path(clips, spec_of(other)) != store.path(clips, spec)


def test_files_that_have_changed_are_another_encoder(encoder, tmp_path) -> None:
    shutil.rmtree(tmp_path / "tiny")
    write_encoder(tmp_path / "tiny", seed=5)
    with pytest.raises(SerbenchError, match=rf"have changed: they are encoder '[0-9a-f]+' now, and not '{encoder}'"):
        extract(noise(), spec_of(encoder))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "f" * 16}, r"not known on this machine; .*serbench encoder add FOLDER"),
        ({"model": "0" * 16}, "no encoder is named"),
        ({"layers": [2]}, "has 2 layers, so there is no layer 2"),
        ({"units": 7}, "has states of 6 units; set units to that"),
    ],
)
def test_what_does_not_fit_is_one_sentence(encoder, change, words) -> None:
    spec = EncoderSettings.model_validate(spec_of(encoder).model_dump() | change)
    with pytest.raises(SerbenchError, match=words):
        extract(noise(), spec)


def test_an_encoder_of_another_rate_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    folder = write_encoder(tmp_path / "tiny")
    (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 16_000, "do_normalize": False}))
    digest = register_encoder(folder).digest
    assert read_encoder_folder(folder).normalised is False
    with pytest.raises(SerbenchError, match=r"hears 16,000 Hz; set sample_rate = 16000 instead of 8000"):
        extract(noise(), spec_of(digest))


def test_what_may_run_code_or_reach_other_files_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text("{}")
    (pickled / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(UsageError, match="other formats may run code"):
        register_encoder(pickled)
    beside = register_encoder(write_encoder(tmp_path / "beside", external=True)).digest
    with pytest.raises(SerbenchError, match="cannot be loaded as an encoder"):
        extract(noise(), spec_of(beside))
    asks = register_encoder(write_encoder(tmp_path / "asks", inputs=("speaker",))).digest
    with pytest.raises(SerbenchError, match="asks for 'speaker'"):
        extract(noise(), spec_of(asks))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(SerbenchError, match="cannot be loaded as an encoder"):
        extract(noise(), spec_of(register_encoder(tmp_path / "broken").digest))
    with pytest.raises(UsageError, match="is no folder"):
        register_encoder(tmp_path / "nowhere")


def test_an_encoder_that_wants_a_mask_gets_one_of_ones(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    digest = register_encoder(write_encoder(tmp_path / "masked", inputs=("attention_mask",))).digest
    assert extract(noise(), spec_of(digest)).shape == (1, 5, UNITS)


@pytest.mark.parametrize(
    ("weights", "words"),
    [([1, 2], "one number for each of the 1 layers"), ([0], "not all 0"), ([-1], "from 0"), ([float("nan")], "finite")],
)
def test_weights_fit_the_layers(weights, words) -> None:
    with pytest.raises(ValueError, match=words):
        EncoderSettings(weights=weights)


SPACE = '[space]\nfamily = "{family}"\n[features]\nkind = "{kind}"\nmodel = "{model}"\nunits = 6\nsample_rate = 8000\n'


def test_every_family_reads_it_from_a_space(encoder) -> None:
    def read(family, kind, more=""):
        return read_space(SPACE.format(family=family, kind=kind, model=encoder) + more, "own", "own.toml").features

    assert read("cnn1d", "encoder").shape == (50, 6)
    assert read("cnn2d", "encoder_map", "steps = 40\n").shape == (6, 40)
    summary = 'summary = "mean_deviation"\nlayers = [0, 1]\nweights = [0.5, 0.5]\n'
    assert read("head", "encoder", summary).shape == (1, 12)
    assert read("cnn1d", "encoder").duration_s == 3.0, "that of the family"
    for family, kind in (("cnn2d", "encoder"), ("cnn1d", "encoder_map")):
        with pytest.raises(UsageError, match=f"family {family} reads"):
            read(family, kind)


def test_a_rate_that_neither_the_space_nor_the_folder_states_is_noted(encoder, tmp_path) -> None:
    def concerns(model, more=""):
        text = SPACE.format(family="head", kind="encoder", model=model).replace("sample_rate = 8000\n", more)
        spec = read_space(text, "own", "own.toml").features
        return spec.front_end.concerns(spec)

    (concern,) = concerns(encoder)
    assert concern == (
        f"the files of encoder '{encoder}' do not state its sample rate, and it hears 11,025 Hz: set sample_rate to "
        "the rate that it was trained at, usually 16000"
    )
    assert concerns(encoder, "sample_rate = 16000\n") == ()
    assert concerns("f" * 16) == (), "not on this machine"
    (tmp_path / "tiny" / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 16_000}))
    assert concerns(register_encoder(tmp_path / "tiny").digest) == (), "extraction refuses another rate"


FUNCTIONALS_KNOWN = '[[enqueue]]\nname = "known"\nparameters = { functionals = "alone" }\n'


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('[parameters]\nfunctionals = ["none", "branch"]\n', "[parameters] functionals = 'branch' needs front end"),
        (FUNCTIONALS_KNOWN, "enqueued 'known': functionals = 'alone' needs front end 'acoustic'"),
    ],
)
def test_what_reads_the_energy_is_refused_whether_drawn_or_enqueued(encoder, more, told) -> None:
    text = SPACE.format(family="cnn1d", kind="encoder", model=encoder)
    with pytest.raises(UsageError, match=re.escape(told)):
        read_space(text + more, "own", "own.toml")


def test_a_whole_configuration_that_does_not_read_the_energy_is_a_space(encoder) -> None:
    text = SPACE.format(family="cnn1d", kind="encoder", model=encoder)
    space = read_space(text + '[parameters]\nfunctionals = "none"\n', "own", "own.toml")
    assert space.parameters["functionals"].value == "none"


def test_a_study_that_enqueued_what_reads_the_energy_can_still_be_read(encoder) -> None:
    text = SPACE.format(family="cnn1d", kind="encoder", model=encoder)
    space = read_space(text + FUNCTIONALS_KNOWN, "own", "own.toml", recorded=True)
    assert space.enqueued[0].config["functionals"] == "alone"


def test_the_command_prints_what_a_space_needs(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    done = CliRunner().invoke(app, ["encoder", "add", str(write_encoder(tmp_path / "tiny"))])
    assert done.exit_code == 0, done.output
    (digest,) = encoder_folders()
    space = read_space(f'[space]\nfamily = "cnn1d"\n{done.stdout}', "own", "own.toml")
    assert (space.features.model, space.features.units) == (digest, UNITS)
    listed = CliRunner().invoke(app, ["encoder", "list", "--format", "json"])
    assert json.loads(listed.stdout) == [{"model": digest, "folder": str(tmp_path / "tiny")}]
    assert CliRunner().invoke(app, ["encoder", "remove", digest]).exit_code == 0
    assert encoder_folders() == {}
    with pytest.raises(UsageError, match="no encoder"):
        forget_encoder(digest)


def test_a_damaged_list_says_so(encoder, tmp_path) -> None:
    (tmp_path / "config" / "encoders.json").write_text("{")
    with pytest.raises(SerbenchError, match=r"encoders.json is damaged"):
        find_encoder(encoder)


@pytest.mark.children  # PyTorch takes seconds to import
def test_a_folder_of_transformers_gives_the_hidden_states_of_all_layers(tmp_path, monkeypatch) -> None:
    """Where PyTorch and transformers are installed. A class of its own in the folder is not run."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    front = {"conv_dim": (8, 8), "conv_kernel": (10, 8), "conv_stride": (10, 8), "num_conv_pos_embeddings": 16}
    config = transformers.Wav2Vec2Config(**sizes, **front, num_conv_pos_embedding_groups=2)
    model = transformers.Wav2Vec2Model(config).eval()
    folder = tmp_path / "w2v"
    model.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"auto_map": {"AutoModel": "own.Own"}}))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    found = register_encoder(folder)
    assert (found.form, found.sample_rate, found.normalised) == ("transformers", 16_000, True)
    waveform = noise(16_000)
    spec = FeatureSpec(kind="encoder", model=found.digest, units=16, duration_s=1.0, steps=199, layers=[0, 2])
    scaled = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
    with torch.inference_mode():
        states = model(torch.from_numpy(scaled), output_hidden_states=True).hidden_states
    expected = ((states[0] + states[2]) / 2)[0].numpy()
    assert extract(waveform, spec.model_copy(update={"steps": len(expected)}))[0] == pytest.approx(expected, abs=1e-4)
    assert not (tmp_path / "ran").exists()
