"""Keras settings of every trial, which no file of the user changes. Importing this module imports no backend."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator

from serbench.temporary import temporary_folder

__all__ = ["pin_keras_settings"]


def pin_keras_settings() -> None:
    """Imports Keras, if it is not imported yet, and gives it the settings that all trials share.

    Keras reads `keras.json` in the user's home while it is imported: another float type or data format there would
    change every trial, and an invalid one ends the import with an error. So Keras is imported with a folder of its
    own, and what a file or the environment may have set before is set back.
    """
    if "keras" not in sys.modules:
        with _empty_keras_home():
            importlib.import_module("keras")
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)


@contextlib.contextmanager
def _empty_keras_home() -> Iterator[None]:
    before = os.environ.get("KERAS_HOME")
    with temporary_folder() as folder:
        os.environ["KERAS_HOME"] = str(folder)
        try:
            yield
        finally:
            os.environ.pop("KERAS_HOME")
            if before is not None:
                os.environ["KERAS_HOME"] = before
