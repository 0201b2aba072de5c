"""`UserCorpus`: base class of the corpora that users bring themselves."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from serbench.audio import is_utf8
from serbench.corpora.base import Corpus, Listing, NameFacts
from serbench.corpora.table import UNKNOWN_SPEAKER, clip_table, one_spelling, years
from serbench.corpora.user.name_pattern import NamePattern
from serbench.errors import SerbenchError
from serbench.printable import printable, storable
from serbench.records import Progress

__all__ = ["SPLITS", "UserCorpus", "plain_name", "rows_table", "stated_label"]

_SEXES: Final = {"f": "female", "w": "female", "woman": "female", "m": "male", "man": "male"}
SPLITS: Final = {
    "train": "train", "training": "train",
    "dev": "validation", "devel": "validation", "development": "validation", "val": "validation", "valid": "validation",
    "validation": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
"""The sets of a given split, by how tables spell them."""

_NO_LABEL: Final = {"na", "n/a", "nan", "<na>", "null"}
"""How R, pandas and databases write a missing value into a text. `none` is not among them: it may be a class."""

_UNKNOWN: Final = {*_NO_LABEL, "unknown", "none", "-", "?"}

_NO_SEX: Final = {*_UNKNOWN, "other", "x", "diverse", "nonbinary"}

_NOBODY: Final = {"Unknown", "UNKNOWN", "N/A", "n/a", "nan", "NaN", "<NA>", "null", "NULL", "-", "?"}
"""How tables write that they do not know a speaker. Taken for a name, they would be one person of many voices. `NA`
and `None` are not among them: initials and names may look so."""

_UNSAFE: Final = re.compile(r"[^a-z0-9]+")


def plain_name(text: str) -> str:
    """Turns any text into a corpus name of small letters, digits and hyphens.

    >>> plain_name("My recordings (2024)")
    'my-recordings-2024'
    """
    return _UNSAFE.sub("-", one_spelling(text).lower()).strip("-")[:40] or "corpus"


def stated_label(text: str | None) -> str | None:
    """Returns a label of a table; None if the field is empty or says that the value is missing.

    >>> stated_label(" joy"), stated_label("NA")
    ('joy', None)
    """
    label = (text or "").strip()
    return None if label.lower() in {"", *_NO_LABEL} else label


@dataclass(frozen=True, kw_only=True)
class UserCorpus(Corpus):
    """A corpus that the user names by its path."""

    labels: tuple[str, ...] = ()
    licence: str = "not stated"
    name_form: str = ""
    pattern: NamePattern | None = None
    home: Path | None = None
    """Where the files are, if the user names no place."""

    def parse(self, path: Path) -> NameFacts | None:  # noqa: ARG002
        """Returns None: users' corpora are read as a whole by `rows`, not by single names."""
        return None

    @abstractmethod
    def rows(self, place: Path) -> tuple[list[dict[str, Any]], Listing]:
        """Lists the clips.

        Args:
            place: the folder or table.

        Returns:
            The clips as rows of a clip table, each with `name` (relative path) for the pattern, and a listing of
            everything else that was found, with an empty table.
        """

    def prepare(self, folder: Path | None = None, progress: Progress | None = None) -> Path:  # noqa: ARG002
        """Returns the folder or table.

        Raises:
            SerbenchError: it does not exist.
        """
        place = folder or self.home
        if place is None:
            raise SerbenchError(f"it is not known where the corpus '{self.name}' is; name its place with --data")
        if not place.exists():
            raise SerbenchError(f"the corpus '{self.name}' is not at {place}; name its place with --data")
        return place

    def read(self, folder: Path) -> Listing:
        """Lists the clips.

        Raises:
            SerbenchError: nothing can be read, or no clip is left.
        """
        if not is_utf8(str(folder.absolute())):
            raise SerbenchError(f"the name of {folder} is not UTF-8; rename it")
        rows, found = self.rows(folder)
        unread = _drop_unread_ages(rows)
        if self.pattern is not None:
            _fill(rows, self.pattern)
            unread |= _drop_unread_ages(rows)
        strange = Counter(text for place, text in unread.items() if rows[place].get("age") is None)
        remarks = (*found.remarks, *_unread_sexes(rows), *_unread_ages(strange), *_nameless(rows), *_test_words(rows))
        return replace(found, table=rows_table(rows), remarks=remarks)


