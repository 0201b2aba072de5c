"""Real child processes: started, killed, timed out, starved and orphaned for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from serbench.corpora import get_corpus, load_clips
from serbench.errors import SerbenchError, UsageError
from serbench.features import FeatureStore
from serbench.training import ClipTargets, FeatureSource, JobControl, Verdict, import_keras, run_job, supervisor
from serbench.training.backend import choose_backend, keep_to_one_backend, process_context
from serbench.training.child import _check_backend

LONG = {"epochs": 2000, "patience": 2000}


def children() -> set[int]:
    """Processes that fit for this one (children of the fork server, too)."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.fixture(scope="module")
def _warmed() -> list[bool]:
    return []


@pytest.fixture
def warm(_warmed, make_job, source) -> None:
    """The fork server is there: what starts next is a fit and nothing else."""
    if not _warmed:
        run_job(make_job(settings={"epochs": 1}), source)
        _warmed.append(True)


@pytest.mark.children
def test_a_child_fits_and_streams_its_epochs(make_job, source) -> None:
    seen = []

    def report(metrics):
        seen.append(metrics.epoch)
        return Verdict.CONTINUE

    outcome = run_job(make_job(), source, JobControl(report))
    assert outcome.state == "completed"
    assert seen == [0, 1, 2, 3]
    assert outcome.peak_memory_mib > 0
    assert {"start", "build", "fit", "predict", "features", "total"} <= outcome.seconds.keys()


@pytest.mark.children
def test_a_child_repeats_what_a_fit_in_this_process_gives(make_job, source, features, targets) -> None:
    from serbench.training.fit import fit

    inside, outside = fit(make_job(), [features], ClipTargets(targets)), run_job(make_job(), source)
    assert np.allclose(inside.predictions["validation"], outside.predictions["validation"], atol=1e-5)


@pytest.mark.children
def test_two_children_of_one_job_agree_to_the_last_bit(make_job, source) -> None:
    first, second = run_job(make_job(), source), run_job(make_job(), source)
    assert np.array_equal(first.predictions["validation"], second.predictions["validation"])
    assert [e.val_uar for e in first.epochs] == [e.val_uar for e in second.epochs]


@pytest.mark.children
def test_a_killed_child_costs_one_trial(warm, make_job, source) -> None:
    before = children()

    def kill(_metrics):
        for pid in children() - before:
            if psutil.Process(pid).ppid() != os.getpid():
                os.kill(pid, signal.SIGKILL)
        return Verdict.CONTINUE

    outcome = run_job(make_job(settings=LONG), source, JobControl(kill))
    assert outcome.state == "crashed"
    assert "SIGKILL" in outcome.error
    assert len(outcome.epochs) >= 1


@pytest.mark.parametrize(
    ("name", "text", "full"),
    [("ResourceExhaustedError", "OOM", True), ("OutOfMemoryError", "CUDA", True), ("XlaRuntimeError", "other", False),
     ("XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory", True)],
)  # fmt: skip
def test_a_full_device_is_told_apart_from_a_crash(name, text, full) -> None:
    from serbench.training.child import _is_out_of_memory

    assert _is_out_of_memory(type(name, (RuntimeError,), {})(text)) == full


@pytest.mark.children
def test_a_crash_keeps_its_traceback(make_job, source) -> None:
    outcome = run_job(make_job(train=(0, 1, 10_000)), source)
    assert outcome.state == "crashed"
    assert outcome.error_kind == "IndexError"
    assert "Traceback" in outcome.traceback


@pytest.mark.children
def test_a_trial_that_takes_too_long_is_ended_and_says_where_it_was(warm, make_job, source) -> None:
    outcome = run_job(make_job(settings={**LONG, "trial_timeout_s": 2.0}), source)
    assert outcome.state == "timeout"
    assert "longer than 2 s" in outcome.error
    assert outcome.traceback.count("most recent call first") >= 2  # the thread that fits, and the one that listens
    assert "fit.py" in outcome.traceback


@pytest.mark.children
def test_a_trial_over_its_memory_limit_is_ended_without_a_respite(make_job, source, monkeypatch) -> None:
    end, exits = supervisor._end, []

    def end_later(process) -> None:
        process.join(60)  # one that is told to leave, and not killed, would wait for an answer all the time
        exits.append(process.exitcode)
        end(process)

    monkeypatch.setattr(supervisor, "_end", end_later)
    outcome = run_job(make_job(settings=LONG, memory_limit_mib=10), source)
    assert outcome.state == "memory"
    assert "over its limit of 10 MiB" in outcome.error
    assert exits == [-signal.SIGKILL]


@pytest.fixture
def tight_group():
    """A control group in which no process finds room."""
    group = Path(f"/sys/fs/cgroup/memory/serbench-test-{os.getpid()}")
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text("4096", encoding="ascii")
    except OSError:
        pytest.skip("needs root and control groups of version 1 to be written to")
    yield group
    group.rmdir()


