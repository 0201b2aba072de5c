"""Which waveform copies a configuration trains on."""

from __future__ import annotations

from serbench.families import Hyperparameters
from serbench.search.jobs import copies_of


def test_versions_take_the_place_of_a_clip_and_copies_stand_beside_it() -> None:
    hp = Hyperparameters(
        waveform_copies=2, noise_snr_db=20.0, speed_perturbation=0.1, pitch_shift=1.0, random_crops=2
    )  # fmt: skip
    copies = copies_of(hp, seed=5)
    assert [copy.is_version for copy in copies] == [False] * 2 + [True] * 6
    assert [copy.speed for copy in copies if copy.speed] == [0.9, 1.1]
    assert [copy.semitones for copy in copies if copy.semitones] == [-1.0, 1.0]
    assert [copy.copy_index for copy in copies if copy.random_crop] == [0, 1]
    assert len({copy.digest() for copy in copies}) == len(copies)
    assert {copy.seed for copy in copies if copy.random_crop or copy.noise_snr_db} == {5}


def test_without_any_there_are_none() -> None:
    assert copies_of(Hyperparameters(), seed=5) == ()
