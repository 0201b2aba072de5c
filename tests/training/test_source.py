"""The files of a job's features."""

from __future__ import annotations

import os
import time

from serbench.corpora import get_corpus, load_clips
from serbench.features import FeatureStore, WaveformAugmentation
from serbench.training import FeatureSource


def test_a_copy_never_makes_room_by_removing_the_jobs_own_files(make_job, tone_corpus, tmp_path) -> None:
    clips = load_clips(get_corpus("crema-d"), tone_corpus).table
    source = FeatureSource(clips, FeatureStore(tmp_path, limit_bytes=1))

    def an_hour_passes(_done: int, _total: int) -> None:
        for file in tmp_path.rglob("*"):
            if file.is_file():
                os.utime(file, (time.time() - 3600,) * 2)

    copies = (WaveformAugmentation(noise_snr_db=20), WaveformAugmentation(noise_snr_db=10))
    files = source.paths(make_job().features, copies, an_hour_passes)
    assert [file.is_file() for file in files] == [True, True, True]
