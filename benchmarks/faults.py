"""Fits that repeat a fault of published protocols: test clips choose something. serbench itself has no such option.

Three faults, each found in code that others published (docs/rejudged.md):

- `epoch`: the weights of the epoch with the best score on the *test* clips are kept.
- `objective`: a search maximises the score on the pooled *test* folds.
- `copies`: clips are augmented first and dealt out then, so that copies of a test clip are trained on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from serbench.corpora import StudyClips
from serbench.evaluation import SpeakerRecalls
from serbench.features import FeatureSpec, FeatureStore, WaveformAugmentation
from serbench.protocols import SplitProtocol
from serbench.records import usable_cores
from serbench.spaces import SearchSpace
from serbench.training import FeatureSource, TrialJob, TrialOutcome, choose_backend, choose_precision, run_job

__all__ = [
    "Fault",
    "Fitter",
    "Part",
    "chosen_and_held_out",
    "copies_fits",
    "dealt",
    "epoch_fits",
    "epoch_job",
    "honest_parts",
    "objective_fits",
    "pooled",
]

Fault = Literal["epoch", "objective", "copies", "none"]

_SEED, _DEAL = 0xFA17, 0xDEA1  # random streams of fits and of dealing out copies


@dataclass(frozen=True)
class Part:
    """Test answers of one fit.

    Attributes:
        seed: number of the repetition that the fit belongs to.
        true: class index of each test clip.
        answered: predicted class index of each test clip.
        speakers: speaker of each test clip.
        trained: number of training clips, copies included.
    """

    seed: int
    true: np.ndarray
    answered: np.ndarray
    speakers: np.ndarray
    trained: int


def pooled(parts: Sequence[Part], classes: int) -> SpeakerRecalls:
    """Joins the answers of all draws or folds, repetition by repetition.

    Args:
        parts: answers. Every repetition has the same draws or folds, in the same order.
        classes: number of classes.
    """
    seeds = sorted({part.seed for part in parts})
    of_seed = [[part for part in parts if part.seed == seed] for seed in seeds]
    first = of_seed[0]
    return SpeakerRecalls.count(
        np.concatenate([part.true for part in first]),
        [np.concatenate([part.answered for part in one]) for one in of_seed],
        np.concatenate([part.speakers for part in first]),
        classes,
    )


@dataclass(frozen=True)
class Fitter:
    """What all fits of one space share.

    Attributes:
        space: the space; its enqueued configuration is fitted.
        clips: the corpus.
        threads: compute threads of a fit.
    """

    space: SearchSpace
    clips: StudyClips
    threads: int

    @classmethod
    def of(cls, space: SearchSpace, clips: StudyClips) -> Fitter:
        """Takes all cores."""
        return cls(space, clips, usable_cores())

    @property
    def source(self) -> FeatureSource:
        """Source of the features, from serbench's own cache."""
        return FeatureSource(self.clips.table, FeatureStore.in_cache())

    @property
    def targets(self) -> np.ndarray:
        """Class index of each clip."""
        return self.source.targets(self.clips.labels)

    @property
    def speakers(self) -> np.ndarray:
        """Speaker of each clip."""
        return self.clips.table["speaker"].astype(str).to_numpy()

    def job(
        self, config: dict[str, Any], train: Iterable[int], predict: Mapping[str, Iterable[int]], seed: int
    ) -> TrialJob:
        """Makes a job as a search does, but with whatever rows are asked for as `validation`."""
        backend = choose_backend()
        return TrialJob(
            job_id="t0000",
            kind="search",
            study="rejudged",
            family=self.space.family.name,
            config=config,
            seed=int(np.random.SeedSequence([_SEED, seed]).generate_state(1)[0]),
            settings=self.space.training,
            features=self.space.features,
            augmentations=_copies(config),
            labels=self.clips.labels,
            train=tuple(train),
            predict={name: tuple(rows) for name, rows in predict.items()},
            keep_curve=True,
            threads=self.threads,
            backend=backend,
            precision=choose_precision("auto", backend),
        )

    def fit(self, job: TrialJob, source: FeatureSource | None = None) -> TrialOutcome:
        """Fits a job in a child process.

        Raises:
            RuntimeError: the fit did not complete.
        """
        outcome = run_job(job, source or self.source)
        if outcome.state != "completed":
            raise RuntimeError(f"a fit of {self.space.name} ended as {outcome.state}: {outcome.error}")
        return outcome


