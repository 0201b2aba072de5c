import errno
import importlib
import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from threadpoolctl import threadpool_info, threadpool_limits

from serbench.audio import read_sound
from serbench.errors import SerbenchError
from serbench.features import FeatureSpec, FeatureStore, WaveformAugmentation, augment, decode, extract, fit_length
from serbench.features.eviction import make_room
from serbench.features.extraction import ClipFile, extract_files

NOISE = WaveformAugmentation(noise_snr_db=20, shift_s=0.1)


class Calls(list):
    """A progress callback that remembers."""

    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))


def entries(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if not path.name.startswith("."))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["log_mel", "acoustic"])
def test_rows_are_the_clips_features_in_order(tmp_path, make_clips, small_spec, kind):
    clips, spec = make_clips(70), FeatureSpec(**small_spec.model_dump() | {"kind": kind, "n_mfcc": 8})
    features = FeatureStore(tmp_path / "cache", workers=3).get(clips, spec)
    assert isinstance(features, np.memmap)
    assert features.dtype == np.float32
    waves = [fit_length(decode(path, spec.sample_rate), spec.n_samples) for path in clips["path"]]
    np.testing.assert_array_equal(features, extract(np.stack(waves), spec))
    with pytest.raises(ValueError, match="read-only"):
        features[0] = 0


def test_augmented_rows_are_keyed_by_clip_not_by_place(tmp_path, make_clips, small_spec):
    clips, store = make_clips(4), FeatureStore(tmp_path / "cache")
    features = store.get(clips, small_spec, NOISE)
    backwards = store.get(clips.iloc[::-1], small_spec, NOISE)
    np.testing.assert_array_equal(features, backwards[::-1])
    first = augment(decode(clips["path"][0], small_spec.sample_rate), NOISE, small_spec, clips["clip_id"][0])
    np.testing.assert_array_equal(features[0], extract(first[None], small_spec)[0])
    assert not np.array_equal(features, store.get(clips, small_spec))


def test_features_are_computed_once(tmp_path, make_clips, small_spec):
    clips, first, second = make_clips(3), Calls(), Calls()
    store = FeatureStore(tmp_path / "cache")
    assert not store.has(clips, small_spec)
    computed = store.get(clips, small_spec, progress=first)
    assert store.has(clips, small_spec)
    for path in clips["path"]:
        Path(path).unlink()
    again = FeatureStore(tmp_path / "cache").get(clips, small_spec, progress=second)
    np.testing.assert_array_equal(computed, again)
    assert first == [(3, 3)]
    assert second == []


def test_audio_that_changed_since_it_was_examined_is_refused_and_not_kept(tmp_path, make_clips, small_spec):
    clips, store = make_clips(3), FeatureStore(tmp_path / "cache")
    samples, rate = soundfile.read(clips["path"][1])
    soundfile.write(clips["path"][1], samples / 2, rate)
    with pytest.raises(SerbenchError, match=r"clip 'clip001' cannot be used: .* has other audio than when it was exam"):
        store.get(clips, small_spec)
    assert not store.has(clips, small_spec)


def test_the_key_follows_sound_spec_and_augmentation(tmp_path, make_clips, small_spec):
    clips, store = make_clips(3), FeatureStore(tmp_path / "cache")
    other_sound = clips.assign(digest=["0" * 64, *clips["digest"][1:]])
    paths = {
        store.path(clips, small_spec),
        store.path(clips.iloc[:2], small_spec),
        store.path(other_sound, small_spec),
        store.path(clips, small_spec.model_copy(update={"n_mels": 8})),
        store.path(clips, small_spec, NOISE),
        store.path(clips, small_spec, NOISE.model_copy(update={"copy_index": 1})),
    }
    assert len(paths) == 6
    moved = clips.assign(path="/elsewhere.wav", label="fear")
    assert store.path(moved, small_spec) == store.path(clips, small_spec)


def test_progress_counts_every_clip(tmp_path, make_clips, small_spec):
    calls = Calls()
    FeatureStore(tmp_path / "cache", workers=2).get(make_clips(70), small_spec, progress=calls)
    assert calls == [(32, 70), (64, 70), (70, 70)]


