import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from serbench.features import FeatureSpec, WaveformAugmentation, augment, even_crops, fit_length
from serbench.features.distortions import at_pitch
from serbench.records import digest_of

SPEC = FeatureSpec(kind="log_mel", sample_rate=8_000, duration_s=1.0, window_length=256, hop_length=128)


def tone(n_samples: int = 6_000) -> np.ndarray:
    return (0.3 * np.sin(0.3 * np.arange(n_samples)) + 0.01).astype(np.float32)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_noise_stands_at_the_stated_level_and_spares_the_padding(snr_db):
    clip = tone()
    noisy = augment(clip, WaveformAugmentation(noise_snr_db=snr_db), SPEC, "clip")
    noise = noisy[: len(clip)] - clip
    measured = 10 * np.log10(np.mean(clip**2) / np.mean(noise**2))
    assert measured == pytest.approx(snr_db, abs=0.3)
    assert not noisy[len(clip) :].any()


def test_silence_stays_silent():
    assert not augment(np.zeros(500, np.float32), WaveformAugmentation(noise_snr_db=0), SPEC, "clip").any()


@given(
    key=st.text(min_size=1, max_size=8),
    length=st.integers(2, 12_000),
    shift_s=st.floats(0.001, 10),
    crop=st.sampled_from(["start", "centre"]),
)
def test_a_shift_moves_a_clip_without_wrapping_or_losing_it(key, length, shift_s, crop):
    spec = SPEC.model_copy(update={"crop": crop})
    clip = np.arange(1, length + 1, dtype=np.float32)
    shifted = augment(clip, WaveformAugmentation(shift_s=shift_s), spec, key)
    left = fit_length(clip, spec.n_samples, crop)
    at = {value: place for place, value in enumerate(left.tolist()) if value}
    moves = {place - at[value] for place, value in enumerate(shifted.tolist()) if value in at}
    assert len(moves) == 1
    assert abs(moves.pop()) <= min(round(shift_s * 8_000), min(length, 8_000) // 2)


def test_shifts_go_both_ways():
    clip = np.ones(4_000, np.float32)
    augmentation = WaveformAugmentation(shift_s=0.1)
    starts = [int(np.argmax(augment(clip, augmentation, SPEC, f"clip{i}"))) for i in range(40)]
    ends = [int(augment(clip, augmentation, SPEC, f"clip{i}").sum()) for i in range(40)]
    assert max(starts) > 400
    assert min(ends) < 3_600


def test_copies_depend_on_key_seed_and_copy_alone():
    both = {"noise_snr_db": 20.0, "shift_s": 0.2}
    first = augment(tone(), WaveformAugmentation(**both), SPEC, "a")
    np.testing.assert_array_equal(first, augment(tone(), WaveformAugmentation(**both), SPEC, "a"))
    others = [
        augment(tone(), WaveformAugmentation(**both), SPEC, "b"),
        augment(tone(), WaveformAugmentation(**both, seed=1), SPEC, "a"),
        augment(tone(), WaveformAugmentation(**both, copy_index=1), SPEC, "a"),
    ]
    assert all(not np.array_equal(first, other) for other in others)


def test_the_original_is_left_alone():
    clip = tone()
    augment(clip, WaveformAugmentation(noise_snr_db=0, shift_s=0.1), SPEC, "a")
    np.testing.assert_array_equal(clip, tone())


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_another_speed_changes_length_and_pitch_alike(speed):
    clip = np.sin(2 * np.pi * 500 / 8_000 * np.arange(4_000)).astype(np.float32)
    played = augment(clip, WaveformAugmentation(speed=speed), SPEC, "clip")
    length = np.flatnonzero(np.abs(played) > 0.05)[-1] + 1
    assert length == pytest.approx(4_000 / speed, abs=20)
    spectrum = np.abs(np.fft.rfft(played[:3_600] * np.hanning(3_600)))
    assert np.argmax(spectrum) * 8_000 / 3_600 == pytest.approx(500 * speed, abs=3)


def test_random_crops_lie_anywhere_in_a_longer_clip_and_leave_a_shorter_one_alone():
    clip = np.arange(1, 20_001, dtype=np.float32)
    crop = WaveformAugmentation(random_crop=True, seed=3)
    found = [augment(clip, crop, SPEC, f"clip{number}") for number in range(60)]
    for one in found:
        np.testing.assert_array_equal(one, np.arange(one[0], one[0] + 8_000, dtype=np.float32))
    starts = np.array([one[0] for one in found])
    assert starts.min() < 2_000
    assert starts.max() > 10_000
    np.testing.assert_array_equal(found[0], augment(clip, crop, SPEC, "clip0"))
    other = augment(clip, crop.model_copy(update={"copy_index": 1}), SPEC, "clip0")
    assert other[0] != found[0][0]
    short = tone(5_000)
    np.testing.assert_array_equal(augment(short, crop, SPEC, "clip"), fit_length(short, 8_000))


def test_even_crops_reach_from_the_start_of_a_longer_clip_to_its_end_and_leave_a_shorter_one_alone():
    clip = np.arange(20_001, dtype=np.float32)
    found = [augment(clip, crop, SPEC, "clip") for crop in even_crops(4)]
    assert [one[0] for one in found] == [0, 4_000, 8_000, 12_001]
    for one in found:
        np.testing.assert_array_equal(one, np.arange(one[0], one[0] + 8_000, dtype=np.float32))
    centred = SPEC.model_copy(update={"crop": "centre"})
    short = tone(5_000)
    np.testing.assert_array_equal(augment(short, even_crops(4)[3], centred, "clip"), fit_length(short, 8_000, "centre"))


@pytest.mark.parametrize("even_crop", [(0, 1), (2, 2), (-1, 3)])
def test_an_even_crop_is_one_of_several(even_crop):
    with pytest.raises(ValidationError, match="even_crop is \\(number, count\\)"):
        WaveformAugmentation(even_crop=even_crop)


def test_the_level_is_moved_either_way_and_no_further_than_asked():
    clip = tone(8_000)
    moved = [augment(clip, WaveformAugmentation(level_db=12), SPEC, f"clip{number}") for number in range(40)]
    gains = np.array([20 * np.log10(np.abs(one).max() / np.abs(clip).max()) for one in moved])
    assert -12 <= gains.min() < -6
    assert 6 < gains.max() <= 12
    np.testing.assert_allclose(moved[0], clip * 10 ** (gains[0] / 20), rtol=1e-5)


@pytest.mark.parametrize("semitones", [-2.0, 1.0])
def test_another_pitch_keeps_the_length(semitones):
    clip = np.sin(2 * np.pi * 500 / 8_000 * np.arange(4_000)).astype(np.float32)
    shifted = augment(clip, WaveformAugmentation(semitones=semitones), SPEC, "clip")
    assert not shifted[4_000:].any(), "as long as before"
    assert np.abs(shifted[3_500:3_900]).max() > 0.5, "and sounding as long"
    spectrum = np.abs(np.fft.rfft(shifted[:4_000] * np.hanning(4_000)))
    assert np.argmax(spectrum) * 8_000 / 4_000 == pytest.approx(500 * 2 ** (semitones / 12), abs=3)
    np.testing.assert_array_equal(shifted, augment(clip, WaveformAugmentation(semitones=semitones), SPEC, "other"))


@pytest.mark.parametrize("samples", [1, 40, 700])
def test_a_short_clip_has_another_pitch_too(samples):
    assert at_pitch(tone(samples), 2.0, 8_000).shape == (samples,)
    assert not at_pitch(np.zeros(samples, np.float32), 2.0, 8_000).any()


def test_a_setting_that_came_later_leaves_the_cached_copies_of_before_valid():
    assert WaveformAugmentation(noise_snr_db=20, seed=3).digest() == "37270605f44e21b8"
    assert WaveformAugmentation(noise_snr_db=20, speed=1.1).digest() != WaveformAugmentation(noise_snr_db=20).digest()


def test_speech_noise_stands_at_its_level_and_differs_from_white():
    clip = np.concatenate([tone(3_000), np.zeros(3_000, np.float32)])
    speech = augment(clip, WaveformAugmentation(noise_snr_db=10.0, noise_kind="speech"), SPEC, "clip")
    noise = speech[: len(clip)] - clip
    assert 10 * np.log10(np.mean(clip**2) / np.mean(noise**2)) == pytest.approx(10.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(noise))
    peak = round(0.3 / (2 * np.pi) * len(clip))
    assert np.square(spectrum[peak - 20 : peak + 20]).sum() > 0.8 * np.square(spectrum).sum()


def test_a_room_and_a_telephone_change_copies_by_their_seed():
    clip = np.random.default_rng(0).standard_normal(6_000).astype(np.float32)
    room = augment(clip, WaveformAugmentation(room_rt60_s=0.3), SPEC, "clip")
    assert room[6_000:8_000].any(), "reverberation outlasts the clip"
    again = augment(clip, WaveformAugmentation(room_rt60_s=0.3), SPEC, "clip")
    np.testing.assert_array_equal(room, again)
    assert not np.array_equal(room, augment(clip, WaveformAugmentation(room_rt60_s=0.3, seed=1), SPEC, "clip"))
    band = augment(clip, WaveformAugmentation(telephone=True), SPEC, "clip")
    spectrum = np.square(np.abs(np.fft.rfft(band[:6_000])))
    hz = np.fft.rfftfreq(6_000, 1 / 8_000)
    assert spectrum[(hz > 250) & (hz < 3_600)].sum() > 0.99 * spectrum.sum()


def test_settings_added_later_leave_known_copies_their_digest():
    """Digests of before: features of published studies are found again."""
    plain = WaveformAugmentation(noise_snr_db=20.0, shift_s=0.1, copy_index=1, seed=7)
    known = {"noise_snr_db": 20.0, "shift_s": 0.1, "copy_index": 1, "seed": 7}
    assert plain.digest() == digest_of(known)
    others = [
        {"noise_kind": "speech"},
        {"room_rt60_s": 0.3},
        {"level_db": 6},
        {"telephone": True},
        {"speed": 1.1},
        {"semitones": 1.0},
        {"random_crop": True},
    ]
    digests = {WaveformAugmentation(**known, **other).digest() for other in others}
    assert len(digests | {plain.digest()}) == 8
