"""`measure_robustness`: how much an entry's score falls under noise, in rooms, through codecs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import serbench
from serbench.audit.record import AuditRecord, audit_path, earlier_audit
from serbench.audit.robustness.answers import Answering, StoppedError, answers_table
from serbench.audit.robustness.conditions import CONDITIONS, Condition, Scene, Voice
from serbench.audit.robustness.panel import draw_evenly, panel_of
from serbench.audit.robustness.scores import PLAIN, Altered, Robustness, Where, score_conditions
from serbench.audit.target import audited_entry, entry_folder, locked_audit
from serbench.corpora import UNKNOWN_SPEAKER
from serbench.errors import SerbenchError
from serbench.families import recorded_setting
from serbench.features import FeatureSpec, decode
from serbench.protocols import recorded_plan
from serbench.records import Ledger, LedgerLine, StudyFolder, StudyRecord, answers_digest, now
from serbench.results import Results, ScoredEntry
from serbench.search import Observer, recorded_clips
from serbench.training import choose_backend

__all__ = ["MOST_CLIPS", "RobustnessPlan", "measure_robustness"]

MOST_CLIPS = 2000
"""Clips that are judged at the most: enough for half a point of UAR, few enough for minutes."""

TOLERANCE = 1e-4
"""Largest difference from recorded probabilities, as for exported models."""

_MOST_VOICES, _LONGEST_VOICE_S = 120, 10.0
_VOICES = 0x701CE  # a random stream apart from those of the study's seed tree


@dataclass(frozen=True)
class RobustnessPlan:
    """Settings of a measurement.

    Attributes:
        target: name of an entry, or of a study to measure its selected entry.
        on: whether validation or test speakers are judged.
        data: folder of the corpus; None for the folder that the search used.
        most_clips: number of judged clips at the most, drawn evenly from speakers and labels.
        conditions: what is measured.
    """

    target: str
    on: Where = "validation"
    data: Path | None = None
    most_clips: int = MOST_CLIPS
    conditions: Sequence[Condition] = CONDITIONS


def measure_robustness(
    results: Results,
    plan: RobustnessPlan,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
) -> tuple[AuditRecord, Robustness]:
    """Measures an entry under all conditions, and saves the result in its audit record.

    Nothing is trained. The answers under each condition are kept in the folder `audits/robustness` of the study: the
    same command goes on where it was interrupted. A measurement on test speakers counts as one evaluation of the test
    set, before any of its scores is recorded.

    Args:
        results: the results that hold the entry.
        plan: settings.
        observer: receives the progress; None for no display.
        stop: set this event to end early. Conditions that were measured are kept.

    Returns:
        The audit record and, of it, what was measured now.

    Raises:
        UsageError: no such entry, or its kind cannot be measured.
        SerbenchError: networks or audio are missing, a record is damaged, the unaltered clips do not get their recorded
            answers, or another process is auditing the entry.
        StoppedError: the measurement was stopped.
    """
    tested = audited_entry(results, plan.target)
    folder = entry_folder(results.folder, tested)
    path = audit_path(folder, tested.entry.entry_id)
    with locked_audit(path):
        earlier = earlier_audit(path)
        measuring = _Measuring(tested, folder, plan, observer or Observer(), stop or threading.Event())
        found = measuring.run(results.folder.ledger)
        record = _joined(earlier, tested, found)
        record.save(path, compact=True)
    return record, found


@dataclass(frozen=True)
class _Measuring:
    """One measurement of one entry."""

    tested: ScoredEntry
    folder: StudyFolder
    plan: RobustnessPlan
    observer: Observer
    stop: threading.Event

    def run(self, ledger: Ledger) -> Robustness:
        """Measures all conditions, the unaltered clips first."""
        record, plan = self.folder.record(), self.plan
        clips = recorded_clips(self.folder, record, plan.data, self.observer.progress)
        panel = panel_of(self.tested, self.folder, clips, plan.on, plan.most_clips, record.seed)
        spec = FeatureSpec.model_validate(record.features)
        kept = self.folder.path / "audits" / "robustness" / f"{self.tested.entry.entry_id}-{plan.on}"
        answering = Answering(
            panel,
            spec,
            recorded_setting(self.tested.entry.config, "prediction_crops"),
            record.family,
            choose_backend(record.environment.backend),
            kept,
            record.seed,
            self.observer.progress,
            self.stop,
        )
        plain, difference = self._plain(answering, record, ledger)
        scene = self._scene(answering, clips, record)
        altered = [plain]
        for place, condition in enumerate(plan.conditions, start=1):
            what = f"robustness {place} of {len(plan.conditions)}, {condition.title}"
            altered.append(_measured(condition, scene, answering, what))
        scores, why_not = score_conditions(altered, panel.judged)
        answering.forget_others()
        return Robustness(
            on=plan.on,
            answered_by=panel.answered_by,
            runs=len(panel.runs),
            clips=len(panel.clips),
            clips_known=panel.clips_known,
            speakers=len(set(panel.judged.speakers) - {UNKNOWN_SPEAKER}),
            labels=panel.judged.labels,
            no_interval=why_not,
            repeats=difference,
            seed=record.seed,
            conditions=scores,
            serbench=serbench.__version__,
            created=now(),
        )

    def _plain(self, answering: Answering, record: StudyRecord, ledger: Ledger) -> tuple[Altered, float]:
        """Answers the clips as they are, and compares with what is recorded."""
        answers = answering.kept(PLAIN)
        fresh = answers is None
        if answers is None:
            answers = answering.compute("robustness, unaltered clips", None)
        panel = answering.panel
        differences = np.abs(answers - panel.recorded).max(axis=(0, 2))
        worst = float(differences.max())
        if not worst <= TOLERANCE:
            clip = panel.clips["clip_id"].iloc[int(differences.argmax())]
            raise SerbenchError(
                f"the networks of '{self.tested.entry.entry_id}' do not repeat their recorded answers: {clip} differs "
                f"by {worst:.2g} (allowed: {TOLERANCE:g}); check whether the audio or serbench has changed since the "
                "search"
            )
        if panel.on == "test":
            self._count(answers_digest(answers_table(answers, panel)), record, ledger)
        if fresh:
            answering.keep(PLAIN, answers)
        return Altered(PLAIN, PLAIN, PLAIN, answers), worst

    def _count(self, digest: str, record: StudyRecord, ledger: Ledger) -> None:
        """Counts one evaluation of the test set. An interrupted measurement that goes on is counted once."""
        named = record.model_copy(update={"name": f"{self.tested.entry.entry_id}-robustness"})
        ledger.append_once(
            LedgerLine.of(named, f"{self.tested.entry.entry_id}-robustness", "audit", predictions=digest)
        )

    def _scene(self, answering: Answering, clips: pd.DataFrame, record: StudyRecord) -> Scene:
        """Draws the voices of babble from clips outside the test set, evenly from speakers and labels."""
        plan = recorded_plan(self.folder, record, clips)
        tested = set(plan.core_split.test)
        pool = clips.iloc[[row for row in range(len(clips)) if row not in tested]]
        rng = np.random.default_rng([_VOICES, record.seed])
        drawn = pool.iloc[draw_evenly(pool["speaker"], pool["label"], _MOST_VOICES, rng)]
        rate = answering.spec.sample_rate
        longest = round(_LONGEST_VOICE_S * rate)
        voices = [
            Voice(str(row.clip_id), str(row.speaker), decode(str(row.path), rate)[:longest])
            for row in drawn.itertuples(index=False)
        ]
        judged = answering.panel.clips
        return Scene(
            rate,
            record.seed,
            voices,
            dict(zip(judged["clip_id"].astype(str), judged["speaker"].astype(str), strict=True)),
        )


def _measured(condition: Condition, scene: Scene, answering: Answering, what: str) -> Altered:
    """Answers the clips under one condition. One that cannot be measured says why, and the others go on."""
    named = (condition.key, condition.title, condition.group)
    try:
        alter, through = condition.make(scene)
        answers = answering.kept(condition.key)
        if answers is None:
            answers = answering.compute(what, alter)
            answering.keep(condition.key, answers)
    except StoppedError:
        raise
    except SerbenchError as error:
        return Altered(*named, None, str(error))
    return Altered(*named, answers, through=through)


def _joined(earlier: AuditRecord | None, tested: ScoredEntry, found: Robustness) -> AuditRecord:
    """The audit record with a new measurement in place of an earlier one on the same speakers."""
    if earlier is None:
        study, entry = tested.study, tested.entry
        earlier = AuditRecord(
            entry=entry.entry_id,
            study=study.name,
            family=entry.family,
            corpus=study.corpus.name,
            protocol=study.protocol.name,
            findings=(),
            draws=(),
            serbench=serbench.__version__,
            created=now(),
        )
    others = [one for one in earlier.robustness if one.on != found.on]
    both = sorted([*others, found], key=lambda one: one.on, reverse=True)
    return earlier.model_copy(update={"robustness": tuple(both)})
