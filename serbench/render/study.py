"""The list of studies and the report of one study, as tables, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from serbench.records import STATES, Environment, SubsetFacts, TrialState
from serbench.render.document import (
    NOTHING,
    Column,
    Document,
    Sheet,
    count,
    duration,
    percent,
    plural,
    points,
    speakers,
    table_of,
    written,
)
from serbench.results import FailureRow, FitRow, StudyReport, StudyRow

__all__ = ["moment", "studies_document", "study_document", "study_facts", "subsets_sheet"]

_BEST = 5
_FAILURES = 5
_LONGEST_REASON = 160
# Searched hyperparameters that come first in tables. The others follow in the order of the space file.
_MAIN = ("depth", "width", "head", "learning_rate", "optimizer", "regulariser", "dropout", "batch_size", "split_ratio")


def moment(text: str) -> str:
    """Formats the time of a record: '2026-11-22T21:37:35+00:00' -> '2026-11-22 21:37'."""
    return text[:16].replace("T", " ")


def studies_document(rows: Sequence[StudyRow]) -> Document:
    """Makes a table with one row a study. JSON keys are the field names of `StudyRow`."""
    columns = (
        Column("study", 0, "left"), Column("family", 5, "left"), Column("corpus", 6, "left"),
        Column("protocol", 7, "left"), Column("trials", 1), Column("val. UAR %", 1), Column("entries", 2),
        Column("last active", 4, "left"), Column("state", 3, "left"),
    )  # fmt: skip
    cells = tuple(
        (
            row.name, row.family, row.corpus, row.protocol, count(row.trials), percent(row.validation_uar),
            count(row.entries), moment(row.last_activity), "running" if row.running else "",
        )
        for row in rows
    )  # fmt: skip
    data = [json.loads(row.model_dump_json()) for row in rows]
    legend = (
        "trials: those that count towards the budget. val. UAR: validation score of the best completed trial, not a "
        "test result. Times are UTC. For details run `serbench study show STUDY`."
    )
    return Document(
        sheets=(Sheet("", columns, cells),),
        frame=pd.DataFrame(data, columns=list(StudyRow.model_fields)),
        payload={"schema_version": 1, "rows": data},
        notes=(legend,),
    )


def study_facts(report: StudyReport) -> list[tuple[str, str]]:
    """Facts about a study and its progress, as pairs of name and text."""
    made = report.environment
    packages = [f"{name} {made.packages[name]}" for name in ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch")
                if name in made.packages]  # fmt: skip
    revision = f" ({made.git_revision})" if made.git_revision else ""
    origin = [f"forked from {report.parent}"] if report.parent else []
    origin += [f"warm start from {report.warm_start}"] if report.warm_start else []
    origin += [f"fits start from the weights of {report.init}"] if report.init else []
    origin += [f"fits learn from the out-of-fold answers of {report.teacher}"] if report.teacher else []
    synthetic = " (synthetic)" if report.synthetic else ""
    fold = f", fold {report.fold} of {report.folds}" if report.folds > 1 else ""
    shared = ", the same people as in training" if report.shares_speakers else ""
    ended = [_counts(report.states)] if report.states else []
    ended += [f"{report.broken_off} interrupted and repeated"] if report.broken_off else []
    facts = [
        ("result", _result(report)),
        ("study", f"{report.name}{' (running now)' if report.running else ''}"),
        ("space", f"{report.space}, family {report.family}, hash {report.space_hash}"),
        ("corpus", f"{report.corpus_title}{synthetic} ({report.corpus}): {report.clips:,} clips, "
                   f"{speakers(report.speakers)}, {len(report.labels)} emotions"),
        ("protocol", f"{report.protocol}{fold}, split seed {report.split_seed}: "
                     f"{speakers(report.validation_speakers, 'validation')} and "
                     f"{speakers(report.test_speakers, 'test')}{shared}"),
        ("search", f"seed {report.seed}, sampler {report.sampler.get('name', '?')}, pruner "
                   f"{report.pruner.get('name', '?')}"),
        ("started from", "; ".join(origin)),
        ("made with", f"serbench {made.serbench}{revision}, {made.backend} ({', '.join(packages)}), Python "
                      f"{made.python}, {made.cpu}, {made.cores} cores"),
        ("went on with", "; ".join(_unlike(later, made) for later in report.later_environments)),
        ("precision", f"{report.precision} in training"),
        ("started", f"{moment(report.created)}, last active {moment(report.last_activity)} (UTC)"),
        ("trials", "; ".join([f"{report.counted:,} done", *ended])),
        ("probes", _counts_of(report.probes)),
        ("final runs", _counts(report.refit_states)),
        ("folder", report.folder),
        ("files", ", ".join(_file(one.name, one.files, one.bytes) for one in report.files)),
    ]  # fmt: skip
    return [(name, text) for name, text in facts if text]


def _unlike(later: Environment, made: Environment) -> str:
    """What differs in a later environment of a study."""
    revision = f" ({later.git_revision})" if later.git_revision else ""
    packages = [
        f"{name} {version}"
        for name, version in later.packages.items()
        if made.packages.get(name) not in {None, version}
    ]
    python = f"Python {later.python}, " if later.python != made.python else ""
    return ", ".join([f"serbench {later.serbench}{revision}", *packages, f"{python}{later.cpu}, {later.cores} cores"])


def _result(report: StudyReport) -> str:
    """What the search found: its best validation score, and the test score of its best entry by validation."""
    parts = []
    if report.validation_uar is not None:
        parts.append(f"best validation UAR {percent(report.validation_uar)} % in {plural(report.counted, 'trial')}")
    chosen = next((one for one in report.entries if one.selected and not one.problems), None)
    if chosen is not None and chosen.uar is not None:
        parts.append(f"its entry {chosen.entry}: test UAR {percent(chosen.uar)} %")
    return "; ".join(parts)


def study_document(report: StudyReport) -> Document:
    """Tables of sets, best trials, failures, probes and entries. JSON keys are the field names of `StudyReport`."""
    scored = [trial for trial in report.trials if trial.state == "completed" and trial.validation_uar is not None]
    best = sorted(scored, key=lambda trial: (-(trial.validation_uar or 0.0), trial.job_id))[:_BEST]
    probes = sorted(report.probes, key=lambda probe: (-(probe.validation_uar or 0.0), probe.job_id))[:_BEST]
    sheets = [
        subsets_sheet(report.subsets),
        _fits(f"Best of {plural(len(scored), 'completed trial')}", best, report.searched),
        _fits(f"Best of {plural(len(report.probes), 'probe')}", probes, report.searched),
        _shortlist(report),
        _failures(report.failures),
        _entries(report),
    ]
    return Document(
        sheets=tuple(sheet for sheet in sheets if sheet.rows),
        frame=pd.DataFrame([trial.model_dump(mode="json") for trial in report.trials]),
        payload={"schema_version": 1, **json.loads(report.model_dump_json())},
    )


def subsets_sheet(subsets: Sequence[SubsetFacts]) -> Sheet:
    """Table of the sets of a split: clips, speakers and sexes, then the clips of each class. It is never narrowed."""
    header = ["", *("training" if one.part == "train" else one.part for one in subsets)]
    sexes = [sex for sex in ("female", "male", "unknown") if any(sex in one.speakers_per_sex for one in subsets)]
    rows = [
        ["clips", *(count(one.clips) for one in subsets)],
        ["speakers", *("not named" if one.speakers is None else count(one.speakers) for one in subsets)],
    ]
    for sex in sexes:
        name = "sex unknown" if sex == "unknown" else sex
        rows.append([f"speakers, {name}", *(count(one.speakers_per_sex.get(sex, 0)) for one in subsets)])
    for label in subsets[0].clips_per_label if subsets else ():
        rows.append([f"clips, {label}", *(count(one.clips_per_label[label]) for one in subsets)])
    return table_of("Sets of the split", header, rows if subsets else ())


def _fits(title: str, fits: Sequence[FitRow], searched: Sequence[str]) -> Sheet:
    """Table of fits with their searched hyperparameters, those first in which they differ.

    The last ones are dropped if the screen is too narrow.
    """
    alike = {name for name in searched if len({str(fit.config.get(name)) for fit in fits}) < 2}
    names = sorted(searched, key=lambda name: (name in alike, _MAIN.index(name) if name in _MAIN else len(_MAIN)))
    columns = [
        Column("trial", 0, "left"), Column("val. UAR %", 1), Column("epochs", 2), Column("time", 3),
        *(Column(name.replace("_", " "), 4 + place) for place, name in enumerate(names)),
    ]  # fmt: skip
    rows = tuple(
        (
            fit.job_id, percent(fit.validation_uar), str(fit.epochs), duration(fit.seconds),
            *(_value(fit.config.get(name)) for name in names),
        )
        for fit in fits
    )  # fmt: skip
    return Sheet(title, tuple(columns), rows)


def _shortlist(report: StudyReport) -> Sheet:
    columns = (
        Column("trial", 0, "left"), Column("val. UAR %", 2), Column("out of fold %", 1), Column("bias", 3),
        Column("folds", 5), Column("epochs", 4), Column("from", 6, "left"),
    )  # fmt: skip
    rows = tuple(
        (
            one.job_id, percent(one.search_uar), percent(one.out_of_fold_uar), points(one.selection_bias),
            str(one.folds), str(one.epochs), one.origin,
        )
        for one in report.shortlist
    )  # fmt: skip
    notes = (
        "out of fold: UAR of each clip's answer by the network that was not trained on its fold, over all clips "
        "outside the test set; it decides. bias: val. UAR - out of fold, in points. epochs: length of a final run",
    )
    return Sheet("Compared by cross-validation", columns, rows, notes)


def _failures(failures: Sequence[FailureRow]) -> Sheet:
    columns = (Column("state", 0, "left"), Column("count"), Column("first", 1, "left"), Column("reason", 0, "left"))
    rows = tuple((row.state, count(row.count), row.jobs[0], _short(row.error)) for row in failures[:_FAILURES])
    more = len(failures) - len(rows)
    notes = (f"{more} more reasons: see --format json",) if more else ()
    return Sheet("Fits without a score", columns, rows, notes)


def _entries(report: StudyReport) -> Sheet:
    columns = (
        Column("entry", 0, "left"), Column("best on validation", 2, "left"), Column("UAR %", 1), Column("acc. %", 4),
        Column("macro-F1 %", 5), Column("val. UAR %", 3), Column("seeds", 6), Column("from", 7, "left"),
    )  # fmt: skip
    rows = tuple(
        (
            written("checked", one.entry, one.problems),
            "yes" if one.selected else "", percent(one.uar), percent(one.accuracy), percent(one.macro_f1),
            percent(one.validation_uar), f"{len(one.refits)}", one.origin,
        )
        for one in report.entries
    )  # fmt: skip
    return Sheet("Entries (tested)", columns, rows)


def _counts(states: dict[TrialState, int]) -> str:
    return ", ".join(f"{state} {number:,}" for state, number in states.items())


def _counts_of(fits: Sequence[FitRow]) -> str:
    states = [fit.state for fit in fits]
    return _counts({state: states.count(state) for state in STATES if state in states})


def _file(name: str, files: int, size: int) -> str:
    amount = f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{-(-size // 2**10)} KiB"
    return f"{name} ({plural(files, 'file')}, {amount})" if name.endswith("/") else f"{name} ({amount})"


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 3]}..."


def _value(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
