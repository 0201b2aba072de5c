"""What results, caches and bundles hold of a front end stays what it was when there were two of them by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from serbench.errors import SerbenchError
from serbench.features import FeatureSpec, extract
from serbench.features.frontends.acoustic import AcousticSettings
from serbench.features.frontends.log_mel import LogMelSettings
from serbench.records.base import Record
from serbench.records.files import digest_of
from serbench.spaces.file import load_space

SPECS = [
    {},
    {"sample_rate": 11_025, "window_length": 400, "hop_length": 110, "n_mels": 40, "n_mfcc": 13, "deltas": False},
    {"duration_s": 0.777, "window_length": 1024, "hop_length": 1024, "fmin": 50.0, "fmax": 7_600.0},
    {"sample_rate": 8_000, "window_length": 256, "hop_length": 100, "n_mels": 30, "n_chroma": 24},
    {"sample_rate": 11_025, "window_length": 512, "hop_length": 256, "top_db": 60.0},
]

# Kind, place in SPECS; digest, hash of the record, sum and shape of the features, all from before front ends were
# plug-ins.
BEFORE = [
    ("acoustic", 0, "8d6ae69bbd360bc1", "bcc810fce23c95d8", -268993.65292120376, (3, 188, 55)),
    ("acoustic", 1, "10f28d248c845c91", "82df4ad96bdaf702", -344930.5420830568, (3, 301, 28)),
    ("acoustic", 2, "8f3e360edbe66c37", "6d10bab78d086a6f", -16047.715215671284, (3, 13, 55)),
    ("acoustic", 3, "68805968bbd7caf4", "1afa3c3da0410720", -252304.21216310412, (3, 241, 67)),
    ("acoustic", 4, "6c86102a3074a3ab", "618b056ab403aef4", -194678.78506305398, (3, 130, 55)),
    ("log_mel", 0, "ebe6ebaadc785eb8", "0f52f93280c2b600", -2155632.808506908, (3, 64, 188)),
    ("log_mel", 1, "e2cbbf1e7b8538d4", "0248ae9fbe7cbc3e", -2142048.3724641893, (3, 40, 301)),
    ("log_mel", 2, "4910afff251a8bbc", "5b0a1c1ac36de030", -140686.23717085645, (3, 64, 13)),
    ("log_mel", 3, "efcf616a3a3cb7a2", "b4dcf65f7cf4f602", -1314592.4491838962, (3, 30, 241)),
    ("log_mel", 4, "01809f3545c2e431", "93528560b97acd96", -1462042.14254779, (3, 64, 130)),
]

HASHES = {
    "quick_1d": "91831d2655e70a74",
    "quick_2d": "d50e4e24855c02b4",
    "ser_report_1d": "b5a7598bd0f4a2bf",
    "ser_report_2d": "0eaaf22710fc9162",
}


def waveforms(spec: FeatureSpec) -> np.ndarray:
    rng = np.random.default_rng(3)
    time = np.arange(spec.n_samples) / spec.sample_rate
    tone = 0.2 * np.sign(np.sin(2 * np.pi * 140 * time)) * np.linspace(0, 1, spec.n_samples)
    tone += 1e-3 * rng.standard_normal(spec.n_samples)
    return np.stack([tone, 1e-3 * rng.standard_normal(spec.n_samples), np.zeros_like(tone)]).astype(np.float32)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "place", "digest", "record", "total", "shape"), BEFORE)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_caches_records_and_values_are_those_of_before(kind, place, digest, record, total, shape):
    spec = FeatureSpec(kind=kind, **SPECS[place])
    assert (spec.digest(), digest_of(spec.model_dump(mode="json"))) == (digest, record)
    features = extract(waveforms(spec), spec)
    assert features.shape == shape
    # The last digits differ between processors, so no hash of the bytes.
    assert features.sum(dtype=np.float64) == pytest.approx(total, rel=1e-6)


# The quick spaces dealt clips out at random before; with these as `--split-ratio`, and `--protocol random`, such a
# study goes on.
SPLITS = {"quick_1d": "72/8/20", "quick_2d": "66.5/3.5/30"}


@pytest.mark.parametrize("name", HASHES)
def test_studies_of_before_resume(name):
    space = load_space(name)
    assert (space.with_split(SPLITS[name]) if name in SPLITS else space).hash == HASHES[name]


@pytest.mark.parametrize(("kind", "settings"), [("acoustic", AcousticSettings), ("log_mel", LogMelSettings)])
def test_a_flat_record_becomes_the_settings_of_its_front_end(kind, settings):
    spec = FeatureSpec(kind=kind, n_mels=40)
    assert type(spec) is settings
    again = FeatureSpec.model_validate(json.loads(spec.model_dump_json()))
    assert (again, hash(again), type(again)) == (spec, hash(spec), settings)
    assert spec != FeatureSpec(kind=kind)


def test_settings_without_a_kind_are_refused():
    with pytest.raises(ValueError, match="kind"):
        FeatureSpec(sample_rate=8_000)
    with pytest.raises(ValueError, match="kind"):
        FeatureSpec.model_validate({"kind": 3})


def test_a_record_of_a_missing_front_end_names_it_and_those_installed(tmp_path):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"schema_version": 1, "features": {"kind": "wavelets", "sample_rate": 16_000}}))

    class Holder(Record):
        features: FeatureSpec

    with pytest.raises(
        SerbenchError, match=r"record.json cannot be read here: unknown front end 'wavelets'\."
    ) as caught:
        Holder.load(path)
    assert "Known: acoustic, " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_record_may_hold_settings_that_are_not_known_yet(tmp_path):
    """As every part of a record: unknown keys of an equal schema are ignored."""
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"schema_version": 1, "features": {"kind": "log_mel", "n_mels": 40, "later": 1}}))

    class Holder(Record):
        features: FeatureSpec

    assert Holder.load(path).features == FeatureSpec(kind="log_mel", n_mels=40)
    with pytest.raises(ValueError, match="later"):
        FeatureSpec.model_validate({"kind": "log_mel", "later": 1})
