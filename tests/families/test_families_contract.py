from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from family_contract import FamilyContract

pytestmark = pytest.mark.children

PLAIN = {"width": 8, "depth": 2, "dropout": 0, "dense_dropout": 0, "dense_width": 16, "time_mask": 0}


class TestCnn1d(FamilyContract):
    family_name = "cnn1d"
    input_shape = (40, 7)
    plain: ClassVar = PLAIN
    masks: ClassVar = {"time_mask": 60, "feature_mask": 5}
    too_deep: ClassVar = {"depth": 6, "pool_size": 4}
    too_wide: ClassVar = {"width": 256, "growth": 2.0, "depth": 5, "kernel_size": 9}
    extremes: ClassVar = [
        {"representation": "summary", "time_mask": 5, "width": 8},
        {"depth": 1, "width": 8, "head": "flatten", "dense_width": 0, "batch_norm": False, "dropout": 0},
        {"depth": 6, "width": 8, "growth": 1.0, "pool_size": 1, "head": "attention", "activation": "swish"},
        {"depth": 2, "kernel_size": 9, "pool_size": 4, "pooling": "average", "activation": "leaky_relu"},
        {"width": 8, "depth": 3, "head": "average", "activation": "elu", "regulariser": "l1_l2"},
        {"width": 8, "depth": 2, "block": "residual", "squeeze": 4, "time_shift": 3.0, "time_stretch": 0.2},
        {"width": 8, "depth": 2, "block": "separable", "regulariser": "l2", "batch_norm": False},
        {"functionals": "alone", "dense_width": 8},
        {"width": 8, "depth": 3, "block": "dilated", "head": "recurrent"},
        {"functionals": "branch", "depth": 1, "width": 8, "head": "average_deviation_max"},
    ]

    def test_functionals_without_a_hidden_layer_leave_one_network(self, family):
        alone = {"functionals": "alone", "dense_width": 0}
        plain = self.make(family, **alone)
        other = self.make(family, **alone, activation="elu", regulariser="l1_l2", l1=0.1, l2=0.1)
        assert other.losses == plain.losses == []
        assert all(map(np.array_equal, other.get_weights(), plain.get_weights()))
        assert [layer.name for layer in other.layers] == [layer.name for layer in plain.layers]

    def test_summary_is_numpys(self, family, clips):
        import keras

        model = self.make(family, representation="summary", mean=0.0, std=1.0, width=8)
        inner = keras.Model(model.input, model.get_layer("summary_sequence").output)
        expected = np.concatenate([getattr(clips, name)(axis=1) for name in ("mean", "std", "min", "max")], axis=1)
        np.testing.assert_allclose(np.asarray(inner(clips)), expected[:, :, None], rtol=1e-4)


class TestCnn2d(FamilyContract):
    family_name = "cnn2d"
    input_shape = (32, 40)
    plain: ClassVar = {**PLAIN, "frequency_mask": 0, "time_filters": 16}
    masks: ClassVar = {"time_mask": 60, "frequency_mask": 60}
    too_deep: ClassVar = {"depth": 6}
    too_wide: ClassVar = {"width": 256, "growth": 2.0, "depth": 4, "kernel_size": 9, "pool_size": 1}
    extremes: ClassVar = [
        {"depth": 1, "width": 8, "head": "flatten", "dense_width": 0, "batch_norm": False, "time_filters": 0},
        {"depth": 6, "width": 8, "growth": 1.0, "pool_size": 1, "head": "attention", "activation": "gelu"},
        {"depth": 2, "stem_stride": 1, "stem_pool": "both", "pooling": "average", "activation": "elu"},
        {"depth": 2, "stem_stride": 3, "stem_pool": "none", "stem_kernel": 9, "kernel_size": 9, "width": 8},
        {"depth": 2, "width": 8, "block": "residual", "squeeze": 32, "time_stretch": 0.2, "frequency_warp": 0.1},
        {"depth": 2, "width": 8, "block": "separable", "squeeze": 1, "time_shift": 4.0},
        {"depth": 1, "width": 8, "second_channel": "slopes"},
        {"depth": 1, "width": 8, "second_channel": "standardised"},
        {"depth": 3, "width": 8, "block": "dilated", "stem": "parallel", "head": "recurrent"},
    ]

    @pytest.mark.parametrize(("stem_pool", "expected"), [("none", (16, 20)), ("frequency", (8, 20)), ("both", (8, 10))])
    def test_stem_pools_the_axes_it_names(self, family, stem_pool, expected):
        model = self.make(family, stem_pool=stem_pool, depth=1, dropout=0.1)
        assert model.get_layer("stem_dropout").output.shape[1:3] == expected

    def test_three_kernels_side_by_side_read_the_same(self, family, clips):
        model = self.make(family, **{**self.plain, "stem": "parallel", "width": 9, "growth": 1.0})
        kernels = [tuple(model.get_layer(f"stem{i}_conv").kernel.shape) for i in (1, 2, 3)]
        assert kernels == [(11, 1, 1, 3), (1, 9, 1, 3), (3, 3, 1, 3)]

    def test_the_gaps_of_dilated_blocks_double(self, family, clips):
        model = self.make(family, **{**self.plain, "block": "dilated", "depth": 4})
        rates = [model.get_layer(f"block{i}_conv").dilation_rate for i in (2, 3, 4)]
        assert rates == [(1, 1), (2, 2), (4, 4)]
        assert model.get_layer("stem_conv").dilation_rate == (1, 1)

    def test_fold_keeps_time_in_order(self, family, clips):
        import keras

        model = self.make(family, **{**self.plain, "time_filters": 0})
        fold = model.get_layer("fold_frequency")
        inner = keras.Model(model.input, [model.get_layer("time_first").input, fold.output])
        before, after = (np.asarray(part) for part in inner(clips[:2]))
        assert np.array_equal(after, np.moveaxis(before, 2, 1).reshape(after.shape))
        assert after.shape[1] == before.shape[2]
