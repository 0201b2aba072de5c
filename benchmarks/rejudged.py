"""Published architectures, judged again: with the fault of their protocol, without it, and on unknown speakers.

    uv run python benchmarks/rejudged.py rejudged_tim_net --corpus emo-db --data DIR --draws 2
    uv run python benchmarks/rejudged.py --page

The first command fits, and writes one file under `results/published/rejudged/`. The second writes the table of
docs/rejudged.md from these files. The fault is made in `benchmarks/faults.py`, and serbench itself has none. The honest
runs are searches of serbench: they are kept under `--results`, and counted in the ledger there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.faults import (
    Fault,
    Fitter,
    Part,
    copies_fits,
    epoch_fits,
    honest_parts,
    objective_fits,
    pooled,
)
from benchmarks.rejudged_page import FOLDER, write_page
from serbench.corpora import StudyClips, get_corpus, load_clips
from serbench.evaluation import SpeakerRecalls, paired_spread, recalls_interval
from serbench.records import ResultsFolder
from serbench.results import speakers_of
from serbench.search import SearchPlan, run_search
from serbench.spaces import SearchSpace, load_space

__all__ = ["FAULTS", "Asked", "arm_facts", "as_text", "rejudge", "step_facts"]

ROOT = Path(__file__).resolve().parents[1]

FAULTS: dict[str, Fault] = {
    "rejudged_light_sernet": "epoch",
    "rejudged_tim_net": "epoch",
    "rejudged_res_lstm": "objective",
    "rejudged_notebook_cnn": "copies",
}
"""The fault of each publication, as its code shows it (docs/rejudged.md)."""


@dataclass(frozen=True)
class Asked:
    """What one run of this benchmark is asked for.

    Attributes:
        fault: the fault to repeat; `none` fits the honest runs only.
        draws: random draws of the test clips, where speakers are shared.
        seeds: repetitions of each fit.
        trials: configurations that the fault `objective` chooses from, and so do the honest runs beside it.
        protocol: protocol of the runs on unknown speakers.
        results: where the honest runs are kept.
        data: folder of the corpus.
    """

    fault: Fault
    draws: int
    seeds: int
    trials: int
    protocol: str
    results: Path
    data: Path | None

    @property
    def tried(self) -> int:
        """Number of configurations that each way of judging chooses from."""
        return self.trials if self.fault == "objective" else 1


def rejudge(space: SearchSpace, corpus: str, asked: Asked) -> dict[str, Any]:
    """Fits one space under its fault and honestly.

    Returns:
        What the committed file holds: scores with intervals, what each step costs, and how they came about.
    """
    began = time.monotonic()
    clips = load_clips(get_corpus(corpus), asked.data, sample_rate=space.features.sample_rate)
    arms = _faulty(Fitter.of(space, clips), asked)
    if asked.fault != "objective":  # that publication keeps speakers apart
        arms["shared"] = [
            part for draw in range(asked.draws) for part in _searched(space, clips, asked, "random", split_seed=draw)
        ]
    arms["unknown"] = _searched(space, clips, asked, asked.protocol)
    counted = {name: pooled(parts, len(clips.labels)) for name, parts in arms.items()}
    return {
        "space": space.name, "space_hash": space.hash, "corpus": corpus, "clips": len(clips.table),
        "speakers": int(clips.table["speaker"].nunique()), "classes": len(clips.labels), "fault": asked.fault,
        "epochs": space.training.epochs, "draws": asked.draws, "seeds": asked.seeds,
        "trials": asked.tried, "protocol": asked.protocol,
        "arms": {name: arm_facts(counted[name], clips.labels, arms[name]) for name in arms},
        "steps": {
            f"{one} - {other}": step_facts(counted[one], counted[other])
            for one, other in (("fault", "without"), ("fault", "shared"), ("without", "shared"), ("shared", "unknown"),
                               ("fault", "unknown"), ("without", "unknown"))
            if one in counted and other in counted
        },
        "minutes": round((time.monotonic() - began) / 60, 1),
    }  # fmt: skip


def _faulty(fitter: Fitter, asked: Asked) -> dict[str, list[Part]]:
    """Answers with the fault and, where the same fits give them, without it."""
    match asked.fault:
        case "epoch":
            chosen, last = epoch_fits(fitter, asked.draws, asked.seeds)
            return {"fault": chosen, "without": last}
        case "objective":
            chosen, held_out = objective_fits(fitter, asked.trials)
            return {"fault": chosen, "without": held_out}
        case "copies":
            return {"fault": copies_fits(fitter, asked.draws, asked.seeds)}
        case _:
            return {}


def _searched(space: SearchSpace, clips: StudyClips, asked: Asked, protocol: str, split_seed: int = 0) -> list[Part]:
    """Runs serbench's own search, and returns the answers of its final runs."""
    run = f"{clips.corpus.name}-{protocol.replace(':', '')}-s{split_seed}"
    plan = SearchPlan(
        spaces=(space,), corpus=clips.corpus, data=asked.data, results=asked.results, protocol=protocol,
        split_seed=split_seed, run=run, trials=asked.tried, shortlist=0, finalists=1, repeats=asked.seeds, workers=1,
    )  # fmt: skip
    parts, speakers, results = [], speakers_of(clips.table), ResultsFolder(asked.results)
    for name in run_search(plan):
        folder = results.study(name)
        for seed, refit in enumerate(sorted(folder.jobs("refit"), key=lambda job: job.job_id)):
            table = folder.predictions("refit", refit.job_id)
            trained = refit.train_clips * (1 + refit.config["waveform_copies"])
            parts.append(honest_parts(table, seed, clips.labels, speakers, trained))
    return parts


