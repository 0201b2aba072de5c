"""Proves a light file: `run.py` of the bundle labels the whole recorded test set from its audio files.

It runs in a fresh process in which Keras, TensorFlow, librosa and serbench cannot be imported.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from serbench.errors import SerbenchError
from serbench.export.bundle import BundleCheck
from serbench.export.fresh_process import run_fresh, why_it_failed
from serbench.export.verify import audio_of, compared
from serbench.printable import cell
from serbench.records import read_text, write_text_atomic
from serbench.temporary import temporary_folder

__all__ = ["PROOFS", "labelled", "prove", "runner_source", "write_report"]

PROOFS = "proof"
"""Folder of a bundle that holds the report of each light file's differences."""

_PROCESS: Final = """
import json, runpy, sys
script, runtime, request, blocked = sys.argv[1:]
sys.modules.update(dict.fromkeys(json.loads(blocked)))  # importing one of them raises ImportError
with open(request, encoding="utf-8") as file:
    sys.argv = [script, "--runtime", runtime, *json.load(file)]
runpy.run_path(script, run_name="__main__")
"""


def prove(
    bundle: Path, form: str, expected: pd.DataFrame, paths: dict[str, str], blocked: Sequence[str]
) -> BundleCheck:
    """Labels clips with `run.py` in a fresh process and compares with the recorded predictions.

    The differences are written to `proof/FORMAT.csv` in the bundle.

    Args:
        bundle: folder with `run.py`, `bundle.json` and the light file.
        form: name of the light format.
        expected: recorded predictions, with the columns `clip_id` and `p_<label>`.
        paths: audio file of each clip id.
        blocked: modules that the process cannot import.

    Raises:
        SerbenchError: a label differs, a probability differs by more than the tolerance, or the process failed.
    """
    files = audio_of(expected, paths)
    repeated, labels = labelled(bundle, form, files, blocked)
    check = compared(expected, repeated, f"the file of format {form}", labels=True)
    write_report(bundle, form, expected, repeated, labels)
    return check


def labelled(
    bundle: Path, form: str, files: list[str], blocked: Sequence[str]
) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Labels audio files with `run.py` in a fresh process.

    Args:
        bundle: folder with `run.py`, `bundle.json` and the light file.
        form: name of the light format.
        files: audio files.
        blocked: modules that the process cannot import.

    Returns:
        Probabilities, float32 (files, classes), and labels.

    Raises:
        SerbenchError: the process failed.
    """
    with temporary_folder() as folder:
        request = folder / "request.json"
        request.write_text(json.dumps(files), encoding="utf-8")
        done = run_fresh("-c", _PROCESS, str(bundle / "run.py"), form, str(request), json.dumps([*blocked]))
    if done.returncode != 0:
        raise SerbenchError(
            f"run.py could not label the test clips with {form}: {why_it_failed(done)}; leave {form} out of --format"
        )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if [answer["file"] for answer in answers] != files:
        raise SerbenchError(f"run.py labelled {len(answers):,} of {len(files):,} clips with {form}; export again")
    repeated = np.array([list(answer["probabilities"].values()) for answer in answers], dtype=np.float32)
    return repeated, [answer["label"] for answer in answers]


def write_report(
    bundle: Path, form: str, expected: pd.DataFrame, repeated: np.ndarray[Any, Any], labels: list[str]
) -> None:
    """Writes clip, label and largest difference of a probability, a line for each clip, to `proof/FORMAT.csv`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    shares = expected.filter(regex="^p_")
    names = [name.removeprefix("p_") for name in shares.columns]
    recorded = shares.to_numpy(dtype=np.float32)
    writer.writerow(("clip_id", "recorded_label", "label", "largest_difference"))
    for clip, before, after, label in zip(expected["clip_id"], recorded, repeated, labels, strict=True):
        difference = float(np.abs(after - before).max())
        writer.writerow((cell(clip), cell(names[int(before.argmax())]), cell(label), f"{difference:.3g}"))
    (bundle / PROOFS).mkdir(exist_ok=True)
    write_text_atomic(bundle / PROOFS / f"{form}.csv", out.getvalue())


def runner_source() -> str:
    """Returns the text of the script that lies in every bundle with a light file."""
    return read_text(Path(__file__).with_name("run.py"))
