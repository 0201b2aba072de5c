"""What commands print passes through one module, and is harmless when it leaves."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import typer
from drawn_results import Builder
from rich.live import Live
from rich.table import Table
from typer.testing import CliRunner

from serbench import cli
from serbench.cli.listen import _bars
from serbench.cli.live import LiveView
from serbench.cli.main import app
from serbench.cli.plain import PlainView
from serbench.cli.printing import confirm, echo, echo_pairs, echo_text, new_console
from serbench.cli.study_lines import headline
from serbench.listening import Heard
from serbench.render import brief_board, render

EVIL = "a\x1b[2J\u202eb\x07"
SAFE = "a\\x1b[2J\\u202eb\\x07"


def test_no_command_prints_past_the_one_place() -> None:
    direct = re.compile(r"typer\.(echo|secho|confirm|prompt)\(|[^_a-z]print\(|\bConsole\(")
    for path in sorted(Path(cli.__file__).parent.glob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [line for line in lines if direct.search(line) and ".print(" not in line]
        assert not found or path.name == "printing.py", f"{path.name}: {found}"


def test_lines_pairs_and_texts_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    echo(EVIL + "\nsecond")
    echo_pairs([("name", EVIL)])
    echo_text(f"{EVIL}\n{EVIL}\n")
    assert capsys.readouterr().out == f"{SAFE}\\nsecond\nname            {SAFE}\n{SAFE}\n{SAFE}\n"


def test_a_console_prints_what_is_written() -> None:
    stream = io.StringIO()
    console = new_console(file=stream, width=80)
    table = Table("head")
    table.add_row(EVIL)
    console.print(f"{EVIL} [red]:fire:[/red]")
    console.print(table)
    assert stream.getvalue().count(SAFE) == 2
    assert "[red]:fire:[/red]" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(
    ("count", "told"), [(1, "1 speaker, or none named, 6 emotions"), (19, "19 speakers, 6 emotions")]
)
def test_the_line_of_a_study_says_where_no_speaker_may_be_named(tmp_path: Path, count: int, told: str) -> None:
    build = Builder(tmp_path)
    record = build.results.study(build.study()).record()
    corpus = record.corpus.model_copy(update={"speakers": count})
    assert told in headline(record.model_copy(update={"corpus": corpus}))


@pytest.mark.parametrize("kind", [PlainView, LiveView])
def test_a_note_of_a_search_is_one_harmless_line(kind: type[PlainView]) -> None:
    stream = io.StringIO()
    kind(new_console(file=stream, width=200)).warning(f"{EVIL}\nforged")
    assert stream.getvalue().count("\n") == 1
    assert f"note: {SAFE}\\nforged" in stream.getvalue()


def test_what_is_redrawn_is_harmless() -> None:
    stream = io.StringIO()
    console = new_console(file=stream, width=80)
    table = Table.grid()
    table.add_row(EVIL)
    with Live(table, console=console, auto_refresh=False):
        pass
    assert SAFE in stream.getvalue()


def test_a_label_forges_no_line_of_the_bars() -> None:
    labels = ("anger\nforged", EVIL)
    lines = _bars(
        Heard(at_s=1.0, label=EVIL, probabilities=(0.25, 0.75), smoothed=(0.25, 0.75), latency_ms=5.0), labels
    ).split("\n")
    assert [line.split("█")[0].rstrip() for line in lines[:2]] == ["  anger\\nforged", f"> {SAFE}"]
    assert len(lines) == 3


@pytest.mark.parametrize(("interrupt", "raised"), [(KeyboardInterrupt, KeyboardInterrupt), (EOFError, typer.Abort)])
def test_ctrl_c_at_a_question_is_an_interrupt_and_the_end_of_input_is_none(monkeypatch, interrupt, raised) -> None:
    class Keyboard(io.StringIO):
        def readline(self, *_: object) -> str:
            raise interrupt

    monkeypatch.setattr("sys.stdin", Keyboard())
    with pytest.raises(raised):
        confirm("remove it?")


def test_the_whole_leaderboard_is_printed_where_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    build = Builder(tmp_path / "results")
    build.entry("a", build.study())
    board = build.read().board()
    printed = [
        CliRunner().invoke(app, ["leaderboard", "--results", str(build.results.root), *more]).stdout
        for more in ([], ["--full"])
    ]
    assert printed == [render(brief_board(board), width=200), render(board, width=200)]
    assert printed[0] != printed[1]
