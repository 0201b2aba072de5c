"""Checks in a fresh process that a bundle repeats the recorded test predictions from raw audio."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from serbench.errors import SerbenchError
from serbench.export.bundle import Bundle, BundleCheck
from serbench.records import read_text
from serbench.temporary import temporary_folder

__all__ = ["TOLERANCE", "verify_bundle"]

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
    if absent := sorted(set(expected["clip_id"]) - paths.keys()):
        raise SerbenchError(
            f"the bundle cannot be checked: {len(absent):,} test clips are missing from the corpus folder, such as "
            f"{absent[0]}; name the folder that the search used with --data DIR"
        )
    with temporary_folder() as folder:
        request, answer = folder / "request.json", folder / "answer.npy"
        request.write_text(json.dumps([paths[clip] for clip in expected["clip_id"]]), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "serbench.export.verify", str(bundle), str(request), str(answer)],
            env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise SerbenchError(f"the bundle could not be checked in a fresh process: {reason}")
        repeated = np.load(answer, allow_pickle=False)
    recorded = expected.filter(regex="^p_").to_numpy(dtype=np.float32)
    differences = np.abs(repeated - recorded).max(axis=1)
    worst = float(differences.max())
    if not worst <= TOLERANCE:
        clip = expected["clip_id"].iloc[int(differences.argmax())]
        raise SerbenchError(
            f"the bundle does not repeat the recorded predictions: {clip} differs by {worst:.2g} (allowed: "
            f"{TOLERANCE:g}), so nothing was exported; check whether the audio or serbench has changed since the search"
        )
    return BundleCheck(clips=len(expected), largest_difference=worst)


def _main(bundle: str, request: str, answer: str) -> None:
    predictions = Bundle.load(Path(bundle)).predict_files([Path(p) for p in json.loads(read_text(Path(request)))])
    if predictions.failures:
        raise SystemExit(predictions.failures[0])
    np.save(answer, np.array([row.probabilities for row in predictions.rows], dtype=np.float32), allow_pickle=False)


if __name__ == "__main__":
    _main(*sys.argv[1:])
