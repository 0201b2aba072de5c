"""CopyPaste: which clips stand beside which, and what is left of each."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.children  # the room imports Keras

FRAMES, FEATURES = 20, 3
SPEAKERS = np.array([0, 0, 0, 0, 1, 1, 1, -1, -1])
NEUTRAL = np.array([0, 1, 1, 0, 0, 0, 1, 0, 1], dtype=bool)
TRAINED = (0, 1, 4, 5, 7, 8)  # 2, 3 and 6 are held out: speaker 1 has no neutral clip to train on


def clips(length: int = 6, axis: int = 0) -> np.ndarray:
    """Each clip holds its own number, rising in hundredths, and then zeros."""
    x = np.zeros((len(SPEAKERS), FRAMES, FEATURES), dtype=np.float32)
    x[:, :length] = (1 + np.arange(len(x)))[:, None, None] + np.arange(length)[:, None] / 100
    return np.ascontiguousarray(np.moveaxis(x, 1, 1 + axis))


def pasted(share: float = 1.0, seed: int = 0, length: int = 6, axis: int = 0) -> np.ndarray:
    from serbench.training.copy_paste import CopyPaste

    arrays = clips(length, axis)
    chosen = np.array([(0, row) for row in TRAINED])
    x = arrays[chosen[:, 1]].copy()
    CopyPaste(share, TRAINED, NEUTRAL, SPEAKERS, axis, seed)(x, chosen, lambda items: arrays[items[:, 1]])
    return x


def heard(clip: np.ndarray) -> list[int]:
    """Numbers of the clips that sound in a clip, in their order."""
    numbers = np.floor(clip[:, 0] + 1e-4).astype(int)
    return [int(number) for number in dict.fromkeys(numbers) if number]


def test_an_emotional_clip_gets_a_neutral_training_clip_of_its_speaker_and_others_stay() -> None:
    before = clips()
    orders = set()
    for seed in range(30):
        x = pasted(seed=seed)
        assert sorted(heard(x[0])) == [1, 2], "its own clip, and the one neutral clip of speaker 0 that is trained on"
        orders.add(tuple(heard(x[0])))
        for place, row in enumerate(TRAINED[1:], start=1):  # neutral; without a neutral clip; of an unknown speaker
            np.testing.assert_array_equal(x[place], before[row])
    assert orders == {(1, 2), (2, 1)}


def test_clips_are_sorted_by_speaker_in_one_pass() -> None:
    from serbench.training.copy_paste import CopyPaste

    class Counted(np.ndarray):
        reads = 0

        def __getitem__(self, key: object) -> object:
            Counted.reads += 1
            return super().__getitem__(key)

    clips = 300
    speakers = np.arange(clips).view(Counted)
    CopyPaste(1.0, range(clips), np.ones(clips, dtype=bool), speakers, 0, 0)
    assert Counted.reads <= 4 * clips


@pytest.mark.parametrize("kind", ["acoustic", "log_mel"])
@pytest.mark.parametrize("neutral_first", [True, False])
def test_the_padding_of_real_features_is_left_out(kind, neutral_first) -> None:
    """Slopes of a silent end are rounding noise and not quite zero."""
    from serbench.features import FeatureSpec, extract
    from serbench.training.copy_paste import beside

    spec = FeatureSpec(kind=kind, sample_rate=8_000, duration_s=3.0, n_mels=40)
    waveforms = np.zeros((2, spec.n_samples), dtype=np.float32)
    waveforms[:, :8_000] = np.random.default_rng(0).normal(0, 0.1, (2, 8_000))  # one second of three sounds
    axis = np.argmax(np.array(spec.shape) > 60)
    clip, neutral = (np.moveaxis(one, axis, 0).reshape(spec.shape[axis], -1) for one in extract(waveforms, spec))
    sounding = spec.shape[axis] // 3 - 2
    joined = beside(clip, neutral, neutral_first=neutral_first)
    for part in (clip[2:sounding], neutral[2:sounding]):
        found = [(joined == frame).all(axis=1).any() for frame in part]
        assert all(found), f"{sum(found)} of {len(found)} frames are left"


def test_both_clips_are_whole_where_they_fit_and_the_emotional_one_keeps_half_where_they_do_not() -> None:
    fits = pasted(length=6)[0][:, 0]
    assert [(np.floor(fits + 1e-4) == number).sum() for number in (1, 2)] == [6, 6]
    for seed in range(6):
        full = pasted(length=FRAMES, seed=seed)[0][:, 0]
        assert [(np.floor(full + 1e-4) == number).sum() for number in (1, 2)] == [10, 10]
        longer = pasted(length=14, seed=seed)[0][:, 0]
        own = np.isin(np.floor(longer + 1e-4), [0, 1])  # a silent frame at an end belongs to the clip
        assert own.sum() >= 10
        assert (np.floor(longer + 1e-4) == 1).sum() >= 9


def test_the_axis_of_time_may_be_the_last() -> None:
    np.testing.assert_array_equal(pasted(seed=3, axis=1), np.moveaxis(pasted(seed=3), 1, 2))


def test_the_share_is_that_of_the_draws_and_a_seed_repeats_them() -> None:
    changed = [not np.array_equal(pasted(0.3, seed)[0], clips()[0]) for seed in range(200)]
    assert 0.2 < np.mean(changed) < 0.4
    np.testing.assert_array_equal(pasted(0.5, 5), pasted(0.5, 5))


def test_a_fit_pastes_training_clips_alone_and_works_without_a_neutral_class(make_job, features, targets) -> None:
    from serbench.training import ClipTargets
    from serbench.training.fit import fit

    speakers = np.arange(len(targets)) % 4
    labels = ("anger", "neutral", "sadness")
    spoilt = features.copy()
    spoilt[48:] = 1e6
    runs = {}
    for name, config, names, x in (
        ("off", {}, labels, features),
        ("on", {"copy_paste": 1.0}, labels, features),
        ("spoilt", {"copy_paste": 1.0}, labels, spoilt),
        ("no neutral", {"copy_paste": 1.0}, ("anger", "joy", "sadness"), features),
    ):
        job = make_job(config=config, labels=names)
        runs[name] = fit(job, [x], ClipTargets(targets, speakers=speakers)).predictions["validation"]
    assert not np.array_equal(runs["off"], runs["on"])
    np.testing.assert_array_equal(runs["on"], runs["spoilt"])
    np.testing.assert_array_equal(runs["off"], runs["no neutral"])


@pytest.mark.parametrize(
    ("clips", "expected"),
    [
        ([("a", "Neutral"), ("a", "joy"), ("b", "joy")], True),
        ([("a", "neutral"), ("b", "joy")], False),
        ([("unknown", "neutral"), ("unknown", "joy")], False),
        ([("a", "calm"), ("a", "joy")], False),
    ],
)
def test_a_corpus_can_paste_if_a_known_speaker_has_neutral_and_other_clips(clips, expected) -> None:
    import pandas as pd

    from serbench.training import can_paste

    assert can_paste(pd.DataFrame(clips, columns=["speaker", "label"])) is expected


def test_unknown_speakers_have_no_number() -> None:
    import pandas as pd

    from serbench.training.source import FeatureSource

    source = FeatureSource(pd.DataFrame({"speaker": ["b", "unknown", "a", "b"]}), store=None)
    assert source.speakers().tolist() == [0, -1, 2, 0]
