"""Records learning curves of many configurations of one family, without pruning, to replay searches on.

    uv run python benchmarks/record_curves.py cnn1d --data DIR/crema-d --precision bfloat16 --out curves-1d.jsonl
    uv run python benchmarks/record_curves.py cnn1d --precision bfloat16 --out curves-1d.jsonl --pack FILE

One line of JSON a configuration; the same command goes on where it was ended. Training and validation clips are a part
of those that the protocol `speaker` gives; nothing is tested. A third of the configurations are uniform draws, a third
differ from the first enqueued recipe in one to four hyperparameters, a third in many of them by a step. The enqueued
recipes run with several seeds, which shows how much of a score is the seed's.

Seconds are those of one CPU thread (`time.process_time`), since the clock also counts what else the machine does.
A configuration whose epochs cost over `--cost-limit` times those of the first recipe is ended after its second epoch.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import CategoricalDistribution

from serbench.corpora import get_corpus, load_clips
from serbench.families import InvalidConfiguration, parse_hyperparameters
from serbench.features import FeatureStore, even_crops
from serbench.protocols import Ratio, SplitProtocol
from serbench.records import EpochMetrics, write_text_atomic
from serbench.search.jobs import copies_of
from serbench.spaces import SearchSpace, load_space
from serbench.training import FeatureSource, SeedTree, TrialJob, Verdict

__all__ = ["Asked", "asked_configurations", "main", "moved"]

_RECIPE_SEEDS = (6, 2, 3)
"""Fits of each enqueued recipe with different seeds."""

_KINDS = ("random", "near", "between")
_CHARGED_AFTER = 2
"""Epochs after which the cost of a configuration is known: the first one also traces the model."""


@dataclass(frozen=True)
class Asked:
    """A configuration to record.

    Attributes:
        name: stable name of the line.
        kind: `recipe`, `random`, `near` or `between`.
        number: number that the seed of the fit is derived from.
        config: complete hyperparameters.
    """

    name: str
    kind: str
    number: int
    config: dict[str, Any]


def moved(
    space: SearchSpace, config: dict[str, Any], rng: np.random.Generator, changed: int | None = None, step: float = 0.15
) -> dict[str, Any]:
    """Returns a configuration near another one.

    Args:
        space: the space that the result lies in.
        config: complete hyperparameters to start from.
        rng: source of the draws.
        changed: number of hyperparameters to draw anew; None moves every range by about `step` of its length, and
            draws every fourth choice anew.
        step: standard deviation of a move, as a share of the range.
    """
    active = [name for name in space.searched if space.parameters[name].active(config)]
    if changed is not None:
        names = set(rng.choice(active, size=changed, replace=False))
    else:
        chosen = [isinstance(space.distributions([name])[name], CategoricalDistribution) for name in active]
        names = {name for name, one in zip(active, chosen, strict=True) if not one or rng.random() < 0.25}
    found = dict(config)
    for name, dimension in space.parameters.items():
        if name in names and dimension.active(found):
            distribution = space.distributions([name])[name]
            found[name] = _drawn(distribution, found[name], rng, 0.3 if changed is not None else step)
        elif dimension.active(found) and not dimension.active(config):
            found[name] = _drawn(space.distributions([name])[name], None, rng, step)
    return found


def _drawn(distribution: Any, value: Any, rng: np.random.Generator, step: float) -> Any:
    """Another choice, or a value about `step` of the range away; any value if there is none to start from."""
    if isinstance(distribution, CategoricalDistribution):
        others = [
            choice
            for choice in distribution.choices
            if choice != value or isinstance(choice, bool) != isinstance(value, bool)
        ]
        return others[rng.integers(len(others))]
    low, high = float(distribution.low), float(distribution.high)
    bend, unbend = (np.log, np.exp) if distribution.log else (lambda x: x, lambda x: x)
    if value is None:
        place = rng.uniform()
    else:
        place = (bend(np.clip(value, low, high)) - bend(low)) / (bend(high) - bend(low)) + rng.normal(0, step)
    number = float(unbend(bend(low) + float(np.clip(place, 0, 1)) * (bend(high) - bend(low))))
    if distribution.step is not None and not distribution.log:
        number = low + round((number - low) / distribution.step) * distribution.step
    number = min(max(number, low), high)
    return round(number) if isinstance(distribution, optuna.distributions.IntDistribution) else round(number, 12)


def asked_configurations(space: SearchSpace, count: int, seed: int) -> Iterator[Asked]:
    """Yields the recipes, then `count` configurations in turns of the three kinds, so that a part is balanced too."""
    number = 0
    recipes = []
    for place, (known, repeats) in enumerate(zip(space.enqueued, _RECIPE_SEEDS, strict=False)):
        for repeat in range(repeats):
            recipes.append(Asked(f"recipe{place}-{repeat}", "recipe", number, known.config))
            number += 1
    yield from recipes[:2]
    later = recipes[2:]
    for place in range(count):
        kind = _KINDS[place % len(_KINDS)]
        config = _valid(space, kind, seed, place)
        yield Asked(f"{kind}{place:03d}", kind, 1000 + place, config)
        if place % 8 == 7 and later:
            yield later.pop(0)
    yield from later


def _valid(space: SearchSpace, kind: str, seed: int, place: int) -> dict[str, Any]:
    """Draws until the family accepts the configuration."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, place]))
    while True:
        if kind == "random":
            sampler = optuna.samplers.RandomSampler(seed=int(rng.integers(2**31)))
            config = space.suggest(optuna.create_study(sampler=sampler).ask())
        else:
            changed = int(rng.integers(1, 5)) if kind == "near" else None
            config = moved(space, space.enqueued[0].config, rng, changed)
        try:
            return space.complete(config)
        except InvalidConfiguration:
            continue


