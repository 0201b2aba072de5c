"""Searches on a real Dask scheduler with real worker processes on this machine, some of which are killed."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import psutil
import pytest
from dask_made import PATIENCE_S, Dask, alive, fits_of, until
from tiers import starts_children

import serbench
from serbench.corpora import load_clips
from serbench.errors import SerbenchError
from serbench.records import ResultsFolder
from serbench.records.results import StudyFolder
from serbench.records.schemas import TrialRecord
from serbench.search import Observer, SearchPlan, run_search
from serbench.search.engines.dask.audio import StudyAudio
from serbench.search.engines.dask.cluster import open_cluster
from serbench.search.engines.dask.dask_engine import DaskEngine
from serbench.search.engines.dask.worker import LOST, run_on_worker
from serbench.search.resources import Resources
from serbench.training import TrialJob, Verdict

NAME = "crema-d-speaker-tiny_cnn1d"


class Watch(Observer):
    """Remembers what it is told; calls `waited` when the search waits for workers, `each` at every epoch."""

    def __init__(self, waited=None, each=None) -> None:
        self.messages, self.trials = [], []
        self._waited, self._each = waited, each

    def message(self, text):
        self.messages.append(text)
        if "waiting for workers" in text and self._waited:
            self._waited()

    def epoch(self, job_id, metrics):
        if self._each:
            self._each()

    def trial_finished(self, record):
        self.trials.append(record)


def folder_of(plan: SearchPlan) -> StudyFolder:
    return ResultsFolder(plan.results).study(NAME)


def told(folder: StudyFolder) -> list[tuple]:
    """What a study found out, without how long it took and where."""
    return [
        (record.job_id, record.state, record.attempt, record.value, record.config, record.seed, record.scores)
        for kind in ("search", "refit")
        for record in folder.jobs(kind)
    ]


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory, _session_cache: Path):
    made = Dask(tmp_path_factory.mktemp("dask"), _session_cache)
    yield made
    made.close()


@pytest.fixture(scope="module")
def once() -> dict[str, object]:
    """What several tests look at: the worker that stays, and the search that it was waited for in."""
    return {}


@pytest.fixture
@starts_children
def searched(dask: Dask, once, make_plan, tmp_path_factory):
    """A search that found no worker at first, and then one that stays for the other tests."""
    if "plan" not in once:
        results = tmp_path_factory.mktemp("searched") / "results"
        watch = Watch(waited=lambda: once.setdefault("worker", dask.worker("--no-nanny", "--nthreads", "2")))
        plan = make_plan(cluster=dask.address, results=results, trials=2, repeats=1)
        stop = threading.Event()
        patience = threading.Timer(PATIENCE_S, stop.set)
        patience.start()
        run_search(plan, watch, stop)
        patience.cancel()
        once |= {"plan": plan, "watch": watch}
    return once["plan"], once["watch"]


@pytest.fixture
def worker(searched, once) -> subprocess.Popen[bytes]:
    return once["worker"]


@pytest.fixture
def engine(dask: Dask, worker, tone_corpus: Path):
    """An engine without a search around it, on the worker that stays."""
    from serbench.corpora import get_corpus

    clips = load_clips(get_corpus("crema-d"), tone_corpus, sample_rate=8000)
    with open_cluster(dask.address, "tensorflow", Resources.elsewhere(1)) as connection:
        made = DaskEngine(connection, StudyAudio.of(clips.table, tone_corpus), None, lambda _: None)
        yield made
        made.close()


@pytest.fixture
def make_job(make_plan, monkeypatch):
    """A job as a search makes it."""

    def make(**parts) -> TrialJob:
        jobs: list[TrialJob] = []

        class Taken(Exception):  # noqa: N818
            pass

        def take(self, job, heard):
            jobs.append(job)
            raise Taken

        with monkeypatch.context() as patch:
            patch.setattr("serbench.search.engines.local.LocalEngine.submit", take)
            with pytest.raises(Taken):
                run_search(make_plan())
        from dataclasses import replace

        return replace(jobs[0], memory_limit_mib=None, threads=1, **parts)

    return make


@pytest.mark.slow
def test_a_search_waits_for_its_first_worker_and_says_so_once(searched, dask) -> None:
    plan, watch = searched
    assert [text for text in watch.messages if "waiting" in text] == [
        f"waiting for workers at {dask.address}; start some with `dask worker --no-nanny`"
    ]
    assert [trial.state for trial in watch.trials] == ["completed"] * 3
    assert len(list(folder_of(plan).entries())) == 1


@pytest.mark.slow
def test_one_worker_elsewhere_finds_what_one_worker_here_finds(searched, make_plan) -> None:
    plan, _ = searched
    here = make_plan(threads=1, trials=2, repeats=1)
    run_search(here)
    assert told(folder_of(plan)) == told(folder_of(here))


@pytest.mark.children
@pytest.mark.slow
def test_cross_validation_bag_and_final_runs_elsewhere_are_those_of_here(worker, dask, make_plan, tmp_path) -> None:
    parts = {"trials": 2, "shortlist": 2, "finalists": 1, "repeats": 1, "threads": 1}
    there, here = make_plan(cluster=dask.address, **parts), make_plan(results=tmp_path / "here", **parts)
    run_search(there)
    run_search(here)
    far, near = folder_of(there), folder_of(here)
    assert far.job_ids("fold") == near.job_ids("fold") != []
    for job_id in near.shortlisted_ids():
        assert far.out_of_fold(job_id).equals(near.out_of_fold(job_id))
    assert sorted(one.bag for one in far.entries()) == sorted(one.bag for one in near.entries())
    for job_id in near.job_ids("refit"):
        assert far.job("refit", job_id).scores == near.job("refit", job_id).scores


@pytest.mark.slow
def test_pruning_reaches_a_running_trial(worker, dask, make_plan, monkeypatch) -> None:
    monkeypatch.setattr("optuna.Trial.should_prune", lambda _: True)
    plan = make_plan(cluster=dask.address, trials=1, finalists=0)
    run_search(plan)
    assert [(t.state, len(t.epochs)) for t in folder_of(plan).jobs("search")] == [("pruned", 1)]


@pytest.mark.children
@pytest.mark.slow
def test_a_stop_reaches_a_running_trial(worker, dask, make_plan) -> None:
    stop = threading.Event()
    watch = Watch(each=stop.set)
    run_search(make_plan(cluster=dask.address), watch, stop)
    (trial,) = watch.trials
    assert trial.state == "interrupted"
    assert trial.epochs


@pytest.mark.slow
def test_what_is_said_in_the_name_of_a_dead_attempt_is_dropped(engine: DaskEngine, make_job) -> None:
    job = make_job(attempt=1)
    heard: list[int] = []
    beside: list[object] = []

    def listen(metrics, answer):
        heard.append(metrics.epoch)
        if metrics.epoch == 0:
            ghost = {"kind": "epoch", "run": "a run that nobody let in", "worker": "tcp://127.0.0.1:1"}
            said = metrics.model_copy(update={"epoch": 99}).model_dump()
            for attempt in (0, 1, 2):
                engine.on_message((0.0, {**ghost, "job": job.job_id, "attempt": attempt, "metrics": said}))
            beside.append(engine)
        answer(Verdict.CONTINUE)

    outcome = engine.submit(job, listen).result(PATIENCE_S)
    assert beside
    assert heard == [0, 1, 2]
    assert outcome.state == "completed"
    late = {"kind": "epoch", "run": "late", "worker": "tcp://127.0.0.1:1", "job": job.job_id, "attempt": 1}
    engine.on_message((0.0, {**late, "metrics": {}}))
    assert heard == [0, 1, 2]


@pytest.mark.slow
def test_a_task_that_dask_runs_again_does_not_train(worker, engine: DaskEngine, make_job) -> None:
    """So Dask may do when a worker dies: the same task once more, while the coordinator believes the first to run."""
    job = make_job()
    waiting: Future = Future()
    running = engine.submit(job, lambda metrics, answer: waiting.done() or waiting.set_result((metrics, answer)))
    _, answer = waiting.result(PATIENCE_S)
    again = (serbench.__version__, engine._topic, pickle.dumps(job))
    repeat = engine._cluster.client.submit(run_on_worker, *again, key="again")
    assert repeat.result(PATIENCE_S) == LOST
    assert len(fits_of(worker)) == 1
    engine.cancel_all()
    answer(Verdict.CONTINUE)
    assert running.result(PATIENCE_S).state == "interrupted"


@pytest.mark.slow
@pytest.mark.children
def test_a_trial_whose_worker_dies_is_run_again_elsewhere(worker, dask, make_plan) -> None:
    victim = dask.worker()
    dying: list[psutil.Process] = []

    def kill():
        fits = fits_of(victim)
        if fits and not dying:
            dying.extend([*fits, *psutil.Process(victim.pid).children()])
            victim.kill()
            victim.wait()

    watch = Watch(each=kill)
    plan = make_plan(cluster=dask.address, trials=3, finalists=0, workers=None)
    with open_cluster(dask.address, "tensorflow", Resources.elsewhere(1)) as connection:
        until(lambda: connection.slots == 3, "two workers")
    run_search(plan, watch)
    assert dying, "the second worker was never given a trial"
    folder = folder_of(plan)
    (lost,) = (record for record in watch.trials if record.state == "lost")
    assert (lost.attempt, lost.error) == (0, "the worker it ran on is gone")
    assert [path.name for path in (folder.path / "attempts").iterdir()] == [f"{lost.job_id}.0"]
    trials = list(folder.jobs("search"))
    assert [trial.state for trial in trials] == ["completed"] * 3
    assert [trial.attempt for trial in trials] == [int(trial.job_id == lost.job_id) for trial in trials]
    until(lambda: not any(alive(process) for process in dying), "the dead worker's children to be gone")


def own(search: subprocess.Popen[str], seen: set[psutil.Process]) -> set[psutil.Process]:
    """Fits of a command's own workers, now; every process of the command is added to `seen`."""
    try:
        workers = [p for p in psutil.Process(search.pid).children() if "--multiprocessing-fork" in p.cmdline()]
        seen.update(workers)
        servers = {server for worker in workers for server in worker.children()}
        fits = {fit for server in servers for fit in server.children()}
    except psutil.NoSuchProcess:
        return set()
    seen.update(servers, fits)
    return fits


