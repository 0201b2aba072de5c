"""Validation UAR in float32 and in bfloat16: the same configuration, clips and seed, several seeds of each family.

    uv run python benchmarks/precision_seeds.py cnn1d --corpus crema-d --data DIR --clips 1500 --epochs 12
    uv run python benchmarks/precision_seeds.py cnn2d --corpus crema-d --data DIR --clips 1000 --epochs 10

The configuration is the first that the family's space tries. Every fit runs in this process with one thread. The last
line is the mean difference with its 95 % interval (Student's t over the seeds).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from serbench.corpora import get_corpus, load_clips
from serbench.families import parse_hyperparameters
from serbench.features import FeatureStore
from serbench.protocols import Ratio, SplitProtocol
from serbench.search.jobs import copies_of
from serbench.spaces import SearchSpace, load_space
from serbench.training import FeatureSource, TrialJob, import_keras

__all__ = ["difference", "main"]


def main(words: Sequence[str] | None = None) -> None:
    """Prints one line for each seed, and the mean difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", help="space whose first configuration is trained")
    parser.add_argument("--corpus", default="demo")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--clips", type=int, default=1500, help="training clips, drawn at random")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args(words)
    space = load_space(asked.space).with_training(epochs=asked.epochs, patience=asked.epochs)
    job, source = _job(space, asked.corpus, asked.data, asked.clips)
    arrays = [np.load(path, mmap_mode="r", allow_pickle=False) for path in source.paths(job.features, job.copies)]
    import_keras("tensorflow")
    from serbench.training.backend import limit_threads
    from serbench.training.fit import fit

    limit_threads("tensorflow", 1)
    print(f"{space.family.name}: {len(job.train):,} training clips, {len(job.predict['validation'])} validation clips")
    pairs = []
    for seed in range(asked.seeds):
        full, half = (
            fit(replace(job, seed=seed, precision=precision), arrays, source.targets_for(job))
            for precision in ("float32", "bfloat16")
        )
        pairs.append((100 * (full.value or 0), 100 * (half.value or 0)))
        cost = [sum(epoch.seconds for epoch in outcome.epochs) for outcome in (full, half)]
        print(f"seed {seed}: float32 {pairs[-1][0]:.1f} %, bfloat16 {pairs[-1][1]:.1f} % validation UAR "
              f"({cost[0]:.0f} and {cost[1]:.0f} s)", flush=True)  # fmt: skip
    print(difference(pairs))


def difference(pairs: Sequence[tuple[float, float]]) -> str:
    """Describes the mean of second minus first, in points, with its 95 % interval over at least two pairs.

    >>> difference([(50.0, 51.0), (40.0, 40.0)])
    'bfloat16 - float32: +0.50 points, 95 % interval -5.85 to +6.85 (2 seeds)'
    """
    changes = np.array([second - first for first, second in pairs])
    half = stats.t.ppf(0.975, len(changes) - 1) * changes.std(ddof=1) / np.sqrt(len(changes))
    mean = changes.mean()
    return (
        f"bfloat16 - float32: {mean:+.2f} points, 95 % interval {mean - half:+.2f} to {mean + half:+.2f} "
        f"({len(changes)} seeds)"
    )


def _job(space: SearchSpace, corpus: str, data: Path | None, clips: int) -> tuple[TrialJob, FeatureSource]:
    table = load_clips(get_corpus(corpus), data, sample_rate=space.features.sample_rate).table
    (plan, *_) = SplitProtocol("speaker", space.test_core, space.validation_core, 0).plans(table)
    split = plan.split(Ratio.parse("70/10/20"))
    train = np.random.default_rng(0).permutation(split.train)[:clips]
    labels = tuple(sorted(table["label"].unique()))
    config = space.enqueued[0].config
    job = TrialJob(
        job_id="t0000",
        kind="search",
        study="precision",
        family=space.family.name,
        config=config,
        seed=0,
        settings=space.training,
        features=space.features,
        augmentations=copies_of(parse_hyperparameters(space.family, config), 0),
        labels=labels,
        train=tuple(sorted(map(int, train))),
        predict={"validation": split.validation},
    )
    return job, FeatureSource(table, FeatureStore.in_cache())


if __name__ == "__main__":
    main()
