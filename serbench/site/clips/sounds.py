"""`Sounds`: the audio of a study's clips, where the corpus still lies; else there are simply no pictures."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from serbench.corpora import recorded_corpus
from serbench.errors import SerbenchError
from serbench.features import FeatureSpec, LogMelSettings, SpectralSettings, decode, extract, fit_length
from serbench.records import CorpusFacts, StudyFolder, StudyRecord, digest_of, usable_cores
from serbench.site.clips.media import Media
from serbench.site.clips.pictures import mel_png

__all__ = ["Sounds", "clip_key", "picture_spec"]

_BANDS = 64


def picture_spec(features: dict[str, object]) -> LogMelSettings | None:
    """The spectrogram that stands for a clip: the model's own, or for one that reads none 64 bands at its rate.

    None where another serbench wrote settings that this one does not know, or the front end is not installed.
    """
    try:
        spec = FeatureSpec.model_validate(features)
        return spec if isinstance(spec, LogMelSettings) else _log_mel_beside(spec)
    except (ValidationError, SerbenchError):
        return None


def _log_mel_beside(spec: FeatureSpec) -> LogMelSettings:
    """The same clips, and where the front end has frames of serbench's kind, the same frames."""
    shared = LogMelSettings if isinstance(spec, SpectralSettings) else FeatureSpec
    settings = spec.model_dump(include=shared.model_fields.keys() - {"kind"})
    return LogMelSettings.model_validate(settings | {"n_mels": _BANDS})


def clip_key(study: StudyRecord, clip_id: str) -> str:
    """Tells a clip of a corpus apart from all others, on any machine."""
    return f"{study.corpus.digest}/{clip_id}"


class Sounds:
    """Finds clips of corpora on this machine, each folder read once.

    Args:
        media: where pictures and sounds go.
        with_audio: whether the clips themselves are taken along.
        workers: threads that make pictures; None for one a core.
    """

    def __init__(self, media: Media, *, with_audio: bool = False, workers: int | None = None) -> None:
        self.media = media
        self.with_audio = with_audio
        self._workers = workers or usable_cores()
        self._tables: dict[tuple[str, Path], pd.Series[str]] = {}
        self._made: dict[str, tuple[str, ...] | None] = {}

    def path(self, folder: StudyFolder, corpus: CorpusFacts, clip_id: str) -> Path | None:
        """The file of a clip, or None where the corpus or the clip is gone."""
        data = folder.remembered_data() or _usual_place(corpus)
        if data is None:
            return None
        if (corpus.name, data) not in self._tables:
            try:
                table = recorded_corpus(corpus).read(data).table
                self._tables[corpus.name, data] = table.set_index("clip_id")["path"]
            except SerbenchError:
                self._tables[corpus.name, data] = pd.Series(dtype=str)
        found = self._tables[corpus.name, data].get(clip_id)
        return None if found is None else Path(str(found))

    def spectrogram(self, path: Path, spec: FeatureSpec) -> NDArray[np.float32] | None:
        """(n_mels, frames) in dB; None where the file cannot be decoded."""
        try:
            wave = decode(str(path), spec.sample_rate)
        except SerbenchError:
            return None
        mel: NDArray[np.float32] = extract(fit_length(wave, spec.n_samples, spec.crop)[None], spec)[0]
        return mel

    def prepare(self, wanted: Iterable[tuple[str, Path, FeatureSpec | None]]) -> None:
        """Makes pictures side by side that pages will ask for: decoding and transforms leave Python's lock."""
        keys = {_key(clip, spec): (path, spec) for clip, path, spec in wanted if spec is not None}
        missing = {key: one for key, one in keys.items() if not self._known(f"{key}.png", key)}
        with ThreadPoolExecutor(max_workers=self._workers) as pool:
            made = pool.map(lambda one: self._picture(*one), missing.values())
            for key, files in zip(missing, made, strict=True):
                self.once(key, functools.partial(_same, files))

    def picture(self, clip: str, path: Path, spec: FeatureSpec | None) -> str | None:
        """The way to a picture of a clip, made once for all pages that show it."""
        if spec is None:
            return None
        return _only(self.once(_key(clip, spec), lambda: self._picture(path, spec)))

    def _picture(self, path: Path, spec: FeatureSpec) -> tuple[bytes, ...] | None:
        mel = self.spectrogram(path, spec)
        return None if mel is None else (mel_png(mel),)

    def _known(self, name: str, key: str) -> bool:
        """Whether an earlier site of this folder has the file, which its name says all of."""
        way = self.media.find(name)
        if way is not None:
            self._made[key] = (way,)
        return way is not None

    def sound(self, clip: str, path: Path) -> str | None:
        """The way to a clip's audio as a mono wave file, where it is taken along."""
        if not self.with_audio:
            return None
        return _only(self.once(digest_of([clip, "wav"]), lambda: _wave(path), "wav"))

    def once(
        self, key: str, make: Callable[[], tuple[bytes, ...] | None], suffix: str = "png"
    ) -> tuple[str, ...] | None:
        """Files under `key`, made on its first use; None where they cannot be made."""
        if key not in self._made:
            files = make()
            names = [f"{key}{place or ''}.{suffix}" for place in range(len(files or ()))]
            self._made[key] = None if files is None else tuple(map(self.media.add, names, files))
        return self._made[key]


def _usual_place(corpus: CorpusFacts) -> Path | None:
    """Where a corpus lies that a search found without being told."""
    try:
        place = recorded_corpus(corpus).default_folder()
    except SerbenchError:
        return None
    return place if place.is_dir() else None


def _key(clip: str, spec: FeatureSpec) -> str:
    return digest_of([clip, spec.model_dump(mode="json")])


def _same(files: tuple[bytes, ...] | None) -> tuple[bytes, ...] | None:
    return files


def _only(ways: tuple[str, ...] | None) -> str | None:
    return ways[0] if ways else None


def _wave(path: Path) -> tuple[bytes, ...] | None:
    import soundfile

    try:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError):
        return None
    file = io.BytesIO()
    soundfile.write(file, wave.mean(axis=1), rate, format="WAV", subtype="PCM_16")
    return (file.getvalue(),)
