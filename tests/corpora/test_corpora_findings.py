"""What is told of a corpus."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from serbench.corpora.base import Listing
from serbench.corpora.inspection.findings import CorpusFinding, corpus_findings
from serbench.corpora.table import UNKNOWN_SPEAKER, clip_table


def case(
    states: dict[str, str] | None = None,
    digests: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    rates: dict[str, int] | None = None,
    speakers: dict[str, str] | None = None,
    sexes: dict[str, str] | None = None,
    count: int = 8,
    **listing: object,
) -> tuple[Listing, pd.DataFrame]:
    """`count` healthy clips c0, c1, ... of one label, except as said."""
    ids = [f"c{index}" for index in range(count)]
    table = clip_table(
        pd.DataFrame(
            {
                "clip_id": ids,
                "path": [f"/x/{clip}.wav" for clip in ids],
                "label": [(labels or {}).get(clip, "anger") for clip in ids],
                "speaker": [(speakers or {}).get(clip, "1") for clip in ids],
                "sex": [(sexes or {}).get(clip) for clip in ids],
            }
        )
    )
    inspected = pd.DataFrame(
        {
            "clip_id": ids,
            "state": [(states or {}).get(clip, "ok") for clip in ids],
            "detail": ["" if (states or {}).get(clip, "ok") == "ok" else "why it is so" for clip in ids],
            "digest": [(digests or {}).get(clip, f"digest of {clip}") for clip in ids],
            "duration_s": 1.0,
            "sample_rate": [(rates or {}).get(clip, 16000) for clip in ids],
            "channels": 1,
            "peak": 0.5,
        }
    )
    facts: dict[str, object] = {"unparsed": (), "folder": Path("/x"), "missing": None, **listing}
    return Listing(table=table, **facts), inspected  # type: ignore[arg-type]


def only(found: list[CorpusFinding]) -> CorpusFinding:
    assert len(found) == 1
    return found[0]


def test_a_healthy_corpus_has_none() -> None:
    assert corpus_findings(*case(), sample_rate=16000) == []


def test_every_reason_for_leaving_out_is_told_errors_first() -> None:
    states = dict(
        zip(
            ("c0", "c1", "c2", "c3", "c4"),
            ("too_short", "silent", "empty", "undecodable", "lfs_pointer"),
            strict=True,
        )
    )
    found = corpus_findings(*case(states))
    assert [(finding.kind, finding.severity, finding.clips) for finding in found] == [
        ("lfs_pointer", "error", ("c4",)),
        ("undecodable", "error", ("c3",)),
        ("empty", "error", ("c2",)),
        ("silent", "warning", ("c1",)),
        ("too_short", "warning", ("c0",)),
    ]
    assert "git lfs pull" in found[0].message
    assert "c3 (why it is so)" in found[1].message


def test_five_are_named_and_the_rest_counted() -> None:
    message = only(corpus_findings(*case({f"c{index}": "silent" for index in range(7)}))).message
    assert "7 clips" in message
    assert message.endswith("c4 (why it is so) and 2 more")


def test_the_same_audio_under_two_labels_is_named_in_pairs() -> None:
    finding = only(corpus_findings(*case(digests={"c1": "same", "c6": "same"}, labels={"c6": "fear"})))
    assert (finding.kind, finding.severity, finding.clips) == ("duplicate_labels", "warning", ("c1", "c6"))
    assert "c1 = c6" in finding.message


def test_the_same_audio_under_one_label_is_another_thing() -> None:
    finding = only(corpus_findings(*case(digests={"c1": "same", "c6": "same"})))
    assert (finding.kind, finding.clips) == ("duplicate_audio", ("c1", "c6"))


def test_two_silent_clips_are_no_pair() -> None:
    found = corpus_findings(*case({"c1": "silent", "c6": "silent"}, digests={"c1": "same", "c6": "same"}))
    assert [finding.kind for finding in found] == ["silent"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("01", "1.0"), "'01' and '1' and '1.0'"),
        (("s02", "S2"), "'S2' and 's02'"),
        (("a-007.00", "A-7"), "'A-7' and 'a-007.00'"),
        (("10", "100"), None),
        (("1.05", "1.5"), None),
        (("0", "00x"), None),
    ],
)
def test_a_number_of_a_speaker_in_several_spellings_is_told(names, told) -> None:
    found = corpus_findings(*case(speakers=dict(zip(("c3", "c5"), names, strict=True))))
    assert [finding.kind for finding in found] == ([] if told is None else ["names_alike"])
    assert all(f"speakers that look alike but count as different: {told}; " in finding.message for finding in found)


def test_numbers_as_labels_have_one_spelling_each() -> None:
    assert corpus_findings(*case(labels={"c1": "1", "c2": "01"})) == []


def test_labels_that_may_be_one_emotion_are_told_with_the_map_that_joins_them() -> None:
    labels = {"c1": "angry", "c2": "joy", "c3": "happy", "c4": "calm", "c5": "sad"}
    finding = only(corpus_findings(*case(labels=labels)))
    assert (finding.kind, finding.severity, finding.clips) == (
        "names_alike", "warning", ("c0", "c1", "c2", "c3", "c6", "c7"),
    )  # fmt: skip
    assert finding.message == (
        "labels that may be one emotion: 'anger' and 'angry', 'happy' and 'joy'; "
        "--map angry=anger,happy=happiness,joy=happiness of a search joins them"
    )


def test_a_speaker_of_two_sexes_is_told_and_one_of_unknown_sex_or_name_is_not() -> None:
    speakers = {"c0": "01", "c1": "01", "c2": "02", "c3": "02", "c4": UNKNOWN_SPEAKER, "c5": UNKNOWN_SPEAKER}
    sexes = {"c0": "female", "c1": "male", "c2": "female", "c4": "female", "c5": "male", "c6": "male"}
    found = corpus_findings(*case(speakers=speakers, sexes=sexes))
    (finding,) = [one for one in found if one.kind == "two_sexes"]
    assert (finding.severity, finding.clips) == ("warning", ("c0", "c1"))
    assert finding.message.startswith("speakers with clips of both sexes: 01; if these are two people of one number")


def test_sampled_below_the_rate_asked_for() -> None:
    listing, inspected = case(rates=dict.fromkeys([f"c{index}" for index in range(8)], 11025))
    finding = only(corpus_findings(listing, inspected, sample_rate=16000))
    assert finding.kind == "low_sample_rate"
    assert "16 kHz asked for, down to 11.025 kHz" in finding.message
    assert "above 5.5 kHz are empty" in finding.message
    assert corpus_findings(listing, inspected, sample_rate=11025) == []


def test_mixed_rates_name_the_rarer_clips() -> None:
    finding = only(corpus_findings(*case(rates={"c2": 44100})))
    assert (finding.kind, finding.clips) == ("mixed_sample_rates", ("c2",))
    assert "16 kHz (7), 44.1 kHz (1)" in finding.message


def test_the_files_that_were_passed_over() -> None:
    found = corpus_findings(
        *case(unparsed=(Path("/x/a.wav"),), shadowed=(Path("/x/b.flac"),), escaping=(Path("/x/l"),))
    )
    assert [(finding.kind, finding.clips) for finding in found] == [
        ("unparsed_names", ("a.wav",)),
        ("shadowed_files", ("b.flac",)),
        ("links_out", ("l",)),
    ]


def test_missing_and_surplus_clips_are_counted() -> None:
    missing = only(corpus_findings(*case(missing=7434, expected=7442)))
    assert (missing.kind, "7,434 of the 7,442" in missing.message) == ("missing_clips", True)
    extra = only(corpus_findings(*case(missing=0, expected=5)))
    assert (extra.kind, "3 more than the 5" in extra.message) == ("extra_clips", True)
