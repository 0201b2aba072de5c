"""Small results folders made of real records and drawn predictions; nothing is trained."""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd

from serbench.corpora import clip_set_digest
from serbench.evaluation import evaluate
from serbench.records import EntryRecord, JobId, ResultsFolder, StudyRecord, TrialRecord
from serbench.records.references import ReferenceFolder, ReferenceRecord
from serbench.records.schemas import (
    CorpusFacts,
    Environment,
    EpochMetrics,
    ModelCost,
    ProtocolFacts,
    Scores,
    ShortlistRecord,
)
from serbench.results import Results
from serbench.training import SeedTree

LABELS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
COST = ModelCost(multiply_accumulates=12_300_000, model_bytes=654_321, features_ms=1.25, model_ms=2.5)
TIME = "2026-01-02T03:04:05+00:00"


class Builder:
    """Writes studies and entries with chosen skill: the probability of a clip to be predicted rightly."""

    def __init__(self, root):
        self.results = ResultsFolder(root)
        self.results.prepare()
        self.seed = 0

    def read(self):
        """The folder as it is now, read anew."""
        return Results(self.results.root)

    def study(
        self,
        name="demo-speaker-cnn2d",
        *,
        family="cnn2d",
        corpus="demo",
        synthetic=False,
        protocol="speaker",
        protocol_hash="hash-a",
        shares_speakers=False,
        test_speakers=10,
        validation_speakers=9,
        labels=LABELS,
        objective="uar",
        trial_states=("completed", "completed", "pruned", "crashed"),
        absent=(),
        corpus_warnings=(),
        fold=0,
        folds=1,
    ):
        clips = [
            {
                "clip_id": f"{part}-{place}-{s}-{label}-{take}",
                "label": label,
                "speaker": f"{part}{place}-{s:02}",
                "part": part,
                "fold": place,
            }
            for place in ([fold] if folds == 1 else range(1, folds + 1))
            for part, speakers in (("validation", validation_speakers), ("test", test_speakers))
            for s in range(speakers)
            for label in labels
            for take in range(2)
            if not (part == "test" and label in absent)
        ]
        frame = pd.DataFrame(clips)
        counts = frame.loc[frame["fold"] == fold, "part"].value_counts()
        frame = heard(frame.drop(columns=["part", "fold"]), corpus)
        record = StudyRecord(
            name=name, run="run", family=family, space_name=family, space_hash="s", space_text="", space={},
            corpus=CorpusFacts(
                name=corpus, title=corpus.title(), synthetic=synthetic, licence="ODbL 1.0",
                licence_url="https://example.org/odbl", labels=labels, clips=len(clips),
                speakers=frame["speaker"].nunique(), digest=clip_set_digest(frame), warnings=corpus_warnings,
                excluded=({"clip_id": "silent_one", "reason": "silent"},),
            ),
            protocol=ProtocolFacts(
                name=protocol, hash=protocol_hash, split_seed=0, test_core="20", validation_core="10",
                shares_speakers=shares_speakers, fold=fold, folds=folds, train_speakers=40,
                validation_speakers=validation_speakers,
                test_speakers=test_speakers, validation_clips=int(counts["validation"]),
                test_clips=int(counts["test"]),
            ),
            features={"kind": "acoustic" if family == "cnn1d" else "log_mel"},
            feature_shape=(64, 96), objective=objective, seed=0, sampler={},
            pruner={},
            environment=Environment(
                serbench="0.0.9", python="3.11.9", platform="Linux x86_64", cpu="A CPU", cores=2,
                memory_gib=8.0, backend="tensorflow", packages={"keras": "3.15.1", "numpy": "2.4.6"},
            ),
            created=TIME,
        )  # fmt: skip
        folder = self.results.study(name)
        record.save(folder.record_path)
        frame.to_parquet(folder.clips_path, index=False)
        for number, state in enumerate(trial_states):
            folder.publish_job(self._trial(name, "search", f"t{number}", state, number, 0.5))
        return name

    def entry(
        self,
        entry_id,
        study,
        *,
        skill=0.6,
        validation=0.6,
        search_value=0.65,
        refits=2,
        values=None,
        failed=(),
        train=True,
        rest=0,
        looks=None,
        config=None,
        spoil=None,
        bag=False,
    ):
        folder = self.results.study(study)
        record, clips = folder.record(), own_clips(folder)
        labels = record.corpus.labels
        config = config or {"learning_rate": 0.001, "batch_size": 32, "layers": {"depth": 4}}
        job_ids = []
        for repeat in range(refits):
            self.seed += 1
            rng = np.random.default_rng(self.seed)
            subset = clips["clip_id"].str.split("-").str[0].to_numpy()
            true = pd.Index(labels).get_indexer(clips["label"])
            right = rng.random(len(true)) < np.where(subset == "test", skill, validation)
            wrong = (true + rng.integers(1, len(labels), len(true))) % len(labels)
            predicted = np.where(right, true, wrong)
            probabilities = np.full((len(true), len(labels)), 0.1) + 0.5 * np.eye(len(labels))[predicted]
            frame = pd.DataFrame({"clip_id": clips["clip_id"], "subset": subset, "label": clips["label"]})
            for index, label in enumerate(labels):
                frame[f"p_{label}"] = (probabilities / probabilities.sum(axis=1, keepdims=True))[:, index]
            if rest:
                extra = frame[subset == "test"].head(rest).assign(subset="test_rest")
                extra["clip_id"] = "rest-" + extra["clip_id"]
                frame = pd.concat([frame, extra], ignore_index=True)
                self._list(folder, extra[["clip_id", "label"]].assign(speaker="rest"))
            frame = frame.sample(frac=1, random_state=repeat)
            frame = spoil(frame, repeat) if spoil else frame
            on_validation = subset == "validation"
            score = evaluate(true[on_validation], predicted[on_validation], labels).mean_recall_present
            job_id = str(JobId(JobId.parse(run_of(entry_id)).trial, "bag")) if bag else run_of(entry_id, repeat)
            scores = {"train": Scores(clips=500, accuracy=0.9, uar=0.88, macro_f1=0.87)} if train else {}
            scores |= scores_of(frame, labels)
            job = self._trial(
                study, "refit", job_id, "completed", None, values[repeat] if values else score, config, scores,
                seed=SeedTree.of(record).refit(JobId.parse(job_id).number, repeat),
            )  # fmt: skip
            folder.publish_job(job, frame)
            job_ids.append(job_id)
        folder.save_entry(
            EntryRecord(
                entry_id=entry_id, study=study, family=record.family, origin="trial 12", config=config,
                search_value=search_value, refits=tuple(job_ids), failed_refits=failed,
                looks=len(job_ids) if looks is None else looks, created=TIME,
            )
        )  # fmt: skip
        return entry_id

    @staticmethod
    def _list(folder, clips):
        """Adds clips to a study's table."""
        known, record = folder.clips(), folder.record()
        more = heard(clips[~clips["clip_id"].isin(known["clip_id"])], record.corpus.name)
        table = pd.concat([known, more], ignore_index=True)
        table.to_parquet(folder.clips_path, index=False)
        facts = record.corpus.model_copy(update={"clips": len(table), "digest": clip_set_digest(table)})
        record.model_copy(update={"corpus": facts}).save(folder.record_path)

    def reference(self, study, name, title, *, skill=0.5, left_out=0):
        """A reference on the study's test core that answers as if by votes, but for its first clips if asked."""
        record, clips = self.results.study(study).record(), own_clips(self.results.study(study))
        tested = clips[clips["clip_id"].str.startswith("test-")].iloc[left_out:].reset_index(drop=True)
        labels = record.corpus.labels
        true = pd.Index(labels).get_indexer(pd.Index(tested["label"]))
        rng = np.random.default_rng(len(name))
        heard = np.where(rng.random(len(true)) < skill, true, (true + 1) % len(labels))
        shares = pd.DataFrame(np.eye(len(labels))[heard], columns=[f"p_{label}" for label in labels])
        folder = ReferenceFolder.of(self.results.root, record)
        with folder.exclusively():
            folder.publish(
                ReferenceRecord(
                    name=name, title=title, detail="drawn", corpus=record.corpus.name,
                    corpus_digest=record.corpus.digest, protocol=record.protocol.name,
                    protocol_hash=record.protocol.hash, fold=record.protocol.fold, labels=labels,
                    left_out=left_out, seconds=0.1, serbench="0", created=TIME,
                ),
                pd.concat([tested[["clip_id", "label", "speaker"]], shares], axis=1),
            )  # fmt: skip

    @staticmethod
    def _trial(study, kind, job_id, state, number, value, config=None, scores=None, seed=None):
        epochs = tuple(
            EpochMetrics(
                epoch=epoch, loss=2 / epoch, accuracy=min(0.9, 0.2 + 0.05 * epoch), val_loss=1.8 / epoch**0.6,
                val_accuracy=0.6 - 0.4 / epoch, val_uar=0.6 - 0.4 / epoch, learning_rate=0.001, seconds=1.5,
            )
            for epoch in range(1, 21)
        )  # fmt: skip
        return TrialRecord(
            study=study, job_id=job_id, kind=kind, number=number, state=state, value=value, config=config or {},
            seed=hash_seed(job_id) if seed is None else seed, train_clips=500,
            epochs=epochs if kind == "refit" else (), best_epoch=14, scores=scores or {}, parameters=123456,
            cost=COST if kind == "refit" else None, seconds={"fit": 75.0, "total": 90.0}, started=TIME,
            finished=TIME,
        )  # fmt: skip


