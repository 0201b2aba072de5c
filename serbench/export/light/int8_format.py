"""The int8 file beside a light file: written from it, and judged on validation clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from serbench.evaluation import evaluate
from serbench.export.bundle_record import BundleCheck, BundleRecord, Int8Facts, LightFile
from serbench.export.exporter import TrainedEntry
from serbench.export.keras_bundle import audio_paths
from serbench.export.light.int8_clips import int8_clips
from serbench.export.light.proof import labelled, write_report
from serbench.export.light.quantise import quantise
from serbench.export.verify import audio_of, repeated_answers

__all__ = ["write_int8"]


def write_int8(
    trained: TrainedEntry, bundle: Path, record: BundleRecord, source: LightFile, path: str, blocked: Sequence[str]
) -> LightFile:
    """Writes a light file with its network in int8, and measures what that costs.

    In a fresh process `run.py` labels the validation clips; the Keras model of the bundle labels them in another. There
    is no bound on the differences: they are reported.

    Args:
        trained: the model and everything known about it.
        bundle: folder with the Keras bundle, `run.py` and the light file.
        record: content of its `bundle.json`.
        source: the light file of floats.
        path: the file to write, in the bundle.
        blocked: modules that the process with `run.py` cannot import.

    Returns:
        The file as `bundle.json` describes it, without digest and size.

    Raises:
        SerbenchError: the audio is missing, the split cannot be made again, or the network cannot be quantised.
    """
    chosen, paths = int8_clips(trained), audio_paths(trained)
    used, judged = (pd.DataFrame({"clip_id": ids}) for ids in (chosen.calibration, chosen.validation))
    trained.say(f"writing {path}, calibrated with {len(used):,} training clips")
    calibration, files = audio_of(used, paths), audio_of(judged, paths)
    quantise(source.format, bundle / source.path, bundle / path, calibration, record)
    heard = ", which the network was trained on, too" if chosen.trained_on else ""
    trained.say(f"measuring {path} on {len(files):,} validation clips{heard}")
    form = f"{source.format}-int8"
    answers, labels = labelled(bundle, form, files, blocked)
    plain = repeated_answers(bundle, files, trained.study.environment.backend)
    expected = judged.join(pd.DataFrame(plain, columns=[f"p_{label}" for label in record.labels]))
    write_report(bundle, form, expected, answers, labels)
    true = np.array(chosen.labels)
    check = BundleCheck(
        clips=len(files),
        largest_difference=float(np.abs(answers - plain).max()),
        same_label=int((answers.argmax(axis=1) == plain.argmax(axis=1)).sum()),
    )
    facts = Int8Facts(
        calibration_clips=len(used),
        trained_on=chosen.trained_on,
        uar=evaluate(true, answers, record.labels).uar,
        uar_float=evaluate(true, plain, record.labels).uar,
    )
    return LightFile(format=form, path=path, sha256="", bytes=0, runtime=source.runtime, check=check, int8=facts)
