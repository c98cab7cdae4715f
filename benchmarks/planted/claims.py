"""Planted claims: margins of truth, recorded speech, and true and flipped texts with the reason for their truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from pathlib import Path
from zlib import crc32

import numpy as np
import soundfile
from scipy import signal

from planted import audio
from planted.texts import phrasings

SEED = 20240611
CHINESE = 0.25
EMOTIONS = {"A": "fear", "E": "disgust", "F": "joy", "L": "boredom", "N": "neutral", "T": "sadness", "W": "anger"}
SEXES = {"03": "male", "10": "male", "08": "female", "13": "female", "16": "female"}
ROUGH_EMOTIONS = "AFNW"  # the emotions spoken at an ordinary or brisk rate; sadness and boredom may drag by themselves

LOW_HZ, HIGH_HZ = 108.0, 285.0  # 2 st under the male norm of 120 Hz and 5 st over the female norm of 210 Hz
SHIFT_ST = 8.0  # pitch shift of a part
SHIFT_TOOK_ST = 5.5  # the least step between the parts by Praat, five times a tracker's error
TRACKERS_AGREE_ST = 0.5  # two Praat trackers within this give a figure of pitch that can be called true
WRONG_ST = (-8, 8, 16)  # false figures of pitch: beyond any tolerance and never an octave away
WRONG_NOTE_ST = (-8, -6, -5, 5, 6, 8)  # the same for the names of notes
END_ST = 10.0  # end slopes of 10 st in half a second, three times the 6 st/s where a slope is just heard
END_TOOK = 8.0  # the least slope in st/s by Praat over the last 0.4 s
FLAT_ST, WIDE_ST = 1.5, 14.0  # 10th to 90th percentile: a tenth and three times what readers do (4 to 8 st)
GAIN_DB = 15.0  # gain between the parts; phrases drift by 4.5 dB of themselves
TREND_DB = 26.0  # a ramp of nearly six times that drift
RATE_RATIO = 1.7  # a stretch that anyone hears: listeners need 1.05 and syllable counts 1.2
SLOW, FAST = 2.5, 0.5  # whole clips: ordinary speech of 4 to 6 syllables a second becomes under 2.5 or 8 and more
NO_GAP_S = 0.15  # speech without a longer quiet stretch has no pause; stops of consonants last up to 0.12 s
PAUSES_S = (0.8, 1.0, 1.3, 1.6, 2.0, 2.5)  # inserted pauses, all beyond the 0.3 s that counts as one
CLEAN_DB = 35.0  # ends of an unedited phrase lie this far under the voice in a clean recording
GAP_TOOK_S = 0.12  # the longest quiet stretch lies this near the pause put in, so that no other pause is longer
TREND_TOOK_DB = 13.0  # the last quarter over the first after a ramp, above what speech drifts
NOISY_SNRS = (5.0, 3.0, 0.0)  # 10 dB under the 15 dB where a recording begins to be noisy
RT60S = (1.5, 2.0, 2.5)  # halls; a room is about 0.4 s
TEMPO_WRONG = (0.72, 0.79, 1.26, 1.39)  # far beyond 6 % and away from 2, 1/2, 3, 1/3, 3/2 and 2/3
SLOW_BPM, FAST_BPM = (44, 57), (178, 204)  # slow stays slow when doubled, fast is not slow when halved
KEY_WRONG = (1, 6, 11)  # tonics that are neither relative, nor a fifth away, nor parallel
POSITION_S = 2.5  # false positions lie this far from the event, five times a generous tolerance
HALF_S = 0.4  # an event in one half keeps this distance from the middle
NOTES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
NOTES_ZH = ("C", "升C", "D", "降E", "E", "F", "升F", "G", "升G", "A", "降B", "B")
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
NUMBERS_ZH = ("零", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十一")
COUNTED = {"beep": "提示音", "click": "咔哒声", "drum hit": "鼓声", "spoken digit": "读数"}
SPEECH, TONE, BURST = ("speech", "说话声"), ("tone", "单音"), ("burst of noise", "噪声")
LOW_TONE, HIGH_TONE = ("low tone", "低音"), ("high tone", "高音")


Slots = dict[str, str] | tuple[dict[str, str], dict[str, str]]


@dataclass(frozen=True)
class Case:
    """A claim in words about a clip, and whether it is true."""

    id: str
    cue: str
    source: str
    clip: str
    text: str
    holds: bool
    truth: str


@dataclass(frozen=True)
class Claim:
    """A text about a cue, whether it holds, and why."""

    cue: str
    text: str
    holds: bool
    truth: str


@dataclass(frozen=True)
class Item:
    """A clip with its claims."""

    key: str
    source: str
    samples: np.ndarray
    rate: int
    claims: list[Claim]


@dataclass(frozen=True)
class Take:
    """A recorded phrase with what its file name says and Praat's median pitch."""

    name: str
    speaker: str
    emotion: str
    samples: np.ndarray
    rate: int
    hertz: float


