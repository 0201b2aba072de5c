"""What a change, more clips, a bag or a teacher is worth, on validation speakers, several seeds of each.

    uv run python benchmarks/on_validation.py cnn1d --data DIR/crema-d --out arms-1d \
        --arm "speed: speed_perturbation=0.1" --arm "functionals: functionals=branch" \
        --arm "a quarter of the clips: clips=0.25" --bag --student

A space's first configuration, or that of `--record FILE` (a trial's `record.json`), is trained on three fifths of the
speakers for a fixed number of epochs and judged on one fifth. The last fifth, the test core of protocol `speaker`, is
never predicted. An arm changes hyperparameters, settings of the front end (`features.n_mels=128`), or trains on a share
of the clips, drawn evenly from speakers and labels. `--bag` fits one network for each of five folds of the training
speakers and averages their answers; `--student` teaches the configuration with the folds' answers to their held-out
clips, so with answers of networks that were not trained on the clip.

`--turns 5` cuts all speakers into five parts, each of which is judged once by networks of the other four: for corpora
of so few speakers that one part says little, as in a learning curve of EMO-DB. Every speaker is judged then, those of
the test core, too; no study is written and nothing may be chosen by it.

Each fit is one file in the folder `--out`, so the same command goes on where it was ended, and `--part 1/2` and
`--part 2/2` share the work. A table is printed once all fits are there. Differences are paired over speakers and
include the spread over seeds (`serbench.evaluation.compare_recalls`); that of a bag holds for its one set of networks.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.table import machine
from serbench.audit.robustness.panel import draw_evenly
from serbench.corpora import get_corpus, load_clips
from serbench.evaluation import SpeakerRecalls, compare_recalls, recalls_interval
from serbench.families import parse_hyperparameters
from serbench.features import FeatureSpec, FeatureStore, even_crops, functionals, sounding_frames
from serbench.protocols import Ratio, SplitProtocol
from serbench.records import TrialRecord, digest_of, write_bytes_atomic
from serbench.references.svm import PENALTIES, acoustic_spec
from serbench.search.jobs import copies_of
from serbench.spaces import SearchSpace, load_space
from serbench.training import FeatureSource, SeedTree, TrialJob, choose_precision, import_keras
from serbench.training.teacher import TEACHER_SHARE

__all__ = ["Arm", "Fit", "fits_of", "main", "parsed"]

_FOLDS = 5
_CORE = Decimal("20")
_RATIO = "60/20/20"
_BASE, _BAG, _STUDENT = "as it is", "bag of 5 folds", "student of the folds"
_MEAN = "mean answer of these seeds"


@dataclass(frozen=True)
class Arm:
    """A change of the configuration.

    Attributes:
        name: of the row.
        config: hyperparameters that differ.
        features: settings of the front end that differ.
        share: share of the training clips.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0


@dataclass(frozen=True)
class Fit:
    """One fit: an arm with a seed, or a fold of the bag; `turn` says which part of the speakers judges it."""

    arm: Arm
    seed: int
    fold: int | None = None
    turn: int = 0

    @property
    def file(self) -> str:
        """Name of its file."""
        name = "".join(letter if letter.isalnum() else "-" for letter in self.arm.name)
        turn = f".turn{self.turn}" if self.turn else ""
        return f"{name}.{self.seed}{turn}.npz" if self.fold is None else f"{name}.fold{self.fold}.npz"


def parsed(text: str) -> Arm:
    """Reads an arm from `NAME: key=value key=value`.

    >>> parsed("louder: dropout=0.1 features.n_mels=128 clips=0.5")
    Arm(name='louder', config={'dropout': 0.1}, features={'n_mels': 128}, share=0.5)
    """
    name, _, rest = text.partition(":")
    config: dict[str, Any] = {}
    features: dict[str, Any] = {}
    share = 1.0
    for word in rest.split():
        key, _, value = word.partition("=")
        with contextlib.suppress(json.JSONDecodeError):
            value = json.loads(value)
        if key == "clips":
            share = float(value)
        elif key.startswith("features."):
            features[key.removeprefix("features.")] = value
        else:
            config[key] = value
    return Arm(name.strip(), config, features, share)


def fits_of(arms: Sequence[Arm], seeds: int, *, bag: bool, student: bool, turns: int = 1) -> list[Fit]:
    """All fits in the order in which they are made: folds first, since a student needs their answers.

    >>> [one.file for one in fits_of([Arm("a b")], 1, bag=False, student=False)]
    ['as-it-is.0.npz', 'a-b.0.npz']
    >>> [one.file for one in fits_of([], 1, bag=False, student=False, turns=2)]
    ['as-it-is.0.npz', 'as-it-is.0.turn1.npz']
    """
    folds = [Fit(Arm(_BAG), 0, fold) for fold in range(_FOLDS)] if bag or student else []
    taught = [Arm(_STUDENT)] if student else []
    return [
        *folds,
        *(
            Fit(arm, seed, turn=turn)
            for seed in range(seeds)
            for arm in (Arm(_BASE), *arms, *taught)
            for turn in range(turns)
        ),
    ]


