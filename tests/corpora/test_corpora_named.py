"""The corpora that serbench knows by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from corpora_files import write_clips
from corpus_contract import CorpusContract

from serbench.corpora.named.crema_d import CREMA_D
from serbench.corpora.named.emo_db import EMO_DB
from serbench.corpora.named.ravdess import RAVDESS
from serbench.corpora.named.savee import SAVEE
from serbench.corpora.named.tess import TESS
from serbench.errors import SerbenchError
from serbench.protocols import SplitProtocol

CREMA_NAMES = ["1001_DFA_ANG_XX.wav", "1002_IEO_HAP_HI.wav", "1091_WSI_SAD_XX.wav"]

DEMOGRAPHICS = (
    '"ActorID","Age","Sex","Race","Ethnicity"\n'
    '1001,51,"Male","Caucasian","Not Hispanic"\n'
    '1002,x,"Female","Caucasian","Not Hispanic"\n'
    '1091,29,"Other","Asian","Not Hispanic"\n'
)


class TestCremaD(CorpusContract):
    corpus = CREMA_D
    layout = "AudioWAV"
    good: ClassVar = {
        "1001_DFA_ANG_XX": {"label": "anger", "speaker": "1001", "sentence": "DFA", "intensity": None},
        "1091_WSI_NEU_XX": {"label": "neutral", "speaker": "1091", "sentence": "WSI", "intensity": None},
        "1046_IEO_DIS_LO": {"label": "disgust", "speaker": "1046", "sentence": "IEO", "intensity": "low"},
        "1046_IEO_FEA_MD": {"label": "fear", "sentence": "IEO", "intensity": "medium"},
        "1046_IEO_HAP_HI": {"label": "happiness", "sentence": "IEO", "intensity": "high"},
        "1046_MTI_SAD_XX": {"label": "sadness"},
    }
    bad = (
        "1000_DFA_ANG_XX",
        "1092_DFA_ANG_XX",
        "1001_ABC_ANG_XX",
        "1001_DFA_SUR_XX",
        "1001_DFA_ANG_ZZ",
        "1001_DFA_ANG_XX (1)",
        "1001_DFA_ANG",
        "03a01Fa",
    )

    def test_the_odd_official_name_is_the_clip_of_the_tables(self) -> None:
        parsed = CREMA_D.parse(Path("1040_ITH_SAD_X.wav"))
        assert parsed is not None
        assert parsed["clip_id"] == "1040_ITH_SAD_XX"

    @pytest.mark.parametrize("handed", [".", "AudioWAV"])
    def test_sex_and_age_come_from_the_official_table(self, tmp_path: Path, handed: str) -> None:
        write_clips(tmp_path / "AudioWAV", CREMA_NAMES)
        (tmp_path / "VideoDemographics.csv").write_text(DEMOGRAPHICS)
        table = CREMA_D.read(tmp_path / handed).table.set_index("speaker")
        assert table.loc["1001", "age"] == 51
        assert table.loc["1001", "sex"] == "male"
        assert pd.isna(table.loc["1002", "age"])
        assert table.loc["1091", "sex"] == "female", "a row that makes no sense leaves the packaged fact"

    def test_without_the_table_the_sex_is_known(self, tmp_path: Path) -> None:
        table = CREMA_D.read(write_clips(tmp_path, CREMA_NAMES)).table
        assert table["sex"].tolist() == ["male", "female", "female"]
        assert table["age"].isna().all()

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1,2\n", b'"ActorID,"\n\n\n'])
    def test_a_damaged_table_is_passed_over(self, tmp_path: Path, content: bytes) -> None:
        write_clips(tmp_path, CREMA_NAMES)
        (tmp_path / "VideoDemographics.csv").write_bytes(content)
        assert CREMA_D.read(tmp_path).table["sex"].tolist() == ["male", "female", "female"]

    def test_91_actors_of_whom_43_are_women(self) -> None:
        facts = CREMA_D.speaker_facts(Path("nowhere"))
        assert len(facts) == 91
        assert sum(fact.sex == "female" for fact in facts.values()) == 43


class TestEmoDb(CorpusContract):
    corpus = EMO_DB
    layout = "wav"
    good: ClassVar = {
        "03a01Fa": {"label": "happiness", "speaker": "03", "sentence": "a01"},
        "08b10Wd": {"label": "anger", "speaker": "08", "sentence": "b10"},
        "16a02Lb": {"label": "boredom"},
        "16a02Ec": {"label": "disgust"},
        "16a02Ab": {"label": "fear"},
        "16a02Nb": {"label": "neutral"},
        "16a02Tb": {"label": "sadness"},
    }
    bad = ("01a01Fa", "03c01Fa", "03a01Xa", "03a01F", "03a01Fa1", "1001_DFA_ANG_XX")

    def test_five_women_and_five_men_of_known_age(self) -> None:
        facts = EMO_DB.speaker_facts(Path("nowhere"))
        assert sorted(fact.sex or "" for fact in facts.values()) == ["female"] * 5 + ["male"] * 5
        assert (facts["03"].sex, facts["03"].age) == ("male", 31)
        assert (facts["09"].sex, facts["09"].age) == ("female", 21)

    def test_the_laryngograms_of_a_later_edition_are_not_read(self, tmp_path: Path) -> None:
        write_clips(tmp_path / "wav", ["03a01Fa.wav", "03a01Wa.wav"])
        write_clips(tmp_path / "laryngo", ["03a01Fa.wav", "03a01Wa.wav"])
        listing = EMO_DB.read(tmp_path)
        assert {Path(path).parent.name for path in listing.table["path"]} == {"wav"}
        assert not listing.shadowed


class TestRavdess(CorpusContract):
    corpus = RAVDESS
    layout = "Audio_Speech_Actors_01-24"
    good: ClassVar = {
        "03-01-06-01-02-01-12": {"label": "fear", "speaker": "12", "sex": "female", "sentence": "02"},
        "03-01-01-01-01-02-01": {"label": "neutral", "speaker": "01", "sex": "male", "intensity": "normal"},
        "03-01-05-02-01-01-24": {"label": "anger", "speaker": "24", "intensity": "strong"},
        "03-01-02-01-01-01-07": {"label": "calm"},
        "03-01-08-01-01-01-07": {"label": "surprise"},
    }
    bad = (
        "03-01-09-01-01-01-07",
        "03-01-05-01-01-01-25",
        "04-01-05-01-01-01-07",
        "03-01-05-01-01-01",
        "1001_DFA_ANG_XX",
    )

    def test_song_and_the_sound_of_videos_are_named_and_left_aside(self, tmp_path: Path) -> None:
        names = ["03-02-05-01-01-01-07.wav", "01-01-05-01-01-01-07.wav", "03-01-05-01-01-01-07.wav"]
        write_clips(tmp_path / "Actor_07", names)
        (tmp_path / "Actor_07" / "02-01-05-01-01-01-07.mp4").write_bytes(b"moving pictures")
        listing = RAVDESS.read(tmp_path)
        found = [(what, path.name) for what, path in listing.non_clips]
        assert found == [("song", names[0]), ("video", names[1]), ("video", "02-01-05-01-01-01-07.mp4")]
        assert not listing.unparsed
        assert listing.table["clip_id"].tolist() == ["03-01-05-01-01-01-07"]

    def test_a_folder_of_song_alone_says_so(self, tmp_path: Path) -> None:
        write_clips(tmp_path, ["03-02-05-01-01-01-07.wav"])
        with pytest.raises(SerbenchError, match="holds only song of RAVDESS"):
            RAVDESS.read(tmp_path)

    def test_a_copy_that_holds_everything_twice_is_read_once(self, tmp_path: Path) -> None:
        for folder in ("Actor_07", "audio_speech_actors_01-24/Actor_07"):
            write_clips(tmp_path / folder, ["03-01-05-01-01-01-07.wav", "03-01-06-01-01-01-07.wav"])
        listing = RAVDESS.read(tmp_path)
        assert len(listing.table) == len(listing.shadowed) == 2


class TestSavee(CorpusContract):
    corpus = SAVEE
    layout = "AudioData"
    good: ClassVar = {
        "DC_a01": {"label": "anger", "speaker": "DC", "sex": "male", "clip_id": "DC_a01"},
        "JE_n30": {"label": "neutral", "speaker": "JE"},
        "JK_sa15": {"label": "sadness", "speaker": "JK"},
        "KL_su07": {"label": "surprise", "speaker": "KL"},
    }
    bad = ("DC_a16", "XX_a01", "a01", "DC_x01", "DC_n31", "DC_a1", "03a01Fa")

    def test_a_number_is_no_sentence(self) -> None:
        """It counts within an emotion, and fifteen sentences are spoken in several emotions."""
        parsed = SAVEE.parse(Path("DC_a01.wav"))
        assert parsed is not None
        assert parsed.get("sentence") is None

    def test_the_official_folders_are_the_speakers(self, tmp_path: Path) -> None:
        write_clips(tmp_path / "AudioData" / "DC", ["a01.wav", "sa02.wav"])
        write_clips(tmp_path / "AudioData" / "KL", ["a01.wav"])
        table = SAVEE.read(tmp_path).table
        assert table["clip_id"].tolist() == ["DC_a01", "DC_sa02", "KL_a01"]
        assert table["speaker"].tolist() == ["DC", "DC", "KL"]


class TestTess(CorpusContract):
    corpus = TESS
    layout = "TESS Toronto emotional speech set data"
    good: ClassVar = {
        "OAF_back_angry": {"label": "anger", "speaker": "OAF", "sex": "female", "age": 64, "sentence": "back"},
        "YAF_youth_ps": {"label": "surprise", "speaker": "YAF", "age": 26},
        "YAF_bite_neutral": {"label": "neutral"},
        "OAF_bite_happy": {"label": "happiness"},
    }
    bad = ("OAF_back", "XAF_back_angry", "OAF_back_bored", "OAF__angry", "DC_a01")

    def test_the_file_that_lacks_a_letter_is_the_older_womans(self) -> None:
        parsed = TESS.parse(Path("OA_bite_neutral.wav"))
        assert parsed is not None
        assert (parsed["clip_id"], parsed["speaker"]) == ("OAF_bite_neutral", "OAF")

    def published(self) -> tuple[str, ...]:
        words = [f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)]
        emotions = ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")
        return tuple(f"{who}_{word}_{emotion}" for who in ("OAF", "YAF") for word in words for emotion in emotions)

    def test_two_speakers_are_too_few_to_keep_apart(self, tmp_path: Path) -> None:
        names = [f"{who}_back_{emotion}.wav" for who in ("OAF", "YAF") for emotion in ("angry", "sad")]
        with pytest.raises(SerbenchError, match=r"'speaker' needs at least 3 speakers .* this corpus has 2; .*random"):
            SplitProtocol("speaker").plans(TESS.read(write_clips(tmp_path, names)).table)


@pytest.mark.skipif("SERBENCH_TEST_DATA" not in os.environ, reason="SERBENCH_TEST_DATA names no folder of corpora")
def test_the_real_crema_d(tmp_path: Path) -> None:
    from serbench.corpora import load_clips

    clips = load_clips(CREMA_D, Path(os.environ["SERBENCH_TEST_DATA"]) / "crema-d", cache=tmp_path)
    assert len(clips.table) == 7441
    assert clips.excluded == (("1076_MTI_SAD_XX", "silent"),)
    twins = next(finding for finding in clips.findings if finding.kind == "duplicate_labels")
    assert {clip[:8] for clip in twins.clips} == {"1006_TIE", "1013_WSI", "1017_IWW"}
    assert len(twins.clips) == 6
    assert clips.table["sex"].notna().all()


@pytest.mark.skipif("SERBENCH_TEST_DATA" not in os.environ, reason="SERBENCH_TEST_DATA names no folder of corpora")
def test_the_real_emo_db(tmp_path: Path) -> None:
    from serbench.corpora import load_clips

    clips = load_clips(EMO_DB, Path(os.environ["SERBENCH_TEST_DATA"]) / "emo-db", cache=tmp_path)
    assert len(clips.table) == 535
    assert not clips.excluded
    assert clips.labels == EMO_DB.labels
    assert clips.table["speaker"].nunique() == 10
