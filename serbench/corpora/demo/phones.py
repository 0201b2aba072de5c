"""The sounds and the sentences of the demo corpus.

Formant targets are those of an adult man: vowels after Peterson & Barney (1952, doi 10.1121/1.1906875),
consonants and the frication spectra after Klatt (1980, doi 10.1121/1.383940), both rounded. Symbols are ARPAbet.
The sentences mean nothing, in the manner of Banse & Scherer (1996): no word carries an emotion.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PHONES", "SENTENCES", "Phone", "Sound", "sentence_sounds"]


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound: formants of the vocal tract, and the sources that excite it.

    Attributes:
        formants: F1, F2, F3 in Hz.
        duration_s: duration when unstressed, at a neutral rate.
        voice: amplitude of the glottal pulses (1 = a vowel).
        aspiration: amplitude of the noise at the glottis.
        frication: amplitude of the noise in the mouth.
        noise_hz: centre of the frication noise.
        noise_width_hz: half-width of the frication noise.
    """

    formants: tuple[float, float, float]
    duration_s: float
    voice: float = 0.0
    aspiration: float = 0.0
    frication: float = 0.0
    noise_hz: float = 3000.0
    noise_width_hz: float = 2500.0

    @property
    def is_vowel(self) -> bool:
        """Whether the sound is a vowel, and so can be stressed."""
        return self.voice == 1.0


@dataclass(frozen=True, slots=True)
class Sound:
    """A phone in its sentence.

    Attributes:
        phone: the speech sound.
        stressed: whether it is a stressed vowel.
        final: whether it is the last vowel of the sentence.
        pause: whether it is a silent word boundary.
    """

    phone: Phone
    stressed: bool = False
    final: bool = False
    pause: bool = False


def _vowel(f1: float, f2: float, f3: float, duration_s: float = 0.080) -> Phone:
    return Phone((f1, f2, f3), duration_s, voice=1.0)


def _stop(f2: float, f3: float, *, voiced: bool, noise_hz: float, noise_width_hz: float) -> tuple[Phone, Phone]:
    """A stop consonant: the closure (with a voice bar if voiced) and the burst that opens it."""
    closure = Phone((200.0, f2, f3), 0.048 if voiced else 0.060, voice=0.12 if voiced else 0.0)
    burst = Phone(
        (350.0, f2, f3),
        0.014 if voiced else 0.030,
        voice=0.25 if voiced else 0.0,
        aspiration=0.1 if voiced else 0.5,
        frication=0.5 if voiced else 0.6,
        noise_hz=noise_hz,
        noise_width_hz=noise_width_hz,
    )
    return closure, burst


_S = {"noise_hz": 5600.0, "noise_width_hz": 1300.0}
_SH = {"noise_hz": 3100.0, "noise_width_hz": 1100.0}
_F = {"noise_hz": 4500.0, "noise_width_hz": 3500.0}

PHONES: dict[str, tuple[Phone, ...]] = {
    "IY": (_vowel(270, 2290, 3010),),
    "IH": (_vowel(390, 1990, 2550, 0.065),),
    "EY": (_vowel(430, 2100, 2650, 0.095),),
    "EH": (_vowel(530, 1840, 2480),),
    "AE": (_vowel(660, 1720, 2410, 0.095),),
    "AH": (_vowel(640, 1190, 2390, 0.070),),
    "AA": (_vowel(730, 1090, 2440, 0.095),),
    "AO": (_vowel(570, 840, 2410, 0.090),),
    "OW": (_vowel(450, 900, 2300, 0.095),),
    "UH": (_vowel(440, 1020, 2240, 0.065),),
    "UW": (_vowel(300, 870, 2240),),
    "AX": (_vowel(500, 1450, 2450, 0.052),),
    "M": (Phone((270, 1050, 2200), 0.066, voice=0.40),),
    "N": (Phone((270, 1500, 2550), 0.060, voice=0.40),),
    "L": (Phone((320, 1050, 2850), 0.058, voice=0.60),),
    "R": (Phone((330, 1080, 1500), 0.058, voice=0.65),),
    "W": (Phone((290, 620, 2150), 0.060, voice=0.60),),
    "Y": (Phone((270, 2150, 2950), 0.055, voice=0.60),),
    "S": (Phone((320, 1390, 2530), 0.098, frication=1.0, **_S),),
    "Z": (Phone((240, 1390, 2530), 0.076, voice=0.25, frication=0.55, **_S),),
    "SH": (Phone((300, 1840, 2750), 0.098, frication=1.0, **_SH),),
    "F": (Phone((340, 1100, 2080), 0.088, frication=0.35, **_F),),
    "V": (Phone((220, 1100, 2080), 0.060, voice=0.35, frication=0.12, **_F),),
    "HH": (Phone((450, 1450, 2450), 0.058, aspiration=0.8),),
    "P": _stop(1100, 2150, voiced=False, noise_hz=1200.0, noise_width_hz=1200.0),
    "B": _stop(1100, 2150, voiced=True, noise_hz=1000.0, noise_width_hz=1000.0),
    "T": _stop(1650, 2600, voiced=False, noise_hz=4600.0, noise_width_hz=1800.0),
    "D": _stop(1650, 2600, voiced=True, noise_hz=4200.0, noise_width_hz=1800.0),
    "K": _stop(1950, 2500, voiced=False, noise_hz=2300.0, noise_width_hz=900.0),
    "G": _stop(1950, 2500, voiced=True, noise_hz=2100.0, noise_width_hz=900.0),
}
"""The phones of each symbol, in spoken order."""

PAUSE = Phone((450.0, 1450.0, 2450.0), 0.045)

SENTENCES: dict[str, str] = {
    "BAD": "B AA1 D IH N | OW1 L UW | S EH M AA1 K IY",
    "TOV": "T OW1 V AX | N IY1 SH AX R | L AE1 M UH",
    "KEL": "K EH1 L OW | V AX N D UW1 | S AO L EY1",
    "MIR": "M IY1 R AX | F AH1 N AX | T UW D EH1 M",
    "SUN": "S UH1 N D IH G | P R AO1 N | Y UW V EH1 N S IY",
    "HAT": "HH AA1 T | L AX M EY1 | SH OW1 B AX N IY",
    "LOM": "L OW1 M | P AX T AE1 SH | W IY1 G AX",
    "FEN": "F EH1 N UW | K AA1 L IH S | AX R AO1 M",
    "GOS": "G AO1 S IY | M AX L UW1 | T EH N AA1",
    "WIK": "W IH1 K AX L | Z OW1 N | D AX M IY1 F UW",
    "RAS": "R AE1 S UH | B EY1 L AX | N OW1 T IH M",
    "NAV": "N AA1 V IY | S AX G UH1 L | HH EH1 M OW",
}
"""The pseudo-sentences by code, as symbols with `1` after a stressed vowel and `|` between words."""


def sentence_sounds(code: str) -> tuple[Sound, ...]:
    """Returns the sounds of one sentence. Its last vowel is marked `final`.

    >>> [sound.stressed for sound in sentence_sounds("LOM")[:3]]
    [False, True, False]
    """
    sounds: list[Sound] = []
    for token in SENTENCES[code].split():
        if token == "|":  # noqa: S105 - a word boundary, not a password
            sounds.append(Sound(PAUSE, pause=True))
            continue
        symbol = token.rstrip("1")
        sounds += [Sound(phone, stressed=token != symbol) for phone in PHONES[symbol]]
    last = max(i for i, sound in enumerate(sounds) if sound.phone.is_vowel)
    sounds[last] = Sound(sounds[last].phone, stressed=sounds[last].stressed, final=True)
    return tuple(sounds)
