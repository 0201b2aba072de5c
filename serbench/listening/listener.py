"""`Listener`: answers of a bundle for the last seconds of a sound that goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from serbench.audio import SILENCE_PEAK
from serbench.errors import SerbenchError
from serbench.features import FeatureSpec, Waveform, fit_length

__all__ = ["Heard", "Listener"]


@dataclass(frozen=True)
class Heard:
    """What the model says of one window.

    Attributes:
        at_s: where the window ends, in seconds from the start of the sound.
        label: the most probable class after smoothing; empty in silence.
        probabilities: of this window alone, in the order of the labels; empty in silence.
        smoothed: the same, averaged with earlier windows; empty before the first sound.
        latency_ms: milliseconds from the last sample of the window to the answer.
    """

    at_s: float
    label: str
    probabilities: tuple[float, ...]
    smoothed: tuple[float, ...]
    latency_ms: float

    @property
    def silent(self) -> bool:
        """Whether the window holds no sound, so that it has no answer."""
        return not self.probabilities


class Listener:
    """Keeps the last seconds of a sound and predicts them every `every_s`.

    A window is as long as the model's clips were in training. Before that much was heard, it is what there is, filled
    up with zeros, as a short clip is. A window without sound is not predicted, and leaves the average as it is.

    Args:
        predict: returns the class probabilities of waveforms, (n, samples) to (n, classes): `Bundle.predict_waveforms`.
        spec: the front end of the model.
        labels: the classes, in the order of the probabilities.
        every_s: seconds from window to window.
        smoothing: share of the earlier average in the new one, from 0 (each window by itself) to below 1.
        live: whether of several windows in one block only the last is predicted: if a prediction takes longer than
            `every_s`, a microphone's blocks get longer, and answers would fall ever further behind.
        clock: time in seconds.
    """

    def __init__(
        self,
        predict: Callable[[Waveform], np.ndarray],
        spec: FeatureSpec,
        labels: tuple[str, ...],
        *,
        every_s: float = 0.5,
        smoothing: float = 0.6,
        live: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._predict = predict
        self._spec = spec
        self._labels = labels
        self._hop = max(1, round(every_s * spec.sample_rate))
        self._smoothing = smoothing
        self._live = live
        self._clock = clock
        self._kept: Waveform = np.zeros(0, dtype=np.float32)
        self._samples = 0
        self._average: np.ndarray | None = None

    def warm_up(self) -> None:
        """Predicts nothing in particular, since the first prediction takes longest."""
        self._predict(np.zeros((1, self._spec.n_samples), dtype=np.float32))

    def hear(self, block: Waveform) -> Iterator[Heard]:
        """Takes in the next samples, and gives an answer for each window that ends in them.

        Args:
            block: (samples,), mono, at the front end's sample rate.

        Raises:
            SerbenchError: the model's answers are no probabilities.
        """
        arrived = self._clock()
        while len(block):
            missing = self._hop - self._samples % self._hop
            part, block = block[:missing], block[missing:]
            self._kept = np.concatenate([self._kept, part])[-self._spec.n_samples :]
            self._samples += len(part)
            overtaken = self._live and len(block) >= self._hop
            if self._samples % self._hop == 0 and not overtaken:
                yield self._answer(arrived)

    def end(self) -> Iterator[Heard]:
        """Gives an answer for the last samples, if they filled no window."""
        if self._samples % self._hop:
            yield self._answer(self._clock())

    def _answer(self, arrived: float) -> Heard:
        at_s = self._samples / self._spec.sample_rate
        probabilities: tuple[float, ...] = ()
        if np.abs(self._kept).max() >= SILENCE_PEAK:
            window = fit_length(self._kept, self._spec.n_samples, self._spec.crop)
            new = np.asarray(self._predict(window[None])[0], dtype=np.float64)
            if not ((new >= 0).all() and abs(new.sum() - 1) < 1e-3):  # not for NaN, either
                raise SerbenchError(
                    f"the model's answers after {at_s:.1f} s are no probabilities; export the bundle again"
                )
            earlier = new if self._average is None else self._average
            self._average = self._smoothing * earlier + (1 - self._smoothing) * new
            probabilities = tuple(map(float, new))
        smoothed = () if self._average is None else tuple(map(float, self._average))
        label = self._labels[int(np.argmax(smoothed))] if probabilities else ""
        return Heard(at_s, label, probabilities, smoothed, 1000 * (self._clock() - arrived))
