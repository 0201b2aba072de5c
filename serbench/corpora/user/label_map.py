"""`LabelMap`: renames or drops labels of a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from serbench.corpora.base import Listing
from serbench.corpora.table import clip_table, one_spelling
from serbench.errors import SerbenchError, UsageError, nearest
from serbench.printable import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PRESETS", "LabelMap", "parse_label_map", "shared_words", "usual_word"]

_SYNONYMS: Final = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "joyful": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "ps": "surprise",
}

_OTHERS: Final = {*_SYNONYMS.values(), "boredom", "calm", "contempt", "frustration", "neutral"}
"""Names of emotions that are left out on purpose where a set does not hold them."""

_SHOWN: Final = 10

PRESETS: Final = {
    # P. Ekman, An argument for basic emotions, Cognition and Emotion 6 (1992).
    "big6": (("anger", "disgust", "fear", "happiness", "sadness", "surprise"), {}),
    # As in most work on IEMOCAP since S. Yoon, S. Byun and K. Jung, SLT 2018: excitement counts as happiness.
    "four": (("anger", "happiness", "neutral", "sadness"), {"excitement": "happiness", "excited": "happiness"}),
}
"""Common label sets by name: the labels to keep, and other labels that count as one of these."""


@dataclass(frozen=True)
class LabelMap:
    """Renames, keeps or drops labels.

    Attributes:
        names: new name by old name. Labels that are not listed keep their name.
        keep: labels (new names) to keep; empty for all.
        drop: labels (old or new names) to drop.
    """

    names: dict[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.names or self.keep or self.drop)

    def of(self, label: str) -> str | None:
        """Returns the new name of a label, or None if it is dropped.

        >>> LabelMap({"joy": "happiness"}, drop=("surprise",)).of("joy")
        'happiness'
        """
        name = self.names.get(label, label)
        if {label, name} & set(self.drop) or (self.keep and name not in self.keep):
            return None
        return name

    def check(self, present: set[str]) -> None:
        """Checks that every label named by the map occurs. One that does not is most likely a typing error.

        Only the old names of a preset need not occur.

        Args:
            present: the labels of all clips, before the map.

        Raises:
            SerbenchError: no clip has a label that the map names.
        """
        here = sorted(present)
        known = {*here, *self.names.values()}
        optional = _OPTIONAL if self.keep else set[str]()
        strangers = [name for name in self.names if name not in known | optional]
        strangers += [name for name in self.drop if name not in known]
        if strangers:
            same = _SYNONYMS.get(strangers[0])
            near = same if same in present else nearest(strangers[0], here)
            hint = f"; did you mean '{near}'?" if near else ""
            raise SerbenchError(f"no clip is labelled '{strangers[0]}'; labels here are {', '.join(here)}{hint}")

    def apply(self, listing: Listing, known: AbstractSet[str] = frozenset()) -> Listing:
        """Returns the listing with new labels and votes, without dropped clips.

        Args:
            listing: clips with their own labels.
            known: further labels that the map may name.

        Raises:
            SerbenchError: a label that the map names does not occur, or no clip is left.
        """
        table = listing.table
        here = sorted(set(table["label"]))
        self.check({*here, *known})
        labels = table["label"].map(self.of)
        votes = table["votes"].map(self.of_votes, na_action="ignore")
        table = table.assign(label=labels, votes=votes)[labels.notna()]
        if table.empty:
            raise SerbenchError(f"no clip is left under these labels; labels here are {', '.join(here)}")
        return replace(listing, table=clip_table(table), remarks=(*listing.remarks, *self._not_kept(listing, labels)))

    def _not_kept(self, listing: Listing, labels: pd.Series[str]) -> Iterator[str]:
        """Says which labels a set leaves out that may be another word for one of its own."""
        gone = listing.table.loc[labels.isna(), "label"]
        meant = {*self.drop, *_OTHERS}
        counts = gone[[not {one, self.names.get(one, one)} & meant for one in gone]].value_counts()
        if counts.empty:
            return
        named = ", ".join(f"{printable(str(label)[:40])} {count:,}" for label, count in counts.head(_SHOWN).items())
        more = f" and {len(counts) - _SHOWN:,} more" if len(counts) > _SHOWN else ""
        yield (
            f"{counts.sum():,} clips are left out, since their labels are none of {', '.join(self.keep)} "
            f"({named}{more}); --map old=new keeps some"
        )

    def of_votes(self, votes: str) -> str:
        """Returns the winners of a vote under their new names. What is dropped stays: listeners heard another emotion.

        >>> LabelMap({"joy": "happiness"}, keep=("happiness", "fear")).of_votes("disgust:joy")
        'disgust:happiness'
        """
        return ":".join(sorted({self.of(name) or self._left_out(name) for name in votes.split(":")}))

    def _left_out(self, name: str) -> str:
        """What a dropped label is called in votes: never as a label of the study, which may have got its name."""
        return f"{name} (left out)" if name in {self.of(old) for old in self.names} else name


def shared_words(corpora: Sequence[AbstractSet[str]]) -> dict[str, str]:
    """Returns a new name by old name for labels that corpora would share if all used one word for an emotion.

    >>> shared_words([{"anger", "joy"}, {"angry", "joy", "calm"}])
    {'angry': 'anger'}

    Args:
        corpora: the labels of each corpus.
    """
    shared = set.intersection(*map(set, corpora))
    common = set.intersection(*({usual_word(label) for label in labels} for labels in corpora))
    apart = {usual_word(label) for labels in corpora for label in labels - shared} & common
    every = sorted(set[str]().union(*corpora))
    return {label: usual_word(label) for label in every if usual_word(label) in apart and usual_word(label) != label}


def usual_word(label: str) -> str:
    """Returns the usual word for an emotion; any other label as it is.

    >>> usual_word("angry"), usual_word("calm")
    ('anger', 'calm')
    """
    return _SYNONYMS.get(label, label)


_OPTIONAL: Final[set[str]] = {*_SYNONYMS, *PRESETS["four"][1]}
"""Old names in presets. A corpus need not have them."""


def _label(text: str) -> str:
    """A label as tables of clips spell it."""
    return one_spelling(text.strip().lower())


def parse_label_map(maps: Sequence[str], drops: Sequence[str]) -> LabelMap:
    """Reads the options `--map` and `--drop`.

    >>> parse_label_map(["happy=happiness,joy=happiness"], ["surprise"]).names
    {'happy': 'happiness', 'joy': 'happiness'}
    >>> parse_label_map(["four"], []).keep
    ('anger', 'happiness', 'neutral', 'sadness')

    Args:
        maps: each a preset's name, or pairs `old=new` separated by commas. Later ones win.
        drops: each one or more labels, separated by commas.

    Raises:
        UsageError: a text is neither a preset nor a pair, or two presets are named.
    """
    names: dict[str, str] = {}
    keep: tuple[str, ...] = ()
    for text in (part.strip() for one in maps for part in one.split(",") if part.strip()):
        old, equals, new = (_label(part) for part in text.partition("="))
        if equals and old and new:
            names[old] = new
        elif not equals and old in PRESETS:
            if keep:
                raise UsageError("--map names two sets of labels; name one")
            keep, more = PRESETS[old]
            names = {**_SYNONYMS, **more, **names}
        else:
            raise UsageError(f"--map '{text}' is neither old=new nor one of the label sets {', '.join(PRESETS)}")
    drop = tuple(dict.fromkeys(_label(part) for one in drops for part in one.split(",") if part.strip()))
    return LabelMap(names, keep, drop)