def arm_facts(recalls: SpeakerRecalls, labels: Sequence[str], parts: Sequence[Part]) -> dict[str, Any]:
    """Returns score, interval and sizes of one arm. Scores are fractions, means over the repetitions.

    `support` (speaker, class) and `correct` (repetition, speaker, class) count clips: score, interval and paired
    differences can be computed from them again.
    """
    interval, _ = recalls_interval(recalls, labels)
    clips = int(recalls.support.sum())
    return {
        "uar": _rounded(recalls.per_refit().mean()),
        "low": None if interval is None else _rounded(interval.low),
        "high": None if interval is None else _rounded(interval.high),
        "accuracy": _rounded(recalls.correct.sum() / (clips * recalls.refits)),
        "seeds": recalls.refits,
        "tested": clips,
        "trained": round(sum(part.trained for part in parts) / len(parts)),
        "support": recalls.support.tolist(),
        "correct": recalls.correct.tolist(),
    }


def step_facts(one: SpeakerRecalls, other: SpeakerRecalls) -> dict[str, float]:
    """Returns how much lower the second arm is, with a 95 % interval that is paired over speakers. Fractions."""
    difference = float(one.per_refit().mean() - other.per_refit().mean())
    half = paired_spread(one, other).half_width(0.95)
    return {"difference": _rounded(difference), "low": _rounded(difference - half), "high": _rounded(difference + half)}


def as_text(facts: dict[str, Any]) -> str:
    """Returns JSON with a line for each value, but for each table of counts one."""
    text = json.dumps(facts, indent=1)
    return re.sub(r"\[[\s\d,\[\]]*\]", lambda found: re.sub(r"\s+", "", found.group()), text) + "\n"


def _rounded(value: float) -> float:
    return round(float(value), 4)


def main() -> None:
    """Fits what is asked for, or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", nargs="?", help=f"one of {', '.join(FAULTS)}")
    parser.add_argument("--corpus", default="emo-db")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--fault", choices=get_args(Fault), help="default: that of the publication")
    parser.add_argument("--draws", type=int, default=2, help="random draws of test clips (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="repetitions of each fit (default %(default)s)")
    parser.add_argument(
        "--trials", type=int, default=4, help="configurations of fault 'objective' (default %(default)s)"
    )
    parser.add_argument("--epochs", type=int, help="default: those of the space")
    parser.add_argument("--protocol", default="speaker-cv", help="of unknown speakers (default %(default)s)")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "rejudged")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder of the result (default %(default)s)")
    parser.add_argument("--page", action="store_true", help="write the table of docs/rejudged.md, fit nothing")
    asked = parser.parse_args()
    if asked.page:
        write_page()
        return
    if asked.space not in FAULTS:
        parser.error(f"name a space: {', '.join(FAULTS)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    space = load_space(asked.space)
    if asked.epochs:
        space = space.with_training(epochs=asked.epochs)
    facts = rejudge(
        space,
        asked.corpus,
        Asked(
            asked.fault or FAULTS[asked.space], asked.draws, asked.seeds, asked.trials, asked.protocol, asked.results,
            asked.data,
        ),
    )  # fmt: skip
    asked.to.mkdir(parents=True, exist_ok=True)
    path = asked.to / f"{asked.corpus}-{asked.space}.json"
    path.write_text(as_text(facts), encoding="utf-8")
    print(as_text({"steps": facts["steps"], "minutes": facts["minutes"]}))


if __name__ == "__main__":
    main()
