"""`Panel`: the clips that are judged, and the trained networks that answer them.

No network answers a clip that it was trained on. On validation speakers that leaves two kinds of networks: final runs
that held the validation clips back, and the fold models of the shortlist, each for its own held-out speakers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.audit.robustness.scores import Judged, Where
from serbench.corpora import starts_from_its_corpus
from serbench.errors import SerbenchError, UsageError
from serbench.records import JobKind, StudyFolder
from serbench.render import plural
from serbench.results import ScoredEntry, clips_by_id

__all__ = ["Network", "Panel", "draw_evenly", "panel_of"]

_DRAWN = 0xD4A3  # a random stream apart from those of the study's seed tree


@dataclass(frozen=True)
class Network:
    """A trained network and the clips that it answers.

    Attributes:
        path: its `.keras` file.
        rows: places of its clips in the panel.
    """

    path: Path
    rows: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Panel:
    """What is judged, and by whom.

    Attributes:
        on: whose speakers they are.
        clips: clip table of the judged clips, with `path`.
        judged: their labels and speakers.
        runs: the networks of each run. Those of one run answer each clip once.
        recorded: (runs, clips, labels) recorded probabilities of the same networks.
        answered_by: which networks these are, in words.
        clips_known: number of clips that the judged ones were drawn from.
    """

    on: Where
    clips: pd.DataFrame
    judged: Judged
    runs: tuple[tuple[Network, ...], ...]
    recorded: NDArray[np.float32]
    answered_by: str
    clips_known: int


@dataclass(frozen=True)
class _Run:
    """One run before clips are drawn: its answers as recorded, with the network of each clip."""

    answers: pd.DataFrame
    paths: tuple[Path, ...]
    path_of: NDArray[np.intp]


def panel_of(
    tested: ScoredEntry, folder: StudyFolder, clips: pd.DataFrame, on: Where, most_clips: int, seed: int
) -> Panel:
    """Finds the networks of an entry, and draws the clips that they answer.

    Args:
        tested: the entry.
        folder: folder of its study.
        clips: clip table of the study, with `path`.
        on: whether validation or test speakers are judged.
        most_clips: number of clips at the most, drawn evenly from speakers and labels.
        seed: draws them.

    Raises:
        UsageError: the entry pools folds, or needs other clips of a speaker for each answer.
        SerbenchError: the networks are not there, or none of them may answer validation clips.
    """
    _single(tested)
    runs, answered_by = _runs_of(tested, folder, on)
    if absent := [path for run in runs for path in run.paths if not path.is_file()]:
        raise SerbenchError(
            f"the trained networks of {tested.entry.entry_id} are needed, and {absent[0]} is missing (published "
            "results hold none); run the search again to train them"
        )
    labels = tested.study.corpus.labels
    known = clips_by_id(clips)
    ids = runs[0].answers["clip_id"].astype(str).tolist()
    if strange := [clip for clip in ids if clip not in known.index]:
        raise SerbenchError(f"{folder.clips_path} lacks clip '{strange[0]}' of the predictions; restore it")
    table = known.loc[ids].reset_index(drop=True)
    drawn = draw_evenly(table["speaker"], table["label"], most_clips, np.random.default_rng([_DRAWN, seed]))
    table = table.iloc[drawn].reset_index(drop=True)
    columns = [f"p_{label}" for label in labels]
    recorded = np.stack([run.answers[columns].to_numpy(dtype=np.float32)[drawn] for run in runs])
    networks = tuple(
        tuple(Network(path, np.flatnonzero(run.path_of[drawn] == place)) for place, path in enumerate(run.paths))
        for run in runs
    )
    true = pd.Index(labels).get_indexer(pd.Index(table["label"])).astype(np.int64)
    judged = Judged(true, tuple(table["speaker"].astype(str)), labels)
    return Panel(on, table, judged, networks, recorded, answered_by, len(ids))


def draw_evenly(speakers: pd.Series, labels: pd.Series, most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draws clips so that every speaker has about as many clips of every label.

    Args:
        speakers: speaker of each clip.
        labels: label of each clip.
        most: number of clips at the most.
        rng: draws them.

    Returns:
        Places of the drawn clips, sorted.

    >>> who, what = pd.Series(list("aaaab")), pd.Series(list("xxxyx"))
    >>> draw_evenly(who, what, 3, np.random.default_rng(0))[1:].tolist()
    [3, 4]
    """
    if len(speakers) <= most:
        return np.arange(len(speakers))
    order = rng.permutation(len(speakers))
    cells = pd.Series(list(zip(speakers.iloc[order], labels.iloc[order], strict=True)))
    round_of = cells.groupby(cells).cumcount().to_numpy()  # the first clip of every cell comes before any second one
    return np.sort(order[np.argsort(round_of, kind="stable")[:most]])


