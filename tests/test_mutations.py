"""Damaged and hostile files: 500 seeded mutations of each kind end in a result or in one sentence."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from drawn_results import Builder
from sounds_made import voice

from serbench.audio import read_sound
from serbench.corpora import choose_corpus
from serbench.errors import SerbenchError
from serbench.records import EntryRecord, StudyRecord, TrialRecord
from serbench.render import render
from serbench.results import Results
from serbench.spaces import load_space
from serbench.spaces.file import read_space

pytestmark = [pytest.mark.slow, pytest.mark.children]

COUNT = 500
PUBLISHED = Path(__file__).parents[1] / "results" / "published" / "studies"
VALUES = (
    b"nan", b"inf", b"-1", b"0", b"1e400", b"9" * 400, b"9" * 5000, b"true", b"[]", b"{}", b'""', b"null",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\x1b[31m", "\u202e".encode(), b"\xed\xb2\x80", b"..", b"/etc/passwd", b"\r",
    b"\n", b"'", b'"',
)  # fmt: skip


def mutated(data: bytes, rng: np.random.Generator, head: int | None = None) -> bytes:
    """Changes one to three places: bits, bytes, lengths, repeated and swapped parts, odd values."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        end = min(len(changed), head or len(changed))
        place, length = int(rng.integers(0, max(end, 1))), int(rng.integers(1, 40))
        kind = rng.integers(0, 6)
        if kind == 0 and changed:
            changed[min(place, len(changed) - 1)] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            changed[place : place + int(rng.integers(1, 5))] = rng.bytes(int(rng.integers(1, 5)))
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = VALUES[rng.integers(0, len(VALUES))]
        elif kind == 4:
            changed[place : place + length] = changed[place : place + length] * 2
        else:
            del changed[place:]
    return bytes(changed)