class Judge:
    """Fits arms on the training speakers of a corpus, and keeps their answers on the validation speakers.

    Args:
        space: the space, with the number of epochs.
        config: the configuration that arms change.
        corpus: name of the corpus.
        data: its folder.
        out: folder of the answers.
        speakers: number of training speakers, drawn anew for every seed; None for all.
        turns: number of parts of the speakers, each of which judges once; 1 for the usual validation speakers.
    """

    def __init__(
        self,
        space: SearchSpace,
        config: dict[str, Any],
        corpus: str,
        data: Path | None,
        out: Path,
        speakers: int | None = None,
        turns: int = 1,
    ) -> None:
        self.space, self.config, self.out, self.speakers = space, config, out, speakers
        self.clips = load_clips(get_corpus(corpus), data, sample_rate=space.features.sample_rate).table
        self.turns = self._turns(turns)
        self.judged = np.concatenate([judged for _, judged in self.turns])
        self.labels = tuple(sorted(self.clips["label"].unique()))
        self.source = FeatureSource(self.clips, FeatureStore.in_cache())
        self.truth = self.source.targets(self.labels)
        self.precision = choose_precision("auto", "tensorflow")

    def _turns(self, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows to train on and rows that are judged, turn by turn."""
        if count > 1:
            return _cut(self.clips, np.arange(len(self.clips)), count)
        (plan, *_) = SplitProtocol("speaker", _CORE, _CORE).plans(self.clips)
        split = plan.split(Ratio.parse(_RATIO))
        return [(np.array(sorted(split.train)), np.array(sorted(split.validation)))]

    def folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows to train on and rows held out, fold by fold, with no speaker in both."""
        return _cut(self.clips, self.turns[0][0], _FOLDS)

    def run(self, fit: Fit) -> str:
        """Makes a fit and keeps it. Returns a line about it."""
        from serbench.training.fit import fit as fit_job

        job = self._job(fit)
        arrays = [
            np.load(path, mmap_mode="r", allow_pickle=False) for path in self.source.paths(job.features, job.copies)
        ]
        clips = self.source.targets_for(job)
        if fit.arm.name == _STUDENT:
            clips = replace(clips, teacher=self._out_of_fold())
        began = time.process_time()
        outcome = fit_job(job, arrays, clips)
        if outcome.state != "completed":
            raise SystemExit(f"{fit.file} ended as {outcome.state}: {outcome.error}")
        minutes = (time.process_time() - began) / 60
        content = io.BytesIO()
        kept: dict[str, Any] = {"made": self._made(job), "minutes": minutes, "parameters": outcome.parameters or 0}
        np.savez(content, **kept, **outcome.predictions)  # type: ignore[arg-type] # its keywords are arrays, not options
        write_bytes_atomic(self.out / fit.file, content.getvalue())
        uar = self._count([outcome.predictions["judged"]], self.turns[fit.turn][1])
        return f"{fit.file}: {100 * float(uar.per_refit()[0]):.1f} % UAR, {minutes:.1f} min of CPU time"

    def kept(self, fit: Fit) -> dict[str, np.ndarray]:
        """What is known of a fit."""
        with np.load(self.out / fit.file, allow_pickle=False) as found:
            kept = dict(found)
        if str(kept["made"]) != self._made(self._job(fit)):
            raise SystemExit(f"{self.out / fit.file} was made otherwise than asked now; take another --out")
        return kept

    def _made(self, job: TrialJob) -> str:
        """Digest of everything that a fit depends on."""
        clips = self.clips["clip_id"].astype(str).tolist()
        copies = [copy.model_dump() for copy in job.augmentations]
        made: list[Any] = [job.precision, copies, job.predict, job.labels, job.teacher_share]
        if job.teacher_share:  # whose answers come from fits of their own
            made += [self._made(self._job(Fit(Arm(_BAG), 0, fold))) for fold in range(len(self.folds()))]
        asked = [job.config, job.seed, job.settings.model_dump(), job.features.digest(), job.train, clips]
        return digest_of([*asked, *made])

    def _job(self, fit: Fit) -> TrialJob:
        hp = parse_hyperparameters(self.space.family, self.config | fit.arm.config)
        train, judged = self.turns[fit.turn]
        predict = {"judged": tuple(map(int, judged))}
        if fit.fold is not None:
            train, held_out = self.folds()[fit.fold]
            predict["held_out"] = tuple(map(int, held_out))
        else:
            train = self._of_few_speakers(train, fit.seed)
        if fit.arm.share < 1:
            rows = self.clips.iloc[train]
            count = round(fit.arm.share * len(train))
            train = train[draw_evenly(rows["speaker"], rows["label"], count, np.random.default_rng([7, fit.seed]))]
        features = FeatureSpec.model_validate(self.space.features.model_dump() | fit.arm.features)
        return TrialJob(
            job_id="t0000", kind="search", study="on-validation", family=self.space.family.name,
            config=hp.model_dump(mode="json"), seed=SeedTree(fit.seed).trial(fit.fold or 0),
            settings=self.space.training.lasting(hp.training_length), features=features,
            augmentations=copies_of(hp, SeedTree(0).augmentation), crops=even_crops(hp.prediction_crops),
            labels=self.labels, train=tuple(map(int, train)), predict=predict, precision=self.precision,
            teacher_share=TEACHER_SHARE if fit.arm.name == _STUDENT else 0.0,
        )  # fmt: skip

    def _of_few_speakers(self, train: np.ndarray, seed: int) -> np.ndarray:
        if self.speakers is None:
            return train
        who = self.clips["speaker"].to_numpy()[train]
        known = np.unique(who)
        kept = np.random.default_rng([8, seed]).permutation(known)[: self.speakers]
        return train[np.isin(who, kept)]

    def _out_of_fold(self) -> np.ndarray:
        """The folds' answers to their held-out clips, float32 (clips, labels); NaN for all other clips."""
        found = np.full((len(self.clips), len(self.labels)), np.nan, dtype=np.float32)
        for fold, (_, held_out) in enumerate(self.folds()):
            found[held_out] = self.kept(Fit(Arm(_BAG), 0, fold))["held_out"]
        return found

    def table(self, fits: Sequence[Fit], *, bag: bool) -> Iterator[str]:
        """The rows of a Markdown table."""
        yield (
            "| what | validation UAR %, mean (each seed) | 95 % interval | less `as it is` | parameters | "
            "CPU minutes a fit |"
        )
        yield "|:---|---:|---:|---:|---:|---:|"
        arms = list(dict.fromkeys(one.arm.name for one in fits if one.fold is None))
        counted = {
            name: self._count(self._answers([one for one in fits if one.arm.name == name]), self.judged)
            for name in arms
        }
        folds = [self.kept(one) for one in fits if one.fold is not None]
        if bag:
            counted[_BAG] = self._count([np.mean([one["judged"] for one in folds], axis=0)], self.judged)
        seeds = [self.kept(one) for one in fits if one.arm.name == _BASE]
        together = {_BAG: folds}
        if self.speakers is None and len(self.turns) == 1 and len(seeds) > 1:
            together[_MEAN] = seeds
            counted[_MEAN] = self._count([np.mean([one["judged"] for one in seeds], axis=0)], self.judged)
        for name, recalls in counted.items():
            own = together.get(name) or [self.kept(one) for one in fits if one.arm.name == name]
            each = ", ".join(f"{100 * uar:.1f}" for uar in recalls.per_refit())
            interval, _ = recalls_interval(recalls, self.labels)
            paired, _ = compare_recalls(recalls, counted[_BASE], self.labels, as_they_are=name in together)
            spread = "" if interval is None else f"{100 * interval.low:.1f}-{100 * interval.high:.1f}"
            less = "" if paired is None or name == _BASE else (
                f"{100 * paired.difference:+.1f} ({100 * paired.low:+.1f} to {100 * paired.high:+.1f})"
            )  # fmt: skip
            parameters = sum(int(one["parameters"]) for one in own) if name in together else int(own[0]["parameters"])
            minutes = sum(float(one["minutes"]) for one in own) / (1 if name in together else len(own))
            yield (
                f"| {name} | {100 * recalls.per_refit().mean():.1f} ({each}) | {spread} | {less} | {parameters:,} | "
                f"{minutes:.1f} |"
            )

    def svm(self, seeds: int) -> SpeakerRecalls:
        """Trains an SVM on functionals of the clips that each seed's networks learn from, C chosen by speakers."""
        rate = self.space.features.sample_rate
        spec = acoustic_spec(rate, math.ceil(2 * min(float(self.clips["duration_s"].quantile(0.95)), 8.0)) / 2)
        energy = spec.front_end.feature_names(spec).index("log_energy")
        vectors = np.stack(
            [
                functionals(frames, sounding_frames(frames[:, energy]))
                for clip in self.source.store.get(self.clips, spec)
                for frames in [np.asarray(clip, dtype=np.float64)]
            ]
        )
        who = self.clips["speaker"].to_numpy()
        answers = []
        for seed in range(seeds if self.speakers is not None else 1):
            turns = []
            for train, judged in self.turns:
                rows = self._of_few_speakers(train, seed)
                machine = GridSearchCV(
                    make_pipeline(StandardScaler(), SVC(class_weight="balanced", cache_size=500)),
                    {"svc__C": list(PENALTIES)},
                    scoring="balanced_accuracy",
                    cv=GroupKFold(_FOLDS),
                ).fit(vectors[rows], self.truth[rows], groups=who[rows])
                turns.append(np.eye(len(self.labels))[machine.predict(vectors[judged])])
            answers.append(np.concatenate(turns))
        return self._count(answers, self.judged)

    def _answers(self, fits: Sequence[Fit]) -> list[np.ndarray]:
        """The answers of each seed to all judged clips, turn after turn."""
        seeds = dict.fromkeys(one.seed for one in fits)
        return [np.concatenate([self.kept(one)["judged"] for one in fits if one.seed == seed]) for seed in seeds]

    def _count(self, answers: Sequence[np.ndarray], judged: np.ndarray) -> SpeakerRecalls:
        who = self.clips["speaker"].to_numpy()[judged]
        return SpeakerRecalls.count(self.truth[judged], answers, who, len(self.labels))


def _cut(clips: pd.DataFrame, rows: np.ndarray, parts: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cuts rows into parts with no speaker in two: for each part all other rows and its own."""
    table = clips.iloc[rows]
    cut = StratifiedGroupKFold(parts, shuffle=True, random_state=0).split(table, table["label"], table["speaker"])
    return [(rows[inside], rows[outside]) for inside, outside in cut]


def main(words: Sequence[str] | None = None) -> None:
    """Makes the fits that are missing, and prints the table once none is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", help="space whose first configuration is changed")
    parser.add_argument("--corpus", default="crema-d")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the fits")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="a trial's record.json, whose configuration is taken"
    )
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--speakers", type=int, help="train on so many speakers, drawn anew for every seed")
    parser.add_argument("--arm", action="append", default=[], metavar="'NAME: KEY=VALUE ...'")
    parser.add_argument("--bag", action="store_true")
    parser.add_argument("--student", action="store_true")
    parser.add_argument("--svm", action="store_true", help="also train an SVM on functionals of the same clips")
    parser.add_argument("--turns", type=int, default=1, help="judge all speakers, in so many parts")
    parser.add_argument("--part", default="1/1", metavar="I/N", help="make only every N-th fit")
    asked = parser.parse_args(words)
    space = load_space(asked.space).with_training(epochs=asked.epochs, patience=asked.epochs)
    config = space.enqueued[0].config if asked.record is None else TrialRecord.load(asked.record).config
    asked.out.mkdir(parents=True, exist_ok=True)
    if (asked.speakers is not None or asked.turns > 1) and (asked.bag or asked.student):
        raise SystemExit(
            "a bag's folds are made of the usual training speakers; ask for --speakers and --turns without --bag and "
            "--student"
        )
    judge = Judge(space, config, asked.corpus, asked.data, asked.out, asked.speakers, asked.turns)
    arms = [parsed(one) for one in asked.arm]
    fits = fits_of(arms, asked.seeds, bag=asked.bag, student=asked.student, turns=asked.turns)
    if len({one.file for one in fits}) < len(fits):
        raise SystemExit("two arms have one name; give each --arm a name of its own")
    print(
        f"{machine()}; {len(judge.turns[0][0]):,} training and {len(judge.judged):,} judged clips, {judge.precision}, "
        f"{asked.epochs} epochs, {len(fits)} fits", flush=True,
    )  # fmt: skip
    import_keras("tensorflow")
    import keras

    from serbench.training.backend import limit_threads

    limit_threads("tensorflow", 1)
    part, parts = map(int, asked.part.split("/"))
    for place, fit in enumerate(fits):
        if place % parts != part - 1 or (asked.out / fit.file).is_file():
            continue
        if fit.arm.name == _STUDENT and not all(
            (asked.out / one.file).is_file() for one in fits if one.fold is not None
        ):
            print(f"{fit.file} waits for the folds; repeat the command", flush=True)
            continue
        print(judge.run(fit), flush=True)
        keras.backend.clear_session()
        gc.collect()
    if all((asked.out / one.file).is_file() for one in fits):
        print(*judge.table(fits, bag=asked.bag), sep="\n")
        if asked.svm:
            each = ", ".join(f"{100 * uar:.1f}" for uar in judge.svm(asked.seeds).per_refit())
            print(f"\nSVM on functionals of the same clips: {each} % UAR")


if __name__ == "__main__":
    main()