@pytest.mark.parametrize("damage", ["truncate", "lengthen", "header", "empty", "no file"])
def test_a_damaged_entry_is_computed_anew(tmp_path, make_clips, small_spec, damage):
    clips, store = make_clips(3), FeatureStore(tmp_path / "cache")
    whole = np.array(store.get(clips, small_spec))
    path = store.path(clips, small_spec)
    data = path.read_bytes()
    damaged = {"truncate": data[:-4], "lengthen": data + b"1234", "header": b"X" + data[1:], "empty": b""}
    path.unlink()
    if damage in damaged:
        path.write_bytes(damaged[damage])
    assert not store.has(clips, small_spec)
    np.testing.assert_array_equal(store.get(clips, small_spec), whole)


def test_flipped_bytes_are_found_once_a_search_and_computed_again_with_a_note(tmp_path, make_clips, small_spec):
    clips, notes = make_clips(3), []
    store = FeatureStore(tmp_path / "cache", note=notes.append)
    whole = np.array(store.get(clips, small_spec))
    path = store.path(clips, small_spec)
    data = bytearray(path.read_bytes())
    for place in range(len(data) - 400, len(data)):
        data[place] ^= 0x40
    path.write_bytes(data)
    assert not np.array_equal(store.get(clips, small_spec), whole), "this search has read it already"
    assert notes == []
    np.testing.assert_array_equal(FeatureStore(store.root, note=notes.append).get(clips, small_spec), whole)
    (note,) = notes
    assert str(path.parent) in note
    assert "have changed since; they are computed again" in note


def test_features_of_an_earlier_version_without_a_checksum_are_computed_again(tmp_path, make_clips, small_spec):
    clips, notes = make_clips(2), []
    path = FeatureStore(tmp_path / "cache").path(clips, small_spec)
    FeatureStore(tmp_path / "cache").get(clips, small_spec)
    path.with_name("features.sha256").unlink()
    FeatureStore(tmp_path / "cache", note=notes.append).get(clips, small_spec)
    assert "no checksum" in notes[0]
    FeatureStore(tmp_path / "cache", note=notes.append).get(clips, small_spec)
    assert len(notes) == 1


def test_an_unreadable_clip_is_named_and_nothing_is_kept(tmp_path, make_clips, small_spec):
    clips, store = make_clips(3), FeatureStore(tmp_path / "cache")
    Path(clips["path"][1]).write_text("not audio")
    with pytest.raises(SerbenchError, match=r"clip 'clip001' cannot be used: .*clip001\.wav as audio.*corpus check"):
        store.get(clips, small_spec)
    assert entries(tmp_path / "cache") == []
    assert not list((tmp_path / "cache").glob("*.tmp"))


def test_an_interruption_passes_through_and_leaves_nothing(tmp_path, make_clips, small_spec):
    clips, store = make_clips(70), FeatureStore(tmp_path / "cache", workers=2)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.get(clips, small_spec, progress=interrupt)
    assert not store.has(clips, small_spec)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("serbench-features")]
    assert store.get(clips, small_spec).shape == (70, *small_spec.shape)


def test_threads_that_want_the_same_share_one_computation(tmp_path, make_clips, small_spec):
    clips, calls, found = make_clips(70), [], []
    together = threading.Barrier(4)

    def work() -> None:
        own = Calls()
        together.wait()
        found.append(FeatureStore(tmp_path / "cache", workers=1).get(clips, small_spec, progress=own))
        calls.append(own)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    computed = [(32, 70), (64, 70), (70, 70)]
    assert [own for own in calls if computed[0] in own] == [computed]


@pytest.fixture
def taken(tmp_path, make_clips, small_spec, monkeypatch):
    """A store, two clips, and the lock of their features as another process holds it."""
    monkeypatch.setattr("serbench.records.files._LOCK_WAIT_S", 0.01)
    clips, store = make_clips(2), FeatureStore(tmp_path / "cache")
    store.root.mkdir()
    with store._lock(store.path(clips, small_spec).parent.name) as lock:
        yield store, clips, lock


