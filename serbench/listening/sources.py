"""Where a listener's sound comes from: a microphone, or a file."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from serbench.audio import read_sound
from serbench.errors import SerbenchError, require
from serbench.features import Waveform, waveform_of

__all__ = ["file_blocks", "microphone_blocks", "paced"]


def file_blocks(path: Path, rate: int, block_s: float = 0.1) -> Iterator[Waveform]:
    """Reads a file and returns its waveform in blocks.

    Args:
        path: an audio file that serbench can read.
        rate: sample rate of the blocks in Hz.
        block_s: length of a block in seconds.

    Raises:
        SerbenchError: the file cannot be read.
    """
    sound = read_sound(path)
    if sound.waveform is None:
        raise SerbenchError(f"cannot use {path} as audio: {sound.health.detail}")
    waveform = waveform_of(sound, rate)
    size = max(1, round(block_s * rate))
    return (waveform[start : start + size] for start in range(0, len(waveform), size))


def paced(
    blocks: Iterator[Waveform],
    rate: int,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Any] = time.sleep,
) -> Iterator[Waveform]:
    """Hands over each block when its last sample would have been recorded.

    Args:
        blocks: blocks of samples.
        rate: their sample rate in Hz.
        clock: time in seconds.
        sleep: waits a number of seconds.
    """
    began, samples = clock(), 0
    for block in blocks:
        samples += len(block)
        if (early := began + samples / rate - clock()) > 0:
            sleep(early)
        yield block


def microphone_blocks(rate: int, device: str | None = None, block_s: float = 0.1) -> Iterator[Waveform]:
    """Records from a microphone until the iterator is closed.

    Args:
        rate: sample rate of the blocks in Hz. If the device has another one, what it records is resampled.
        device: part of the device's name, or its number; None for the default one.
        block_s: length of a block in seconds.

    Raises:
        SerbenchError: the extra `microphone` is not installed, or there is no microphone that can be opened.
    """
    require("a microphone", ["sounddevice"], extra="microphone", otherwise="name a file with --from")
    try:
        import sounddevice
    except OSError as error:  # the library below it is missing
        raise SerbenchError(
            f"sounddevice finds no PortAudio ({error}); install it, or name a file with --from"
        ) from error
    named: Any = int(device) if device is not None and device.isdecimal() else device
    try:
        own_rate = round(float(sounddevice.query_devices(named, "input")["default_samplerate"]))
        return _recorded(sounddevice, named, own_rate, rate, block_s)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise SerbenchError(
            f"no microphone can be opened ({error}); name one with --device, or a file with --from"
        ) from error


def _recorded(sounddevice: Any, device: Any, own_rate: int, rate: int, block_s: float) -> Iterator[Waveform]:
    """Opens the device at its own rate, so that no driver resamples, and returns its blocks at ours."""
    import soxr

    heard: queue.Queue[Waveform] = queue.Queue()

    def keep(samples: Any, *_: Any) -> None:
        heard.put(samples[:, 0].copy())

    stream = sounddevice.InputStream(
        samplerate=own_rate,
        channels=1,
        dtype="float32",
        device=device,
        blocksize=round(block_s * own_rate),
        callback=keep,
    )
    resampled = soxr.ResampleStream(own_rate, rate, 1, dtype="float32")

    def blocks() -> Iterator[Waveform]:
        with stream:
            while True:
                waiting = [heard.get()]
                while not heard.empty():  # what came while the last answer was computed
                    waiting.append(heard.get())
                block = np.concatenate(waiting)
                yield block if own_rate == rate else np.asarray(resampled.resample_chunk(block))

    return blocks()
