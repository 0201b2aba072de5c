"""The page that compares entries of one table. It contains the data of all pairs, because the reader chooses."""

from __future__ import annotations

from typing import Any

import numpy as np

from serbench.evaluation import compare_all
from serbench.results import GroupRows, Leaderboard, ScoredEntry, why_unranked
from serbench.site.board_page import PagePaths
from serbench.site.charts.chart import rounded
from serbench.site.pages import Pages

__all__ = ["compare_page"]

_CODES = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Codes of predicted classes, one character each. Corpora with more classes get no list of clips."""


def compare_page(pages: Pages, board: Leaderboard, paths: PagePaths) -> str:
    """Renders the comparison page as HTML."""
    tested = {one.entry.entry_id: one for one in board.tested}
    sorted_out = [_comparable(group, [tested[row.entry] for row in group.rows]) for group in board.groups]
    left_out = [lost for _, lost in sorted_out if lost["entries"]]
    groups = [
        _group(group, entries) for group, (entries, _) in zip(board.groups, sorted_out, strict=True) if len(entries) > 1
    ]
    return pages.render(
        "compare.html",
        scripts=("compare.js",),
        here="compare",
        groups=groups,
        left_out=left_out,
        paths=paths,
        data={
            "groups": groups,
            "codes": _CODES,
            "paths": {name: paths.entries[name] for name in tested if name in paths.entries},
        },
    )


def _comparable(group: GroupRows, tested: list[ScoredEntry]) -> tuple[list[ScoredEntry], dict[str, Any]]:
    """The entries of a table that can be compared, and the title of the table with those that cannot, and why."""
    kept: list[ScoredEntry] = []
    lost: list[tuple[str, str]] = []
    for one in tested:
        if not one.refits:  # it fails its checks, too
            lost.append((one.entry.entry_id, "no run was completed"))
        elif one.problems:
            lost.append((one.entry.entry_id, f"fails its checks: {one.problems[0]}"))
        # Entries of one group have the same clips, unless somebody edited a record.
        elif kept and one.refits[0].test_clips != kept[0].refits[0].test_clips:
            lost.append((one.entry.entry_id, f"was tested on other clips than {kept[0].entry.entry_id}"))
        else:
            kept.append(one)
    if len(kept) == 1:
        lost.append((kept[0].entry.entry_id, "has no other entry of its table to be compared with"))
    return kept, {"title": group.title, "entries": lost}


def _group(group: GroupRows, entries: list[ScoredEntry]) -> dict[str, Any]:
    first = entries[0]
    labels = first.study.corpus.labels
    return {
        "title": group.title,
        "labels": list(labels),
        "speakers": [str(name) for name in np.unique(np.asarray(first.speakers))],
        "support": first.recalls.support.tolist(),
        "clips": list(first.refits[0].test_clips),
        "true": _coded(first.refits[0].test_true, len(labels)),
        "why": why_unranked(first.study.protocol),
        "entries": [_entry(one, len(labels)) for one in entries],
        "pairs": _pairs(entries, labels),
    }


def _entry(tested: ScoredEntry, classes: int) -> dict[str, Any]:
    """Data of one entry. `correct`: correct clips by speaker and class, mean over refits."""
    return {
        "id": tested.entry.entry_id,
        "uar": rounded(tested.mean_score("test", "uar")),
        "seeds": len(tested.refits),
        "correct": rounded(tested.recalls.correct.mean(axis=0).tolist()),
        "predicted": _coded(tested.kept_refit.test_predicted, classes),
    }


def _coded(places: Any, classes: int) -> str:
    return "".join(_CODES[place] for place in places) if classes <= len(_CODES) else ""


def _pairs(entries: list[ScoredEntry], labels: tuple[str, ...]) -> list[Any]:
    """For each pair in the order of `combinations`: difference, low, high and p, or the reason why it is not tested."""
    if why_unranked(entries[0].study.protocol):
        return []
    return [
        why if compared is None else rounded([compared.difference, compared.low, compared.high, compared.p_value])
        for compared, why in compare_all([one.recalls for one in entries], labels)
    ]