def test_a_wait_for_another_process_can_be_stopped(taken, small_spec):
    store, clips, lock = taken

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.get(clips, small_spec, progress=stop)
    lock.release()
    assert store.get(clips, small_spec).shape == (2, *small_spec.shape)


def test_a_wait_for_another_process_is_shown_from_its_begin_to_its_end(taken, small_spec):
    store, clips, lock = taken
    calls = Calls()

    def wait(done: int, total: int) -> None:
        calls(done, total)
        if lock.is_locked:
            lock.release()
            FeatureStore(store.root).get(clips, small_spec)

    store.get(clips, small_spec, progress=wait)
    assert calls == [(0, 2), (2, 2)]


def age(path: Path, seconds: float) -> None:
    for file in path.iterdir():
        os.utime(file, (time.time() - seconds, time.time() - seconds))


def test_the_least_recently_used_entry_makes_room(tmp_path, make_clips, small_spec):
    clips, store = make_clips(3), FeatureStore(tmp_path / "cache")
    specs = [small_spec.model_copy(update={"n_mels": n}) for n in (10, 11, 12)]
    kept = store.get(clips, specs[0])
    for n, spec in enumerate(specs):
        store.get(clips, spec)
        age(store.path(clips, spec).parent, 5_000 - n)
    store.get(clips, specs[0])  # used again: now the second is the oldest
    size = sum(path.stat().st_size for entry in entries(store.root) for path in entry.iterdir())
    (store.root / "notes").mkdir()
    (store.root / "notes" / "mine.txt").write_text("not the cache's")
    last = small_spec.model_copy(update={"n_mels": 9})
    FeatureStore(store.root, limit_bytes=size).get(clips, last)
    assert [store.has(clips, spec) for spec in (*specs, last)] == [True, False, True, True]
    assert (store.root / "notes" / "mine.txt").exists()
    assert np.isfinite(kept).all()


def test_the_returned_entry_stays_whatever_the_limit(tmp_path, make_clips, small_spec):
    clips, store = make_clips(3), FeatureStore(tmp_path / "cache", limit_bytes=1)
    features = store.get(clips, small_spec)
    assert features.shape == (3, *small_spec.shape)
    assert store.has(clips, small_spec)
    make_room(store.root, 1, keep=store.path(clips, small_spec).parent.name, recent_s=0)
    assert store.has(clips, small_spec)
    age(store.path(clips, small_spec).parent, 5_000)
    make_room(store.root, 1, keep="")
    assert not store.has(clips, small_spec)
    assert np.isfinite(features).all()


def test_an_entry_just_used_is_not_taken_from_its_reader(tmp_path, make_clips, small_spec):
    clips, store = make_clips(3), FeatureStore(tmp_path / "cache", limit_bytes=1)
    store.get(clips, small_spec)
    store.get(clips, small_spec, NOISE)
    assert store.has(clips, small_spec)


def test_leftovers_of_killed_writers_are_removed_and_those_of_living_ones_are_not(tmp_path, make_clips, small_spec):
    clips, store = make_clips(3), FeatureStore(tmp_path / "cache")
    store.get(clips, small_spec)
    dead, alive = (store.root / f".{first}{'0' * 22}.abc.tmp" for first in ("aa", "bb"))
    trash = store.root / f".trash-{'0' * 32}"
    for folder in (dead, alive, trash):
        folder.mkdir()
        (folder / "features.npy").write_bytes(b"half")
    with store._lock("bb" + "0" * 22):
        store.get(clips, small_spec.model_copy(update={"n_mels": 8}))
    assert not dead.exists()
    assert not trash.exists()
    assert alive.exists()


def test_a_set_larger_than_the_disk_is_refused_before_any_work(tmp_path, make_clips):
    one = make_clips(1)
    clips = one.loc[[0] * 200_000].assign(path="/missing.wav")
    huge = FeatureSpec(kind="log_mel", sample_rate=96_000, duration_s=60, hop_length=32, n_mels=512)
    calls = Calls()
    with pytest.raises(SerbenchError, match=r"MiB of features in .*cache: No space left.*SERBENCH_CACHE"):
        FeatureStore(tmp_path / "cache").get(clips, huge, progress=calls)
    assert calls == []


