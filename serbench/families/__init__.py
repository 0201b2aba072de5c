"""What a model family is: typed hyperparameters and a Keras build function. Importing this imports no Keras."""

from serbench.families.base import Family, InvalidConfiguration, expect, parse_hyperparameters
from serbench.families.base_family import BaseFamily
from serbench.families.hyperparameters import ConvHyperparameters, Hyperparameters
from serbench.families.registry import built_in_names, custom_objects, family_names, get_family

__all__ = [
    "BaseFamily",
    "ConvHyperparameters",
    "Family",
    "Hyperparameters",
    "InvalidConfiguration",
    "built_in_names",
    "custom_objects",
    "expect",
    "family_names",
    "get_family",
    "parse_hyperparameters",
]
