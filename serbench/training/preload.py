"""Imported by the fork server only: loads Keras and everything a fit needs, but computes nothing.

The server discards its standard error, since backends print messages while they load. Each child opens its own log
file.
"""

import os
import signal

# Ctrl-C in a terminal and SIGTERM from a batch system reach the whole process group; the parent decides when to stop.
for _number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))

_null = os.open(os.devnull, os.O_WRONLY)
os.dup2(_null, 2)
os.close(_null)

from serbench.training.keras_settings import pin_keras_settings  # noqa: E402

pin_keras_settings()

import serbench.families.layers  # noqa: E402
import serbench.training.fit  # noqa: E402, F401
