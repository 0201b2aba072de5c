"""The published results are whole, hold nothing heavy or private, and the README says what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.readme_leaderboard import PAGES, TABLES, between
from serbench.errors import UsageError
from serbench.render import brief_board, render
from serbench.results import Results
from serbench.search.warm_start import load_warm_start
from serbench.spaces import load_space

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "results" / "published"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def read() -> Results:
    """The published results, each file read once for all tests."""
    return Results(PUBLISHED)


@pytest.mark.parametrize("page", PAGES)
def test_the_leaderboard_of_a_page_is_that_of_the_published_results(read: Results, page: str) -> None:
    _, inside, _ = between((ROOT / page).read_text(encoding="utf-8"))
    assert inside == PAGES[page](read), "run `uv run python benchmarks/readme_leaderboard.py`"


def test_the_leaderboard_as_json_says_what_the_pages_say(read: Results) -> None:
    rows = {row["entry"]: row for row in json.loads(render(read.board(), "json"))["rows"]}
    for page in PAGES:
        _, inside, _ = between((ROOT / page).read_text(encoding="utf-8"))
        shown = set()
        for _, name, *figures in (
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in inside.splitlines()
            if re.match(r"\|(?! report)[^|]*\| cnn", line)
        ):
            row = rows[name.partition(" ")[0]]
            shown.add(row["entry"])
            asked = [f"{100 * row[key]:.1f}" for key in ("uar", "accuracy", "macro_f1")]
            assert [figures[0], *figures[2:4]] == (asked if len(figures) > 2 else asked[:1])
            assert figures[1] == f"{100 * row['uar_low']:.1f}-{100 * row['uar_high']:.1f}"
            assert ("selected" in name) == row["selected"]
        brief = page == "README.md"
        assert shown == {name for name, row in rows.items() if not (brief and row["shares_speakers"])}


def test_published_results_of_others_are_told_of_and_shown_where_asked_for(read: Results) -> None:
    board = read.board("crema-d")
    brief, full = render(brief_board(board, gathered=True), width=200), render(board, width=200)
    assert f"{len(board.reported)} published results, columns explained" in " ".join(brief.split())
    assert "Published results on crema-d" not in brief
    assert "Published results on crema-d" in full


@pytest.mark.parametrize("mark", TABLES)
def test_goals_and_costs_are_those_of_the_published_results(read: Results, mark: str) -> None:
    _, inside, _ = between((ROOT / "docs" / "report.md").read_text(encoding="utf-8"), mark)
    assert inside == TABLES[mark](read), "run `uv run python benchmarks/readme_leaderboard.py`"


def test_what_is_typed_of_training_times_was_measured(read: Results) -> None:
    text = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    rows = {row.entry: row for row in read.board().rows}
    in_words = re.findall(r"\((cnn\w+-\w+)(?:, one refit)?\) \| \d+ \| (?:(\d+) min )?(\d+) s.*?\| ([\d.]+) %", text)
    assert len(in_words) == 4
    for entry, minutes, seconds, accuracy in in_words:
        assert accuracy == f"{100 * rows[entry].accuracy:.1f}"
        assert 60 * int(minutes or 0) + int(seconds) == round(rows[entry].train_seconds)


def test_every_published_entry_has_its_report_and_its_references(read: Results) -> None:
    board = read.board()
    assert board.rows
    assert not board.incomplete
    for row in board.rows:
        report = read.report(row.entry)
        assert len(report.refits) == row.seeds > 0
    assert all(any(one.name == "chance" for one in group.references) for group in board.groups)


def test_they_hold_no_weights_audio_or_paths_and_are_small() -> None:
    files = [path for path in PUBLISHED.rglob("*") if path.is_file() and path.name != ".lock"]
    assert {path.suffix for path in files} == {".json", ".jsonl", ".parquet"}
    assert sum(path.stat().st_size for path in files) < 5 * 2**20
    for path in files:
        if path.suffix == ".json":
            text = path.read_text(encoding="utf-8")
            assert not any(f"/{place}/" in text for place in ("home", "root", "tmp", "work", "Users")), path


def test_published_studies_were_run_with_code_that_was_committed() -> None:
    revisions = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))["environment"]["git_revision"]
        for path in PUBLISHED.glob("studies/*/study.json")
    }
    assert revisions
    assert not {name for name, revision in revisions.items() if (revision or "").endswith("+")}


def test_the_leakage_table_is_made_of_the_committed_files() -> None:
    from benchmarks.leakage import BEGIN, END, PAGE, read_facts, table

    _, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    made, end, _ = rest.partition(END)
    assert begin
    assert end
    found = read_facts()
    assert made == table(found), "run `uv run python benchmarks/leakage.py --page`"
    for one in found:
        protocols = {
            name: [draw for draw in one["draws"] if draw["protocol"] == name] for name in ("speaker", "random")
        }
        assert len(protocols["speaker"]) == len(protocols["random"]) >= 5
        assert len({draw["train_clips"] for draw in one["draws"]}) == 1, "equal training size"


def test_a_published_study_starts_another_one_that_tests_nobody_who_chose(read: Results) -> None:
    results, name = read.folder, "s26-cnn1d"
    space, clips = load_space("cnn1d"), results.study(name).clips().set_index("speaker")["digest"]
    assert load_warm_start(results, name, space, {clips["1009"].iloc[0]}).configs, "a test speaker chose nothing"
    with pytest.raises(UsageError, match=r"chosen on speakers of 1 clips .* \(chosen_on\)"):
        load_warm_start(results, name, space, {clips["1001"].iloc[0]})  # who chose what the space begins with
