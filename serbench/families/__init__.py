"""What a model family is: typed hyperparameters and a Keras build function. Importing this imports no Keras."""

from serbench.families.base import Family, InvalidConfiguration, parse_hyperparameters
from serbench.families.hyperparameters import ConvHyperparameters, Hyperparameters
from serbench.families.registry import custom_objects, family_names, get_family

__all__ = [
    "ConvHyperparameters",
    "Family",
    "Hyperparameters",
    "InvalidConfiguration",
    "custom_objects",
    "family_names",
    "get_family",
    "parse_hyperparameters",
]
