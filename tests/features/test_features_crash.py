"""The cache across processes: two at once, one killed, one that may write no more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serbench.features import FeatureStore

WORK = """
import sys, pandas as pd
from pathlib import Path
from serbench.errors import SerbenchError
from serbench.features import FeatureSpec, FeatureStore

def progress(done, total):
    print("progress", done, flush=True)
    if "wait" in sys.argv:
        sys.stdin.read()

if "small" in sys.argv:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
clips = pd.read_csv(sys.argv[2], dtype=str)
spec = FeatureSpec.model_validate_json(Path(sys.argv[3]).read_text())
try:
    features = FeatureStore(Path(sys.argv[1]), workers=2).get(clips, spec, progress=progress)
except SerbenchError as error:
    sys.exit(str(error))
print("sum", float(features.sum()))
"""


@pytest.fixture
def job(tmp_path, make_clips, small_spec):
    clips = make_clips(100)
    clips.to_csv(tmp_path / "clips.csv", index=False)
    (tmp_path / "spec.json").write_text(small_spec.model_dump_json())
    arguments = [str(tmp_path / name) for name in ("cache", "clips.csv", "spec.json")]
    return clips, small_spec, tmp_path / "cache", [sys.executable, "-c", WORK, *arguments]


@pytest.mark.children
@pytest.mark.slow
def test_two_processes_compute_once(job):
    _, _, _, command = job
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0][-1] == said[1][-1]
    computed = [f"progress {done}" for done in (32, 64, 96, 100)]
    assert sorted(lines[:-1] == computed for lines in said) == [False, True]
    assert sorted(computed[0] in lines for lines in said) == [False, True]


@pytest.mark.children
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for orphans in /proc")
def test_a_kill_leaves_no_entry_no_lock_and_no_orphan(job):
    clips, spec, root, command = job
    victim = subprocess.Popen(
        [*command, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert victim.stdout.readline() == "progress 32\n"
    victim.kill()
    victim.communicate()
    store = FeatureStore(root)
    assert len(list(root.glob(".*.tmp"))) == 1
    assert not store.has(clips, spec)
    assert not [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and _session(pid) == victim.pid]
    assert len(store.get(clips, spec)) == 100
    assert not list(root.glob(".*.tmp"))


@pytest.mark.children
@pytest.mark.skipif(os.name != "posix", reason="uses a limit on file sizes")
def test_a_write_that_fails_half_way_is_told_and_cleaned_up(job):
    _, _, root, command = job
    done = subprocess.run([*command, "small"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot keep 0 MiB of features in {root}: File too large; ")
    assert "SERBENCH_CACHE" in done.stderr
    assert "progress" in done.stdout
    assert [path.name for path in root.iterdir()] == [".locks"]


def _session(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return None
