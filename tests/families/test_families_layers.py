from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.children


@pytest.fixture(scope="module")
def layers():
    from serbench.families import layers

    return layers


def hidden(layer, axis, shape=(400, 12, 30)):
    """Returns which places of the axis are hidden in each clip in training, after checking that they are spans."""
    out = np.asarray(layer(np.ones(shape, np.float32), training=True))
    other = 2 if axis == 1 else 1
    assert np.array_equal(out.min(axis=other), out.max(axis=other))
    gone = out.min(axis=other) == 0
    edges = np.diff(np.pad(gone, ((0, 0), (1, 1))).astype(int), axis=1)
    assert (np.sum(edges == 1, axis=1) <= 1).all()
    return gone


@pytest.mark.parametrize(("name", "axis", "size"), [("FrequencyMask", 1, 12), ("TimeMask", 2, 30)])
def test_mask_hides_one_span_of_up_to_the_width_in_each_clip(layers, name, axis, size):
    gone = hidden(getattr(layers, name)(4, axis=axis, seed=1), axis)
    assert gone.shape == (400, size)
    assert set(gone.sum(axis=1)) == {0, 1, 2, 3, 4}
    assert len({row.tobytes() for row in gone}) > 20
    assert gone[:, 0].any()
    assert gone[:, -1].any()


def test_mask_wider_than_the_input_is_clamped(layers):
    widths = hidden(layers.FrequencyMask(500, seed=1), 1).sum(axis=1)
    assert set(widths) == set(range(13))


def test_mask_is_off_in_inference(layers):
    clips = np.random.default_rng(0).normal(size=(4, 12, 30)).astype(np.float32)
    for training in (False, None):
        assert np.array_equal(np.asarray(layers.TimeMask(20, seed=1)(clips, training=training)), clips)


def test_mask_leaves_what_it_shows_untouched(layers):
    clips = np.random.default_rng(0).normal(size=(8, 12, 30)).astype(np.float32)
    out = np.asarray(layers.TimeMask(20, axis=2, seed=1)(clips, training=True))
    assert np.array_equal(out[out != 0], clips[out != 0])


def test_masks_draw_anew_but_reproducibly(layers):
    first, second = (layers.TimeMask(20, axis=2, seed=3) for _ in range(2))
    a, b = hidden(first, 2), hidden(first, 2)
    assert not np.array_equal(a, b)
    assert np.array_equal(hidden(second, 2), a)


def test_negative_widths_are_refused(layers):
    with pytest.raises(ValueError, match="negative"):
        layers.TimeMask(-1)


def test_layers_survive_their_config_and_know_their_shape(layers):
    from serbench.families.warps import Warp

    clips = np.random.default_rng(0).normal(size=(3, 12, 30)).astype(np.float32)
    made = [
        layers.FrequencyMask(4, seed=1),
        layers.TimeMask(4, axis=2, seed=2),
        layers.Slopes(),
        layers.StandardisedOverTime(axis=2),
        layers.SummaryStatistics(),
        layers.AttentionPooling(),
        layers.DeviationPooling(),
        layers.Functionals(1),
        Warp(0.1, 3, axis=2, seed=3),
    ]
    assert {type(layer) for layer in made} == set(layers.LAYERS)
    for layer in made:
        twin = type(layer).from_config(layer.get_config())
        assert twin.get_config() == layer.get_config()
        assert np.asarray(twin(clips)).shape == layer.compute_output_shape(clips.shape)


def test_attention_starts_as_the_average_and_its_weights_sum_to_one(layers):
    clips = np.random.default_rng(0).normal(size=(3, 12, 30)).astype(np.float32)
    layer = layers.AttentionPooling()
    np.testing.assert_allclose(np.asarray(layer(clips)), clips.mean(axis=1), atol=1e-5)
    layer.query.assign(np.random.default_rng(1).normal(size=30))
    weights = np.asarray(layer.weights_over_time(clips))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-5)
    assert weights.std() > 0.01
    np.testing.assert_allclose(np.asarray(layer(clips)), np.einsum("bt,btc->bc", weights, clips), atol=1e-4)


def test_functionals_are_those_of_the_reference(layers):
    from serbench.features import functionals, sounding_frames

    clips = np.random.default_rng(0).normal(size=(3, 40, 5)).astype(np.float32)
    clips[:2, 30:, 1] = -9  # silence fills up two clips
    clips[2, :, 1] = 0  # and all of one: then every frame counts
    given = np.asarray(layers.Functionals(energy=1)(clips))
    for clip, vector in zip(clips, given, strict=True):
        sounding = clip[:, 1] > clip[:, 1].min() + 0.01
        np.testing.assert_allclose(vector, functionals(clip, sounding), atol=1e-4)
    assert sounding_frames(clips[0, :, 1], 9.0 + clips[0, :, 1].max()).sum() == 30
    everything = np.asarray(layers.Functionals()(clips))
    np.testing.assert_allclose(everything[0], functionals(clips[0], np.ones(40, bool)), atol=1e-4)


def test_the_deviation_over_time_is_numpys(layers):
    clips = np.random.default_rng(0).normal(size=(3, 40, 5)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(layers.DeviationPooling()(clips)), clips.std(axis=1), atol=1e-4)


def test_slopes_are_those_of_a_straight_line(layers):
    rising = np.broadcast_to(np.arange(12, dtype=np.float32)[None, :, None], (2, 12, 3))
    found = np.asarray(layers.Slopes(axis=1)(3 * rising))
    np.testing.assert_allclose(found[:, 2:-2], 3.0, atol=1e-5)
    assert np.array_equal(np.asarray(layers.Slopes(axis=2)(rising)), np.zeros_like(rising))


def test_standardised_over_time_has_no_mean_and_a_deviation_of_one(layers):
    clips = np.random.default_rng(0).normal(5, 3, size=(3, 6, 200)).astype(np.float32)
    found = np.asarray(layers.StandardisedOverTime(axis=2)(clips))
    np.testing.assert_allclose(found.mean(axis=2), 0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=2), 1, atol=1e-3)
    assert np.isfinite(np.asarray(layers.StandardisedOverTime(axis=2)(np.ones_like(clips)))).all()
