"""`Sounds`: the audio of a study's clips. If the corpus is not on this machine, pages have no pictures."""

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

from serbench.audio import read_sound
from serbench.corpora import recorded_corpus
from serbench.errors import SerbenchError
from serbench.features import FeatureSpec, LogMelSettings, SpectralSettings, decode, extract, fit_length
from serbench.records import CorpusFacts, StudyFolder, StudyRecord, digest_of, usable_cores
from serbench.site.clips.media import Media
from serbench.site.clips.pictures import mel_png

__all__ = ["Sounds", "clip_key", "picture_spec"]

_BANDS = 64


def picture_spec(features: dict[str, object]) -> LogMelSettings | None:
    """Settings of the spectrogram that shows a clip: those of the model, or 64 bands if it uses no spectrogram.

    Returns:
        None if the settings are of another version of serbench, or the front end is not installed.
    """
    try:
        spec = FeatureSpec.model_validate(features)
        if isinstance(spec, LogMelSettings):  # pictures are of levels in dB
            return spec.model_copy(update={"compression": "decibels"})
        return _log_mel_beside(spec)
    except (ValidationError, SerbenchError):
        return None


def _log_mel_beside(spec: FeatureSpec) -> LogMelSettings:
    """Log-mel settings with the same clip length, and the same frames if the front end has comparable ones."""
    shared = LogMelSettings if isinstance(spec, SpectralSettings) else FeatureSpec
    settings = spec.model_dump(include=shared.model_fields.keys() - {"kind"})
    return LogMelSettings.model_validate(settings | {"n_mels": _BANDS})


def clip_key(study: StudyRecord, clip_id: str) -> str:
    """Key that identifies a clip of a corpus on any machine."""
    return f"{study.corpus.digest}/{clip_id}"


class Sounds:
    """Finds clips of corpora on this machine. Each corpus folder is read once.

    Args:
        media: stores pictures and sounds.
        with_audio: whether to store the audio of clips, too.
        workers: number of threads that make pictures; None for one for each CPU core.
    """

    def __init__(self, media: Media, *, with_audio: bool = False, workers: int | None = None) -> None:
        self.media = media
        self.with_audio = with_audio
        self._workers = workers or usable_cores()
        self._tables: dict[tuple[str, Path], pd.Series[str]] = {}
        self._made: dict[str, tuple[str, ...] | None] = {}

    def path(self, folder: StudyFolder, corpus: CorpusFacts, clip_id: str) -> Path | None:
        """Path of a clip's file; None if the corpus or the clip is not on this machine."""
        data = folder.remembered_data() or _default_folder(corpus)
        if data is None:
            return None
        if (corpus.name, data) not in self._tables:
            try:
                table = recorded_corpus(corpus, folder.remembered_places()).read(data).table
                self._tables[corpus.name, data] = table.set_index("clip_id")["path"]
            except SerbenchError:
                self._tables[corpus.name, data] = pd.Series(dtype=str)
        found = self._tables[corpus.name, data].get(clip_id)
        return None if found is None else Path(str(found))

    def spectrogram(self, path: Path, spec: FeatureSpec) -> NDArray[np.float32] | None:
        """Spectrogram of a file, (n_mels, frames) in dB; None if it cannot be decoded."""
        try:
            wave = decode(str(path), spec.sample_rate)
        except SerbenchError:
            return None
        mel: NDArray[np.float32] = extract(fit_length(wave, spec.n_samples, spec.crop)[None], spec)[0]
        return mel

    def prepare(self, wanted: Iterable[tuple[str, Path, FeatureSpec | None]]) -> None:
        """Makes pictures in parallel threads: decoding and transforms release the global interpreter lock."""
        keys = {_key(clip, spec): (path, spec) for clip, path, spec in wanted if spec is not None}
        missing = {key: one for key, one in keys.items() if not self._known(f"{key}.png", key)}
        with ThreadPoolExecutor(max_workers=self._workers) as pool:
            made = pool.map(lambda one: self._picture(*one), missing.values())
            for key, files in zip(missing, made, strict=True):
                self.once(key, functools.partial(_same, files))

    def picture(self, clip: str, path: Path, spec: FeatureSpec | None) -> str | None:
        """URL of a clip's picture, which is made once for all pages; None if it cannot be made."""
        if spec is None:
            return None
        return _only(self.once(_key(clip, spec), lambda: self._picture(path, spec)))

    def _picture(self, path: Path, spec: FeatureSpec) -> tuple[bytes, ...] | None:
        mel = self.spectrogram(path, spec)
        return None if mel is None else (mel_png(mel),)

    def _known(self, name: str, key: str) -> bool:
        """Whether an earlier site in this folder has the file. Its name identifies its content."""
        url = self.media.find(name)
        if url is not None:
            self._made[key] = (url,)
        return url is not None

    def sound(self, clip: str, path: Path) -> str | None:
        """URL of a clip's audio as a mono WAV file; None if audio is not stored."""
        if not self.with_audio:
            return None
        return _only(self.once(digest_of([clip, "wav"]), lambda: _wave(path), "wav"))

    def once(
        self, key: str, make: Callable[[], tuple[bytes, ...] | None], suffix: str = "png"
    ) -> tuple[str, ...] | None:
        """URLs of the files under `key`, which are made on first use; None if they cannot be made."""
        if key not in self._made:
            files = make()
            names = [f"{key}{place or ''}.{suffix}" for place in range(len(files or ()))]
            self._made[key] = None if files is None else tuple(map(self.media.add, names, files))
        return self._made[key]


def _default_folder(corpus: CorpusFacts) -> Path | None:
    """Default folder of the corpus; None if it does not exist."""
    try:
        place = recorded_corpus(corpus).default_folder()
    except SerbenchError:
        return None
    return place if place.is_dir() else None


def _key(clip: str, spec: FeatureSpec) -> str:
    return digest_of([clip, spec.model_dump(mode="json")])


def _same(files: tuple[bytes, ...] | None) -> tuple[bytes, ...] | None:
    return files


def _only(urls: tuple[str, ...] | None) -> str | None:
    return urls[0] if urls else None


def _wave(path: Path) -> tuple[bytes, ...] | None:
    import soundfile

    sound = read_sound(path)
    if sound.waveform is None:
        return None
    file = io.BytesIO()
    soundfile.write(file, sound.waveform, sound.health.sample_rate, format="WAV", subtype="PCM_16")
    return (file.getvalue(),)
