"""What is said of an entry in words: names and values, shared by the tables and the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from serbench.records.schemas import CorpusFacts, ExcludedClip, ReportedScores
from serbench.render.document import (
    NOTHING,
    count,
    duration,
    macs,
    milliseconds,
    percent,
    plural,
    points,
    size,
    span,
    speakers,
)
from serbench.results.entry import EntryReport
from serbench.results.grouping import why_unranked
from serbench.results.leaderboard_row import Row

__all__ = [
    "caveats",
    "config_rows",
    "corpus_rows",
    "environment_rows",
    "left_out",
    "result_rows",
    "whose_labels",
]

Facts = list[tuple[str, str]]

_NAMED = 5


def result_rows(report: EntryReport) -> Facts:
    """How the entry fared and how it came to be."""
    row = report.row
    uar = f"{percent(row.uar)} %"
    if row.uar_low is not None:
        uar += f", 95 % interval {span(row.uar_low, row.uar_high)}"
    origin = f"{row.origin}, made a finalist by the space file" if row.forced else row.origin
    return [
        ("family", row.family),
        ("study", row.study),
        ("configuration", origin),
        *([("printed elsewhere", _printed(report.reported))] if report.reported else []),
        ("selected", "yes, by validation" if row.selected else "no"),
        ("tie group", NOTHING if row.tie_group is None else f"{row.tie_group} (by UAR at place {row.rank})"),
        ("test UAR", uar),
        ("test accuracy", f"{percent(row.accuracy)} %"),
        ("test F1", f"macro {percent(row.macro_f1)} %, weighted {percent(row.weighted_f1)} %"),
        ("agreement", f"Cohen's kappa {_decimal(row.kappa)}"),
        ("calibration", f"expected calibration error {percent(row.ece)} %, Brier score {_decimal(row.brier)}"),
        ("winner's curse", f"{points(row.winners_curse)} points (validation in the search - of the refits)"),
        ("optimism gap", f"{points(row.optimism_gap)} points (validation - test UAR of the refits)"),
        ("best class", _class(row.best_by_recall, row.best_by_count)),
        ("worst class", _class(row.worst_by_recall, row.worst_by_count)),
        (
            "refits",
            f"{row.seeds} completed, {row.failed_seeds} failed; {plural(row.looks, 'look')} at the test core",
        ),
        ("search", f"{row.trials} trials completed or pruned"),
        ("model", f"{count(row.parameters)} parameters, {size(row.model_bytes)}, {duration(row.train_seconds)} a fit"),
        (
            "prediction",
            f"{milliseconds(row.ms_per_clip)} ms a clip on one core, {_multiplied(row)}",
        ),
    ]


def _multiplied(row: Row) -> str:
    shown = macs(row.multiply_accumulates, row.model_bytes)
    return f"multiply-accumulates {shown}" if shown == "not counted" else f"{shown} million multiply-accumulates"


def corpus_rows(report: EntryReport) -> Facts:
    """What was learned from, and how it was split."""
    corpus, protocol = report.corpus, report.protocol
    synthetic = " (synthetic)" if corpus.synthetic else ""
    shared = "test speakers are also trained on" if protocol.shares_speakers else "no speaker in two parts"
    facts = [
        ("corpus", f"{corpus.title}{synthetic}: {corpus.clips:,} clips, {speakers(corpus.speakers)}"),
        ("licence", " ".join(part for part in (corpus.licence, corpus.licence_url) if part)),
        ("citation", corpus.citation),
        ("protocol", f"{protocol.name}: {shared}; split seed {protocol.split_seed}, hash {protocol.hash}"),
        ("test core", f"{protocol.test_clips:,} clips of {speakers(protocol.test_speakers)}"),
        ("validation core", f"{protocol.validation_clips:,} clips of {speakers(protocol.validation_speakers)}"),
        ("labels", whose_labels(corpus)),
        ("excluded", left_out(corpus.excluded)),
    ]
    return [(name, value) for name, value in facts if value]


def whose_labels(corpus: CorpusFacts) -> str:
    """Whose labels were learned, where that is not what the speaker meant; else ''."""
    return "perceived: what most listeners heard" if corpus.label_source == "perceived" else ""


def left_out(clips: Sequence[ExcludedClip]) -> str:
    """Clips that took no part, by reason; many of one reason are counted.

    >>> left_out([ExcludedClip(clip_id="a", reason="silent")])
    'a (silent)'
    """
    by_reason: dict[str, list[str]] = {}
    for clip in clips:
        by_reason.setdefault(clip.reason, []).append(clip.clip_id)
    return ", ".join(
        f"{len(ids):,} ({reason}), among them {ids[0]}" if len(ids) > _NAMED else f"{', '.join(ids)} ({reason})"
        for reason, ids in by_reason.items()
    )


def environment_rows(report: EntryReport) -> Facts:
    """Where the numbers were made."""
    place = report.environment
    packages = ", ".join(f"{name} {version}" for name, version in sorted(place.packages.items()))
    facts = [
        ("serbench", " ".join(part for part in (place.serbench, place.git_revision) if part)),
        ("backend", place.backend),
        ("python", place.python),
        ("machine", f"{place.platform}, {place.cpu}, {place.cores} cores, {place.memory_gib:.1f} GiB"),
        ("packages", packages),
    ]
    return [(name, value) for name, value in facts if value]


def config_rows(config: Mapping[str, Any]) -> Facts:
    """Hyperparameters by name; nested ones under dotted names."""
    rows: Facts = []
    for name, value in sorted(config.items()):
        if isinstance(value, Mapping) and value:
            rows += [(f"{name}.{inner}", shown) for inner, shown in config_rows(value)]
        else:
            rows.append((name, _shown(value)))
    return rows


def caveats(report: EntryReport) -> list[str]:
    """What keeps the scores from being taken at their word, each a sentence, without repetition."""
    found = []
    if report.row.synthetic:
        found.append("a synthetic corpus: these scores say nothing of human speech")
    # A speaker-disjoint protocol with too few speakers says so itself, in its recorded warnings.
    said = report.protocol.warnings and not report.protocol.shares_speakers
    if report.no_interval and not (said and report.no_interval == why_unranked(report.protocol)):
        found.append(report.no_interval)
    return list(dict.fromkeys([*found, *report.row.warnings]))


def _printed(scores: ReportedScores) -> str:
    """What somebody else printed, in words."""
    named = {
        "training accuracy": scores.train_accuracy,
        "validation accuracy": scores.validation_accuracy,
        "test accuracy": scores.test_accuracy,
        "test UAR": scores.test_uar,
    }
    said = ", ".join(f"{name} {value:.1f} %" for name, value in named.items() if value is not None)
    return f"{said} ({scores.source})" if scores.source else said


def _decimal(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _class(by_recall: str | None, by_count: str | None) -> str:
    if by_recall == by_count:
        return f"{by_recall or NOTHING} (by recall and by number correct)"
    return f"{by_recall or NOTHING} by recall, {by_count or NOTHING} by number correct"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
