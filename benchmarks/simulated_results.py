"""A results folder of any size, made of real records and drawn predictions: nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from serbench.corpora import clip_set_digest
from serbench.evaluation import evaluate
from serbench.families import get_family
from serbench.records import EntryRecord, JobId, ResultsFolder, StudyRecord, TrialRecord
from serbench.records.base import now
from serbench.records.environment import current_environment
from serbench.records.schemas import CorpusFacts, EpochMetrics, ModelCost, ProtocolFacts, Scores
from serbench.records.study_folder import StudyFolder
from serbench.spaces import load_space
from serbench.spaces.space import defaults
from serbench.training import SeedTree

__all__ = ["Size", "write_results"]

_CODES = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}
_LABELS = tuple(_CODES.values())
_SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
_RATE = 11_025
_EPOCHS = 30


@dataclass(frozen=True)
class Size:
    """How much there is.

    Attributes:
        entries: of the whole folder.
        per_study: of them in each study.
        clips: of the test core.
        speakers: who said them.
        refits: of each entry.
        trials: of each study.
        sound: whether the clips have audio, seeded noise of 2.5 s.
    """

    entries: int = 200
    per_study: int = 10
    clips: int = 1500
    speakers: int = 18
    refits: int = 3
    trials: int = 60
    sound: bool = True


def write_results(root: Path, size: Size) -> ResultsFolder:
    """Writes studies of both families in turn, all on one test core.

    Args:
        root: a new folder; the audio goes beside the results.
        size: how much.
    """
    results = ResultsFolder(root / "results")
    results.prepare()
    clips = _clips(size)
    data = root / "audio"
    if size.sound:
        _write_audio(data, clips)
    for number, first in enumerate(range(0, size.entries, size.per_study)):
        family = ("cnn2d", "cnn1d")[number % 2]
        folder = _study(results, f"crema-d-speaker-simulated{number:02}_{family}", family, clips, size)
        if size.sound:
            folder.remember_data(data)
        for place in range(min(size.per_study, size.entries - first)):
            _entry(folder, f"{family}-{first + place:06x}", clips, size, seed=first + place)
    return results


def _clips(size: Size) -> pd.DataFrame:
    speakers = range(1001, 1001 + size.speakers)
    levels = ("XX", "LO", "MD", "HI")
    ids = [
        (f"{who}_{sentence}_{code}_{level}", _CODES[code], str(who), sentence)
        for level, sentence, code, who in product(levels, _SENTENCES, _CODES, speakers)
    ]
    table = pd.DataFrame(ids[: size.clips], columns=["clip_id", "label", "speaker", "sentence"])
    table["sex"] = np.where(table["speaker"].astype(int) % 2, "female", "male")
    table["age"] = 20.0 + table["speaker"].astype(int) % 50
    table["digest"] = table["clip_id"]  # of audio that there may not be
    return table


def _write_audio(folder: Path, clips: pd.DataFrame) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for clip in clips["clip_id"]:
        wave = 0.1 * rng.standard_normal(int(2.5 * _RATE))
        soundfile.write(folder / f"{clip}.wav", wave.astype(np.float32), _RATE)


def _study(results: ResultsFolder, name: str, family: str, clips: pd.DataFrame, size: Size) -> StudyFolder:
    space = load_space(family)
    spec = space.features.model_copy(update={"sample_rate": _RATE})
    # No version: the split is made up, so it cannot be made again from clips and protocol.
    environment = current_environment("tensorflow").model_copy(update={"serbench": "simulated"})
    record = StudyRecord(
        name=name, run="simulated", family=family, space_name=family, space_hash=space.hash, space_text=space.text,
        space=space.describe(),
        corpus=CorpusFacts(
            name="crema-d", title="CREMA-D", synthetic=True, licence="ODbL 1.0", labels=_LABELS, clips=len(clips),
            speakers=size.speakers, digest=clip_set_digest(clips),
        ),
        protocol=ProtocolFacts(
            name="speaker", hash="simulated", split_seed=0, test_core="20", validation_core="10",
            shares_speakers=False, train_speakers=60, validation_speakers=9, test_speakers=size.speakers,
            validation_clips=len(clips), test_clips=len(clips),
        ),
        features=spec.model_dump(mode="json"), feature_shape=(64, 100), seed=0, sampler={"name": "tpe"},
        pruner={"name": "percentile"}, environment=environment, created=now(),
    )  # fmt: skip
    folder = results.study(name)
    record.save(folder.record_path)
    clips.to_parquet(folder.clips_path, index=False)
    rng = np.random.default_rng(len(name))
    for number in range(size.trials):
        pruned = bool(rng.random() < 0.4)
        drawn = {"learning_rate": float(10 ** rng.uniform(-4, -2)), "dropout": float(rng.uniform(0.05, 0.2))}
        config = defaults(space.family.hyperparameters) | drawn
        folder.publish_job(
            TrialRecord(
                study=name, job_id=f"t{number:04}", kind="search", number=number,
                state="pruned" if pruned else "completed", value=None if pruned else float(rng.uniform(0.3, 0.6)),
                config=config, seed=number, epochs=tuple(_epochs(rng, 6 if pruned else _EPOCHS)),
                parameters=100_000, seconds={"start": 0.1, "fit": 60.0, "predict": 0.5, "total": 61.0}, started=now(),
                finished=now(),
            )
        )  # fmt: skip
    return folder


def _epochs(rng: np.random.Generator, count: int) -> Iterator[EpochMetrics]:
    for epoch in range(count):
        level = 0.55 * (1 - np.exp(-(epoch + 1) / 8)) + rng.normal(0, 0.01)
        yield EpochMetrics(
            epoch=epoch, loss=2 - 2 * level, accuracy=level + 0.05, val_loss=2 - 1.6 * level, val_accuracy=level,
            val_uar=level, learning_rate=1e-3, seconds=2.0,
        )  # fmt: skip


def _entry(folder: StudyFolder, entry_id: str, clips: pd.DataFrame, size: Size, *, seed: int) -> None:
    record, rng = folder.record(), np.random.default_rng(seed)
    config = defaults(get_family(record.family).hyperparameters)
    skill = rng.uniform(0.35, 0.65)
    job_ids = []
    for repeat in range(size.refits):
        job_ids.append(str(JobId(str(JobId.of_trial(seed)), "refit", repeat)))
        tables = {subset: _predictions(clips, subset, skill, rng) for subset in ("validation", "test")}
        scores = {subset: _scores(table) for subset, table in tables.items()}
        folder.publish_job(
            TrialRecord(
                study=record.name, job_id=job_ids[-1], kind="refit", state="completed",
                value=scores["validation"].uar, config=config,
                seed=SeedTree.of(record).refit(seed, repeat), train_clips=5000,
                epochs=tuple(_epochs(rng, _EPOCHS)), best_epoch=_EPOCHS - 3,
                scores={"train": Scores(clips=5000, accuracy=0.8, uar=0.8, macro_f1=0.8), **scores},
                parameters=100_000 + seed,
                cost=ModelCost(multiply_accumulates=10**7, model_bytes=500_000, model_ms=2.0, features_ms=1.0 + seed),
                seconds={"fit": 60.0 + seed, "total": 62.0 + seed}, started=now(), finished=now(),
            ),
            pd.concat(tables.values(), ignore_index=True),
        )  # fmt: skip
    EntryRecord(
        entry_id=entry_id, study=record.name, family=record.family, origin=f"trial {seed}", config=config,
        search_value=skill + 0.02, refits=tuple(job_ids), looks=size.refits, created=now(),
    ).save(folder.path / "entries" / f"{entry_id}.json")  # fmt: skip


def _scores(table: pd.DataFrame) -> Scores:
    true = pd.Index(_LABELS).get_indexer(pd.Index(table["label"]))
    return evaluate(true, table[[f"p_{label}" for label in _LABELS]].to_numpy(dtype=float), _LABELS).to_scores()


def _predictions(clips: pd.DataFrame, subset: str, skill: float, rng: np.random.Generator) -> pd.DataFrame:
    true = pd.Index(_LABELS).get_indexer(pd.Index(clips["label"]))
    right = rng.random(len(true)) < skill
    predicted = np.where(right, true, (true + rng.integers(1, len(_LABELS), len(true))) % len(_LABELS))
    frame = pd.DataFrame({"clip_id": clips["clip_id"], "subset": subset, "label": clips["label"]})
    frame[[f"p_{label}" for label in _LABELS]] = _probabilities(predicted, rng)
    return frame


def _probabilities(predicted: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    logits = rng.normal(0, 0.7, (len(predicted), len(_LABELS)))
    logits[np.arange(len(predicted)), predicted] = logits.max(axis=1) + 0.5
    shares = np.exp(logits)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
