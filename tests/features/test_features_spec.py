import pytest
from pydantic import ValidationError

from serbench.features import FeatureSpec, WaveformAugmentation


def test_shapes_and_names_agree():
    acoustic = FeatureSpec(kind="acoustic")
    assert acoustic.shape == (1 + 48_000 // 256, 3 + 12 + 20 + 20)
    assert len(acoustic.feature_names) == acoustic.shape[1] == len(set(acoustic.feature_names))
    log_mel = FeatureSpec(kind="log_mel", n_mels=40)
    assert log_mel.shape == (40, 188)
    assert len(log_mel.feature_names) == 40
    assert FeatureSpec(kind="acoustic", deltas=False).shape == (188, 35)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hop_length": 600}, r"hop_length \(600\) must not exceed window_length \(512\)"),
        ({"hop_length": 8}, "at least a sixteenth"),
        ({"fmax": 9_000}, r"fmax \(9000 Hz\) must not exceed half the sample rate \(8000 Hz\)"),
        ({"fmin": 4_000, "fmax": 3_000}, r"fmin \(4000 Hz\) must be below fmax \(3000 Hz\)"),
        ({"fmin": 8_000}, "must be below fmax"),
        ({"duration_s": 0.01}, "at least one window"),
        ({"duration_s": float("nan")}, "duration_s"),
        ({"n_mfcc": 65}, r"n_mfcc \(65\) must not exceed n_mels \(64\)"),
        ({"duration_s": 0.1}, "deltas need at least 9 frames, there are 7"),
        ({"window_length": 511}, "multiple of 2"),
        ({"n_fft": 512}, "n_fft"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        FeatureSpec(kind="acoustic", **settings)


def test_empty_mel_bands_are_named():
    assert FeatureSpec(kind="log_mel").empty_mel_bands == ()
    spec = FeatureSpec(kind="log_mel", n_mels=256)
    assert 0 in spec.empty_mel_bands
    (concern,) = spec.front_end.concerns(spec)
    assert concern.startswith(f"{len(spec.empty_mel_bands)} of 256 mel bands")
    assert FeatureSpec(kind="acoustic").front_end.concerns(FeatureSpec(kind="acoustic")) == ()


def test_digest_follows_what_the_values_depend_on():
    base = FeatureSpec(kind="log_mel")
    assert base.digest() == FeatureSpec(kind="log_mel", n_mfcc=13, deltas=False, fmax=8_000).digest()
    acoustic = FeatureSpec(kind="acoustic")
    others = [
        FeatureSpec(kind="log_mel", n_mels=32),
        FeatureSpec(kind="log_mel", duration_s=2.0),
        FeatureSpec(kind="log_mel", fmax=7_000),
        FeatureSpec(kind="log_mel", crop="centre"),
        FeatureSpec(kind="log_mel", top_db=60.0),
        acoustic,
        FeatureSpec(kind="acoustic", deltas=False),
        FeatureSpec(kind="acoustic", n_mfcc=13),
    ]
    assert len({base.digest(), *(other.digest() for other in others)}) == 9


def test_a_setting_that_came_later_is_told_only_where_it_is_set():
    base = FeatureSpec(kind="log_mel")
    pcen = FeatureSpec(kind="log_mel", compression="pcen")
    assert "compression" not in base.model_dump()
    assert FeatureSpec.model_validate(base.model_dump()) == base
    assert FeatureSpec.model_validate(pcen.model_dump(mode="json")) == pcen
    assert pcen.digest() != base.digest()
    plain, voiced = FeatureSpec(kind="acoustic"), FeatureSpec(kind="acoustic", pitch=True)
    assert "pitch" not in plain.model_dump()
    assert voiced.digest() != plain.digest()
    assert voiced.feature_names[: len(plain.feature_names)] == plain.feature_names
    assert voiced.shape[1] == plain.shape[1] + 2
    limited = FeatureSpec(kind="log_mel", compression="pcen", top_db=60.0)
    assert limited.digest() == pcen.digest(), "top_db has no effect on pcen"
    assert limited.front_end.concerns(limited) == ("top_db has no effect with compression = 'pcen'",)


def test_an_augmentation_has_to_alter_something():
    with pytest.raises(
        ValidationError, match="needs noise_snr_db, shift_s, room_rt60_s, telephone, level_db, speed, semitones, "
    ):
        WaveformAugmentation(copy_index=1)
    digests = {WaveformAugmentation(noise_snr_db=20, copy_index=copy).digest() for copy in range(3)}
    assert len(digests) == 3