def _copies(config: dict[str, Any]) -> tuple[WaveformAugmentation, ...]:
    return tuple(
        WaveformAugmentation(
            noise_snr_db=config["noise_snr_db"] or None, shift_s=config["shift_s"] or None, copy_index=copy
        )
        for copy in range(config["waveform_copies"])
    )


def epoch_job(fitter: Fitter, split_seed: int, seed: int, fault: Fault) -> tuple[TrialJob, np.ndarray]:
    """Makes the fit of one random draw of test clips.

    Args:
        fitter: space and clips.
        split_seed: draws the test clips, as `--split-seed` of `serbench search --protocol random` does.
        seed: number of the repetition.
        fault: `epoch` lets the test clips choose the epoch, and trains on all others. Under `none` validation clips
            choose it.

    Returns:
        The job, and the rows of its test clips.
    """
    space = fitter.space
    protocol = SplitProtocol("random", space.test_core, space.validation_core, split_seed)
    plan = protocol.plans(fitter.clips.table)[0]
    split = plan.core_split
    config, test = space.enqueued[0].config, np.array(split.test)
    if fault == "epoch":
        train = sorted((*split.train, *split.validation, *split.validation_rest, *split.test_rest))
        return fitter.job(config, train, {"validation": split.test}, seed), test
    return fitter.job(config, split.train, {"validation": split.validation, "test": split.test}, seed), test


def epoch_fits(fitter: Fitter, draws: int, seeds: int) -> tuple[list[Part], list[Part]]:
    """Fits with the epoch chosen by the test clips.

    Returns:
        Answers of the chosen epochs, and answers of the same networks after their last epoch.
    """
    chosen, last = [], []
    for seed in range(seeds):
        for draw in range(draws):
            job, test = epoch_job(fitter, draw, seed, "epoch")
            outcome = fitter.fit(job)
            true, who = fitter.targets[test], fitter.speakers[test]
            answers = outcome.predictions["validation"].argmax(axis=1)
            chosen.append(Part(seed, true, answers, who, len(job.train)))
            if outcome.curve is None:
                raise RuntimeError("the fit kept no answers of its epochs")
            last.append(Part(seed, true, outcome.curve[-1].argmax(axis=1), who, len(job.train)))
    return chosen, last


def objective_fits(fitter: Fitter, trials: int, seed: int = 0) -> tuple[list[Part], list[Part]]:
    """Searches with the UAR of the pooled test folds as objective. Each fold keeps speakers apart and has validation.

    Returns:
        Answers of the configuration that the test folds chose, and answers of the same networks where each fold's
        configuration is the best one on the *other* folds.
    """
    import optuna

    space, classes = fitter.space, len(fitter.clips.labels)
    protocol = SplitProtocol("speaker-cv", space.test_core, space.validation_core)
    plans = protocol.plans(fitter.clips.table)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    known = space.enqueued[0].config
    study.enqueue_trial({name: known[name] for name in space.searched})
    found: list[list[Part]] = []
    for _ in range(trials):
        trial = study.ask()
        config = space.complete(space.suggest(trial))
        parts = []
        for plan in plans:
            split = plan.core_split
            predict = {"validation": split.validation, "test": split.test}
            outcome = fitter.fit(fitter.job(config, split.train, predict, seed))
            test = np.array(split.test)
            answers = outcome.predictions["test"].argmax(axis=1)
            parts.append(Part(0, fitter.targets[test], answers, fitter.speakers[test], len(split.train)))
        found.append(parts)
        study.tell(trial, _uar(parts, classes))
    return chosen_and_held_out(found, classes)


def chosen_and_held_out(found: Sequence[Sequence[Part]], classes: int) -> tuple[list[Part], list[Part]]:
    """Chooses a configuration by all test folds, and for each fold by the others.

    Args:
        found: the answers of each configuration, one part for each fold.
        classes: number of classes.
    """
    best = max(range(len(found)), key=lambda place: _uar(found[place], classes))
    held_out = []
    for fold in range(len(found[0])):
        others = [[part for place, part in enumerate(parts) if place != fold] for parts in found]
        choice = max(range(len(found)), key=lambda place: _uar(others[place], classes))
        held_out.append(found[choice][fold])
    return list(found[best]), held_out


