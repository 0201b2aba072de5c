"""What is asked of a protocol: names, shares, seeds; what is refused, and the hash that rows are compared by."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.errors import SerbenchError, UsageError
from serbench.protocols import Ratio, SplitProtocol, protocol_names
from serbench.protocols.ratio import clip_count, parse_percent


def table(speakers: list[str], labels: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"clip_id": [f"c{i:03}" for i in range(len(speakers))], "label": labels, "speaker": speakers, "sex": None}
    )


def test_the_default_is_speaker_disjoint() -> None:
    assert protocol_names()[0] == "speaker" == SplitProtocol().name
    assert not SplitProtocol().shares_speakers


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"name": "speakr"},
            "unknown protocol 'speakr'; did you mean 'speaker'? Known: cross-corpus, emo-superb, given, loso, random,",
        ),
        ({"split_seed": -1}, "--split-seed must not be negative, got -1"),
        ({"test_core": Decimal(60), "validation_core": Decimal(40)}, "cores of 60 % test and 40 % validation leave"),
        ({"test_core": Decimal(0)}, "test_core of the protocol: 0 must lie between 0 and 100"),
        ({"validation_core": Decimal(-5)}, "validation_core of the protocol: -5 must lie between 0 and 100"),
    ],
)
def test_what_cannot_be_is_refused(parts: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        SplitProtocol(**parts)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("n_speakers", [0, 1, 2])
def test_speaker_needs_three_speakers(n_speakers: int) -> None:
    clips = table([f"s{i}" for i in range(n_speakers)] * 9, ["x"] * 9 * n_speakers)
    with pytest.raises(SerbenchError, match=f"needs at least 3 speakers .* has {n_speakers}; use --protocol random"):
        SplitProtocol("speaker").plans(clips)


@pytest.mark.parametrize("n_clips", [0, 1, 2])
def test_random_needs_three_clips_that_differ(n_clips: int) -> None:
    clips = table(["s"] * 4, ["x"] * 4).assign(digest=["1", "2", "2", "2"]).iloc[:n_clips]
    with pytest.raises(SerbenchError, match="needs at least 3 clips that differ"):
        SplitProtocol("random").plans(clips)


def test_three_speakers_are_enough() -> None:
    clips = table(["a", "b", "c"] * 4, ["x", "x", "x", "y", "y", "y"] * 2)
    protocol = SplitProtocol("speaker")
    (plan,) = protocol.plans(clips)
    facts = protocol.facts(clips, plan)
    assert (facts.train_speakers, facts.validation_speakers, facts.test_speakers) == (1, 1, 1)
    assert any("only 1 validation and 1 test speakers" in warning for warning in facts.warnings)


@pytest.mark.parametrize("name", ["speaker", "random"])
def test_a_class_with_nothing_to_train_on_is_named(name: str) -> None:
    """With one clip of `rare`, some seed puts it into a core, and the other seeds train on it."""
    clips = table([f"s{i % 10}" for i in range(60)], ["rare" if i == 7 else "xy"[i % 2] for i in range(60)])
    outcomes = set()
    for seed in range(30):
        try:
            SplitProtocol(name, split_seed=seed, every_class=False).plans(clips)
            outcomes.add("trained")
        except SerbenchError as error:
            outcomes.add(str(error))
    assert outcomes == {
        "trained",
        f"under protocol '{name}' and split ratio 70/10/20 no clip of class rare is left to train on; give more clips "
        "of it, drop the class or the ratio, or change --split-seed",
    }


def test_a_class_that_a_core_lacks_is_warned_of() -> None:
    clips = table([f"s{i % 40:02}" for i in range(400)], ["rare" if i % 40 == 7 else "xy"[i % 2] for i in range(400)])
    told = set()
    for seed in range(10):
        protocol = SplitProtocol("speaker", split_seed=seed, every_class=False)
        try:
            (plan,) = protocol.plans(clips)
        except SerbenchError:
            continue
        told |= {warning for warning in protocol.facts(clips, plan).warnings if "rare" in warning}
    assert "no test clip of class rare: its recall cannot be measured there" in told


@pytest.mark.parametrize("ratio", ["75/5/20", "75/10/15", "70/9.9/20.1"])
def test_a_ratio_that_does_not_contain_the_cores_is_refused(ratio: str) -> None:
    (plan,) = SplitProtocol("random").plans(table(["s"] * 50, ["x", "y"] * 25))
    with pytest.raises(
        UsageError, match=rf"split ratio {ratio} does not contain the protocol's cores \(test 20 %, val"
    ):
        plan.split(Ratio.parse(ratio))


def test_a_ratio_that_leaves_no_speaker_to_train_on_is_refused() -> None:
    (plan,) = SplitProtocol("speaker").plans(table(list("abcd") * 5, ["x"] * 20))
    with pytest.raises(UsageError, match=r"leaves no training clips: 4 indivisible groups .* 2 are for test and 2 for"):
        plan.split(Ratio.parse("2/48/50"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must read train/validation/test, for example 70/10/20"),
        ("70/30", "must read train/validation/test"),
        ("70/10/10/10", "must read train/validation/test"),
        ("70-10-20", "must read train/validation/test"),
        ("a/b/c", "'a' is not a number; write for example 20 or 3.5"),
        ("70/10/", "'' is not a number"),
        ("50/10/50", "adds up to 110, not to 100"),
        ("70/10/21", "adds up to 101, not to 100"),
        ("70/10/19.99", "adds up to 99.99, not to 100"),
        ("80/0/20", "0 must lie between 0 and 100"),
        ("-20/100/20", "-20 must lie between 0 and 100"),
        ("nan/10/20", "nan must lie between 0 and 100"),
        ("inf/10/20", "inf must lie between 0 and 100"),
    ],
)
def test_nonsense_is_no_ratio(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Ratio.parse(text)
    assert f"split ratio '{text}'" in str(caught.value)
    assert message in str(caught.value)


@given(st.integers(1, 997), st.integers(1, 997))
def test_a_ratio_reads_what_it_writes(validation: int, test: int) -> None:
    if validation + test >= 1000:
        validation, test = 1000 - validation, 1000 - test
    if validation + test >= 1000:
        return
    ratio = Ratio.parse(f"{(1000 - validation - test) / 10}/{validation / 10}/{test / 10}")
    assert Ratio.parse(str(ratio)) == ratio
    assert "E" not in str(ratio)
    assert repr(ratio) == f"Ratio('{ratio}')"


@given(st.integers(1, 999), st.integers(1, 20_000))
def test_counts_round_up_as_scikit_learns_do_without_its_float_errors(tenths: int, n_clips: int) -> None:
    percent = parse_percent(tenths / 10)
    assert clip_count(percent, n_clips) == math.ceil(Fraction(tenths, 1000) * n_clips)


def test_equal_protocols_have_equal_hashes_however_they_are_written() -> None:
    written = [SplitProtocol(test_core=core) for core in (Decimal(20), Decimal("20.0"), Decimal("2E+1"))]
    assert len(set(written)) == 1
    assert len({protocol.hash for protocol in written}) == 1
    assert written[1].describe()["test_core"] == "20"


def test_whatever_moves_a_core_changes_the_hash() -> None:
    others = [
        SplitProtocol("random"),
        SplitProtocol(test_core=Decimal(30)),
        SplitProtocol(validation_core=Decimal("3.5")),
        SplitProtocol(split_seed=1),
    ]
    assert len({protocol.hash for protocol in [SplitProtocol(), *others]}) == 5


def test_the_hash_and_the_split_stay_what_they_were() -> None:
    """If this fails, every published row is a stranger to new ones: raise `_ORDER_VERSION` and say so."""
    (plan,) = SplitProtocol("speaker").plans(table([f"s{i % 7}" for i in range(42)], ["x", "y", "z"] * 14))
    assert " ".join(unit.key for unit in plan.order) == "s1 s2 s3 s5 s6 s4 s0"
    assert SplitProtocol("speaker").hash == "5c261b85837fc19c"