def _single(tested: ScoredEntry) -> None:
    entry, protocol = tested.entry, tested.study.protocol
    if not tested.refits:
        raise SerbenchError(f"entry '{entry.entry_id}' has no completed final run, so there is no network to measure")
    if protocol.folds > 1:
        raise UsageError(
            f"entry '{entry.entry_id}' pools folds that each selected a configuration of its own; measure the "
            "robustness of an entry of protocol 'speaker' instead"
        )
    if protocol.speaker_normalisation:
        raise UsageError(
            f"entry '{entry.entry_id}' needs other clips of the same speaker for each answer (speaker_normalisation); "
            "measure the robustness of an entry of a study without it"
        )


def _runs_of(tested: ScoredEntry, folder: StudyFolder, on: Where) -> tuple[list[_Run], str]:
    entry = tested.entry
    if on == "test":
        runs = [_refit(folder, refit.record.job_id, "test") for refit in tested.refits]
        return runs, _final_runs(tested)
    if tested.study.init is not None and starts_from_its_corpus(tested.study):
        raise SerbenchError(
            f"the networks of '{entry.entry_id}' started from '{tested.study.init.entry}', which has heard the "
            "validation speakers; add --on test to measure on the test speakers"
        )
    if entry.finals == "held-out" and not entry.bag:
        runs = [_refit(folder, refit.record.job_id, "validation") for refit in tested.refits]
        return runs, f"{_final_runs(tested)}, which held these speakers back"
    if entry.shortlisted is None:
        raise SerbenchError(
            f"the final runs of '{entry.entry_id}' were trained on the validation speakers, and it has no fold models "
            "that were not; add --on test to measure on the test speakers"
        )
    folds = folder.shortlisted(entry.shortlisted).folds
    run = _fold_models(folder, folds)
    if any(not path.is_file() for path in run.paths):
        raise SerbenchError(
            f"the final runs of '{entry.entry_id}' were trained on the validation speakers, and its fold models are "
            f"not in {folder.path} (published results hold none); run the search again, or add --on test to measure "
            "on the test speakers"
        )
    return [run], f"the {len(folds)} fold models of its configuration, each on speakers that it never heard"


def _final_runs(tested: ScoredEntry) -> str:
    if tested.entry.bag:
        return f"the bag of {tested.entry.bag} fold models"
    return "its final run" if len(tested.refits) == 1 else f"its {plural(len(tested.refits), 'final run')}"


def _refit(folder: StudyFolder, job_id: str, subset: str) -> _Run:
    answers = _answers(folder, "refit", job_id, subset)
    return _Run(answers, (folder.model_path(job_id),), np.zeros(len(answers), dtype=np.intp))


def _fold_models(folder: StudyFolder, folds: tuple[str, ...]) -> _Run:
    parts = []
    for place, job_id in enumerate(folds):
        part = _answers(folder, "fold", job_id, "validation") if folder.has_job("fold", job_id) else pd.DataFrame()
        if part.empty:
            continue
        parts.append(part.assign(network=place))
    paths = tuple(folder.model_path(job_id, "fold") for job_id in folds)
    if not parts:
        return _Run(pd.DataFrame(), paths, np.zeros(0, dtype=np.intp))
    joined = pd.concat(parts, ignore_index=True).sort_values("clip_id", ignore_index=True)
    return _Run(joined, paths, joined["network"].to_numpy(dtype=np.intp))


def _answers(folder: StudyFolder, kind: JobKind, job_id: str, subset: str) -> pd.DataFrame:
    """The recorded answers of one fit on one subset, sorted by clip."""
    table = folder.predictions(kind, job_id)
    found = table[table["subset"] == subset].sort_values("clip_id", ignore_index=True)
    if found.empty:
        raise SerbenchError(f"{folder.job_path(kind, job_id)} holds no answers on {subset} clips; run the search again")
    return found
