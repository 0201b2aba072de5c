"""`MergedCorpus`: several corpora as one, or corpora to train on and another one to test on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pandas as pd

from serbench.corpora.base import Corpus, Listing, NameFacts
from serbench.corpora.table import UNKNOWN_SPEAKER, clip_table
from serbench.corpora.user.label_map import LabelMap, shared_words
from serbench.corpora.user.table_corpus import TableCorpus
from serbench.corpora.user.user_corpus import UserCorpus
from serbench.errors import SerbenchError
from serbench.printable import printable
from serbench.records import Progress

__all__ = ["MergedCorpus"]

_SHOWN: Final = 10


@dataclass(frozen=True, kw_only=True)
class MergedCorpus(Corpus):
    """The clips of several corpora, restricted to the labels that all of them have.

    Clip ids, speakers and sentences start with the name of the corpus. If the user names a folder, it holds one folder
    for each corpus, by name. Otherwise each corpus is in its default folder, or where its path says.
    """

    parts: tuple[Corpus, ...]
    test: Corpus | None = None
    """The corpus to test on; the others are trained on. None if there is none."""
    map: LabelMap = field(default_factory=LabelMap)

    @property
    def all_parts(self) -> tuple[Corpus, ...]:
        """All corpora, the test corpus last."""
        return self.parts if self.test is None else (*self.parts, self.test)

    def parse(self, path: Path) -> NameFacts | None:  # noqa: ARG002
        """Returns None: merged corpora are read one by one, not by single names."""
        return None

    def prepare(self, folder: Path | None = None, progress: Progress | None = None) -> Path:
        """Prepares every corpus.

        Raises:
            SerbenchError: a corpus is not there.
        """
        for part in self.all_parts:
            part.prepare(self._place(folder, part), progress)
        return folder or self.default_folder()

    def read(self, folder: Path) -> Listing:
        """Lists the clips of all corpora.

        Raises:
            SerbenchError: a corpus is not there, the map names a label that no corpus has, or the corpora share fewer
                than two labels.
        """
        listed = [(part, part.read(self._at(part, folder))) for part in self.all_parts]
        self.map.check({label for _, listing in listed for label in listing.table["label"]})
        found = [(part, self._mapped(listing)) for part, listing in listed]
        labels = [set(listing.table["label"]) for _, listing in found]
        shared, words = set.intersection(*labels), shared_words(labels)
        if len(shared) < 2:
            each = "; ".join(f"{part.name}: {', '.join(sorted(set(one.table['label'])))}" for part, one in found)
            raise SerbenchError(
                f"{self.title} share {len(shared)} label{'' if len(shared) == 1 else 's'}, and it takes two ({each}); "
                f"bring them together with --map {_pairs(words) or 'old=new'}"
            )
        tables = [self._renamed(part, listing.table[listing.table["label"].isin(shared)]) for part, listing in found]
        missing = [listing.missing for _, listing in found if listing.missing is not None]
        expected = [listing.expected for _, listing in found if listing.expected is not None]
        # Where a label is left out, the published number of clips does not apply.
        whole = sum(expected) if len(expected) == len(found) and all(one == shared for one in labels) else None
        remarks = (one for _, listing in found for one in listing.remarks)
        return Listing(
            table=clip_table(pd.concat(tables, ignore_index=True)),
            unparsed=tuple(path for _, listing in found for path in listing.unparsed),
            folder=folder,
            missing=sum(missing) if missing else None,
            shadowed=tuple(path for _, listing in found for path in listing.shadowed),
            escaping=tuple(path for _, listing in found for path in listing.escaping),
            expected=whole,
            non_clips=tuple(one for _, listing in found for one in listing.non_clips),
            lost=tuple((f"{part.name}/{clip}", name) for part, listing in found for clip, name in listing.lost),
            passed_over=tuple(one for _, listing in found for one in listing.passed_over),
            remarks=(
                *remarks,
                *_left_out(found, shared, words),
                *_namesakes(found),
                *(_incomplete(found) if whole is None else ()),
            ),
        )

    def _at(self, part: Corpus, folder: Path) -> Path:
        return part.prepare(self._place(None if folder == self.default_folder() else folder, part))

    def _mapped(self, listing: Listing) -> Listing:
        # A label that the map names need not occur in every corpus.
        here = set(listing.table["label"])
        names = {old: new for old, new in self.map.names.items() if old in here}
        known = replace(self.map, names=names, drop=tuple(d for d in self.map.drop if d in here or d in names.values()))
        return known.apply(listing) if known else listing

    def _place(self, folder: Path | None, part: Corpus) -> Path | None:
        if folder is None or self._says_where(part):
            return None
        place = folder / part.name
        if not place.is_dir():
            if isinstance(part, UserCorpus) and part.home is not None:
                return None
            raise SerbenchError(
                f"{folder} has no folder '{part.name}'; of several corpora, --data names the folder that holds one "
                "folder each, by the corpus's name (links will do)"
            )
        return place

    def _says_where(self, part: Corpus) -> bool:
        """Whether a part was given by its path, which is on this machine: another folder of its name is another corpus.

        A table says only where the table is; the folder of its name may hold its audio.
        """
        if not isinstance(part, UserCorpus) or isinstance(part, TableCorpus) or part.home is None:
            return False
        own = () if self.choice is None else self.choice.own
        return part.name in own and part.home.exists()

    def _renamed(self, part: Corpus, table: pd.DataFrame) -> pd.DataFrame:
        changed = table.assign(
            clip_id=f"{part.name}/" + table["clip_id"],
            # Unknown speakers stay unknown: with the corpus's name in front they would count as one person.
            speaker=(f"{part.name}/" + table["speaker"]).where(table["speaker"] != UNKNOWN_SPEAKER, UNKNOWN_SPEAKER),
            sentence=f"{part.name}/" + table["sentence"],
            corpus=part.name,
        )
        if self.test is not None:
            changed["split"] = "test" if part is self.test else "train"
        return changed


def _left_out(found: list[tuple[Corpus, Listing]], shared: set[str], words: Mapping[str, str]) -> Iterator[str]:
    """Says of each corpus which labels are left out because another one lacks them, and which map would keep some."""
    for part, listing in found:
        labels = listing.table["label"]
        counts = labels[~labels.isin(shared)].value_counts()
        if counts.empty:
            continue
        named = ", ".join(f"{printable(str(label)[:40])} {count:,}" for label, count in counts.head(_SHOWN).items())
        more = f" and {len(counts) - _SHOWN:,} more" if len(counts) > _SHOWN else ""
        joined = {*words, *words.values()} & {str(label) for label in counts.index}
        clips = "clip is" if counts.sum() == 1 else "clips are"
        way = f"; --map {_pairs(words)} gives each emotion one name" if joined else ""
        yield (
            f"{part.title}: {counts.sum():,} {clips} left out, since another corpus lacks their labels "
            f"({named}{more}){way}"
        )


def _namesakes(found: list[tuple[Corpus, Listing]]) -> Iterator[str]:
    """Says which speakers a corpus of the user's own and another one name alike, since they count as two people."""
    people = [(part, set(listing.table["speaker"]) - {UNKNOWN_SPEAKER}) for part, listing in found]
    for (part, one), (other, two) in itertools.combinations(people, 2):
        both = sorted(one & two)
        if both and (isinstance(part, UserCorpus) or isinstance(other, UserCorpus)):
            named = f"speaker {both[0]}" if len(both) == 1 else f"{len(both):,} speakers, such as {both[0]},"
            yield (
                f"{part.name} and {other.name} both name {printable(named[:80])} who count as different people: if "
                "they are the same, put their clips into one folder or table, or scores are too high"
            )


def _incomplete(found: list[tuple[Corpus, Listing]]) -> Iterator[str]:
    """Says of each published corpus how many of its clips are not there, where their sum cannot be told."""
    for part, listing in found:
        if listing.missing and listing.expected is not None:
            yield f"{part.title}: {listing.missing:,} of {listing.expected:,} clips are not there"


def _pairs(words: Mapping[str, str]) -> str:
    return ",".join(f"{old}={new}" for old, new in words.items())
