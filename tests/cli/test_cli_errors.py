"""Wrong input: one sentence that says what and how to mend it, the right exit code, nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from drawn_results import Builder
from tests_shared import needs_own_permissions
from tiers import starts_children


@pytest.fixture(autouse=True)
def own_variable(monkeypatch) -> None:
    """Puts back what `main` sets for all processes that this one starts."""
    monkeypatch.setenv("PYTHONSAFEPATH", "")


def search(serbench, *arguments, corpus="crema-d"):
    return serbench("search", "--corpus", corpus, *arguments)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--corpus", "crema"], 2, "did you mean 'crema-d'?"),
        (["cnn3d", "--corpus", "crema-d"], 2, "did you mean 'cnn"),
        pytest.param(["--protocol", "speakers"], 2, "did you mean 'speaker'?", marks=pytest.mark.children),
        (["--sampler", "tpee"], 2, "did you mean 'tpe'?"),
        (["--pruner", "medium"], 2, "unknown pruner"),
        (["--backend", "tensorflw"], 2, "did you mean 'tensorflow'?"),
        (["--trials", "0"], 2, "--trials must be at least 1"),
        (["--time", "soon"], 2, "is not a duration"),
        (["--epochs", "0"], 2, "--epochs must be at least 1"),
        pytest.param(["--study", "../../etc"], 2, "may hold letters", marks=pytest.mark.children),
    ],
)
def test_wrong_words_are_answered_with_the_right_ones(serbench, tone_corpus, tmp_path, arguments, code, told) -> None:
    results = tmp_path / "results"
    extra = ["--data", tone_corpus] if "crema" not in arguments else []
    arguments = arguments if "--corpus" in arguments else ["--corpus", "crema-d", *arguments]
    ran = serbench("search", *arguments, *extra, "--results", results)
    assert ran.code == code
    assert told in ran.sentence
    assert not (results / "studies").exists()


def test_a_microphone_for_a_file_is_refused_before_the_model_is_loaded(serbench, tmp_path) -> None:
    (tmp_path / "a.wav").touch()
    ran = serbench("listen", tmp_path / "bundle", "--from", tmp_path / "a.wav", "--device", "3")
    assert (ran.code, "--device chooses a microphone, and --from plays a file" in ran.sentence) == (2, True)


def test_a_missing_folder_is_named(serbench, tmp_path) -> None:
    ran = search(serbench, "--data", tmp_path / "nowhere", "--results", tmp_path / "new" / "r")
    assert (ran.code, "nowhere does not exist" in ran.sentence) == (1, True)
    assert not (tmp_path / "new").exists()  # a search that cannot begin leaves no folder


def test_an_empty_folder_is_named(serbench, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    ran = search(serbench, "--data", tmp_path / "empty", "--results", tmp_path / "r")
    assert (ran.code, "holds no audio files" in ran.sentence) == (1, True)


def test_a_corpus_of_one_class_is_refused(serbench, tone_corpus, tmp_path) -> None:
    folder = tmp_path / "sad"
    folder.mkdir()
    for path in tone_corpus.glob("*_SAD_*"):
        shutil.copy(path, folder)
    ran = search(serbench, "--data", folder, "--results", tmp_path / "r")
    assert (ran.code, "labelled 'sadness'" in ran.sentence) == (1, True)


def test_too_few_speakers_for_the_protocol(serbench, tone_corpus, tmp_path) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    for path in [*tone_corpus.glob("1001_*"), *tone_corpus.glob("1002_*")]:
        shutil.copy(path, folder)
    ran = search(serbench, "--data", folder, "--results", tmp_path / "r")
    assert ran.code == 1
    assert "needs at least 3 speakers" in ran.sentence
    assert "--protocol random" in ran.sentence


def test_unknown_entries_and_bundles(serbench, searched, tmp_path) -> None:
    rows = json.loads(serbench("leaderboard", "--results", searched, "--format", "json").out)["rows"]
    almost = rows[0]["entry"][:-1] + "x"
    ran = serbench("report", almost, "--results", searched)
    assert (ran.code, f"did you mean '{rows[0]['entry']}'" in ran.sentence) == (2, True)
    assert serbench("export", almost, "--results", searched).code == 2
    ran = serbench("predict", tmp_path, tmp_path)
    assert (ran.code, "is no bundle" in ran.sentence) == (2, True)


def test_results_without_entries_say_what_to_do(serbench, tmp_path) -> None:
    assert "run `serbench search`" in serbench("leaderboard", "--results", tmp_path).sentence
    assert "run `serbench search`" in serbench("export", "--results", tmp_path).sentence


def test_results_of_a_newer_version_are_left_alone(serbench, tone_corpus, tmp_path) -> None:
    mark = tmp_path / "serbench.json"
    mark.write_text('{"schema_version": 99}', encoding="utf-8")
    for command in (["leaderboard"], ["search", "--corpus", "crema-d", "--data", tone_corpus]):
        ran = serbench(*command, "--results", tmp_path)
        assert (ran.code, "written by a newer serbench" in ran.sentence) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["serbench.json"]


def test_a_file_in_place_of_the_results_folder(serbench, tone_corpus, tmp_path) -> None:
    place = tmp_path / "results"
    place.write_text("mine", encoding="utf-8")
    ran = search(serbench, "--data", tone_corpus, "--results", place)
    assert (ran.code, "--results" in ran.sentence) == (1, True)
    assert place.read_text(encoding="utf-8") == "mine"


@needs_own_permissions
def test_a_read_only_results_folder(serbench, tone_corpus, tmp_path) -> None:
    tmp_path.chmod(0o500)
    ran = search(serbench, "--data", tone_corpus, "--results", tmp_path / "results")
    tmp_path.chmod(0o700)
    assert (ran.code, "cannot write" in ran.sentence) == (1, True)


@pytest.fixture
@starts_children
def full_disk(tmp_path: Path):
    """A file system of 100 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_one_sentence(serbench, tone_corpus, tiny_space, full_disk) -> None:
    ran = search(serbench, tiny_space(), "--data", tone_corpus, "--results", full_disk / "results", "--trials", 1)
    assert ran.code == 1
    assert "disk" in ran.sentence
    assert not list(full_disk.rglob("*.tmp"))