def _nameless(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """Says which words are taken for no speaker at all, if there are any."""
    words = Counter(word for row in rows if (word := str(row.get("speaker") or "").strip()) in _NOBODY)
    if not words:
        return ()
    named = ", ".join(f"'{word}'" for word, _ in words.most_common(5))
    return (
        f"speakers called {named} ({sum(words.values()):,} clips) are taken for unknown; rename one that is a person",
    )


def _unread_sexes(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """Says which spellings of a sex are taken for unknown, if there are any."""
    said = [str(row.get("sex") or "").strip() for row in rows]
    strange = Counter(text for text in said if text and text.lower() not in {*_SEXES, *_SEXES.values(), *_NO_SEX})
    if not strange:
        return ()
    named = ", ".join(f"'{printable(text[:40])}'" for text, _ in strange.most_common(5))
    return (
        f"{strange.total():,} clips have a sex that is not read ({named}) and counts as unknown; write female or male",
    )


def _drop_unread_ages(rows: list[dict[str, Any]]) -> dict[int, str]:
    """Removes what is no age in years, in place. Returns it by row, unless it just means "unknown"."""
    ages = pd.Series([row.get("age") for row in rows], dtype=object)
    unread = {}
    for place, (age, drop) in enumerate(zip(ages, ages.notna() & years(ages).isna(), strict=True)):
        if drop:
            rows[place]["age"] = None
            if (text := str(age).strip()) and text.lower() not in _UNKNOWN:
                unread[place] = text
    return unread


def _unread_ages(strange: Counter[str]) -> tuple[str, ...]:
    """Says which ages are taken for unknown, if there are any."""
    if not strange:
        return ()
    named = ", ".join(f"'{printable(text[:40])}'" for text, _ in strange.most_common(5))
    return (
        f"{strange.total():,} clips have an age that is not read ({named}) and counts as unknown; write it in years",
    )


def _test_words(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """Says that two words of a split are read as the test set, where one of them may mean the validation set."""
    words = {word for row in rows if (word := str(row.get("split") or "").strip().lower())}
    evaluation, test = ({word for word in words if word.startswith(start)} for start in ("eval", "test"))
    if not evaluation or not test or any(SPLITS.get(word) == "validation" for word in words):
        return ()
    named = " and ".join(f"'{word}'" for word in sorted(evaluation | test))
    return (f"splits {named} are both read as the test set; if one of them is for validation, call it 'validation'",)


def rows_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Builds a clip table from rows.

    Args:
        rows: each with `path`, `name` (relative path) and optionally `label`, `speaker` and so on; changed in place.

    Raises:
        SerbenchError: a clip has no label, a split is unknown, or only some clips have a speaker or a split.
    """
    _normalise(rows)
    frame = pd.DataFrame([{key: value for key, value in row.items() if key != "name"} for row in rows])
    for column in ("label", "speaker"):
        if column not in frame:
            frame[column] = None
        texts = frame[column].map(lambda value: storable(str(value)).strip(), na_action="ignore")
        frame[column] = texts.where(texts != "")
    frame["speaker"] = frame["speaker"].mask(frame["speaker"].isin(_NOBODY), UNKNOWN_SPEAKER)
    unlabelled = frame["label"].isna()
    if unlabelled.all():
        raise SerbenchError(
            "no clip has a label; name a column of the table 'label', or read labels from file names with "
            "--names '{label}_*'"
        )
    if unlabelled.any():
        raise SerbenchError(
            f"{int(unlabelled.sum()):,} of {len(frame):,} clips have no label, the first is "
            f"{frame.loc[unlabelled, 'clip_id'].iloc[0]}; fill the column 'label' (NA, N/A, nan, <NA> and "
            "null count as missing; write such a class out)"
        )
    frame["label"] = frame["label"].str.lower()
    if frame["speaker"].isna().all():
        frame["speaker"] = UNKNOWN_SPEAKER
    elif frame["speaker"].isna().any():
        missing = frame["speaker"].isna()
        raise SerbenchError(
            f"{int(missing.sum()):,} of {len(frame):,} clips have no speaker, the first is "
            f"{frame.loc[missing, 'clip_id'].iloc[0]}; name every clip's speaker, or none"
        )
    return clip_table(frame)


def _fill(rows: list[dict[str, Any]], pattern: NamePattern) -> None:
    """Fills missing values from the file names, in place.

    Raises:
        SerbenchError: a name does not match the pattern, or a sex is none.
    """
    misfits = []
    for row in rows:
        facts = pattern.read(row["name"])
        if facts is None:
            misfits.append(row["name"])
        else:
            sex = facts.get("sex")
            if sex is not None and sex.strip().lower() not in {*_SEXES, *_SEXES.values()}:
                raise SerbenchError(
                    f"'{sex}' in the name '{row['name']}' is read as {{sex}} and is none; say in the pattern what it "
                    f"means, as in {{sex:{sex}=female,...}}"
                )
            row.update({key: value for key, value in facts.items() if not _filled(row, key)})
    if misfits:
        raise SerbenchError(
            f"{len(misfits):,} of {len(rows):,} names do not match the pattern '{pattern.text}', "
            f"such as '{misfits[0]}'; fix the pattern (see docs/own-corpora.md)"
        )


def _filled(row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key)
    return isinstance(value, str) and bool(value.strip())


def _normalise(rows: list[dict[str, Any]]) -> None:
    """Replaces spellings of sexes and splits by serbench's own ('f' by 'female', 'dev' by 'validation'), in place."""
    for row in rows:
        sex = (row.get("sex") or "").strip().lower()
        row["sex"] = _SEXES.get(sex, sex) if sex in {*_SEXES, "female", "male"} else None
        split = (row.get("split") or "").strip().lower()
        if split and split not in SPLITS:
            raise SerbenchError(
                f"clip '{row['clip_id']}' has the split '{split[:40]}'; write train, validation or test"
            )
        row["split"] = SPLITS.get(split)
    if rows and not any(row["split"] for row in rows):
        for row in rows:
            del row["split"]
    elif any(row["split"] is None for row in rows):
        missing = next(row["clip_id"] for row in rows if row["split"] is None)
        raise SerbenchError(f"clip '{missing}' has no split, but others have one; give every clip one, or none")