def test_a_cache_that_cannot_be_made_is_told_with_its_folder(tmp_path, make_clips, small_spec):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SerbenchError, match=r"in .*file/cache: Not a directory.*SERBENCH_CACHE"):
        FeatureStore(tmp_path / "file" / "cache").get(make_clips(1), small_spec)


def test_an_error_of_the_callers_progress_is_not_blamed_on_the_cache(tmp_path, make_clips, small_spec):
    def closed(done: int, total: int) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        FeatureStore(tmp_path / "cache").get(make_clips(1), small_spec, progress=closed)


@pytest.mark.parametrize("lacking", [MemoryError(), OSError(errno.EMFILE, "files"), OSError(errno.ENOSPC, "", "/t/x")])
def test_what_the_machine_lacks_is_blamed_on_no_clip(make_clips, small_spec, lacking):
    def alter(waveform, clip_id):
        raise lacking

    clips = [ClipFile(*row) for row in make_clips(2)[["clip_id", "path"]].itertuples(index=False)]
    with pytest.raises(type(lacking)) as caught:
        extract_files(clips, small_spec, None, workers=1, write=[].append, alter=alter)
    assert caught.value is lacking


@pytest.mark.parametrize(("place", "told"), [("elsewhere/copy", OSError), ("cache/x/features.npy", SerbenchError)])
def test_a_full_disk_elsewhere_is_not_blamed_on_the_cache(tmp_path, make_clips, small_spec, place, told):
    def full(done: int, total: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / place))

    with pytest.raises(told, match="No space left on device"):
        FeatureStore(tmp_path / "cache").get(make_clips(1), small_spec, progress=full)


def test_matrix_products_keep_to_one_thread_meanwhile_and_only_then(tmp_path, make_clips, small_spec):
    clips, store, seen = make_clips(2), FeatureStore(tmp_path / "cache"), []

    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    def progress(done: int, total: int) -> None:
        if not seen:  # a second extraction inside the first must not end the first one's limit
            seen.append(threads())
            store.get(clips, small_spec, NOISE)
        seen.append(threads())

    importlib.import_module("scipy.linalg")  # has a library of its own, which the front end would load meanwhile
    with threadpool_limits(2, user_api="blas"):  # a machine of one core has one thread anyway
        before = threads()
        assert set(before) == {2}
        store.get(clips, small_spec, progress=progress)
        assert threads() == before
    assert len(seen) == 2
    assert {count for counts in seen for count in counts} == {1}


def test_the_entry_says_what_it_is(tmp_path, make_clips, small_spec):
    clips, store = make_clips(2), FeatureStore(tmp_path / "cache")
    store.get(clips, small_spec, NOISE)
    meta = json.loads((store.path(clips, small_spec, NOISE).parent / "meta.json").read_text())
    assert FeatureSpec(**meta["spec"]) == small_spec
    assert WaveformAugmentation(**meta["augmentation"]) == NOISE
    assert meta["clips"] == 2
    assert np.load(store.path(clips, small_spec, NOISE)).shape == (2, *small_spec.shape)


def test_a_table_without_digests_or_clips_is_a_mistake_of_the_caller(tmp_path, make_clips, small_spec):
    clips, store = make_clips(1), FeatureStore(tmp_path / "cache")
    with pytest.raises(ValueError, match="no column 'digest'"):
        store.get(clips.drop(columns="digest"), small_spec)
    with pytest.raises(ValueError, match="no clips"):
        store.get(clips.iloc[:0], small_spec)


def test_files_of_any_rate_and_channels_mix(tmp_path, make_clips, small_spec):
    clips = make_clips(2)
    soundfile.write(clips["path"][1], np.random.default_rng(0).uniform(-0.1, 0.1, (30_000, 2)), 44_100)
    clips = clips.assign(digest=[read_sound(path).health.digest for path in clips["path"]])
    assert FeatureStore(tmp_path / "cache").get(clips, small_spec).shape == (2, *small_spec.shape)