@pytest.fixture
@starts_children
def command(dask: Dask, tone_corpus: Path, tiny_space, tmp_path: Path):
    """Starts `serbench search` on the tiny space as a process of its own."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        words = ["search", str(tiny_space("cnn1d")), "--corpus", "crema-d", "--data", str(tone_corpus)]
        words += ["--results", str(tmp_path / "results"), "--format", "json", *arguments]
        return subprocess.Popen(
            [sys.executable, "-m", "serbench.cli.main", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip

    return start


@pytest.mark.slow
def test_a_killed_coordinator_leaves_no_fit_behind_and_resumes(worker, dask, command, tmp_path) -> None:
    words = ("--cluster", dask.address, "--trials", "3", "--repeats", "1")
    killed = command(*words)
    until(lambda: fits_of(worker) or killed.poll() is not None, "a fit")
    fits = fits_of(worker)
    killed.kill()
    killed.communicate()
    until(lambda: not any(alive(fit) for fit in fits), "the fits to end")
    again = command(*words)
    _, said = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, said
    folder = ResultsFolder(tmp_path / "results").study(NAME)
    assert [trial.state for trial in folder.jobs("search")] == ["completed"] * 3
    assert not fits_of(worker)


@pytest.mark.slow
def test_workers_of_ones_own_come_and_go_with_the_command(command, tmp_path) -> None:
    search = command("--cluster", "local", "--workers", "2", "--trials", "3", "--repeats", "1")
    seen: set[psutil.Process] = set()
    until(lambda: len(own(search, seen)) >= 2 or search.poll() is not None, "two fits")
    out, said = search.communicate(timeout=PATIENCE_S)
    assert search.returncode == 0, said
    assert '"uar"' in out
    assert "distributed" not in said
    assert "Traceback" not in said
    folder = ResultsFolder(tmp_path / "results").study(NAME)
    assert [trial.state for trial in folder.jobs("search")] == ["completed"] * 3
    until(lambda: not any(alive(process) for process in seen), "its processes to be gone")


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_records_what_runs_on_workers_of_ones_own(command, tmp_path) -> None:
    """A terminal sends it to every process of the command, workers and their children included."""
    search = command("--cluster", "local", "--workers", "2", "--trials", "50", "--repeats", "1")
    seen: set[psutil.Process] = set()
    until(lambda: len(own(search, seen)) >= 2 or search.poll() is not None, "two fits")
    os.killpg(search.pid, signal.SIGINT)
    _, said = search.communicate(timeout=PATIENCE_S)
    assert search.returncode == 130, said
    assert "Traceback" not in said
    attempts = ResultsFolder(tmp_path / "results").study(NAME).path / "attempts"
    states = [TrialRecord.load(path).state for path in attempts.glob("*/record.json")]
    assert states == ["interrupted"] * 2
    until(lambda: not any(alive(process) for process in seen), "its processes to be gone")


@pytest.mark.slow
def test_a_scheduler_that_dies_is_a_sentence_and_leaves_no_fit(make_plan, tmp_path, own_cache) -> None:
    doomed = Dask(tmp_path, own_cache)
    try:
        worker = doomed.worker()
        fits: list[psutil.Process] = []

        def kill():
            fits.extend(fits_of(worker))
            doomed.scheduler.kill()

        with pytest.raises(SerbenchError, match=rf"scheduler at {doomed.address} is lost.*same command resumes"):
            run_search(make_plan(cluster=doomed.address), Watch(each=kill))
        assert fits
        until(lambda: not any(alive(fit) for fit in fits), "the fit to end")
    finally:
        doomed.close()


@pytest.mark.slow
def test_a_worker_with_a_gpu_has_one_slot(dask, worker) -> None:
    with open_cluster(dask.address, "jax", Resources.elsewhere(1)) as connection:
        assert connection.slots == 2
        several = dask.worker("--no-nanny", "--nthreads", "4", CUDA_VISIBLE_DEVICES="0")
        until(lambda: connection.slots > 2, "a worker with a GPU")
        assert connection.slots == 3
        several.terminate()
        several.wait()
        until(lambda: connection.slots == 2, "it to be gone")


@pytest.mark.slow
def test_a_worker_under_a_nanny_is_told_how_to_start(worker, dask, engine: DaskEngine, make_job) -> None:
    nannied = dask.worker("--nthreads", "1", "--name", "nannied")
    client = engine._cluster.client
    until(lambda: engine._cluster.slots == 3, "the worker with a nanny")
    task = client.submit(
        run_on_worker, serbench.__version__, "nobody listens", pickle.dumps(make_job()), workers=["nannied"]
    )
    with pytest.raises(SerbenchError, match=r"worker tcp://.*: it runs under a nanny .*--no-nanny"):
        task.result(PATIENCE_S)
    nannied.terminate()
    nannied.wait()


@pytest.mark.slow
def test_another_version_is_a_sentence(dask, engine: DaskEngine) -> None:
    task = engine._cluster.client.submit(run_on_worker, "0.0.1", "nobody listens", b"")
    with pytest.raises(SerbenchError, match=r"worker tcp://.*has serbench .* and the coordinator has 0\.0\.1"):
        task.result(PATIENCE_S)


@pytest.mark.slow
def test_a_worker_is_no_scheduler(worker, dask, engine: DaskEngine) -> None:
    (address,) = engine._cluster._members
    with (
        pytest.raises(SerbenchError, match=f"no Dask scheduler answers at {address}"),
        open_cluster(address, "tensorflow", Resources.elsewhere(1)),
    ):
        pass
