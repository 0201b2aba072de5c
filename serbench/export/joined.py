"""The final networks of a folded protocol as one network: its answer is the mean of theirs.

Before they are joined, each must repeat its recorded answers to the test clips of its own fold from raw audio.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serbench.errors import SerbenchError
from serbench.export.bundle_record import JoinedNetwork
from serbench.export.fresh_process import run_fresh, why_it_failed
from serbench.export.verify import audio_of, compared
from serbench.export.windows import windows
from serbench.families import recorded_setting
from serbench.features import FeatureSpec, decode, extract
from serbench.records import StudyFolder, TrialRecord, read_text
from serbench.temporary import temporary_folder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FoldNetwork", "join_folds"]


@dataclasses.dataclass(frozen=True)
class FoldNetwork:
    """The final network of one fold.

    Attributes:
        fold: number of the fold.
        folder: the folder of the fold's study.
        entry: id of the fold's entry.
        refit: the run whose network it is: the best one on validation.
    """

    fold: int
    folder: StudyFolder
    entry: str
    refit: TrialRecord

    @property
    def prediction_crops(self) -> int:
        """Windows of a clip that its answers are the mean of."""
        crops: int = recorded_setting(self.refit.config, "prediction_crops")
        return crops

    @property
    def model(self) -> Path:
        """Path of the network."""
        return self.folder.model_path(self.refit.job_id)

    def test_answers(self) -> pd.DataFrame:
        """Recorded predictions of the fold's test clips."""
        predictions = self.folder.predictions("refit", self.refit.job_id)
        return predictions[predictions["subset"] == "test"]


def join_folds(
    networks: Sequence[FoldNetwork], family: str, paths: dict[str, str], target: Path, say: Callable[[str], None]
) -> tuple[tuple[JoinedNetwork, ...], pd.DataFrame, int]:
    """Joins the networks of all folds, and checks each of them on its own fold.

    Args:
        networks: one for each fold, in the order of the folds.
        family: their family.
        paths: audio file of each clip id.
        target: the `.keras` file to write.
        say: callback that receives a sentence before the long step.

    Returns:
        What each network's check found; what the joined network must answer, the mean of its networks, to the test
        clips of all folds, with the columns `clip_id` and `p_<label>`; the number of trained parameters.

    Raises:
        SerbenchError: audio is missing, a network does not repeat its recorded answers, or the networks answer by
            different numbers of windows.
    """
    import pandas as pd

    if len(crops := {one.prediction_crops for one in networks}) > 1:
        raise SerbenchError(
            f"the networks of the folds answer by different numbers of windows (prediction_crops: "
            f"{', '.join(map(str, sorted(crops)))}), so no one network gives their mean answer; export an entry of a "
            "protocol without folds"
        )
    recorded = [one.test_answers() for one in networks]
    clips = pd.concat(recorded, ignore_index=True)[["clip_id", *recorded[0].filter(regex="^p_").columns]]
    say(f"checking {len(networks)} networks: a fresh process predicts {len(clips):,} test clips with each of them")
    answers = _answers(networks, family, audio_of(clips, paths), target)
    checked, start = [], 0
    for one, expected, repeated in zip(networks, recorded, answers, strict=True):
        own = slice(start, start + len(expected))
        check = compared(expected, repeated[own], f"the network of fold {one.fold}")
        checked.append(
            JoinedNetwork(
                fold=one.fold,
                study=one.folder.path.name,
                entry=one.entry,
                refit=one.refit.job_id,
                seed=one.refit.seed,
                check=check,
            )
        )
        start = own.stop
    mean = answers.mean(axis=0, dtype=np.float64)
    joined = clips.assign(**{name: mean[:, place] for place, name in enumerate(clips.columns[1:])})
    order = np.argsort(joined["clip_id"].to_numpy(), kind="stable")
    return tuple(checked), joined.iloc[order].reset_index(drop=True), sum(one.refit.parameters or 0 for one in networks)


def _answers(networks: Sequence[FoldNetwork], family: str, files: list[str], target: Path) -> np.ndarray[Any, Any]:
    """The answers of each network to each file, (networks, files, classes), by a process that also writes `target`."""
    first = networks[0].folder
    study = first.record()
    asked = {
        "family": family,
        "members": [str(one.model) for one in networks],
        "features": study.features,
        "longest_clip_s": float(first.clips()["duration_s"].max()),
        "prediction_crops": networks[0].prediction_crops,
        "files": files,
    }
    with temporary_folder() as folder:
        request, answer = folder / "request.json", folder / "answer.npy"
        request.write_text(json.dumps(asked), encoding="utf-8")
        words = ("-m", "serbench.export.joined", str(request), str(target), str(answer))
        done = run_fresh(*words, KERAS_BACKEND=study.environment.backend, TF_CPP_MIN_LOG_LEVEL="3")
        if done.returncode != 0:
            reason = why_it_failed(done)
            raise SerbenchError(f"the networks of the folds could not be joined: {reason}; search again to train them")
        return np.asarray(np.load(answer, allow_pickle=False))


def _main(request: str, target: str, answer: str) -> None:
    from serbench.training import choose_backend, import_keras, join_networks

    asked = json.loads(read_text(Path(request)))
    import_keras(choose_backend())
    spec = FeatureSpec.model_validate(asked["features"])
    longest, crops = asked["longest_clip_s"], asked["prediction_crops"]
    parts = [extract(windows(decode(file, spec.sample_rate), spec, longest, crops)[1], spec) for file in asked["files"]]
    members = [Path(one).read_bytes() for one in asked["members"]]
    answers, joined = join_networks(members, asked["family"], np.concatenate(parts))
    counts = np.array([len(one) for one in parts])
    sums = np.add.reduceat(answers.astype(np.float64), np.cumsum(counts) - counts, axis=1)
    Path(target).write_bytes(joined)
    np.save(answer, (sums / counts[:, None]).astype(np.float32), allow_pickle=False)


if __name__ == "__main__":
    _main(*sys.argv[1:])
