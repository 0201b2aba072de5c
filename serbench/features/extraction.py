"""Features of a batch of waveforms, and of many files in several threads.

Threads are enough here: decoding, resampling, the Fourier transform and array arithmetic all release Python's global
lock. On two cores they gained as much as processes (measured: 1.6 to 1.8 times). Unlike processes they start at once,
leave no orphans, and work inside a daemonic worker.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serbench.audio import machine_lacks
from serbench.errors import SerbenchError
from serbench.features.audio import Waveform, decode, fit_length, realise_soundfile
from serbench.features.augmentation import augment
from serbench.features.spec import FeatureSpec, WaveformAugmentation

__all__ = ["CHUNK_CLIPS", "Alter", "ClipFile", "ClipsWithoutFeaturesError", "extract", "extract_files"]

CHUNK_CLIPS = 32
"""Clips per unit of work: enough to make the cost of handing it over negligible, few enough to be interrupted."""

_NAMED = 5
"""Clips that a message names."""


Alter = Callable[[Waveform, str], Waveform]
"""Changes the waveform of a clip: its samples and its id in, its samples out."""


class ClipFile(NamedTuple):
    """The facts about a clip that extraction needs."""

    clip_id: str
    path: str
    digest: str = ""


class ClipsWithoutFeaturesError(SerbenchError):
    """A front end fails for some clips and not for others: those can do without them."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        """Names the clips.

        Args:
            faults: what is wrong, by clip id.
        """
        self.faults = dict(faults)
        shown = [f"'{clip}' ({reason})" for clip, reason in itertools.islice(self.faults.items(), _NAMED)]
        more = f" and {len(self.faults) - _NAMED:,} more" if len(self.faults) > _NAMED else ""
        clips = "1 clip has" if len(self.faults) == 1 else f"{len(self.faults):,} clips have"
        super().__init__(
            f"{clips} no features: {', '.join(shown)}{more}; leave them out of the corpus, or take another front end"
        )


def extract(waveforms: npt.NDArray[np.float32], spec: FeatureSpec) -> npt.NDArray[np.float32]:
    """Computes the features of clips of equal length with the front end of `spec`.

    The features of a clip do not depend on the other clips.

    Args:
        waveforms: (n, spec.n_samples) at spec.sample_rate.
        spec: settings of the front end.

    Returns:
        float32 (n, *spec.shape).

    Raises:
        ValueError: the waveforms have a different length from that in `spec`.
        SerbenchError: the front end returns another shape or type than it promises, or values that are not finite.
    """
    if waveforms.ndim != 2 or waveforms.shape[1] != spec.n_samples:
        raise ValueError(f"waveforms of shape (n, {spec.n_samples}) are needed, not {waveforms.shape}")
    front_end = spec.front_end
    features: npt.NDArray[np.float32] = front_end.extract(waveforms.astype(np.float32, copy=False), spec)
    promised = (len(waveforms), *front_end.shape(spec))
    if features.shape != promised or features.dtype != np.float32:
        raise SerbenchError(
            f"front end '{spec.kind}' promises float32 {promised} and returns {features.dtype} {features.shape}; "
            "run serbench.testing.check_front_end on it"
        )
    if not np.isfinite(features).all():
        raise SerbenchError(f"front end '{spec.kind}' gives values that are not finite numbers")
    return features


def extract_files(
    clips: Sequence[ClipFile],
    spec: FeatureSpec,
    augmentation: WaveformAugmentation | None,
    *,
    workers: int,
    write: Callable[[npt.NDArray[np.float32]], object],
    progress: Callable[[int, int], None] | None = None,
    alter: Alter | None = None,
) -> None:
    """Computes the features of `clips` in their order, a few chunks ahead of the writer.

    After an error or an interruption, chunks that have not started are dropped.

    Args:
        clips: the files.
        spec: settings of the front end.
        augmentation: applied to every clip before the front end; None uses the clips as they are.
        workers: number of threads.
        write: called in this thread with float32 (up to `CHUNK_CLIPS`, *spec.shape), chunk after chunk.
        progress: called in this thread with (clips done, clips in all). What it raises ends the computation.
        alter: changes the whole clip before it is cut or padded; called in several threads. None changes nothing.

    Raises:
        SerbenchError: a clip cannot be read, or the front end fails for every clip.
        MemoryError, OSError: the machine lacks memory, space or open files.
        ClipsWithoutFeaturesError: the front end fails for some clips. It is raised once all clips have been tried; what
            was written for those clips is zero.
    """
    chunks = iter(clips[start : start + CHUNK_CLIPS] for start in range(0, len(clips), CHUNK_CLIPS))
    pending: deque[Future[tuple[npt.NDArray[np.float32], dict[str, Exception]]]] = deque()
    faults: dict[str, Exception] = {}
    done = 0
    with _single_threaded_algebra():
        realise_soundfile()
        pool = ThreadPoolExecutor(workers, thread_name_prefix="serbench-features")
        try:
            for chunk in itertools.islice(chunks, 2 * workers):
                pending.append(pool.submit(_extract_chunk, chunk, spec, augmentation, alter))
            while pending:
                features, found = pending.popleft().result()
                faults |= found
                for chunk in itertools.islice(chunks, 1):
                    pending.append(pool.submit(_extract_chunk, chunk, spec, augmentation, alter))
                write(features)
                done += len(features)
                if progress is not None:
                    progress(done, len(clips))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if len(faults) == len(clips) > 1:
        first = next(iter(faults.values()))
        if isinstance(first, SerbenchError):
            raise first
        raise SerbenchError(
            f"front end '{spec.kind}' fails for every clip ({_reason(first)}); "
            "run serbench.testing.check_front_end on it"
        ) from first
    if faults:
        raise ClipsWithoutFeaturesError({clip: _reason(error) for clip, error in faults.items()})


def _extract_chunk(
    clips: Sequence[ClipFile], spec: FeatureSpec, augmentation: WaveformAugmentation | None, alter: Alter | None
) -> tuple[npt.NDArray[np.float32], dict[str, Exception]]:
    """Returns the features of a chunk, and what was raised for the clips that have none (by clip id)."""
    waveforms = np.empty((len(clips), spec.n_samples), dtype=np.float32)
    for row, clip in zip(waveforms, clips, strict=True):
        with _named(clip, "`serbench corpus check` lists all clips that cannot be read"):
            waveform = decode(clip.path, spec.sample_rate, clip.digest)
            if alter is not None:
                waveform = alter(waveform, clip.clip_id)
            if augmentation is None:
                row[:] = fit_length(waveform, spec.n_samples, spec.crop)
            else:
                row[:] = augment(waveform, augmentation, spec, clip.clip_id)
    try:
        return extract(waveforms, spec), {}
    except Exception:
        features = np.zeros((len(clips), *spec.shape), dtype=np.float32)
        errors: dict[str, Exception] = {}
        for place, clip in enumerate(clips):
            try:
                features[place] = extract(waveforms[place : place + 1], spec)[0]
            except Exception as error:
                if machine_lacks(error):
                    raise
                errors[clip.clip_id] = error
        if not errors:  # it fails for several clips at once only
            raise
        return features, errors


@contextlib.contextmanager
def _named(clip: ClipFile, mend: str) -> Iterator[None]:
    """Turns whatever is raised for a clip into a sentence with its id, except what the machine lacks."""
    try:
        yield
    except Exception as error:
        if machine_lacks(error):
            raise
        raise SerbenchError(f"clip '{clip.clip_id}' cannot be used: {_reason(error)}; {mend}") from error


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, SerbenchError) else f"{type(error).__name__}: {error}"


_algebra_lock = threading.Lock()
_algebra_users = 0
_algebra_limit = contextlib.ExitStack()


@contextlib.contextmanager
def _single_threaded_algebra() -> Iterator[None]:
    """Limits matrix products to one thread while threads already share the clips.

    Otherwise each thread starts one thread per core for each small product, which on two cores is slower than no
    threads at all. The setting belongs to the whole process, so nested and parallel users are counted, and the last one
    restores it.
    """
    from threadpoolctl import threadpool_limits

    global _algebra_users  # noqa: PLW0603 - a process-wide setting needs a process-wide count
    with _algebra_lock:
        _algebra_users += 1
        if _algebra_users == 1:
            _algebra_limit.enter_context(threadpool_limits(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _algebra_lock:
            _algebra_users -= 1
            if _algebra_users == 0:
                _algebra_limit.close()
