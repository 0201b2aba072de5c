"""Weights & Biases: one offline run for each run. Nothing leaves the machine until `wandb sync` is called."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serbench.errors import SerbenchError, first_line
from serbench.records import write_text_atomic, writing
from serbench.trackers.names import named, text_of
from serbench.trackers.runs import PushedRun
from serbench.trackers.tracker import Progress, Pushed

__all__ = ["WANDB"]

_MARK: Final = "serbench.txt"
"""Written into the folder of a run last, with the digest of its content: a folder without it was broken off."""

_PROJECT: Final = "serbench"


@dataclass(frozen=True)
class WeightsAndBiases:
    """Writes folders that `wandb sync` uploads."""

    name: str = "wandb"
    extra: str | None = "wandb"
    modules: tuple[str, ...] = ("wandb",)

    def push(self, runs: Sequence[PushedRun], to: str | None, progress: Progress) -> Pushed:
        """Writes one offline run for each run, see `Tracker.push`. One with other content is removed first."""
        root = Path(to or ".")
        counts = {"added": 0, "updated": 0, "unchanged": 0}
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
            for done, run in enumerate(runs, 1):
                counts[_write(root, run)] += 1
                progress(done, len(runs))
            (root / "wandb" / "latest-run").unlink(missing_ok=True)
        return Pushed(str(root / "wandb"), **counts, next_step=f"`wandb sync` in {root} uploads them")


WANDB = WeightsAndBiases()


def _write(root: Path, run: PushedRun) -> str:
    """Writes one run; returns what was done, as the name of a count of `Pushed`."""
    before = _folders(root, run)
    if any(_content(folder) == run.content for folder in before):
        return "unchanged"
    for folder in before:
        shutil.rmtree(folder)
    _log(root, run)
    for folder in _folders(root, run):
        write_text_atomic(folder / _MARK, run.content + "\n")
    return "updated" if before else "added"


def _folders(root: Path, run: PushedRun) -> list[Path]:
    return [path for path in sorted((root / "wandb").glob(f"offline-run-*-{run.key}")) if not path.is_symlink()]


def _content(folder: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return (folder / _MARK).read_text(encoding="utf-8").strip()
    return ""


def _log(root: Path, run: PushedRun) -> None:
    import wandb

    # No name, path, code or load of this machine goes into the run. Records hold none, and errors come without paths.
    settings = wandb.Settings(
        silent=True, console="off", disable_git=True, disable_code=True, save_code=False, x_disable_stats=True,
        x_disable_meta=True, x_disable_machine_info=True, x_save_requirements=False, host="not recorded",
    )  # fmt: skip
    shown = {name: text_of(value) if isinstance(value, str) else value for name, value in run.parameters.items()}
    facts = {f"serbench/{name}": text_of(value) for name, value in run.tags.items()}
    try:
        with wandb.init(
            project=_PROJECT, dir=str(root), id=run.key, name=text_of(run.name, 100), group=text_of(run.study, 100),
            job_type=run.kind, config=named(shown) | facts, mode="offline", reinit="create_new", settings=settings,
        ) as target:  # fmt: skip
            for values in _epochs(run):
                target.log(values, step=int(values["epoch"]))
            target.summary.update({**named(run.scores), "state": run.state})
    except wandb.Error as error:
        raise SerbenchError(f"Weights & Biases cannot write {root}: {first_line(error)[:200]}") from error


def _epochs(run: PushedRun) -> list[dict[str, Any]]:
    """The curves, epoch by epoch."""
    rows: dict[int, dict[str, Any]] = {}
    for name, curve in named(run.curves).items():
        for epoch, value in curve:
            rows.setdefault(epoch, {"epoch": epoch})[name] = value
    return [rows[epoch] for epoch in sorted(rows)]