@dataclass(frozen=True)
class Real:
    """The recorded phrases and, by speaker, the recorded digits."""

    takes: list[Take]
    digits: dict[str, list[Take]]


def rng_for(key: str) -> np.random.Generator:
    """A generator of its own for each name."""
    return np.random.default_rng([SEED, crc32(key.encode())])


def read(path: Path, fields: tuple[str, str]) -> Take:
    """A file of speech at 16 kHz or less without its quiet ends, at a common level."""
    samples, rate = soundfile.read(path)
    if rate > 16000:
        samples, rate = signal.resample_poly(samples, 16000 // gcd(rate, 16000), rate // gcd(rate, 16000)), 16000
    samples = audio.at_level(audio.trimmed(samples, rate), rate)
    return Take(path.stem, *fields, samples, rate, audio.median_f0(samples, rate))


@lru_cache(maxsize=2)
def real_speech(data: Path | None) -> Real:
    """All recorded speech under a folder, in the order of the names."""
    if data is None:
        return Real([], {})
    takes = [read(path, (path.stem[:2], path.stem[5])) for path in sorted((data / "emodb").glob("*.wav"))]
    digits: dict[str, list[Take]] = {}
    for path in sorted((data / "fsdd").glob("*.wav")):
        speaker = path.stem.split("_")[1]
        digits.setdefault(speaker, []).append(read(path, (speaker, "N")))
    return Real(takes, digits)


def chosen(takes: Sequence[Take], count: int, key: str) -> list[Take]:
    """Some of the takes in an order drawn for a purpose."""
    return [takes[i] for i in rng_for(key).permutation(len(takes))[:count]]


def partner(real: Real, take: Take, rng: np.random.Generator) -> Take:
    """Another phrase of the same speaker."""
    others = [other for other in real.takes if other.speaker == take.speaker and other.name[:5] != take.name[:5]]
    return others[int(rng.integers(len(others)))]


def counted(
    real: Real, speaker: str, count: int, gaps: Sequence[float] | np.ndarray | float, key: str
) -> tuple[np.ndarray, int]:
    """Some digits of a speaker in a row."""
    parts = chosen(real.digits[speaker], count, key)
    return audio.joined([part.samples for part in parts], gaps, parts[0].rate), parts[0].rate


def digit_clips(real: Real, family: str, count: int, digits: int, speakers: str = "jackson lucas theo") -> Iterator:
    """Rows of digits for a family: number, generator, samples and rate."""
    for i in range(count if real.digits else 0):
        speaker = speakers.split()[i % len(speakers.split())]
        yield i, rng_for(f"{family}/fsdd/{i}"), *counted(real, speaker, digits, 0.06, f"{family}/digits/{i}")


def synthetic(rng: np.random.Generator, seconds: float, syllables: float = 4.5, hertz: float = 0.0) -> np.ndarray:
    """A synthesised voice with gentle movements of pitch."""
    t = np.arange(int(seconds * 16000)) / 16000
    middle = hertz or float(rng.uniform(100, 220))
    return audio.voice(middle * 2 ** (1.5 * np.sin(2 * np.pi * (0.7 * t + rng.random())) / 12), 16000, syllables, rng)


def write(
    rng: np.random.Generator, sheet: str, truth: str, sides: tuple[int, int], slots: Sequence[Slots], count: int
) -> list[Claim]:
    """True and flipped texts of the same phrasings; slots are one dict, or one for each language."""
    claims = []
    for chinese, size in zip((False, True), np.bincount(rng.random(count) < CHINESE, minlength=2), strict=False):
        texts = [phrasings(sheet, side, chinese) for side in sides]
        for i in rng.permutation(len(texts[0]))[:size]:
            for holds, text, slot in zip((True, False), texts, slots, strict=False):
                filled = slot if isinstance(slot, dict) else slot[chinese]
                claims.append(Claim(cue_of(sheet), text[i].format(**filled), holds, truth))
    return claims


def flips(
    rng: np.random.Generator,
    sheet: str,
    side: int,
    truth: str,
    count: int = 1,
    sides: int = 2,
    slot: Slots | None = None,
) -> list[Claim]:
    """Claims that turn on one word."""
    other = (side + int(rng.integers(1, sides))) % sides
    return write(rng, sheet, truth, (side, other), (slot or {}, slot or {}), count)


def values(rng: np.random.Generator, sheet: str, slots: Sequence[Slots], truth: str, count: int = 1) -> list[Claim]:
    """Claims that turn on a value."""
    return write(rng, sheet, truth, (0, 0), slots, count)


def cue_of(sheet: str) -> str:
    """The cue of the guide that a sheet of texts belongs to."""
    return ".".join(sheet.split(".")[:2])


def seconds_claims(rng: np.random.Generator, samples: np.ndarray, rate: int, count: int = 1) -> list[Claim]:
    """Claims about the length of a clip."""
    length = len(samples) / rate
    wrong = length * (2.6 if length < 4 or rng.random() < 0.5 else 0.35)
    slots = ({"s": f"{length:.1f}"}, {"s": f"{wrong:.1f}"})
    return values(rng, "time.duration.clip", slots, f"the clip has {length:.2f} s of samples", count)


def pitch_figure(rng: np.random.Generator, samples: np.ndarray, rate: int, count: int = 1) -> list[Claim]:
    """Claims about the median pitch of a voice where two trackers of Praat agree on it."""
    hertz, check = audio.median_f0(samples, rate), audio.median_f0_cc(samples, rate)
    if not hertz or not check or abs(12 * np.log2(hertz / check)) > TRACKERS_AGREE_ST:
        return []
    steps = [step for step in WRONG_ST if 60 < hertz * 2 ** (step / 12) < 480]
    wrong = hertz * 2 ** (steps[int(rng.integers(len(steps)))] / 12)
    slots = ({"hz": f"{hertz:.0f}"}, {"hz": f"{wrong:.0f}"})
    return values(rng, "pitch.value.voice", slots, f"Praat median {hertz:.0f} Hz (cc {check:.0f} Hz)", count)


def absolute_pitch(rng: np.random.Generator, samples: np.ndarray, rate: int, count: int = 1) -> list[Claim]:
    """Claims about the pitch of a voice that is clearly low or high for anyone."""
    hertz, check = audio.median_f0(samples, rate), audio.median_f0_cc(samples, rate)
    if min(hertz, check) >= HIGH_HZ or (0 < hertz <= LOW_HZ and 0 < check <= LOW_HZ):
        return flips(rng, "pitch.level.voice", int(hertz <= LOW_HZ), f"Praat median {hertz:.0f} Hz", count)
    return []