def test_a_study_resumed_on_another_space_shows_the_difference(serbench, searched, tone_corpus, tiny_space) -> None:
    space = tiny_space("cnn1d", depth="2")
    ran = search(serbench, space, "--data", tone_corpus, "--results", searched)
    assert ran.code == 2
    assert "parameters.depth" in ran.sentence
    assert "--study NAME" in ran.sentence


@pytest.mark.slow
def test_what_the_sampler_never_draws_is_told_when_a_space_is_checked(serbench, tmp_path) -> None:
    space = tmp_path / "mine.toml"
    head = '[space]\nfamily = "cnn1d"\n[parameters]\nwidth = { low = 16, high = 32, step = 8 }\n'
    space.write_text(head + '[[enqueue]]\nname = "wide"\nparameters = { width = 64 }\n', encoding="utf-8")
    ran = serbench("space", "check", space)
    assert ran.code == 0
    assert "enqueued 'wide' is tried, but" in ran.err
    assert "width = 64 is not in 16 ... 32 (step 8)" in ran.err


def test_audio_that_is_not_there_is_told_before_a_model_is_loaded(serbench, tmp_path) -> None:
    ran = serbench("predict", tmp_path, tmp_path / "no.wav")
    assert "no.wav does not exist; name audio files" in ran.sentence


