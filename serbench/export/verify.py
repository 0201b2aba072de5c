"""Checks in a fresh process that a bundle repeats the recorded test predictions from raw audio."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serbench.errors import SerbenchError
from serbench.export.bundle import Bundle, BundleCheck
from serbench.export.fresh_process import run_fresh, why_it_failed
from serbench.export.levels import usual_levels
from serbench.records import read_text
from serbench.temporary import temporary_folder

__all__ = ["TOLERANCE", "audio_of", "compared", "repeated_answers", "verify_bundle"]

TOLERANCE = 1e-4


def verify_bundle(bundle: Path, expected: pd.DataFrame, paths: dict[str, str], backend: str) -> BundleCheck:
    """Predicts clips from their audio files in a fresh process and compares with the recorded predictions.

    Args:
        bundle: folder of the bundle.
        expected: recorded predictions, with the columns `clip_id` and `p_<label>`.
        paths: audio file of each clip id.
        backend: Keras backend, the same as in training.

    Returns:
        The number of clips and the largest difference.

    Raises:
        SerbenchError: a probability differs by more than `TOLERANCE`, or the process failed.
    """
    repeated, levels = _repeated(bundle, audio_of(expected, paths), backend)
    check = compared(expected, repeated, "the bundle")
    return check.model_copy(update={"levels_db": usual_levels(levels)})


def repeated_answers(bundle: Path, files: list[str], backend: str) -> np.ndarray[Any, Any]:
    """Predicts audio files with the Keras model of a bundle in a fresh process.

    Args:
        bundle: folder of the bundle.
        files: audio files.
        backend: Keras backend, the same as in training.

    Returns:
        Probabilities, float32 (files, classes).

    Raises:
        SerbenchError: the process failed.
    """
    return _repeated(bundle, files, backend)[0]


def _repeated(bundle: Path, files: list[str], backend: str) -> tuple[np.ndarray[Any, Any], list[float]]:
    """Probabilities, float32 (files, classes), and the level of each file in dB of full scale."""
    with temporary_folder() as folder:
        request, answer = folder / "request.json", folder / "answer.npz"
        request.write_text(json.dumps(files), encoding="utf-8")
        words = ("-m", "serbench.export.verify", str(bundle), str(request), str(answer))
        done = run_fresh(*words, KERAS_BACKEND=backend, TF_CPP_MIN_LOG_LEVEL="3")
        if done.returncode != 0:
            raise SerbenchError(f"the bundle could not be checked in a fresh process: {why_it_failed(done)}")
        with np.load(answer, allow_pickle=False) as found:
            return found["probabilities"], found["levels"].tolist()


def audio_of(expected: pd.DataFrame, paths: dict[str, str]) -> list[str]:
    """Returns the audio file of each recorded prediction.

    Raises:
        SerbenchError: a clip has none.
    """
    if absent := sorted(set(expected["clip_id"]) - paths.keys()):
        raise SerbenchError(
            f"the bundle cannot be checked: {len(absent):,} clips are missing from the corpus folder, such as "
            f"{absent[0]}; name the folder that the search used with --data DIR"
        )
    return [paths[clip] for clip in expected["clip_id"]]


def compared(expected: pd.DataFrame, repeated: np.ndarray, what: str, *, labels: bool = False) -> BundleCheck:
    """Compares probabilities with the recorded ones.

    Args:
        expected: recorded predictions, with the columns `clip_id` and `p_<label>`.
        repeated: probabilities (clips, classes) in the same order.
        what: what was checked, as a message begins.
        labels: whether each clip must get the recorded label, too.

    Raises:
        SerbenchError: a probability differs by more than `TOLERANCE`, or a label differs.
    """
    recorded = expected.filter(regex="^p_").to_numpy(dtype=np.float32)
    differences = np.abs(repeated - recorded).max(axis=1)
    worst = float(differences.max())
    clips = expected["clip_id"]
    if not worst <= TOLERANCE:
        raise SerbenchError(
            f"{what} does not repeat the recorded predictions: {clips.iloc[int(differences.argmax())]} differs by "
            f"{worst:.2g} (allowed: {TOLERANCE:g}), so nothing was exported; check whether the audio or serbench has "
            "changed since the search"
        )
    same = repeated.argmax(axis=1) == recorded.argmax(axis=1)
    if labels and not same.all():
        raise SerbenchError(
            f"{what} does not repeat the recorded labels: {clips.iloc[int(same.argmin())]} gets another one, so "
            "nothing was exported; export another run, or the format keras only"
        )
    return BundleCheck(clips=len(expected), largest_difference=worst, same_label=int(same.sum()))


def _main(bundle: str, request: str, answer: str) -> None:
    predictions = Bundle.load(Path(bundle)).predict_files([Path(p) for p in json.loads(read_text(Path(request)))])
    if predictions.failures:
        raise SystemExit(predictions.failures[0])
    probabilities = np.array([row.probabilities for row in predictions.rows], dtype=np.float32)
    levels = np.array([row.level_db for row in predictions.rows], dtype=np.float64)
    np.savez(answer, probabilities=probabilities, levels=levels)


if __name__ == "__main__":
    _main(*sys.argv[1:])
