"""Foreign text is harmless where it is printed, and stays readable."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.errors import SerbenchError
from serbench.printable import cell, printable, printable_json, printable_lines, storable, without_paths

SHOWN = [
    "ärger", "Ärger", "怒り", "👩‍👩‍👧", "❤️", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "می‌خواهم", "क्‍ष", "שמחה", "غضب", "two words", "؀١٢",
]  # fmt: skip
ACTING = ["\x1b[2J", "\x07", "\r", "\n", "\x7f", "\x9b31m", "\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\udce9",
          "\u200b", "\ufeff", "\u00ad", "\U000e0001"]  # fmt: skip


@pytest.mark.parametrize("text", SHOWN)
def test_letters_of_every_script_emoji_and_joiners_stay(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", ACTING)
def test_what_acts_is_shown_as_an_escape(text: str) -> None:
    shown = printable(f"a{text}b")
    assert shown.isascii()
    assert shown.encode("ascii").decode("unicode_escape") == f"a{text}b"


@given(st.text(st.characters()))
def test_printing_twice_is_printing_once(text: str) -> None:
    assert printable(printable(text)) == printable(text)
    assert printable_lines(text).count("\n") == text.count("\n")


@pytest.mark.long
@given(st.dictionaries(st.text(), st.text()))
def test_json_is_read_back_as_written(data: dict[str, str]) -> None:
    shown = printable_json(json.dumps(data, indent=2, ensure_ascii=False))
    assert json.loads(shown) == data
    assert printable_lines(shown) == shown


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "-cmd"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert cell(text) == f"'{printable(text)}"


@pytest.mark.parametrize("text", ["-1.5", "+3", "1e-3", "joy", "", "a=b"])
def test_a_number_is_a_cell_as_it_is(text: str) -> None:
    assert cell(text) == text


def test_a_message_is_one_line_whatever_it_quotes() -> None:
    assert str(SerbenchError("no clip 'a\x1b[31m\nserbench: all is well'")) == (
        "no clip 'a\\x1b[31m\\nserbench: all is well'"
    )


def test_bytes_that_are_no_utf_8_can_be_stored() -> None:
    assert storable("caf\udce9\u202e") == "caf\\udce9\u202e"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("'/home/ann/a.wav' and (/home/bob/b.wav)", "'a.wav' and (b.wav)"),
        ("no /Users/Ann Smith/My Clips 2/.cache/x.npy", "no x.npy"),
        ("/home/ann/a.npy of train/validation", "a.npy of train/validation"),
        (r"C:\Users\Ann Smith\x.npy, D:/ann/y.npy", "x.npy, y.npy"),
        (repr(r"C:\Users\Ann Smith\x.npy"), "'x.npy'"),
        (r"\\server\ann\x.npy", "x.npy"),
        ("see https://example.org/help/wav and docs/report.md; 3 / 4 clips", None),
    ],
)
def test_paths_are_cut_to_names_of_files(text: str, left: str | None) -> None:
    assert without_paths(text) == (text if left is None else left)
