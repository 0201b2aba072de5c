import os

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from serbench.errors import SerbenchError
from serbench.features import decode, fit_length


def tone(rate: int, seconds: float = 0.5, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "DOUBLE", "PCM_U8"])
def test_every_sample_type_gives_the_same_waveform(tmp_path, subtype):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(16_000), 16_000, subtype=subtype)
    waveform = decode(path, 16_000)
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, tone(16_000), atol=0.01 if subtype == "PCM_U8" else 1e-4)


def test_channels_are_averaged(tmp_path):
    left, right = tone(16_000), tone(16_000, hz=1_000)
    soundfile.write(tmp_path / "stereo.flac", np.stack([left, right], axis=1), 16_000)
    np.testing.assert_allclose(decode(tmp_path / "stereo.flac", 16_000), (left + right) / 2, atol=1e-4)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_another_rate_is_resampled(tmp_path, rate):
    soundfile.write(tmp_path / "tone.wav", tone(rate), rate, subtype="FLOAT")
    waveform = decode(tmp_path / "tone.wav", 16_000)
    assert abs(len(waveform) - 8_000) <= 1
    middle = slice(1_000, 7_000)
    np.testing.assert_allclose(waveform[middle], tone(16_000)[middle], atol=2e-3)


def test_what_is_no_clip_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "void.wav").write_bytes(b"")
    (tmp_path / "samples.raw").write_bytes(b"\0" * 100)
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0, np.float32), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan], np.float32), 16_000, subtype="FLOAT")
    # Two hours and a second, at the lowest rate that keeps the file small.
    soundfile.write(tmp_path / "long.wav", np.zeros(72_010, np.uint8).astype(np.int16), 10, subtype="PCM_U8")
    cases = {
        "text.wav": "as audio",
        "void.wav": "0 bytes",
        "samples.raw": "as audio",
        "nothing.wav": "holds no samples",
        "nan.wav": "not finite numbers",
        "long.wav": "limit is 2 hours",
        "missing.wav": "does not exist",
        ".": "not a regular file",
        "nul\0.wav": "cannot use",
    }
    for name, reason in cases.items():
        with pytest.raises(SerbenchError, match=reason) as caught:
            decode(f"{tmp_path}/{name}", 16_000)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(SerbenchError, match="not a regular file"):
        decode(tmp_path / "pipe.wav", 16_000)


@given(
    length=st.integers(1, 60),
    n_samples=st.integers(1, 60),
    crop=st.sampled_from(["start", "centre"]),
    shift=st.integers(-80, 80),
)
def test_the_window_shows_the_waveform_or_zeros(length, n_samples, crop, shift):
    waveform = np.arange(1, length + 1, dtype=np.float32)
    fitted = fit_length(waveform, n_samples, crop, shift)
    first = (0 if crop == "start" else (length - n_samples) // 2) - shift
    seen = [waveform[i] if 0 <= i < length else 0 for i in range(first, first + n_samples)]
    assert fitted.tolist() == seen
    assert not np.shares_memory(fitted, waveform)
