"""Model families: typed hyperparameters and a function that builds a Keras model. Importing this imports no Keras.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.families.augmentation import build_model
    from serbench.families.base import Family, InvalidConfiguration, MinimalFamily, expect, parse_hyperparameters
    from serbench.families.base_family import BaseFamily
    from serbench.families.cost import multiply_accumulates, parameter_count
    from serbench.families.hyperparameters import ConvHyperparameters, Hyperparameters, recorded_setting
    from serbench.families.optimizers import build_optimizer
    from serbench.families.registry import (
        built_in_names,
        custom_objects,
        family_names,
        get_family,
        same_configuration,
        settings_in_use,
    )
    from serbench.families.training_layers import fast_training, has_training_layers
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "augmentation": ("build_model",),
            "base": (
                "Family",
                "InvalidConfiguration",
                "MinimalFamily",
                "expect",
                "parse_hyperparameters",
            ),
            "base_family": ("BaseFamily",),
            "cost": (
                "multiply_accumulates",
                "parameter_count",
            ),
            "training_layers": (
                "fast_training",
                "has_training_layers",
            ),
            "hyperparameters": (
                "ConvHyperparameters",
                "Hyperparameters",
                "recorded_setting",
            ),
            "optimizers": ("build_optimizer",),
            "registry": (
                "built_in_names",
                "custom_objects",
                "family_names",
                "get_family",
                "same_configuration",
                "settings_in_use",
            ),
        },
    )

__all__ = [
    "BaseFamily",
    "ConvHyperparameters",
    "Family",
    "Hyperparameters",
    "InvalidConfiguration",
    "MinimalFamily",
    "build_model",
    "build_optimizer",
    "built_in_names",
    "custom_objects",
    "expect",
    "family_names",
    "fast_training",
    "get_family",
    "has_training_layers",
    "multiply_accumulates",
    "parameter_count",
    "parse_hyperparameters",
    "recorded_setting",
    "same_configuration",
    "settings_in_use",
]
