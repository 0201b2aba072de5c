"""CPU time of training: serbench as it was, serbench now in both precisions, and raw PyTorch, in turns.

    uv run python benchmarks/training_speed.py
    uv run python benchmarks/training_speed.py cnn2d --rounds 12 --torch PYTHON

Each arm is a process of one thread that trains a known configuration of the family's space on random features. A
round is an epoch. The arms take turns, so that whatever else the machine does slows all of them alike; each turn is
compared with that of the first arm in the same round. Time is CPU time and includes everything from features to
weights: mixing of batches, augmentation, model, optimiser. The PyTorch arm is the same net and optimiser without
augmentation.

`as before` is an earlier revision, checked out into a temporary folder; it is left out where git does not know it.
PyTorch is no dependency of serbench. An environment of its own will do, named by its Python:

    uv venv torch-only && uv pip install --python torch-only/bin/python numpy torch --index https://download.pytorch.org/whl/cpu
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from statistics import median

from benchmarks.table import machine
from serbench.families import ConvHyperparameters, parse_hyperparameters
from serbench.families.blocks import filter_counts
from serbench.spaces import load_space

__all__ = ["Arm", "as_table", "main", "measure"]

_ROOT = Path(__file__).parents[1]
_BEFORE = "c7b3f3b"  # the last revision without --precision
_MEASURED = {"cnn1d": "masked features", "cnn2d": "wider, small batches"}
"""The configuration of each family's space that is trained. `_BEFORE` knows all of it."""


@dataclass
class Arm:
    """One way to train a family.

    Attributes:
        name: name in the table.
        command: the process, less its task.
        precision: `float32` or `bfloat16`.
        path: folder whose serbench it runs; None for none.
        times: milliseconds of CPU time a clip, one for each round.
    """

    name: str
    command: tuple[str, ...]
    precision: str
    path: Path | None = None
    times: list[float] = field(default_factory=list)


def main(words: Sequence[str] | None = None) -> None:
    """Prints one table for each family."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", default=["cnn2d", "cnn1d"])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clips", type=int, default=768, help="training clips of a round")
    parser.add_argument("--before", default=_BEFORE, metavar="REVISION", help="an earlier revision to compare with")
    parser.add_argument("--torch", default=sys.executable, metavar="PYTHON", help="Python with PyTorch")
    asked = parser.parse_args(words)
    print(machine())
    for family in asked.families:
        with _checked_out(asked.before) as before:
            arms = list(_arms(before, asked.torch))
            measure(family, arms, asked.rounds, asked.clips)
        print(f"\n{family}, CPU time of training in ms a clip, {asked.rounds} rounds in turns\n\n{as_table(arms)}")


def measure(family: str, arms: Sequence[Arm], rounds: int, clips: int) -> None:
    """Lets the arms take turns, and adds their times.

    Raises:
        RuntimeError: an arm ended with an error.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(_Running(arm, _task(family, arm, clips))) for arm in arms]
        for _ in range(rounds):
            for arm, process in zip(arms, running, strict=True):
                arm.times.append(process.round())


def as_table(arms: Sequence[Arm]) -> str:
    """Returns a Markdown table: the median of each arm with its range, and how much faster than the first arm."""
    lines = ["| arm | ms a clip, median (range) | times as fast, median of the rounds (range) |", "|---|---|---|"]
    for arm in arms:
        ratios = [first / time for first, time in zip(arms[0].times, arm.times, strict=True)]
        spread = f"{min(arm.times):.2f} to {max(arm.times):.2f}"
        faster = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if arm is not arms[0] else ""
        lines.append(f"| {arm.name} | {median(arm.times):.2f} ({spread}) | {faster} |")
    return "\n".join(lines)


class _Running:
    """The process of an arm."""

    def __init__(self, arm: Arm, task: str) -> None:
        path = {} if arm.path is None else {"PYTHONPATH": str(arm.path)}
        self._name = arm.name
        self._process = subprocess.Popen(
            [*arm.command, task], env={**os.environ, **path}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def __enter__(self) -> _Running:
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def round(self) -> float:
        """Trains one round and returns its CPU time in ms a clip."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the arm '{self._name}' ended with exit code {self._process.wait()}")
        return line


def _arms(before: Path | None, torch: str) -> Iterator[Arm]:
    script = str(Path(__file__).with_name("training_arms.py"))
    here = (sys.executable, script)
    if before is not None:
        yield Arm("float32 as before", here, "float32", before)
    yield Arm("float32 now", here, "float32", _ROOT)
    yield Arm("bfloat16 now", here, "bfloat16", _ROOT)
    if subprocess.run([torch, "-c", "import torch"], capture_output=True, check=False).returncode == 0:
        yield Arm("PyTorch, float32", (torch, script), "float32")
        yield Arm("PyTorch, bfloat16", (torch, script), "bfloat16")
    else:
        print(f"{torch} has no PyTorch, so its arms are left out; --help says how to install it", file=sys.stderr)


def _task(family: str, arm: Arm, clips: int) -> str:
    space = load_space(family)
    (known,) = (one for one in space.enqueued if one.name == _MEASURED[family])
    hp = parse_hyperparameters(space.family, known.config)
    assert isinstance(hp, ConvHyperparameters)
    later = hp.later_fields()  # which an earlier revision does not know
    config = {name: value for name, value in hp.model_dump(mode="json").items() if value != later.get(name, ...)}
    return json.dumps(
        {
            "arm": "torch" if arm.path is None else "keras",
            "family": family,
            "precision": arm.precision,
            "clips": clips,
            "config": config,
            "shape": space.features.shape,
            "filters": filter_counts(hp),
        }
    )


@contextmanager
def _checked_out(revision: str) -> Iterator[Path | None]:
    """Yields a folder with the sources of a revision; None if git does not know it."""
    done = subprocess.run(["git", "-C", str(_ROOT), "archive", revision, "serbench"], capture_output=True, check=False)
    if done.returncode:
        print(f"git does not know revision {revision}, so that arm is left out", file=sys.stderr)
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="serbench-") as folder:
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


if __name__ == "__main__":
    main()