@pytest.mark.slow
def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(program, tone_corpus, tiny_space, tmp_path) -> None:
    results = tmp_path / "results"
    arguments = [
        "search", tiny_space(epochs="20", patience="20"), "--corpus", "crema-d", "--data", tone_corpus,
        "--results", results, "--trials", 2, "--repeats", 1, "--workers", 1,
    ]  # fmt: skip
    process = program(*arguments)
    for line in process.stderr:
        if "trial t0000" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    (study,) = (results / "studies").iterdir()
    before = {path.name for path in (study / "trials").iterdir()}
    assert "t0000" in before
    assert not list(results.rglob("*.tmp"))
    again = program(*arguments)
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert {path.name for path in (study / "trials").iterdir()} == {"t0000", "t0001"}
    assert "cnn1d-" in out


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        pytest.param(signal.SIGINT, "cnn1d on CREMA-D", id="early"),
        pytest.param(signal.SIGTERM, "trial t0000", id="late", marks=pytest.mark.slow),
    ],
)
def test_a_signal_to_the_whole_group_ends_cleanly(program, tone_corpus, tiny_space, tmp_path, number, moment) -> None:
    """A terminal's Ctrl-C and a batch system's SIGTERM reach the children and the fork server, too."""
    results = tmp_path / "results"
    process = program(
        "search", tiny_space(epochs="60", patience="60"), "--corpus", "crema-d", "--data", tone_corpus,
        "--results", results, "--trials", 3, "--workers", 2,
    )  # fmt: skip
    for line in process.stderr:
        if moment in line:
            break
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    records = [json.loads(path.read_text(encoding="utf-8")) for path in results.rglob("attempts/*/record.json")]
    assert {record["state"] for record in records} <= {"interrupted"}
    told = [json.loads(path.read_text(encoding="utf-8"))["state"] for path in results.rglob("trials/*/record.json")]
    assert set(told) <= {"completed", "pruned"}


@pytest.mark.parametrize(
    ("error", "lacking"),
    [
        (MemoryError("x"), "memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (OSError(errno.EMFILE, "Too many open files"), "open files"),
        (RuntimeError("can't start new thread"), "memory or processes"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "memory or processes"),
        (RuntimeError("a bug"), None),
        (OSError(errno.EIO, "Input/output error"), None),  # of no file
    ],
)
def test_what_the_machine_refuses_is_one_sentence_and_a_bug_is_none(monkeypatch, capsys, error, lacking) -> None:
    from serbench.cli import main

    def fail() -> None:
        raise error

    monkeypatch.setattr(main, "app", fail)
    if lacking is None:
        with pytest.raises(type(error)):
            main.main()
        return
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"serbench: this machine gives serbench no more {lacking}; what was done is recorded.")
    assert said.count("\n") == 1


@pytest.mark.children
def test_no_process_of_the_program_imports_what_lies_in_the_working_folder(monkeypatch, tmp_path) -> None:
    from serbench.cli import main

    (tmp_path / "json.py").write_text("raise SystemExit('a module of a stranger')\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["serbench", "--version"])
    with pytest.raises(SystemExit):
        main.main()
    subprocess.run([sys.executable, "-c", "import json"], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    "words", [["leaderboard", "--results", 300 * "x"], ["space", "show", 300 * "x"], ["predict", "b", 300 * "x"]]
)
def test_a_path_that_the_system_refuses_is_one_sentence(monkeypatch, capsys, words) -> None:
    from serbench.cli import main

    monkeypatch.setattr(sys, "argv", ["serbench", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code in {1, 2}
    said = capsys.readouterr().err
    assert "File name too long; name a shorter path" in said
    assert len(said) < 400
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["leaderboard", "--html", "site", "--full"], "leave out --full and --format"),
        (["leaderboard", "--html", "site", "--format", "csv"], "leave out --full and --format"),
        (["audit", "x", "--no-refits", "--split-seeds", 5], "leave out --split-seeds, --repeats and --workers"),
        (["search", "--time", "9" * 310], "is over a hundred years"),
    ],
)
def test_options_that_would_do_nothing_are_refused(serbench, monkeypatch, tmp_path, words, told) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    ran = serbench(*words)
    assert ran.code == 2, ran.err
    assert told in ran.sentence
    assert not (tmp_path / "config" / "corpora.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_a_redirect_is_one_sentence(monkeypatch, capsys, tmp_path) -> None:
    from serbench.cli import main

    build = Builder(tmp_path)
    build.entry("a", build.study())
    monkeypatch.setattr(sys, "argv", ["serbench", "leaderboard", "--results", str(tmp_path), "--format", "csv"])
    with Path("/dev/full").open("w", encoding="utf-8") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            main.main()
        full.flush()  # as the interpreter does at its end: nothing is left that fails again
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert told.startswith("serbench: cannot write: No space left on device; free some space")
    assert told.count("\n") == 1
