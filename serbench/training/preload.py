"""Imported by the fork server, and by nothing else: loads Keras and what a fit needs, runs nothing on it.

The server's standard error goes nowhere, since backends chatter while they are imported; a child gives
itself a log file of its own.
"""

import os
import signal

# A terminal's Ctrl-C and a batch system's SIGTERM reach the whole process group; when to end is the parent's decision.
for _number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))

_null = os.open(os.devnull, os.O_WRONLY)
os.dup2(_null, 2)
os.close(_null)

import keras  # noqa: E402, F401

import serbench.families.layers  # noqa: E402
import serbench.training.fit  # noqa: E402, F401