def _uar(parts: Sequence[Part], classes: int) -> float:
    true = np.concatenate([part.true for part in parts])
    right = np.concatenate([part.answered for part in parts]) == true
    return float(np.mean([right[true == label].mean() for label in range(classes) if (true == label).any()]))


@dataclass(frozen=True)
class _WithCopies(FeatureSource):
    """Clips and their copies as rows of one table: row `copy * clips + clip`."""

    copies: tuple[WaveformAugmentation, ...] = ()
    folder: Path = Path()

    def paths(self, spec: FeatureSpec, *_: Any, **__: Any) -> tuple[Path, ...]:
        """Returns one file with the features of clips and copies."""
        file = self.folder / "features.npy"
        if not file.exists():
            arrays = [np.load(path, mmap_mode="r", allow_pickle=False) for path in super().paths(spec, self.copies)]
            np.save(file, np.concatenate(arrays), allow_pickle=False)
        return (file,)

    def targets(self, labels: tuple[str, ...]) -> np.ndarray:
        """Returns the class index of each clip and copy."""
        return np.tile(super().targets(labels), 1 + len(self.copies))


@contextmanager
def _with_copies(fitter: Fitter, config: dict[str, Any]) -> Iterator[_WithCopies]:
    plain = fitter.source
    with tempfile.TemporaryDirectory(prefix="serbench-copies-") as folder:
        yield _WithCopies(plain.clips, plain.store, copies=_copies(config), folder=Path(folder))


def copies_fits(fitter: Fitter, draws: int, seeds: int, test_share: float = 0.2) -> list[Part]:
    """Fits on clips and copies that are dealt out together. The last epoch answers: the test items choose nothing.

    The test part holds copies, too, as in the notebooks. Only its clips are counted, not their copies, so that every
    way of judging answers clean clips.

    Args:
        fitter: space and clips; its configuration says which copies are made.
        draws: random draws of the test items.
        seeds: repetitions.
        test_share: share of clips and copies that are tested.
    """
    known = fitter.space.enqueued[0].config
    config = known | {"waveform_copies": 0, "noise_snr_db": 0.0, "shift_s": 0.0}  # they are rows already
    parts = []
    with _with_copies(fitter, known) as source:
        targets = source.targets(fitter.clips.labels)
        speakers = np.tile(fitter.speakers, len(targets) // len(fitter.speakers))
        for seed in range(seeds):
            for draw in range(draws):
                test, train = dealt(len(targets), draw, test_share)
                outcome = fitter.fit(fitter.job(config, train, {"validation": test}, seed), source)
                if outcome.curve is None:
                    raise RuntimeError("the fit kept no answers of its epochs")
                clean = test < len(fitter.speakers)
                answers = outcome.curve[-1].argmax(axis=1)[clean]
                clips = test[clean]
                parts.append(Part(seed, targets[clips], answers, speakers[clips], len(train)))
    return parts


def dealt(items: int, draw: int, test_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Deals out items without a look at which are copies of one clip.

    Returns:
        Rows of the test items and of the training items, sorted.
    """
    order = np.random.default_rng([_DEAL, draw]).permutation(items)
    cut = round(test_share * items)
    return np.sort(order[:cut]), np.sort(order[cut:])


def honest_parts(table: pd.DataFrame, seed: int, labels: Sequence[str], speakers: dict[str, str], trained: int) -> Part:
    """Returns the test answers of a recorded run of serbench.

    Args:
        table: predictions of one run, as a results folder keeps them.
        seed: number of the run.
        labels: class names.
        speakers: speaker of each clip by id.
        trained: number of its training clips.
    """
    test = table[table["subset"] == "test"].sort_values("clip_id")
    index = {label: place for place, label in enumerate(labels)}
    answered = test[[f"p_{label}" for label in labels]].to_numpy().argmax(axis=1)
    true = np.array([index[label] for label in test["label"]])
    return Part(seed, true, answered, np.array([speakers[clip] for clip in test["clip_id"].astype(str)]), trained)
