"""What serbench's own families do beyond `serbench.testing.check_family`: exact masks, kernels, penalties, extremes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from serbench.families import Family, InvalidConfiguration, get_family

N_CLASSES = 3


class FamilyContract:
    family_name: ClassVar[str]
    input_shape: ClassVar[tuple[int, int]]
    # Small and without anything random: what learning and normalisation are tested with.
    plain: ClassVar[dict[str, Any]]
    extremes: ClassVar[list[dict[str, Any]]]
    masks: ClassVar[dict[str, Any]]
    too_deep: ClassVar[dict[str, Any]]
    too_wide: ClassVar[dict[str, Any]]

    @pytest.fixture
    def family(self) -> Family:
        return get_family(self.family_name)

    @pytest.fixture
    def clips(self) -> np.ndarray:
        rng = np.random.default_rng(0)
        return rng.normal(5.0, 3.0, size=(32, *self.input_shape)).astype(np.float32)

    def make(self, family: Family, *, seed: int = 0, shape=None, mean=5.0, std=3.0, **values):
        shape = shape or self.input_shape
        size = shape[family.feature_axis]
        hp = family.hyperparameters(**values)
        return family.build(hp, shape, N_CLASSES, np.broadcast_to(mean, size), np.broadcast_to(std, size), seed)

    def test_default_features_are_readable(self, family):
        from serbench.features.spec import FeatureSpec

        spec = FeatureSpec(**family.default_features())
        assert spec.kind == family.feature_kind
        assert spec.empty_mel_bands == ()
        assert self.make(family, shape=spec.shape).input_shape == (None, *spec.shape)

    def test_conditions_name_real_fields_and_values(self, family):
        for name, condition in family.hyperparameters.conditions().items():
            for other, values in condition.items():
                for value in values:
                    together = {one: allowed[0] for one, allowed in condition.items()}
                    changed = {"noise_snr_db": 20} | together | {other: value}
                    assert name not in family.hyperparameters(**changed).idle_fields()

    def test_one_block_does_not_grow_and_pools_of_one_value_are_none(self, family):
        single = {"depth": 1, "width": 8, "pool_size": 1}
        plain, other = self.make(family, **single), self.make(family, **single, growth=2.0, pooling="average")
        assert [layer.name for layer in other.layers] == [layer.name for layer in plain.layers]
        assert all(map(np.array_equal, other.get_weights(), plain.get_weights()))
        assert family.hyperparameters(**single).idle_fields() >= {"growth", "pooling"}
        assert not {"growth", "pooling"} & family.hyperparameters(depth=2, pool_size=2).idle_fields()

    def test_defaults_give_probabilities(self, family, clips):
        self.check_output(self.make(family), clips[:4])

    def check_output(self, model, clips):
        import keras

        for training in (False, True):
            rows = keras.ops.convert_to_numpy(model(clips, training=training))
            assert rows.shape == (len(clips), N_CLASSES)
            assert rows.dtype == np.float32
            np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-5)
        assert model.input_shape == (None, *self.input_shape)
        assert model.output_names == ["probabilities"]

    def test_seed_alone_decides_weights_and_noise(self, family, clips):
        import keras

        models = []
        for global_seed, seed in ((1, 7), (2, 7), (1, 8)):
            keras.utils.set_random_seed(global_seed)
            models.append(self.make(family, seed=seed))
        one, same, other = models
        assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
        noisy = [np.asarray(model(clips[:4], training=True)) for model in (one, same)]
        assert np.array_equal(*noisy)
        kernels = [(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True) if a.ndim > 1]
        assert not any(np.array_equal(a, b) for a, b in kernels)

    def test_extremes_give_probabilities_and_saved_models_the_same(self, family, clips, tmp_path):
        import keras

        for i, values in enumerate([self.masks, *self.extremes]):
            model = self.make(family, **values)
            self.check_output(model, clips[:2])
            model.save(tmp_path / f"{i}.keras")
            loaded = keras.models.load_model(tmp_path / f"{i}.keras", safe_mode=True)
            assert np.array_equal(np.asarray(model(clips[:2])), np.asarray(loaded(clips[:2])))
            assert loaded.to_json() == model.to_json()

    def test_masks_hide_in_training_only(self, family, clips):
        model = self.make(family, **{**self.plain, **self.masks, "batch_norm": False})
        quiet = [np.asarray(model(clips)) for _ in range(2)]
        loud = [np.asarray(model(clips, training=True)) for _ in range(2)]
        assert np.array_equal(*quiet)
        assert not np.allclose(loud[0], loud[1])
        assert not np.allclose(quiet[0], loud[0])

    def test_masks_lie_along_their_axis(self, family, clips):
        model = self.make(family, **self.masks)
        feature_axis = family.feature_axis + 1
        for name in self.masks:
            shown = np.asarray(model.get_layer(name)(np.ones_like(clips), training=True))
            across = feature_axis if name == "time_mask" else 3 - feature_axis
            assert shown.min() == 0.0
            assert np.array_equal(shown.min(axis=across), shown.max(axis=across))

    def test_normalisation_is_numpys(self, family, clips):
        import keras

        axis = family.feature_axis
        size = self.input_shape[axis]
        mean, std = np.linspace(-4, 4, size), np.linspace(0.5, 9, size)
        inputs = clips.copy()
        # A feature that was constant in training may still move later, and must not explode then.
        std[0], mean[0] = 0.0, 5.0
        np.moveaxis(inputs, axis + 1, 0)[0] = 5.5
        model = self.make(family, mean=mean, std=std, **self.plain)
        inner = keras.Model(model.input, model.get_layer("normalise").output)
        shape = [1, 1, 1]
        shape[axis + 1] = size
        expected = (inputs - mean.reshape(shape)) / np.where(std > 0, std, 1.0).reshape(shape)
        np.testing.assert_allclose(np.asarray(inner(inputs)), expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.slow
    def test_learns_random_labels_by_heart(self, family, clips):
        import keras

        from serbench.families.optimizers import build_optimizer

        hp = family.hyperparameters(**self.plain, learning_rate=0.01, optimizer="adam", schedule="constant")
        model = self.make(family, **hp.model_dump())
        labels = np.arange(len(clips)) % N_CLASSES
        loss = keras.losses.SparseCategoricalCrossentropy()
        model.compile(build_optimizer(hp, 40), loss, metrics=["accuracy"], jit_compile=False)
        history = model.fit(clips, labels, batch_size=32, epochs=40, verbose=0).history
        assert history["accuracy"][-1] == 1.0
        assert history["loss"][-1] < 0.2 * history["loss"][0]

    def test_pooling_everything_away_is_an_invalid_configuration(self, family):
        with pytest.raises(InvalidConfiguration, match="lower depth, pool_size"):
            self.make(family, **self.too_deep)

    def test_an_absurd_kernel_is_an_invalid_configuration(self, family):
        with pytest.raises(InvalidConfiguration, match="alone would have"):
            self.make(family, **self.too_wide)

    @pytest.mark.parametrize("regulariser", ["none", "l1", "l2", "l1_l2"])
    def test_regulariser_is_a_loss(self, family, regulariser):
        model = self.make(family, **self.plain, regulariser=regulariser, l1=0.01, l2=0.001)
        kernels = [
            np.asarray(layer.kernel)
            for layer in model.layers
            if hasattr(layer, "kernel") and layer.name != "probabilities"
        ]
        l1 = 0.01 * sum(np.abs(kernel).sum() for kernel in kernels)
        l2 = 0.001 * sum(np.square(kernel).sum() for kernel in kernels)
        expected = {"none": 0.0, "l1": l1, "l2": l2, "l1_l2": l1 + l2}[regulariser]
        assert len(model.losses) == (0 if regulariser == "none" else len(kernels))
        assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
