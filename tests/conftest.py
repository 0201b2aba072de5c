"""What all tests share: a cache of their own, a backend, a tiny synthetic corpus on disk, and one search of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import hypothesis
import numpy as np
import pytest
import soundfile
from tiers import Tiers, starts_children
from typer.testing import CliRunner

os.environ["KERAS_BACKEND"] = "tensorflow"
for _name in ("SERBENCH_STORAGE", "SERBENCH_RESULTS", "SERBENCH_DATA"):  # of the person who runs the tests
    os.environ.pop(_name, None)
# Of that person, too: colours and the size of the terminal change what is printed, a proxy what reaches this machine.
for _name in (
    "PYTEST_ADDOPTS", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "COLUMNS", "LINES",
    "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
):  # fmt: skip
    os.environ.pop(_name, None)
# Hundreds of processes import TensorFlow here: compiled once it takes each of them a third of the time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.pop("UV_RUN_RECURSION_DEPTH", None)  # `uv run pytest`: commands are printed as an installed serbench does
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# librosa's compiled functions: two processes that compile into one cache at once can crash each other.
if _worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["NUMBA_CACHE_DIR"] = str(Path(__file__).parents[1] / ".pytest_cache" / "numba" / _worker)

CREMA_CODES = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
TONES_HZ = {"ANG": 700, "DIS": 300, "FEA": 1100, "HAP": 1600, "NEU": 180, "SAD": 2300}


# A busy machine fails no test.
hypothesis.settings.register_profile("serbench", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("serbench")


def pytest_configure(config: pytest.Config) -> None:
    """Registers what sorts the tests into tiers."""
    config.pluginmanager.register(Tiers(config), "serbench-tiers")


@pytest.fixture(scope="session")
def _session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(_session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the cache or the corpora of the person who runs it."""
    monkeypatch.setenv("SERBENCH_CACHE", str(_session_cache))
    monkeypatch.setenv("SERBENCH_CONFIG", str(_session_cache / "config"))
    return _session_cache


def write_tone_corpus(folder: Path, n_speakers: int = 12, seed: int = 0, rate: int = 8000) -> Path:
    """A corpus with CREMA-D's names in which each emotion is a tone in noise: easily learnt, quickly made."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(0.6 * rate)) / rate
    for speaker in range(1001, 1001 + n_speakers):
        for code in CREMA_CODES:
            for sentence in ("DFA", "IEO"):
                tone = np.sin(2 * np.pi * TONES_HZ[code] * rng.uniform(0.9, 1.1) * time)
                wave = 0.3 * tone + 0.05 * rng.standard_normal(len(time))
                soundfile.write(folder / f"{speaker}_{sentence}_{code}_XX.wav", wave, rate)
    return folder


@pytest.fixture(scope="session")
def tone_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 speakers x 6 emotions x 2 sentences = 144 clips of 0.6 s."""
    return write_tone_corpus(tmp_path_factory.mktemp("tones") / "AudioWAV")


# Tracing a graph takes longer than its epochs: one block and the plainest optimiser halve the time of a fit.
TINY_SPACE = """
[space]
family = "{family}"

[features]
sample_rate = 8000
duration_s = 0.6
window_length = 256
hop_length = 128
n_mels = 24
{extra}

[training]
epochs = 3
patience = 3
max_parameters = 200_000

[budget]
shortlist = 0
trials = 3
finalists = 1
repeats = 2

[parameters]
depth = 1
batch_norm = false
optimizer = "adam"
schedule = "constant"
width = [8, 16]
dense_width = 16
batch_size = 16
learning_rate = {{ low = 1e-3, high = 1e-2, log = true }}
"""


@pytest.fixture
def tiny_space(tmp_path: Path):
    """Writes a space of a family that fits in a second, and returns its path."""

    def write(family: str = "cnn1d", **replace: str) -> Path:
        extra = "n_mfcc = 8\ndeltas = false" if family == "cnn1d" else ""
        text = TINY_SPACE.format(family=family, extra=extra)
        for old, new in replace.items():
            text = text.replace(f"{old} = ", f"{old} = {new} #", 1)
        path = tmp_path / f"tiny_{family}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def made_up_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches of this process train nothing: for tests that look at what the coordinator does with fits."""
    from fits_made import made_up_fit

    monkeypatch.setattr("serbench.search.engines.local.run_job", made_up_fit)


class Ran:
    """What a command did: exit code and both streams."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def sentence(self) -> str:
        """The one line of an error."""
        lines = [line for line in self.err.splitlines() if line.startswith("serbench: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


@pytest.fixture
def serbench() -> Callable[..., Ran]:
    """Calls the program as the console script does, errors included."""
    from serbench.cli.main import app
    from serbench.errors import SerbenchError

    def run(*arguments: object) -> Ran:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        error, code = result.stderr, result.exit_code
        if isinstance(result.exception, SerbenchError):
            error, code = f"{error}serbench: {result.exception}\n", result.exception.exit_code
        elif result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(code, result.stdout, error)

    return run


@pytest.fixture(scope="session")
def _searched(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of one test run share."""
    own = tmp_path_factory.getbasetemp()
    return (own if worker_id == "master" else own.parent) / "searched"


@pytest.fixture
@starts_children
def searched(_searched, serbench, tone_corpus, tiny_space) -> Path:
    """Results of one finished search of both families, made once for all; read only."""
    results = _searched / "results"
    _searched.mkdir(exist_ok=True)
    with filelock.FileLock(_searched / "lock"):
        if (_searched / "done").exists():
            return results
        spaces = [tiny_space("cnn1d"), tiny_space("cnn2d")]
        ran = serbench(
            "search", *spaces, "--corpus", "crema-d", "--data", tone_corpus, "--results", results,
            "--trials", 2, "--sampler", "tpe",
            "--format", "json",
        )  # fmt: skip
        assert ran.code == 0, ran.err
        (_searched / "done").touch()
    return results


@pytest.fixture
@starts_children
def exported(_searched, serbench, searched) -> tuple[Path, str]:
    """The bundle of what that search selected, made once for all and read only; and what the export said."""
    folder, done = _searched / "bundle", _searched / "exported"
    with filelock.FileLock(_searched / "export lock"):
        if not done.exists():
            ran = serbench("export", "--results", searched, "--to", folder)
            assert ran.code == 0, ran.err
            done.write_text(ran.err, encoding="utf-8")
    return folder, done.read_text(encoding="utf-8")
