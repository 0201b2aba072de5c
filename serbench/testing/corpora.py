"""`check_corpus`: checks a corpus against its contract, `serbench.corpora.Corpus`."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serbench.corpora import Corpus, Listing, clip_table
from serbench.errors import SerbenchError
from serbench.features import decode

__all__ = ["check_corpus"]

_ODD_NAMES = (
    "",
    " ",
    "_",
    "-",
    "a",
    "1",
    "...",
    "__",
    "a_b_c_d_e_f_g",
    "1" * 200,
    "é",
    "声",
    "a\nb",
    "%s",
    "{0}",
    "NaN",
)
_ALPHABET = "abcXYZ0123456789_-. "
_DECODED = 3


def check_corpus(corpus: Any, folder: str | Path | None = None) -> None:
    """Checks a corpus against its contract. Call it in a test of your package; it takes seconds.

    Args:
        corpus: the corpus object. It does not have to be registered as an entry point.
        folder: folder with some or all of its audio; None to check only what needs no audio.

    Raises:
        AssertionError: the corpus breaks the contract. The message says what was expected and what was found.
    """
    _check_declaration(corpus)
    _check_names(corpus)
    _check_refusals(corpus)
    if folder is not None:
        _check_folder(corpus, Path(folder))


def _expect(holds: bool, corpus: object, expected: str, found: object) -> None:
    if not holds:
        name = getattr(corpus, "name", type(corpus).__name__)
        raise AssertionError(f"corpus '{name}': expected {expected}, found {found}")


def _check_declaration(corpus: Any) -> None:
    _expect(isinstance(corpus, Corpus), corpus, "an object of a subclass of serbench.corpora.Corpus",
            type(corpus).__name__)  # fmt: skip
    _expect(re.fullmatch("[a-z0-9][a-z0-9._-]*", corpus.name) is not None, corpus,
            "a name of lower-case letters, digits, '.', '_' and '-'", repr(corpus.name))  # fmt: skip
    for fact in ("title", "licence", "name_form"):
        text = getattr(corpus, fact)
        _expect(isinstance(text, str) and bool(text.strip()), corpus, f"a {fact}", repr(text))
    labels = corpus.labels
    _expect(isinstance(labels, tuple) and len(labels) > 1, corpus, "a tuple of at least two labels", repr(labels))
    _expect(list(labels) == sorted(set(labels)), corpus, "labels in alphabetical order, each once", ", ".join(labels))
    odd = [label for label in labels if not label.strip() or label != label.lower() or ":" in label or "," in label]
    _expect(not odd, corpus, "labels in lower case, without ':' and ','", ", ".join(map(repr, odd)))
    _expect(bool(corpus.suffixes) and all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in corpus.suffixes), corpus,
            "audio suffixes such as '.wav', in lower case", repr(corpus.suffixes))  # fmt: skip
    try:
        corpus.name = corpus.name
    except dataclasses.FrozenInstanceError:
        return
    _expect(False, corpus, "an immutable object; decorate its class with @dataclass(frozen=True)", "one that changes")


def _check_names(corpus: Corpus) -> None:
    """Parsing a file name returns facts or None and never raises, whatever files a folder has."""
    rng = np.random.default_rng(0)
    letters = np.array(list(_ALPHABET))
    rows: dict[str, dict[str, Any]] = {}
    drawn = ["".join(rng.choice(letters, size=rng.integers(1, 20))) for _ in range(200)]
    for name in (*_ODD_NAMES, *drawn):
        path = Path(f"x{name}{corpus.suffixes[0]}".replace("/", ""))
        try:
            facts = corpus.parse(path)
        except Exception as error:
            raise AssertionError(
                f"corpus '{corpus.name}': expected None for the file name {path.name!r}, found "
                f"{type(error).__name__}: {error}"
            ) from error
        _check_facts(corpus, path, facts)
        rows |= _row(path, facts)
    for clip_id in corpus.names():
        path = Path(f"{clip_id}{corpus.suffixes[0]}")
        facts = corpus.parse(path)
        _expect(facts is not None, corpus, f"facts from the name {path.name!r}, which names() lists", "None")
        found = (facts or {}).get("clip_id", path.stem)
        _expect(found == clip_id, corpus, f"the clip {clip_id!r} from {path.name!r}, as names() calls it", repr(found))
        _check_facts(corpus, path, facts)
        rows |= _row(path, facts)
    _check_rows(corpus, list(rows.values()))
    listed, expected = len(set(corpus.names())), corpus.expected_clips
    _expect(not listed or expected is None or listed == expected, corpus, f"{expected} names, as expected_clips says",
            listed)  # fmt: skip


def _check_facts(corpus: Corpus, path: Path, facts: Any) -> None:
    if facts is None:
        return
    for key in ("label", "speaker"):
        _expect(bool(facts.get(key)), corpus, f"a {key} from the name {path.name!r}", repr(facts.get(key)))
    _expect(facts["label"] in corpus.labels, corpus, f"one of its labels from the name {path.name!r}",
            repr(facts["label"]))  # fmt: skip


def _row(path: Path, facts: Any) -> dict[str, dict[str, Any]]:
    """The row of a table of clips, by its id; empty without facts."""
    row = {"clip_id": path.stem, "path": str(path), **(facts or {})}
    return {} if facts is None else {str(row["clip_id"]): row}


def _check_rows(corpus: Corpus, rows: list[dict[str, Any]]) -> None:
    """A table of clips can hold the facts. All are tried at once, and one by one only where that fails."""
    if not rows:
        return
    try:
        clip_table(pd.DataFrame(rows))
    except SerbenchError as error:
        for row in rows if len(rows) > 1 else []:
            _check_rows(corpus, [row])
        names = ", ".join(repr(Path(row["path"]).name) for row in rows[:3])
        _expect(False, corpus, f"facts that a table of clips can hold from the name {names}", error)


def _check_refusals(corpus: Corpus) -> None:
    """A missing or empty folder, or one of another corpus, gives an error message of one sentence."""
    with tempfile.TemporaryDirectory(prefix="serbench-") as name:
        empty, other = Path(name) / "empty", Path(name) / "other"
        empty.mkdir()
        other.mkdir()
        (other / f"of another corpus{corpus.suffixes[0]}").write_bytes(b"")
        _refuses(corpus, "a folder that does not exist", lambda: corpus.read(Path(name) / "gone"))
        if not corpus.synthetic:
            _refuses(corpus, "a folder that does not exist", lambda: corpus.prepare(Path(name) / "gone"))
        _refuses(corpus, "an empty folder", lambda: corpus.read(empty))
        if corpus.parse(other / f"of another corpus{corpus.suffixes[0]}") is None:
            _refuses(corpus, "a folder with no file of this corpus", lambda: corpus.read(other))


def _refuses(corpus: Corpus, what: str, call: Callable[[], object]) -> None:
    found = "that it is accepted"
    try:
        call()
    except SerbenchError as error:
        if str(error).strip() and "\n" not in str(error):
            return
        found = repr(str(error))
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    _expect(False, corpus, f"a SerbenchError of one sentence for {what}", found)


def _check_folder(corpus: Corpus, folder: Path) -> None:
    listing = _listing(corpus, folder)
    table = listing.table
    _expect(len(table) > 0, corpus, f"clips in {folder}", "none")
    odd = sorted(set(table["label"]) - set(corpus.labels))
    _expect(not odd, corpus, "only labels that it declares", ", ".join(odd))
    _expect(table["label"].nunique() > 1, corpus, f"clips of at least two labels in {folder}", table["label"].iloc[0])
    lost = [path for path in table["path"] if not (Path(path).is_absolute() and Path(path).is_file())]
    _expect(not lost, corpus, "the absolute path of a file for each clip", lost[0] if lost else None)
    again = _listing(corpus, folder).table
    _expect(again.equals(table), corpus, "the same table when the folder is read again", "another")
    for path in table["path"].iloc[:: max(1, len(table) // _DECODED)]:
        try:
            waveform = decode(Path(path), 16_000)
        except SerbenchError as error:
            raise AssertionError(f"corpus '{corpus.name}': expected audio in {path}, found {error}") from error
        _expect(len(waveform) > 0, corpus, f"audio in {path}", "none")


def _listing(corpus: Corpus, folder: Path) -> Listing:
    try:
        return corpus.read(corpus.prepare(folder))
    except SerbenchError as error:
        raise AssertionError(f"corpus '{corpus.name}': expected to read {folder}, found: {error}") from error
