"""The exporter `keras`: a bundle with the Keras model, for `serbench predict`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from serbench.audit import audit_path, saved_audit
from serbench.audit.robustness import Robustness, told_robustness, with_robustness
from serbench.corpora import recorded_corpus
from serbench.export.bundle import CARD, BundleCheck, BundleRecord
from serbench.export.card import model_card
from serbench.export.exporter import TrainedEntry
from serbench.export.verify import verify_bundle
from serbench.families import recorded_setting
from serbench.features import FeatureSpec
from serbench.records import file_sha256, write_text_atomic
from serbench.render import render, to_document

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KERAS", "KerasBundle", "audio_paths", "bundle_of", "recorded_answers", "robustness_of"]


@dataclass(frozen=True)
class KerasBundle:
    """Exporter that writes `model.keras`, `bundle.json`, `metrics.json` and the model card, `README.md`."""

    name: str = "keras"
    description: str = "A bundle with the Keras model; `serbench predict` labels audio files with it."
    extra: str | None = None
    modules: tuple[str, ...] = ()

    def write(self, trained: TrainedEntry, folder: Path) -> BundleRecord:
        """Writes the bundle and checks it: a fresh process predicts the test clips again from raw audio.

        Args:
            trained: the model and everything known about it.
            folder: the empty folder to write to.

        Raises:
            SerbenchError: the audio is missing, or the bundle does not repeat the recorded predictions.
        """
        expected, paths = recorded_answers(trained)
        trained.say(
            f"checking the bundle of {trained.entry.entry_id}: a fresh process predicts {len(expected):,} test clips "
            "from raw audio"
        )
        shutil.copyfile(trained.model, folder / "model.keras")
        unchecked = bundle_of(trained, folder / "model.keras")
        unchecked.save(folder / "bundle.json")
        check = verify_bundle(folder, expected, paths, trained.study.environment.backend)
        record = unchecked.model_copy(update={"check": check})
        record.save(folder / "bundle.json")
        robustness = robustness_of(trained)
        report = with_robustness(to_document(trained.report), robustness)
        write_text_atomic(folder / "metrics.json", render(report, "json"))
        write_text_atomic(folder / CARD, model_card(record, trained.report, trained.study, robustness))
        return record


KERAS = KerasBundle()


def robustness_of(trained: TrainedEntry) -> tuple[Robustness, ...]:
    """Returns how robust an entry was found to be; empty if it was not measured."""
    audit = saved_audit(audit_path(trained.folder, trained.entry.entry_id))
    return told_robustness(audit, trained.study)


def recorded_answers(trained: TrainedEntry) -> tuple[pd.DataFrame, dict[str, str]]:
    """Returns what a bundle is checked with.

    Args:
        trained: the model and everything known about it.

    Returns:
        The recorded predictions of the test clips, with the columns `clip_id` and `p_<label>`, and the audio file of
        each clip id.

    Raises:
        SerbenchError: the audio is missing.
    """
    paths = audio_paths(trained)
    if trained.answers is not None:
        return trained.answers, paths
    predictions = trained.folder.predictions("refit", trained.refit.job_id)
    return predictions[predictions["subset"] == "test"], paths


def audio_paths(trained: TrainedEntry) -> dict[str, str]:
    """Returns the audio file of each clip id of the corpus.

    Raises:
        SerbenchError: the corpus is missing.
    """
    corpus = recorded_corpus(trained.study.corpus, trained.folder.remembered_places(trained.data))
    table = corpus.read(corpus.prepare(trained.data)).table
    return dict(zip(table["clip_id"], table["path"], strict=True))


def bundle_of(trained: TrainedEntry, model: Path) -> BundleRecord:
    """Returns the record of a bundle that was not checked yet.

    Args:
        trained: the model and everything known about it.
        model: path of the Keras model in the bundle.
    """
    study, entry, refit = trained.study, trained.entry, trained.refit
    record = BundleRecord(
        entry=entry.entry_id,
        study=study.name,
        refit=refit.job_id,
        family=entry.family,
        labels=study.corpus.labels,
        features=FeatureSpec.model_validate(study.features),
        longest_clip_s=float(trained.folder.clips()["duration_s"].max()),
        prediction_crops=recorded_setting(refit.config, "prediction_crops"),
        model_sha256=file_sha256(model),
        parameters=refit.parameters,
        config=entry.config,
        seed=refit.seed,
        scores=refit.scores,
        corpus=study.corpus,
        protocol=study.protocol,
        init=study.init,
        teacher=study.teacher,
        environment=study.environment,
        check=BundleCheck(clips=0, largest_difference=0.0),
        joined=trained.joined,
        created=entry.created,
    )
    return record.model_copy(update={"meaning": record.seal()})