class Recorder:
    """Fits configurations on a part of a corpus, in this process and on one thread.

    Args:
        space: the space, with the number of epochs to train.
        corpus: name of the corpus.
        data: folder of the corpus.
        share: share of the training clips.
        validation_share: share of the validation clips.
        seed: seed of the study.
    """

    def __init__(
        self, space: SearchSpace, corpus: str, data: Path | None, share: float, validation_share: float, seed: int
    ) -> None:
        self.space, self.seeds = space, SeedTree(seed)
        clips = load_clips(get_corpus(corpus), data).table
        (plan,) = SplitProtocol("speaker", space.test_core, space.validation_core).plans(clips)
        splits = {ratio: plan.split(Ratio.parse(ratio)) for ratio in sorted(set(space.ratios()))}
        tested = {row for split in splits.values() for row in (*split.test, *split.test_rest)}
        trained = {row for split in splits.values() for row in split.train}
        validated = set(next(iter(splits.values())).validation)
        kept = sorted(_part(clips, trained, share) | _part(clips, validated, validation_share))
        assert not validated & tested
        self.clips = clips.iloc[kept].reset_index(drop=True)
        places = {row: place for place, row in enumerate(kept)}
        self.train = {
            ratio: tuple(places[row] for row in split.train if row in places) for ratio, split in splits.items()
        }
        self.validation = tuple(places[row] for row in sorted(validated) if row in places)
        self.labels = tuple(sorted(set(clips["label"])))
        self.source = FeatureSource(self.clips, FeatureStore.in_cache(workers=1))
        self.limit_s: float | None = None

    def job(self, asked: Asked, extra: dict[str, Any]) -> TrialJob:
        """Makes the job of a configuration."""
        hp = parse_hyperparameters(self.space.family, asked.config)
        copies = copies_of(hp, self.seeds.augmentation)
        return TrialJob(
            job_id=asked.name, kind="search", study="curves", family=self.space.family.name,
            config=hp.model_dump(mode="json"), seed=self.seeds.trial(asked.number),
            settings=self.space.training.lasting(hp.training_length), features=self.space.features,
            augmentations=copies, crops=even_crops(hp.prediction_crops), labels=self.labels,
            train=self.train[hp.split_ratio], predict={"validation": self.validation}, **extra,
        )  # fmt: skip

    def record(self, asked: Asked, extra: dict[str, Any]) -> dict[str, Any]:
        """Fits a configuration and returns its line."""
        from serbench.training.fit import fit

        job = self.job(asked, extra)
        paths = self.source.paths(job.features, job.copies)
        arrays = [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
        spent: list[float] = []
        last = time.process_time()

        def exchange(_: EpochMetrics) -> Verdict:
            nonlocal last
            now = time.process_time()
            spent.append(round(now - last, 3))
            last = now
            dear = self.limit_s is not None and len(spent) == _CHARGED_AFTER and spent[-1] > self.limit_s
            return Verdict.STOP if dear else Verdict.CONTINUE

        outcome = fit(job, arrays, self.source.targets_for(job), exchange)
        copies = 1 + sum(not copy.is_version for copy in job.augmentations)  # a version stands in for its clip
        state = "over the cost limit" if outcome.state == "interrupted" else outcome.state
        return {
            "name": asked.name, "kind": asked.kind, "seed": job.seed, "state": state,
            "parameters": outcome.parameters, "train_clips": len(job.train) * copies,
            "config": job.config,
            "val_uar": [round(epoch.val_uar, 4) for epoch in outcome.epochs if epoch.val_uar is not None],
            "val_loss": [round(epoch.val_loss, 4) for epoch in outcome.epochs if epoch.val_loss is not None],
            "cpu_s": spent,
        }  # fmt: skip


def _part(clips: pd.DataFrame, rows: set[int], share: float) -> set[int]:
    """Returns about a share of the rows, chosen by a hash of the clip ids: independent of the table's order."""
    ranked = sorted(rows, key=lambda row: hashlib.sha256(str(clips["clip_id"].iloc[row]).encode()).hexdigest())
    return set(ranked[: round(share * len(ranked))])


def run(asked: argparse.Namespace, out: Path) -> None:
    """Records what is missing in the file of lines."""
    import keras

    from serbench.training.backend import limit_threads

    limit_threads("tensorflow", 1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = load_space(asked.family).with_training(epochs=asked.epochs, patience=asked.epochs)
    recorder = Recorder(space, asked.corpus, asked.data, asked.share, asked.validation_share, asked.seed)
    extra = {} if asked.precision is None else {"precision": asked.precision}
    print(f"{len(recorder.train['70/10/20'])} training and {len(recorder.validation)} validation clips", flush=True)
    todo = list(asked_configurations(space, asked.count, asked.seed))
    for one in [todo[0], *reversed(todo[1:])] if asked.backwards else todo:
        done = {line["name"]: line for line in lines(out)}  # read anew: another process may record from the other end
        if done.get(todo[0].name, {}).get("cpu_s"):
            recorder.limit_s = asked.cost_limit * epoch_seconds(done[todo[0].name])
        if one.name in done:
            continue
        began = time.monotonic()
        line = recorder.record(one, extra)
        with out.open("a", encoding="utf-8") as file:
            file.write("\n" * bool(file.tell() and not _ends_line(out)) + json.dumps(line) + "\n")
        best = max(line["val_uar"], default=float("nan"))
        print(f"{one.name} {line['state']} {best:.3f} cpu {sum(line['cpu_s']):.0f} s, "
              f"clock {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        keras.backend.clear_session()
        gc.collect()


def lines(path: Path) -> list[dict[str, Any]]:
    """Reads a file of lines, without those that a kill cut short."""
    found = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


def _ends_line(path: Path) -> bool:
    return path.read_bytes()[-1:] == b"\n"


def epoch_seconds(line: dict[str, Any]) -> float:
    """CPU seconds of one epoch, without the first, which traces the model."""
    return float(statistics.median(line["cpu_s"][1:] or line["cpu_s"]))


def pack(asked: argparse.Namespace, out: Path, target: Path) -> None:
    """Writes the recorded lines into one file, with what they were made with."""
    space = load_space(asked.family)
    how = {name: getattr(asked, name) for name in
           ("corpus", "epochs", "share", "validation_share", "cost_limit", "precision", "seed")}  # fmt: skip
    found = list({line["name"]: line for line in lines(out)}.values())  # two processes may meet on one
    head = json.dumps({"family": asked.family, "protocol": "speaker, validation core", **how,
                       "space": space.name, "recipes": [k.name for k in space.enqueued],
                       "file": space.text})  # fmt: skip
    body = ",\n".join(json.dumps(line, separators=(",", ":")) for line in found)
    write_text_atomic(target, f'{{"how": {head},\n"lines": [\n{body}\n]}}\n')
    print(f"{len(found)} curves, {target.stat().st_size / 1024:.0f} KiB")


def main() -> None:
    """Records or packs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", help="name of a space")
    parser.add_argument("--corpus", default="crema-d")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="file of lines, which a second run goes on with")
    parser.add_argument("--pack", type=Path, metavar="FILE", help="only put the lines into one file")
    parser.add_argument("--count", type=int, default=150, help="configurations beside the recipes")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--share", type=float, default=0.22, help="of the training clips")
    parser.add_argument("--validation-share", type=float, default=1.0, help="of the validation clips")
    parser.add_argument("--cost-limit", type=float, default=4.0, help="times the seconds of the first recipe")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="of training, where jobs have one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backwards", action="store_true", help="begin at the end: for a second process on one file")
    asked = parser.parse_args()
    if asked.pack:
        pack(asked, asked.out, asked.pack)
    else:
        run(asked, asked.out)


if __name__ == "__main__":
    main()
