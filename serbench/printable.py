"""Makes text of strangers (names, labels, paths, records) harmless where it is printed. It is stored as written.

Letters of every script, emoji and the joiners that they need are printed as they are. Characters that act instead of
showing something are printed as Python escapes, so that nothing is lost and nothing happens: control characters, which
a terminal would execute; marks that turn the direction of the text around them (see https://trojansource.codes);
separators of lines and paragraphs; halves of surrogate pairs, which stand for bytes that are not UTF-8; and characters
without width, by which two names could look the same.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Final

__all__ = ["cell", "printable", "printable_json", "printable_lines", "storable", "without_paths"]

_SHOWN: Final = frozenset(
    {
        "\u200c", "\u200d",  # joiners: Persian, the scripts of India, and emoji need them
        *map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)),  # visible, of Arabic
        *map(chr, range(0xE0020, 0xE0080)),  # tags, of which flags of regions are made
    }
)  # fmt: skip
_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")

_NAME: Final = r"[^\s\\/'\":;,]+"
"""A word of a folder's name."""
_FOLDER: Final = rf"(?:(?![^\s\\/]+\.[A-Za-z]\w{{0,4}} ){_NAME} +){{0,4}}{_NAME}[\\/]+"
"""A folder and what parts it from the next; its name may have spaces, but no word like a file's name before one."""
_PATH: Final = re.compile(rf"(?<![\w.:/\\])(?:[A-Za-z]:)?[\\/]+(?:{_FOLDER})+(?=[^\s\\/])")


def _acts(char: str) -> bool:
    return unicodedata.category(char) in _HARMFUL and char not in _SHOWN


def printable(text: str) -> str:
    r"""Returns text that is safe to print on one line.

    >>> printable("a\nb\x1b[31m")
    'a\\nb\\x1b[31m'
    >>> printable("ärger 👩‍🚀 غضب") == "ärger 👩‍🚀 غضب"
    True
    """
    if text.isprintable():
        return text
    return "".join(char.encode("unicode_escape").decode("ascii") if _acts(char) else char for char in text)


def printable_lines(text: str) -> str:
    r"""Returns text of several lines that is safe to print; line breaks and tabs stay.

    >>> printable_lines("one\n\ttwo\x07\n")
    'one\n\ttwo\\x07\n'
    """
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def printable_json(text: str) -> str:
    r"""Returns a JSON document in which such characters are escaped, so that a reader gets them back as written.

    >>> printable_json('{"a": "x\u202ey"}')
    '{"a": "x\\u202ey"}'
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(json.dumps(char)[1:-1] if char != "\n" and _acts(char) else char for char in text)


def cell(text: str) -> str:
    r"""Returns a text for a cell of a CSV file: printable, and no formula.

    A spreadsheet would run a cell that begins with =, +, - or @ (https://owasp.org/www-community/attacks/CSV_Injection).
    Such a text gets an apostrophe in front, which spreadsheets take for "this is text". Numbers stay.

    >>> cell("=HYPERLINK(1)"), cell("-3.5"), cell("joy")
    ("'=HYPERLINK(1)", '-3.5', 'joy')
    """
    return f"'{printable(text)}" if _FORMULA.match(text) and not _is_number(text) else printable(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def storable(text: str) -> str:
    r"""Returns text as written, but for halves of surrogate pairs, which no file in UTF-8 can hold.

    >>> storable("b\udce9b\x1b") == "b\\udce9b\x1b"
    True
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def without_paths(text: str) -> str:
    r"""Cuts every absolute path in a message to its file name, because others get to read it.

    Names of folders may have spaces. Where that is not certain, words are lost rather than kept.

    >>> without_paths("cannot decode /home/ann/data/1001.wav; see https://example.org/help/wav")
    'cannot decode 1001.wav; see https://example.org/help/wav'
    >>> without_paths("no file '/Users/Ann Smith/.cache/x.npy' and none in 'C:\\\\Users\\\\Ann Smith\\\\y.npy'")
    "no file 'x.npy' and none in 'y.npy'"

    Args:
        text: one line.
    """
    return _PATH.sub("", text)
