"""The registry of protocols. A new protocol takes one entry in `_KINDS`; help, docs and errors list it from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from serbench.errors import UsageError, unknown
from serbench.protocols.given import cross_corpus_plans, given_plans
from serbench.protocols.plans import MakePlans, crossed_plans, emo_superb_plans, fold_plans, single_plan
from serbench.protocols.units import clip_units, sentence_units, speaker_units

__all__ = ["ProtocolKind", "get_kind", "protocol_kinds", "protocol_names", "protocols_help"]

_DEFAULT_FOLDS = 5
_MOST_FOLDS = 100
_LONGEST_COUNT = 9  # digits; int() refuses a text of thousands with an error of its own


@dataclass(frozen=True, kw_only=True)
class ProtocolKind:
    """A kind of split: one entry of the registry.

    Attributes:
        name: as people write it, e.g. 'speaker'.
        summary: what it does, in a few words, for `--help`.
        meaning: what a score under it means, in one sentence, for pages and docs.
        use: when to choose it, for the docs.
        shares_speakers: whether test speakers are also in the training set; None where that depends on the clips.
        plans: makes the split plans, one for each fold.
        folded: whether every speaker is tested in one of several folds.
        folds: how many folds; None where that depends on the corpus (`loso`).
        choose_folds: makes the split plans for a given number of folds, where people may choose it (`speaker-cv:10`).
        unit: what is never divided between the sets, in the plural.
        way_out: what to do when the corpus has too few of these units.
        other_corpus: whether the test set is another corpus, whose speakers are different people even if unnamed.
        decided_by: columns of the clip table, besides id, label, speaker and audio, that decide the split, the folds of
            a shortlist included.
    """

    name: str
    summary: str
    meaning: str
    use: str
    shares_speakers: bool | None
    plans: MakePlans
    folded: bool = False
    folds: int | None = 1
    choose_folds: Callable[[int], MakePlans] | None = None
    unit: str = "speakers"
    way_out: str = "use another protocol"
    other_corpus: bool = False
    decided_by: tuple[str, ...] = ("sex",)


def protocol_kinds() -> tuple[ProtocolKind, ...]:
    """All protocols, the default first."""
    return tuple(_KINDS.values())


def protocol_names() -> list[str]:
    """Names of all protocols, the default first."""
    return list(_KINDS)


def protocols_help() -> str:
    """All protocols with their summaries, as one line for `--help`."""
    return "; ".join(f"{kind.name}: {kind.summary}" for kind in _KINDS.values())


def get_kind(name: str) -> ProtocolKind:
    """Looks up a protocol by its name; `speaker-cv:10` is `speaker-cv` with ten folds.

    Raises:
        UsageError: the name is unknown, or the number of folds is out of range.
    """
    base, colon, text = name.partition(":")
    if base not in _KINDS:
        raise unknown("protocol", name, _KINDS)
    kind = _KINDS[base]
    if not colon:
        return kind
    count = int(text) if text.isdecimal() and len(text) <= _LONGEST_COUNT and text[0] != "0" else 0
    if kind.choose_folds is None or not 2 <= count <= _MOST_FOLDS:
        raise UsageError(f"unknown protocol '{name}'; a number of folds goes as speaker-cv:10 (2 to {_MOST_FOLDS})")
    return replace(kind, name=name, summary=_fold_summary(count), folds=count, plans=kind.choose_folds(count))


def _fold_summary(count: int) -> str:
    return f"every speaker tested once, in {count} folds"


_KINDS = {
    kind.name: kind
    for kind in (
        ProtocolKind(
            name="speaker",
            summary="no speaker in two sets",
            meaning="No test speaker is in training or validation, so this is the score to expect for a new person.",
            use="a score for a new person",
            shares_speakers=False,
            plans=single_plan(speaker_units),
            way_out="use --protocol random, whose scores share speakers",
        ),
        ProtocolKind(
            name="random",
            summary="clips at random, speakers shared",
            meaning="The same people are in training and test. Do not expect this score for a new person.",
            use="to compare with reports that split so; scores are too high",
            shares_speakers=True,
            plans=single_plan(clip_units),
            decided_by=(),
            unit="clips that differ",
            way_out="give it more clips",
        ),
        ProtocolKind(
            name="sentence",
            summary="no sentence in two sets, speakers shared",
            meaning="No test sentence is in training, but the test speakers are: a score for known voices "
            "with new words.",
            use="to see whether a model learns the words",
            shares_speakers=True,
            plans=single_plan(sentence_units),
            decided_by=("sentence",),
            unit="sentences",
            way_out="use --protocol speaker",
        ),
        ProtocolKind(
            name="speaker+sentence",
            summary="neither in two sets",
            meaning="Neither the test speakers nor the test sentences are in training: the strictest protocol.",
            use="a score for a new person with a new text",
            shares_speakers=False,
            plans=crossed_plans,
            decided_by=("sex", "sentence"),
            unit="speakers and sentences",
            way_out="use --protocol speaker",
        ),
        ProtocolKind(
            name="speaker-cv",
            summary=_fold_summary(_DEFAULT_FOLDS),
            meaning="Speakers are divided into folds. Each fold is tested by models that were trained on "
            "other speakers, and the predictions of all folds are pooled.",
            use="corpora with few speakers; `speaker-cv:10` makes ten folds",
            shares_speakers=False,
            plans=fold_plans(_DEFAULT_FOLDS),
            folded=True,
            folds=_DEFAULT_FOLDS,
            choose_folds=fold_plans,
            way_out="use loso, or fewer folds (speaker-cv:3)",
        ),
        ProtocolKind(
            name="loso",
            summary="leave one speaker out, a fold for each",
            meaning="Leave one speaker out: each speaker is tested by models that were trained on the "
            "others, and all predictions are pooled.",
            use="corpora with few speakers, as most of the literature splits them",
            shares_speakers=False,
            plans=fold_plans(None),
            folded=True,
            folds=None,
            way_out="use --protocol random, whose scores share speakers",
        ),
        ProtocolKind(
            name="emo-superb",
            summary="EMO-SUPERB's five folds of CREMA-D",
            meaning="The five folds that EMO-SUPERB publishes. Each is tested by models that were trained on "
            "other speakers, and the predictions of all folds are pooled.",
            use="CREMA-D, to compare with that benchmark",
            shares_speakers=False,
            plans=emo_superb_plans,
            folded=True,
            folds=5,
            way_out="use --protocol speaker-cv",
        ),
        ProtocolKind(
            name="given",
            summary="the corpus's own split",
            meaning="The split that the corpus brings along.",
            use="a published split, from the column `split` of a table",
            shares_speakers=None,
            plans=given_plans,
        ),
        ProtocolKind(
            name="cross-corpus",
            summary="tested on all of another corpus",
            meaning="Trained on one corpus and tested on all of another: other speakers, rooms and microphones.",
            use="a score for other recordings; name the other corpus with `--test-corpus`",
            shares_speakers=None,
            plans=cross_corpus_plans,
            other_corpus=True,
        ),
    )
}
