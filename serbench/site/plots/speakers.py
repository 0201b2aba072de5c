"""One strip with a point for each test speaker: how much a score depends on who speaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serbench.corpora import UNKNOWN_SPEAKER
from serbench.render import percent, plural
from serbench.results import ScoredEntry
from serbench.site.plots.axis import linear
from serbench.site.plots.plot import Dot, Frame, Label, Plot, Rule

__all__ = ["SpeakerScore", "speaker_plot", "speaker_scores"]

_ROW, _ROOM = 13, 0.016  # pixels between points that would touch, and the width of a point
_MOST_ROWS = 14
_LEFT, _RIGHT = 0.12, 0.88


@dataclass(frozen=True)
class SpeakerScore:
    """Score of one test speaker: mean recall over the classes that the speaker has, mean over runs."""

    speaker: str
    recall: float
    clips: int


def speaker_scores(tested: ScoredEntry) -> list[SpeakerScore]:
    """Scores of all test speakers, the lowest first. Empty without runs."""
    if not tested.refits:
        return []
    recalls = tested.recalls
    names = np.unique(np.asarray(tested.speakers))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = recalls.correct.mean(axis=0) / recalls.support
    found = [
        SpeakerScore(str(name), float(np.nanmean(own)), int(support.sum()))
        for name, own, support in zip(names, shares, recalls.support, strict=True)
        if support.sum()
    ]
    return sorted(found, key=lambda one: (one.recall, one.speaker))


def speaker_plot(scores: list[SpeakerScore], runs: int, labels: int) -> Plot | None:
    """The strip; None without speakers, a sentence for one.

    Args:
        scores: scores of the test speakers, the lowest first.
        runs: number of runs that they are means of.
        labels: number of classes, for chance level.
    """
    if not scores:
        return None
    low, high = scores[0], scores[-1]
    if len(scores) == 1:
        only = (
            "The speakers of the test clips are not named."
            if low.speaker == UNKNOWN_SPEAKER
            else f"There is one test speaker: {percent(low.recall)} % mean recall on {low.clips:,} clips."
        )
        return Plot("speakers", "Speaker by speaker", "", only, says=only)
    middle = float(np.median([one.recall for one in scores]))
    across = linear([100 * one.recall for one in scores], count=6)
    frame = Frame(across, across)
    rows = _rows([frame.x(100 * one.recall) for one in scores])
    height = 34 + _ROW * max(rows)
    dots = [
        Dot(
            frame.x(100 * one.recall), height - 10 - _ROW * row,
            f"speaker {one.speaker}: {percent(one.recall)} % on {plural(one.clips, 'clip')}",
        )
        for one, row in zip(scores, rows, strict=True)
    ]  # fmt: skip
    rules = [Rule("mean", x=frame.x(100 * middle))]
    if across.low <= 100 / labels <= across.high:
        rules.append(Rule("chance", x=frame.x(100 / labels)))
    return Plot(
        "speakers",
        "Speaker by speaker",
        f"From {percent(low.recall)} % (speaker {low.speaker}) to {percent(high.recall)} % (speaker {high.speaker}); "
        f"the line is the median, {percent(middle)} %. Each point is one of {len(scores)} test speakers: mean recall "
        f"over the emotions that the speaker has, mean of {plural(runs, 'run')}. Each rests on few clips, "
        f"{_clips(scores)}.",
        f"{len(scores)} test speakers, from {percent(low.recall)} % to {percent(high.recall)} %, median "
        f"{percent(middle)} %.",
        height=height,
        left=1.2,
        across=frame.ticks_across,
        about_across="mean recall of a speaker, %",
        rules=rules,
        dots=dots,
        labels=[_end(dots[0], low), _end(dots[-1], high)],
    )


def _end(dot: Dot, one: SpeakerScore) -> Label:
    anchor = "start" if dot.x < _LEFT else "end" if dot.x > _RIGHT else "middle"
    return Label(dot.x, dot.y - 9, one.speaker, anchor, "name")


def _clips(scores: list[SpeakerScore]) -> str:
    least, most = min(one.clips for one in scores), max(one.clips for one in scores)
    return f"{least}" if least == most else f"{least} to {most}"


def _rows(places: list[float]) -> list[int]:
    """How high each point is stacked so that none hides another. Places ascend."""
    last: list[float] = []
    rows = []
    for place in places:
        row = next((at for at, end in enumerate(last) if place - end >= _ROOM), len(last))
        row = min(row, _MOST_ROWS)
        last[row : row + 1] = [place]
        rows.append(row)
    return rows
