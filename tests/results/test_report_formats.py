import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from serbench.cli.options import TableFormat
from serbench.errors import UsageError
from serbench.render import FORMATS
from serbench.render.document import Column, Document, Sheet, count, duration, percent, points, span, table_of
from serbench.render.formats import render
from serbench.render.leaderboard import columns_table
from serbench.results.columns import RowSource, column, columns_of
from serbench.results.leaderboard_row import COLUMNS, Row

NASTY = "a|b_<script>&\\ 50% $x$ {y} #1 ~^ *c* [d]"


def document_of(*cells, title="", notes=()):
    sheet = Sheet(title, (Column("name", 0, "left"), Column("number", 1)), (tuple(cells),), tuple(notes))
    return Document((sheet,), pd.DataFrame([{"name": cells[0]}]), {"name": cells[0]})


@pytest.fixture
def board(build):
    study = build.study("crema-d-speaker-cnn2d", corpus="crema-d")
    build.entry("cnn2d-12", study, skill=0.7)
    build.entry("cnn2d-31", study, skill=0.5)
    few = build.study("demo-cnn1d", family="cnn1d", synthetic=True, test_speakers=4)
    build.entry("cnn1d-3", few)
    return build.read().board()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (percent(0.5712), "57.1"),
        (percent(None), "-"),
        (points(0.031), "+3.1"),
        (points(-0.5), "-50.0"),
        (span(0.5321, 0.609), "53.2-60.9"),
        (span(None, 0.6), "-"),
        (count(1234567), "1,234,567"),
        (duration(8.46), "8.5 s"),
        (duration(59.97), "1 min 0 s"),
        (duration(75), "1 min 15 s"),
        (duration(3599.6), "1 h 0 min"),
        (duration(4000), "1 h 7 min"),
    ],
)
def test_numbers_as_people_read_them(written, expected):
    assert written == expected


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'markdown'"):
        render(document_of("a", "1"), "markdwn")


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_fits_the_screen_and_keeps_what_matters(board, width):
    text = render(board, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    for word in ("cnn2d-12", "cnn2d-31", "cnn1d-3", "UAR %", "95 % CI", "rank", "selected"):
        assert word in text
    assert percent(board.rows[0].uar) in text


def test_a_wider_screen_shows_more_columns(board):
    narrow, wide = render(board, width=80), render(board, width=240)
    assert "fit time" not in " ".join(narrow.split()).replace("fit time, study", "")
    assert "1 min 15 s" in wide
    assert "not shown at this width" in narrow


def test_of_many_columns_that_do_not_fit_six_are_named():
    columns = tuple(Column(f"column-{number}", number) for number in range(30))
    document = Document((Sheet("", columns, (tuple("1" * 30),)),), pd.DataFrame(), {})
    text = " ".join(render(document, width=60).split())
    assert re.search(r"not shown at this width: (column-\d+, ){6}\d+ more", text)


def test_notes_stand_below_their_group(board):
    text = " ".join(render(board).split())
    assert "no rank and no interval: only 4 test speakers" in text
    assert "synthetic corpus:" in text
    assert "a statistical tie with the best of them" in text


def test_control_characters_do_not_reach_the_screen():
    assert "\x1b" not in render(document_of("evil\x1b[2J", "1", title="t\x1b", notes=["n\x1b"]))


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_writes_a_character_that_acts(form):
    evil = "evil\x1b[2J\u202e"
    sheet = Sheet(evil, (Column(evil), Column("b")), ((evil, "1"),), (evil,))
    document = Document((sheet,), pd.DataFrame({evil: [evil, "=1+1"], "b": [1, 2]}), {evil: evil}, (evil,))
    text = render(document, form)
    assert not {"\x1b", "\u202e"} & set(text)
    assert (
        json.loads(text) == {evil: evil}
        if form == "json"
        else r"x1b[2J" in text.replace("{[}", "[").replace(r"\[", "[")
    )


def test_a_text_in_csv_is_no_formula():
    document = Document((), pd.DataFrame({"a": ["=1+1", "-2", None], "b": [1, -2, 3]}), {})
    assert render(document, "csv") == "a,b\n'=1+1,1\n-2,-2\n,3\n"


def test_csv_has_fractions_under_the_documented_keys(board):
    frame = pd.read_csv(io.StringIO(render(board, "csv")))
    assert list(frame.columns) == [
        "kind",
        *Row.model_fields,
        "source",
        "trained_from_scratch",
        "test_chose",
        "shown_by",
    ]
    assert frame.loc[frame["kind"] == "reported", "source"].notna().all()
    assert set(frame["kind"]) == {"entry", "reported"}
    frame = frame[frame["kind"] == "entry"]
    assert frame["uar"].tolist() == pytest.approx([row.uar for row in board.rows])
    assert frame["rank"].iloc[0] == 1
    assert pd.isna(frame["rank"].iloc[2])
    assert render(board, "csv").splitlines()[1].startswith("entry,1,1,True,cnn2d-12,")


def test_json_has_the_documented_keys_and_null_for_what_is_undefined(board):
    data = json.loads(render(board, "json"))
    assert set(data) == {"schema_version", "interval_level", "rows", "references", "reported", "groups", "notes"}
    first, last = data["rows"][0], data["rows"][-1]
    for key in ("family", "corpus", "protocol", "uar", "accuracy", "macro_f1", "selected", "entry", "study"):
        assert key in first
    assert (first["entry"], first["rank"], last["rank"], last["uar_low"]) == ("cnn2d-12", 1, None, None)
    assert first["uar"] == board.rows[0].uar


def test_markdown_is_a_table_with_names_escaped():
    text = render(document_of(NASTY, "1", title="T"), "markdown")
    row = text.splitlines()[4]
    assert row == r"| a\|b\_&lt;script&gt;&amp;\\ 50% $x$ {y} #1 \~^ \*c\* \[d\] | 1 |"
    assert text.splitlines()[3] == "| :--- | ---: |"


def test_latex_is_a_table_with_names_escaped():
    text = render(document_of(NASTY, "53.2-60.9"), "latex")
    assert r"a\textbar{}b\_\textless{}script\textgreater{}\&\textbackslash{} 50\% \$x\$ \{y\} \#1" in text
    assert r"\textasciitilde{}\textasciicircum{} {*}c{*} {[}d] & 53.2--60.9 \\" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_of_both_reports_ends_in_a_line_break(build, form):
    build.entry("a", build.study(synthetic=True))
    for report in (build.read().board(), build.read().report("a")):
        text = render(report, form)
        assert text.endswith("\n")
        assert "nan" not in text.casefold().split()


def test_the_command_line_offers_every_format():
    """The command line must not import what renders, so it lists the names itself."""
    assert [one.value for one in TableFormat] == list(FORMATS)


def test_the_handbook_explains_every_key():
    """`python -c "from serbench.render.leaderboard import columns_table; print(columns_table())"` makes the table."""
    page = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    assert columns_table() in page


class Wider(Row):
    """A row with one column more, as a change to `Row` would make it."""

    twice: float = column(lambda it: 2 * it.tested.mean_score("test", "uar"), "twice the UAR")


def test_a_column_is_declared_once(build):
    build.entry("a", build.study())
    (tested,) = build.read().board().tested
    source = RowSource(tested, selected=True, interval=None)
    made = Wider(**{name: one.value(source) for name, one in columns_of(Wider).items()})
    assert made.twice == 2 * made.uar
    assert list(made.model_dump())[-1] == "twice"


def test_a_field_without_a_declaration_is_refused():
    class Bare(Row):
        bare: int

    with pytest.raises(TypeError, match="bare"):
        columns_of(Bare)


def test_no_two_columns_share_a_place():
    cells = [one.cell for one in COLUMNS.values() if one.cell]
    for of in ("place", "rank"):
        assert len({getattr(cell, of) for cell in cells}) == len(cells)


@pytest.mark.parametrize(("classes", "width"), [(30, 80), (7, 20), (3, 80)])
def test_a_table_with_more_columns_than_a_screen_holds_loses_no_number(classes, width) -> None:
    labels = [f"class{place:02}" for place in range(classes)]
    rows = [(label, *(str(100 + place) for place in range(classes))) for label in labels]
    document = Document((table_of("Confusion", ("true", *labels), rows),), pd.DataFrame(), {})
    text = render(document, "table", width=width)
    for place in range(classes):
        assert text.count(str(100 + place)) == classes, place
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("classes", range(2, 24, 3))
def test_headers_fold_and_numbers_do_not(classes, width) -> None:
    labels = [f"frustration{place:02}" for place in range(classes)]
    rows = [(label, *(f"{100 + place}.5" for place in range(classes))) for label in labels]
    document = Document((table_of("Confusion", ("true", *labels), rows),), pd.DataFrame(), {})
    lines = render(document, "table", width=width).splitlines()
    assert max(map(len, lines)) <= width
    for label in labels:
        numbers = " ".join(line.removeprefix(label) for line in lines if line.startswith(f"{label} ")).split()
        assert numbers == [f"{100 + place}.5" for place in range(classes)]


def test_texts_fold_beside_numbers_that_do_not() -> None:
    columns = (Column("system", 0, "left"), Column("%"), Column("source", 0, "left"), Column("clips"))
    rows = (("a long name of a system " * 3, "61.25", "where it was published " * 4, "1,234,567"),)
    text = render(Document((Sheet("", columns, rows),), pd.DataFrame(), {}), "table", width=40)
    assert max(map(len, text.splitlines())) <= 40
    assert {"61.25", "1,234,567"} <= set(text.split())
    assert len([line for line in text.splitlines() if "system" in line and "source" in line]) == 1, "one table"


@pytest.mark.parametrize(("form", "widest"), [("markdown", 14), ("latex", 9)])
def test_columns_that_a_page_cannot_hold_are_named(form, widest):
    columns = tuple(Column(f"column{number}", number) for number in range(widest + 3))
    whole = Document((Sheet("", columns, (tuple("1" * len(columns)),)),), pd.DataFrame(), {})
    note = f"eft out: column{widest + 1}, column{widest + 2}"
    assert note in render(whole, form)
    fitting = Document((whole.sheets[0].up_to(widest),), pd.DataFrame(), {})
    assert "eft out" not in render(fitting, form)
