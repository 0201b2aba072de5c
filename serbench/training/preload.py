"""Imported by the fork server, and by nothing else: loads Keras and what a fit needs, runs nothing on it.

The server's standard error goes nowhere, since backends chatter while they are imported; a child gives
itself a log file of its own.
"""

import os

_null = os.open(os.devnull, os.O_WRONLY)
os.dup2(_null, 2)
os.close(_null)

import keras  # noqa: E402, F401

import serbench.families.layers  # noqa: E402
import serbench.training.fit  # noqa: E402, F401