@pytest.mark.children
def test_a_child_that_the_kernel_ends_for_want_of_memory_is_told_apart(warm, make_job, source, tight_group) -> None:
    before = children()

    def starve(_metrics):
        for pid in children() - before:
            (tight_group / "cgroup.procs").write_text(str(pid), encoding="ascii")
        return Verdict.CONTINUE

    outcome = run_job(make_job(settings=LONG), source, JobControl(starve))
    assert (outcome.state, outcome.error_kind) == ("memory", "kernel")
    assert len(outcome.epochs) >= 1


@pytest.mark.children
def test_a_cancelled_trial_is_interrupted(make_job, source) -> None:
    control = JobControl()
    control.report = lambda _: control.cancel.set() or Verdict.CONTINUE
    outcome = run_job(make_job(settings=LONG), source, control)
    assert outcome.state == "interrupted"


@pytest.mark.children
def test_a_silent_child_hears_a_cancel_too(make_job, source) -> None:
    """Set while the child is in mid-epoch, not in answer to a report."""
    control = JobControl()
    begun = threading.Event()
    control.report = lambda _: begun.set() or Verdict.CONTINUE
    threading.Thread(target=lambda: begun.wait(60) and control.cancel.set(), daemon=True).start()
    assert run_job(make_job(settings=LONG), source, control).state == "interrupted"


def test_a_stopped_search_computes_no_more_features(make_job, tone_corpus, tmp_path) -> None:
    clips = load_clips(get_corpus("crema-d"), tone_corpus).table
    job, control = make_job(), JobControl()
    control.stop.set()
    outcome = run_job(job, FeatureSource(clips, FeatureStore(tmp_path)), control)
    assert (outcome.state, outcome.error_kind) == ("interrupted", "stop")
    assert {"features", "total"} == outcome.seconds.keys()
    assert not list(tmp_path.rglob("*.npy")), "nothing is half-written"


@pytest.mark.children
@pytest.mark.slow
def test_no_orphan_trains_on_after_its_parent_is_killed(tmp_path, features, targets) -> None:
    np.save(tmp_path / "features0.npy", features)
    np.save(tmp_path / "targets.npy", targets)
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent("""
        import sys
        from pathlib import Path
        import numpy as np
        from serbench.families import get_family
        from serbench.features import FeatureSpec
        from serbench.training import ClipTargets, FitSettings, JobControl, TrialJob, Verdict, run_job

        folder = Path(sys.argv[1])

        class Source:
            def paths(self, spec, augmentations=(), progress=None):
                return (folder / "features0.npy",)

            def targets_for(self, job):
                return ClipTargets(np.load(folder / "targets.npy"))

        def report(metrics):
            print("epoch", flush=True)
            return Verdict.CONTINUE

        if __name__ == "__main__":
            family = get_family("cnn1d")
            spec = FeatureSpec(kind="acoustic", sample_rate=8000, duration_s=0.6, window_length=256,
                               hop_length=128, n_mfcc=8, n_mels=24, deltas=False)
            job = TrialJob("t0", "search", "s", "cnn1d", family.hyperparameters(depth=1, width=8).model_dump(), 1,
                           FitSettings(epochs=5000, patience=5000), spec, (), ("anger", "joy", "sadness"),
                           tuple(range(36)), {"validation": tuple(range(36, 48))})
            run_job(job, Source(), JobControl(report))
        """),
        encoding="utf-8",
    )
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout.readline() == "epoch\n"
        family = psutil.Process(parent.pid).children(recursive=True)
        assert family
    finally:
        parent.kill()
        parent.wait()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive


@pytest.mark.parametrize("name", ["tensorflo", "mxnet"])
def test_an_unknown_backend_is_told_with_those_known(name) -> None:
    with pytest.raises(UsageError, match="Known: jax, tensorflow, torch"):
        choose_backend(name)


def test_a_backend_that_is_not_installed_names_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SerbenchError, match=r"install the extra serbench\[jax\]"):
        choose_backend("jax")


def test_the_backend_of_the_environment_is_taken(monkeypatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert choose_backend() == "tensorflow"


def test_a_second_backend_in_one_process_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("serbench.training.backend._served", "jax")
    with pytest.raises(SerbenchError, match=r"has trained on jax and keeps to it; .*start Python again for torch"):
        process_context("torch")
    keep_to_one_backend("jax")


@pytest.mark.children
def test_a_child_trains_on_no_other_backend_than_its_record_says() -> None:
    """As when the server has another one; here this process has Keras on TensorFlow."""
    import_keras("tensorflow")
    _check_backend("tensorflow")
    with pytest.raises(RuntimeError, match="has Keras on tensorflow, and its job is for jax"):
        _check_backend("jax")
