"""`--storage postgresql://...` against a real server of this machine's, started for the tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy
from tiers import starts_children

from serbench.errors import SerbenchError, UsageError
from serbench.records import ResultsFolder, StudyFolder
from serbench.search import Observer, run_search
from serbench.search.studies.samplers import pruner_settings, sampler_settings
from serbench.search.studies.storage import StudyStorage, check_storage_url

NAME = "crema-d-speaker-tiny_cnn1d"
RECORD = SimpleNamespace(
    name="one", identity="1" * 16, sampler=sampler_settings("random"), pruner=pruner_settings("none", 3)
)
"""What a storage reads of a study's record."""


def program(name: str) -> str | None:
    """A program of the server's; Debian keeps them out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@pytest.fixture(scope="module")
@starts_children
def server() -> Iterator[str]:
    """A server with an empty database, reached through a socket in a folder of its own; its address."""
    if program("initdb") is None or program("pg_ctl") is None:
        pytest.skip("no PostgreSQL server on this machine; install it (Debian: apt-get install postgresql)")
    user = None
    if os.geteuid() == 0:  # the server refuses to run as root
        user = "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"
    folder = Path(tempfile.mkdtemp(prefix="sb-pg-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user)

    def call(*command: object) -> None:
        done = subprocess.run(
            [str(part) for part in command], user=user, cwd="/", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    call(program("initdb"), "-D", folder / "data", "-U", "team", "--auth=trust", "--no-sync")
    options = f"-c listen_addresses='' -c fsync=off -k {folder}"
    call(program("pg_ctl"), "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql://team@/postgres?host={folder}"
    finally:
        call(program("pg_ctl"), "-D", folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def trials(plan) -> dict[str, float | None]:
    return {record.job_id: record.value for record in ResultsFolder(plan.results).study(NAME).jobs("search")}


@pytest.mark.slow
def test_a_study_in_a_database_goes_as_one_in_a_file_and_resumes(make_plan, tmp_path, server) -> None:
    shared = make_plan(storage=server, trials=2, repeats=1)
    run_search(shared)
    run_search(make_plan(storage=server, trials=3, repeats=1))
    alone = make_plan(results=tmp_path / "alone", trials=3, repeats=1)
    run_search(alone)
    assert trials(shared) == trials(alone)
    assert not ResultsFolder(shared.results).study(NAME).storage_path.exists()

    run_search(make_plan(trials=4, repeats=1))  # without the database: made anew from the records, here in a file
    assert len(trials(shared)) == 4
    run_search(make_plan(storage=server, trials=4, repeats=1))  # and the database hears of what it missed
    assert len(trials(shared)) == 4


@pytest.mark.slow
def test_what_a_search_in_a_database_compares_by_cross_validation_is_what_one_in_a_file_does(
    make_plan, tmp_path, server
) -> None:
    parts = {"run": "compared", "trials": 2, "shortlist": 2, "finalists": 1, "repeats": 1}
    shared = make_plan(results=tmp_path / "shared", storage=server, seed=5, **parts)
    alone = make_plan(results=tmp_path / "alone", seed=5, **parts)
    far, near = (ResultsFolder(plan.results).study(run_search(plan)[0]) for plan in (shared, alone))
    assert far.shortlisted_ids() == near.shortlisted_ids() != []
    for job_id in near.shortlisted_ids():
        assert far.out_of_fold(job_id).equals(near.out_of_fold(job_id))
    assert [one.entry_id for one in far.entries()] == [one.entry_id for one in near.entries()]


@pytest.mark.slow
@pytest.mark.children
def test_a_study_of_that_name_in_another_folder_is_refused(make_plan, tmp_path, server) -> None:
    run_search(make_plan(storage=server, run="taken", trials=1, repeats=1))
    other = make_plan(storage=server, run="taken", results=tmp_path / "other")
    with pytest.raises(UsageError, match=r"has a study .* of another results folder"):
        run_search(other)


@pytest.mark.slow
@pytest.mark.children
def test_a_study_that_runs_cannot_be_driven_from_a_copy_of_its_folder(make_plan, tmp_path, server) -> None:
    """Where two machines do not see each other's file locks, the database's lease still keeps them apart."""
    run_search(make_plan(storage=server, run="twice", trials=1, repeats=1))
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "results", copy)
    said: list[str] = []

    class Second(Observer):
        def trial_started(self, job_id, config, epochs):
            with contextlib.suppress(SerbenchError):
                try:
                    run_search(make_plan(storage=server, run="twice", results=copy, trials=5))
                except SerbenchError as error:
                    said.append(str(error))

    run_search(make_plan(storage=server, run="twice", trials=2, repeats=1), Second())
    assert said
    assert all("is being run by another serbench process" in text for text in said)
    run_search(make_plan(storage=server, run="twice", trials=2, repeats=1))  # the lease went with its holder


@pytest.mark.children
def test_a_server_that_does_not_answer_is_one_sentence(make_plan, tmp_path) -> None:
    with pytest.raises(SerbenchError, match="cannot use the study's database") as caught:
        run_search(make_plan(storage=f"postgresql://team:secret@/postgres?host={tmp_path}"))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_in_the_query_is_not_told(make_plan, tmp_path) -> None:
    with pytest.raises(SerbenchError, match="cannot use the study's database") as caught:
        StudyStorage.open(StudyFolder(tmp_path), RECORD, f"postgresql://me@/db?host={tmp_path}&password=geheim")
    assert "geheim" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.children
def test_the_lease_holds_no_transaction_open(tmp_path, server) -> None:
    idle = sqlalchemy.text("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
    with (
        contextlib.closing(StudyStorage.open(StudyFolder(tmp_path), RECORD, server)),
        contextlib.closing(sqlalchemy.create_engine(check_storage_url(server)).connect()) as other,
    ):
        assert other.execute(idle).scalar() == 0
        with pytest.raises(SerbenchError, match="is being run by another serbench process"):
            StudyStorage.open(StudyFolder(tmp_path), RECORD, server)


@pytest.mark.parametrize("url", ["mysql://host/db", "postgres", "sqlite:///x.db", "postgresql:/x"])
def test_another_address_is_refused_before_anything_runs(make_plan, url) -> None:
    plan = make_plan(storage=url)
    with pytest.raises(UsageError, match="is not a PostgreSQL address"):
        run_search(plan)
    assert not plan.results.exists()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:pass@word@host/db",
        "me:password@host/db",
        "mysql://host/db?user=me&PassWord=password",
        "postgres:me:password@h",
    ],
)
def test_a_refused_address_is_told_without_its_password(url) -> None:
    with pytest.raises(UsageError, match=r"\*\*\*") as caught:
        check_storage_url(url)
    assert "pass" not in str(caught.value).split("' is not a PostgreSQL")[0].replace("PassWord", "")
    assert "host" in str(caught.value) or "@h" in str(caught.value)


def test_the_driver_is_named_where_it_is_missing(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SerbenchError, match=r"install the extra serbench\[postgres\]"):
        check_storage_url("postgresql://host/db")


@pytest.mark.slow
@pytest.mark.children
def test_a_server_that_restarts_in_mid_study_costs_at_most_the_command(make_plan, tmp_path, server) -> None:
    class Restarts(Observer):
        """Restarts the server at the end of the first trial, without waiting for anybody's work."""

        done = False

        def trial_finished(self, record) -> None:
            if not self.done:
                self.done = True
                folder = Path(server.partition("host=")[2])
                owner = folder.stat().st_uid
                options = f"-c listen_addresses='' -c fsync=off -k {folder}"
                command = [program("pg_ctl"), "-D", folder / "data", "-w", "-l", folder / "log", "-o", options]
                restarted = subprocess.run(
                    [*map(str, command), "-m", "immediate", "restart"],
                    user=owner,
                    cwd="/",
                    capture_output=True,
                    check=False,
                )
                assert restarted.returncode == 0, restarted.stderr

    plan = make_plan(storage=server, run="restarted", trials=3, repeats=1, sampler="random")
    whole = make_plan(results=tmp_path / "whole", run="restarted", trials=3, repeats=1, sampler="random")
    said = None
    try:
        run_search(plan, Restarts())
    except SerbenchError as error:
        said = str(error)
    assert said is None or "cannot use the study's database" in said, said
    (name,) = run_search(plan)
    run_search(whole)
    values = [
        {one.job_id: one.value for one in ResultsFolder(each.results).study(name).jobs("search")}
        for each in (plan, whole)
    ]
    assert values[0] == values[1]