def odd_json(value: Any, rng: np.random.Generator) -> Any:
    """The same JSON with one value replaced."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = list(value)[rng.integers(0, len(value))]
        return value | {key: odd_json(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = int(rng.integers(0, len(value)))
        return [*value[:place], odd_json(value[place], rng), *value[place + 1 :]]
    odd = (None, -1, 0, 1e308, float("nan"), float("inf"), 10**400, "", "x" * 10_000, [], {}, True, "\x1b[31m", 2**63)
    return odd[rng.integers(0, len(odd))]


def check(attempt: Callable[[int], object], allowed: type[Exception] | tuple[()] = SerbenchError) -> None:
    """Runs all attempts and lists those that end in anything but a result or one sentence."""
    faults: dict[str, str] = {}
    for number in range(COUNT):
        try:
            attempt(number)
        except allowed as error:
            if "\n" in str(error).strip() or len(str(error)) > 5_000:
                faults.setdefault("not one sentence", f"{number}: {error}"[:300])
        except Exception as error:
            faults.setdefault(f"{type(error).__name__}", f"{number}: {error!r}"[:300])
    assert faults == {}, faults


def rng_of(kind: int, number: int) -> np.random.Generator:
    return np.random.default_rng([kind, number])


def test_spaces() -> None:
    texts = [load_space(name).text.encode() for name in ("quick_1d", "cnn2d")]

    def attempt(number: int) -> None:
        text = mutated(texts[number % 2], rng_of(1, number)).decode("utf-8", errors="replace")
        read_space(text, "mutant", "mutant.toml")

    check(attempt)


@pytest.mark.parametrize("way", ["bytes", "values"])
def test_records(tmp_path: Path, way: str) -> None:
    build = Builder(tmp_path / "results")
    study = build.study()
    build.entry("best", study)
    folder = build.results.study(study)
    kinds = [
        (StudyRecord, folder.path / "study.json"),
        (EntryRecord, next((folder.path / "entries").glob("*.json"))),
        (TrialRecord, folder.job_path("refit", folder.entry("best").refits[0]) / "record.json"),
    ]
    whole = [path.read_bytes() for _, path in kinds]

    def attempt(number: int) -> None:
        place = number % len(kinds)
        (kind, path), data, rng = kinds[place], whole[place], rng_of(2, number)
        path.write_bytes(mutated(data, rng) if way == "bytes" else json.dumps(odd_json(json.loads(data), rng)).encode())
        try:
            render(Results(build.results.root).board())  # no damaged record may hide the board
            kind.load(path)
        finally:
            path.write_bytes(data)

    check(attempt)


def test_predictions_and_clips_in_parquet(tmp_path: Path) -> None:
    build = Builder(tmp_path / "results")
    study = build.study()
    for name in ("best", "other"):
        build.entry(name, study)
    paths = sorted((tmp_path / "results").rglob("*.parquet"))
    whole = {path: path.read_bytes() for path in paths}

    def attempt(number: int) -> None:
        path = paths[number % len(paths)]
        path.write_bytes(mutated(whole[path], rng_of(3, number)))
        try:
            Results(tmp_path / "results").board()
        finally:
            path.write_bytes(whole[path])

    check(attempt, ())  # no damaged file may hide the board


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables(tmp_path: Path, suffix: str) -> None:
    rows = [{"path": f"s{i}_{j}.wav", "label": label, "speaker": f"s{i}", "sex": "f", "age": 30 + i, "split": "train"}
            for i in range(6) for j, label in enumerate(("anger", "joy"))]  # fmt: skip
    frame = pd.DataFrame(rows)
    buffer = io.BytesIO()
    frame.to_csv(buffer, index=False) if suffix == ".csv" else frame.to_parquet(buffer)
    table = tmp_path / f"clips{suffix}"
    for row in rows:  # without audio a table is refused before its rows are looked at
        soundfile.write(tmp_path / row["path"], voice(0.1), 16_000)
    table.write_bytes(buffer.getvalue())
    corpus, place = choose_corpus(str(table), None)
    assert len(corpus.read(corpus.prepare(place)).table) == len(rows)

    def attempt(number: int) -> None:
        table.write_bytes(mutated(buffer.getvalue(), rng_of(4, number)))
        corpus, place = choose_corpus(str(table), None)
        corpus.read(corpus.prepare(place))

    check(attempt)


def test_headers_of_audio(tmp_path: Path) -> None:
    forms = {"wav": {}, "flac": {}, "aiff": {}, "ogg": {}, "mp3": {}, "au": {}, "caf": {}, "w64": {}}
    files = {}
    for suffix in forms:
        soundfile.write(tmp_path / f"a.{suffix}", voice(0.3), 16_000)
        files[suffix] = (tmp_path / f"a.{suffix}").read_bytes()

    def attempt(number: int) -> None:
        suffix = list(files)[number % len(files)]
        path = tmp_path / f"mutant.{suffix}"
        path.write_bytes(mutated(files[suffix], rng_of(5, number), head=80))
        sound = read_sound(path)
        assert sound.usable == (sound.health.state == "ok")
        assert sound.waveform is None or np.isfinite(sound.waveform).all()
        assert sound.waveform is not None or sound.health.detail

    check(attempt)


def network(tmp_path: Path) -> bytes:
    import keras

    model = keras.Sequential(
        [keras.Input((8, 4)), keras.layers.Conv1D(4, 3), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    model.save(tmp_path / "model.keras")
    return (tmp_path / "model.keras").read_bytes()


def with_config(data: bytes, config: bytes) -> bytes:
    """The same `.keras` file with another description."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for one in old.infolist():
            new.writestr(one.filename, config if one.filename == "config.json" else old.read(one))
    return out.getvalue()