def scores_of(frame, labels):
    """Scores of predictions by subset; none if they are spoilt."""
    shares = [f"p_{label}" for label in labels]
    if (
        not {"label", *shares} <= set(frame)
        or frame[shares].isna().any(axis=None)
        or not {*frame["label"]} <= {*labels}
    ):
        return {}
    return {
        subset: evaluate(pd.Index(labels).get_indexer(part["label"]), part[shares].to_numpy(), labels).to_scores()
        for subset, part in frame.groupby("subset")
    }


def hash_seed(text):
    return sum(map(ord, text))


def run_of(entry_id, repeat=0):
    """The id of an entry's final run. Its trial has a number, which is drawn from the entry's name."""
    return str(JobId(f"t{10_000 + zlib.crc32(entry_id.encode()) % 90_000}", "refit", repeat))


def heard(clips, corpus):
    """The clips with a digest of audio that there is not."""
    return clips.assign(digest=[f"{corpus} {clip}" for clip in clips["clip_id"]])


def own_clips(folder):
    """The clips of a study's own fold; the table has those of all folds."""
    clips, fold = folder.clips(), folder.record().protocol.fold
    return clips[clips["clip_id"].str.split("-").str[1] == str(fold)].reset_index(drop=True)


def judge(folder, *entry_ids, value=0.6, search_value=0.65):
    """Lets cross-validation have judged a configuration; the first entry is a network, the others are bags of it."""
    clips = own_clips(folder)
    answers = clips.loc[~clips["clip_id"].str.startswith("test"), ["clip_id", "label"]].assign(fold=1)
    labels = folder.record().corpus.labels
    true = pd.Index(labels).get_indexer(answers["label"])
    place = answers.groupby("label").cumcount().to_numpy()
    right = place < round(value * (place.max() + 1))
    answers[[f"p_{label}" for label in labels]] = np.eye(len(labels))[np.where(right, true, (true + 1) % len(labels))]
    value = evaluate(true, np.where(right, true, (true + 1) % len(labels)), labels).mean_recall_present
    folder.save_shortlisted(
        ShortlistRecord(
            study=folder.path.name, job_id="t0", origin="trial 0",
            config=folder.entry(entry_ids[0]).config if entry_ids else {}, search_value=search_value,
            folds=tuple(f"t0-f{fold}" for fold in range(1, 6)),
            epochs=1, curve=(value,), scores=Scores(clips=len(answers), accuracy=value, uar=value, macro_f1=value),
            value=value, created=TIME,
        ),
        answers,
    )  # fmt: skip
    for entry_id in entry_ids:
        changes = {"shortlisted": "t0", "out_of_fold": value, "bag": 5 * (entry_id != entry_ids[0])}
        folder.save_entry(folder.entry(entry_id).model_copy(update=changes))


def forge(folder, entry_id):
    """Gives the first run of an entry a better score than its predictions have."""
    run = folder.job("refit", folder.entry(entry_id).refits[0])
    scores = run.scores | {"test": run.scores["test"].model_copy(update={"uar": 0.99})}
    run.model_copy(update={"scores": scores}).save(folder.job_path("refit", run.job_id) / "record.json")