@pytest.mark.parametrize("way", ["bytes", "values"])
def test_networks_of_bundles(tmp_path: Path, way: str) -> None:
    from serbench.export.bundle import load_model
    from serbench.records import file_sha256

    data, path = network(tmp_path), tmp_path / "mutant.keras"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        config = json.loads(archive.read("config.json"))
    path.write_bytes(data)
    assert load_model(path, file_sha256(path), "cnn1d").output_shape == (None, 3)

    def attempt(number: int) -> None:
        rng = rng_of(6, number)
        changed = (
            with_config(data, json.dumps(odd_json(config, rng)).encode()) if way == "values" else mutated(data, rng)
        )
        path.write_bytes(changed)
        load_model(path, file_sha256(path), "cnn1d")

    check(attempt)


def described_bundle(folder: Path) -> None:
    """A bundle whose network fits its front end and has never been trained."""
    import keras

    from serbench.export.bundle import BundleCheck, BundleRecord
    from serbench.features import FeatureSpec
    from serbench.records import file_sha256

    spec = FeatureSpec(kind="log_mel", sample_rate=8_000, duration_s=0.5, window_length=256, hop_length=128, n_mels=16)
    study = StudyRecord.load(next(iter(sorted(PUBLISHED.glob("*/study.json")))))
    labels = study.corpus.labels
    folder.mkdir()
    keras.Sequential([
        keras.Input(spec.shape), keras.layers.Flatten(), keras.layers.Dense(len(labels), activation="softmax")
    ]).save(folder / "model.keras")  # fmt: skip
    BundleRecord(
        entry="e", study=study.name, refit="r", family="cnn2d", labels=labels, features=spec, longest_clip_s=3.0,
        model_sha256=file_sha256(folder / "model.keras"), parameters=1, config={}, seed=0, scores={},
        corpus=study.corpus, protocol=study.protocol, environment=study.environment,
        check=BundleCheck(clips=0, largest_difference=0.0), created="now",
    ).save(folder / "bundle.json")  # fmt: skip


@pytest.mark.parametrize("way", ["bytes", "values"])
def test_descriptions_of_bundles(tmp_path: Path, way: str) -> None:
    """Without the seal, which lazy lies do not pass: whoever forges a bundle can write one, too."""
    from serbench.export import Bundle

    described_bundle(tmp_path / "bundle")
    path = tmp_path / "bundle" / "bundle.json"
    data = path.read_bytes()
    soundfile.write(tmp_path / "a.wav", voice(0.7), 16_000)
    assert not Bundle.load(path.parent).predict_files([tmp_path / "a.wav"]).failures

    def attempt(number: int) -> None:
        rng = rng_of(7, number)
        path.write_bytes(
            json.dumps(odd_json(json.loads(data), rng)).encode() if way == "values" else mutated(data, rng)
        )
        found = Bundle.load(path.parent).predict_files([tmp_path / "a.wav"])
        for row in found.rows:
            assert sum(row.probabilities) == pytest.approx(1, abs=1e-3)

    check(attempt)


def test_databases(tmp_path: Path) -> None:
    """Of any study that was begun: a damaged one is told and rebuilt from the records."""
    import optuna

    from serbench.search.studies.storage import StudyStorage

    build = Builder(tmp_path / "results")
    folder = build.results.study(build.study())
    record = folder.record().model_copy(update={"sampler": {"name": "random"}, "pruner": {"name": "none"}})
    storage = StudyStorage.open(folder, record)
    space = load_space("demo_cnn1d")
    name = space.searched[0]
    for value in space.parameters[name].probes()[:2]:
        storage.study.add_trial(
            optuna.trial.create_trial(
                value=0.5,
                params={name: value},
                distributions=space.distributions([name]),
                intermediate_values={0: 0.2, 1: 0.4},
                user_attrs={"origin": "known"},
            )
        )
    storage.close()
    data = folder.storage_path.read_bytes()

    def attempt(number: int) -> None:
        for path in folder.path.glob("optuna.sqlite3-*"):
            path.unlink()
        folder.storage_path.write_bytes(mutated(data, rng_of(8, number)))
        opened = StudyStorage.open(folder, record)
        try:
            with opened.errors():
                list(opened.study.trials)
        finally:
            opened.close()

    check(attempt)
